import { multiaddr } from "@multiformats/multiaddr"
import { describe, expect, test, vi } from "vitest"
import { createAddressRules, isRelayed, parseAddress, peerOf } from "../src/addresses.ts"
import { ADDRESSES_MAX } from "../src/limits.ts"
import { pinnedWebSockets, SILENT } from "../src/swarm.ts"

const PEER = "12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA"
const OTHER = "12D3KooWKXT5khw7GV8BXC4LTwFhjEc8xiAUGtpSSey8ZeRcpeJJ"
type Lookup = NonNullable<Parameters<typeof createAddressRules>[1]>
const resolvingTo = (...addresses: readonly string[]): Lookup => (_host, _options, done) => done(null, addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })))

describe("addresses of peers", () => {
  test.each([
    "/ip4/127.0.0.1/tcp/4001", "/ip4/10.1.2.3/tcp/4001", "/ip4/192.168.1.1/tcp/80", "/ip4/169.254.169.254/tcp/80", "/ip4/100.64.0.1/tcp/1", "/ip4/0.0.0.0/tcp/1",
    "/ip6/::1/tcp/1", "/ip6/fe80::1/tcp/1", "/ip6/fd00::1/tcp/1", "/ip6/::ffff:10.0.0.1/tcp/1", "/ip6/64:ff9b::a00:1/tcp/1", "/dns4/localhost/tcp/1", "/dns/printer.local/tcp/1", "/dns4/metadata.internal/tcp/80",
    `/ip4/10.0.0.1/tcp/1/p2p/${PEER}/p2p-circuit/p2p/${OTHER}`,
  ])("%s is dialled only where private addresses are allowed", (text) => {
    expect(createAddressRules(false).isAllowed(multiaddr(text))).toBe(false)
    expect(createAddressRules(true).isAllowed(multiaddr(text))).toBe(true)
  })
  test.each(["/ip4/1.1.1.1/tcp/4001", "/ip6/2606:4700::1111/tcp/1/ws", "/dns4/node.example/tcp/443/wss", `/ip4/1.1.1.1/tcp/1/p2p/${PEER}/p2p-circuit/p2p/${OTHER}`])("%s is dialled", (text) => {
    expect(createAddressRules(false).isAllowed(multiaddr(text))).toBe(true)
  })
  test.each(["/dnsaddr/node.example", "/unix/tmp%2Fsocket", `/p2p/${PEER}`, `/p2p-circuit/p2p/${PEER}`, "/memory/1"])("%s is never dialled", (text) => {
    expect(parseAddress(text).filter(createAddressRules(true).isAllowed)).toEqual([])
  })
  // The library's WebSockets connect to what `sni` names, whatever stands before it.
  test.each([
    "/ip4/1.1.1.1/tcp/443/tls/sni/localhost/ws", `/ip4/1.1.1.1/tcp/443/tls/sni/vault.internal/ws/p2p/${PEER}`, "/dns4/node.example/tcp/443/tls/sni/10.0.0.1/wss",
    "/ip4/1.1.1.1/tcp/80/ws/http-path/admin", "/ip4/1.1.1.1/tcp/80/http", "/ip4/1.1.1.1/tcp/80/ip4/10.0.0.1/tcp/80", "/ip4/1.1.1.1/udp/1/quic-v1",
    `/ip4/1.1.1.1/tcp/1/p2p/${PEER}/p2p-circuit/p2p/${OTHER}/p2p-circuit`, `/ip4/1.1.1.1/tcp/1/p2p/${PEER}/ip4/10.0.0.1/tcp/1`,
  ])("%s is of no form that nodes have, and never dialled", (text) => {
    expect(parseAddress(text)).toHaveLength(1)
    expect(parseAddress(text).filter(createAddressRules(true).isAllowed)).toEqual([])
  })
  test.each(["", "x", "/ip4/999.0.0.1/tcp/1", "/ip4/1.1.1.1/tcp/99999", "/ip4", `/dns4/${"a".repeat(600)}/tcp/1`, "\u0000"])("%j is no address", (text) => {
    expect(parseAddress(text)).toEqual([])
  })
  test("what others write is read up to a bound, without what is refused", () => {
    const rules = createAddressRules(false)
    expect(rules.read(["junk", "/ip4/10.0.0.1/tcp/1", "/ip4/1.1.1.1/tcp/1"]).map(String)).toEqual(["/ip4/1.1.1.1/tcp/1"])
    expect(rules.read(Array.from({ length: 100 }, (_, i) => `/ip4/1.1.1.1/tcp/${i + 1}`))).toHaveLength(ADDRESSES_MAX)
  })
  test("the peer at the end counts, not the relay before it", () => {
    const relayed = multiaddr(`/ip4/1.1.1.1/tcp/1/p2p/${PEER}/p2p-circuit/p2p/${OTHER}`)
    expect([peerOf(relayed), isRelayed(relayed)]).toEqual([OTHER, true])
    expect([peerOf(multiaddr(`/ip4/1.1.1.1/tcp/1/p2p/${PEER}`)), isRelayed(multiaddr("/ip4/1.1.1.1/tcp/1"))]).toEqual([PEER, false])
  })
})

describe("names of hosts are looked up once, and what was checked is what is connected", () => {
  const reachable = async (lookup: Lookup, isPrivateAllowed = false): Promise<boolean> => await createAddressRules(isPrivateAllowed, lookup).isReachable(multiaddr("/dns4/node.example/tcp/1"))
  test.each([
    { name: "a public address", found: ["1.1.1.1"], ok: true }, { name: "a private one", found: ["10.0.0.1"], ok: false }, { name: "the metadata service", found: ["169.254.169.254"], ok: false },
    { name: "a public one and a private one", found: ["1.1.1.1", "127.0.0.1"], ok: false }, { name: "none", found: [], ok: false },
  ])("$name", async ({ found, ok }) => {
    expect(await reachable(resolvingTo(...found))).toBe(ok)
  })
  test("a WebSocket without TLS goes to the address that was checked, and not to what the name leads to next", async () => {
    const answers = [["1.1.1.1"], ["1.1.1.1"], ["127.0.0.1"]]
    const rules = createAddressRules(false, (host, options, done) => resolvingTo(...answers.shift() ?? [])(host, options, done))
    const address = multiaddr(`/dns4/rebound.example/tcp/80/ws/p2p/${PEER}`)
    expect(await rules.isReachable(address)).toBe(true)
    expect(String(await rules.pinned(address))).toBe(`/ip4/1.1.1.1/tcp/80/ws/p2p/${PEER}`)
    await expect(rules.pinned(address)).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
  })
  test("what is pinned is of the kind that was named; numbers and TLS stay as they are, since there the name itself is proven", async () => {
    const rules = createAddressRules(false, resolvingTo("1.1.1.1", "2606:4700::1111"))
    const pinned = async (text: string): Promise<string> => String(await rules.pinned(multiaddr(text)))
    expect(await pinned("/dns4/a.example/tcp/80/ws")).toBe("/ip4/1.1.1.1/tcp/80/ws")
    expect(await pinned("/dns6/a.example/tcp/80/ws")).toBe("/ip6/2606:4700::1111/tcp/80/ws")
    for (const same of ["/ip4/1.1.1.1/tcp/80/ws", "/dns4/a.example/tcp/443/wss", "/dns4/a.example/tcp/443/tls/ws"]) expect(await pinned(same)).toBe(same)
    await expect(createAddressRules(false, resolvingTo("1.1.1.1")).pinned(multiaddr("/dns6/a.example/tcp/80/ws"))).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
  })
  test("the library is handed that address", async () => {
    const asked: string[] = []
    vi.stubGlobal("WebSocket", class { constructor(uri: string) { asked.push(uri); throw new Error("not opened here") } })
    const transport = pinnedWebSockets(createAddressRules(true, resolvingTo("203.0.113.5")))({ logger: SILENT, events: new EventTarget() } as never)
    await expect(transport.dial(multiaddr("/dns4/rebound.example/tcp/8080/ws"), {} as never)).rejects.toThrow("not opened here")
    vi.unstubAllGlobals()
    expect(asked).toEqual(["ws://203.0.113.5:8080"])
  })
  test("private ones where they are allowed", async () => {
    expect(await reachable(resolvingTo("10.0.0.1"), true)).toBe(true)
  })
  test("a name that does not resolve", async () => {
    expect(await reachable((_host, _options, done) => done(new Error("no such host"), []))).toBe(false)
  })
  test("node:net gets an address, or all of them, or the refusal", () => {
    const answers: unknown[] = []
    const take = (...answer: unknown[]): void => void answers.push(answer)
    createAddressRules(false, resolvingTo("1.1.1.1")).lookup("node.example", {}, take)
    createAddressRules(false, resolvingTo("1.1.1.1")).lookup("node.example", { all: true }, take)
    createAddressRules(false, resolvingTo("10.0.0.1")).lookup("node.example", {}, take)
    expect(answers).toEqual([[null, "1.1.1.1", 4], [null, [{ address: "1.1.1.1", family: 4 }]], [expect.objectContaining({ code: "ADDRESS_REFUSED" }), ""]])
  })
})
