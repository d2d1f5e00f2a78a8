import { describe, expect, test } from "vitest"
import { formatKnownPeers, type KnownPeer, parseKnownPeers } from "../src/index.ts"
import { ADDRESSES_MAX, KNOWN_MAX } from "../src/limits.ts"

const PEER = "12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA"
const one: KnownPeer = { id: PEER, addresses: [`/ip4/1.1.1.1/tcp/1/p2p/${PEER}`], seenAtSeconds: 1_800_000_000 }
const doc = (peers: unknown, format: unknown = "vouchsafe-peers/v1"): string => JSON.stringify({ format, peers })

describe("known peers", () => {
  test("are read back as they were written", () => {
    expect(parseKnownPeers(formatKnownPeers([one]))).toEqual([one])
    expect(parseKnownPeers(formatKnownPeers([]))).toEqual([])
  })
  test("the newest are kept, and so many addresses of each", () => {
    const many = Array.from({ length: KNOWN_MAX + 50 }, (_, i) => ({ id: `${PEER.slice(0, -3)}${String(i + 111).replaceAll("0", "z")}`, addresses: Array.from({ length: 40 }, (_, j) => `/ip4/1.1.1.1/tcp/${j + 1}`), seenAtSeconds: i }))
    const read = parseKnownPeers(formatKnownPeers(many))
    expect([read.length, read[0]?.seenAtSeconds, read.at(-1)?.seenAtSeconds, read[0]?.addresses.length]).toEqual([KNOWN_MAX, KNOWN_MAX + 49, 50, ADDRESSES_MAX])
  })
  test.each([
    { name: "no JSON", text: "{", says: "JSON" },
    { name: "another format", text: doc([], "vouchsafe-peers/v2"), says: "format" },
    { name: "no list", text: doc({}), says: "an array" },
    { name: "a member too many", text: JSON.stringify({ format: "vouchsafe-peers/v1", peers: [], more: 1 }), says: "no such member" },
    { name: "a peer that is none", text: doc([{ ...one, id: "../../etc/passwd" }]), says: "base58" },
    { name: "a peer twice", text: doc([one, one]), says: "each peer once" },
    { name: "too many peers", text: doc(Array.from({ length: KNOWN_MAX + 1 }, () => one)), says: `${KNOWN_MAX}` },
    { name: "too many addresses", text: doc([{ ...one, addresses: Array.from({ length: ADDRESSES_MAX + 1 }, () => "/x") }]), says: `${ADDRESSES_MAX}` },
    { name: "an address too long", text: doc([{ ...one, addresses: ["/".repeat(513)] }]), says: "512" },
    { name: "a time that is none", text: doc([{ ...one, seenAtSeconds: -1 }]), says: "whole number" },
  ])("refuses $name", ({ text, says }) => {
    expect(() => parseKnownPeers(text)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) }))
  })
})
