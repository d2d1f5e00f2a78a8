import type { Libp2p } from "@libp2p/interface"
import { type Bytes, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createExchange, parseExchanged } from "../src/exchange.ts"
import { EXCHANGED_MAX } from "../src/limits.ts"

function world(peers: readonly string[], answer: (peer: string) => Bytes = () => utf8Encode("[]")) {
  const it = { asked: [] as string[], failed: [] as string[] }
  let serve: (from: string, body: Bytes) => Promise<Bytes> = () => Promise.reject(new Error("not served"))
  const ask = createExchange({
    libp2p: { getConnections: () => peers.map((remotePeer) => ({ remotePeer })) } as unknown as Libp2p, random: () => 0.5, askedMax: 3,
    addressesOf: (peer) => Promise.resolve(peer === "closed" ? [] : [1, 2, 3].map((n) => `/${peer}/${n}`)), onFailure: (peer) => void it.failed.push(peer),
    transport: { request: (peer) => { it.asked.push(peer); return Promise.resolve().then(() => answer(peer)) }, serve: (_protocol, _options, handle) => { serve = handle } },
  })
  return { it, ask, tell: async (from: string) => parseExchanged(await serve(from, new Uint8Array())) }
}

describe("peers tell whom they are connected to", () => {
  test("two addresses of each but the asker, nothing of those that nobody can dial, and no more than so many", async () => {
    expect(await world(["a", "b", "b", "closed"]).tell("a")).toEqual(["/b/1", "/b/2"])
    expect(await world(Array.from({ length: 100 }, (_, i) => `p${i}`)).tell("x")).toHaveLength(EXCHANGED_MAX)
    expect(await world([]).tell("x")).toEqual([])
  })
  test("some are asked, and what one of them does is no matter to the others", async () => {
    const { it, ask } = world(["a", "b", "c", "d"], (peer) => {
      if (peer === "a") throw new VouchsafeError("TIMEOUT", "no answer")
      return utf8Encode(peer === "b" ? "rubbish" : '["/c/1"]')
    })
    expect([await ask(), it.asked, it.failed.sort()]).toEqual([["/c/1"], ["a", "b", "c"], ["a", "b"]])
  })
  test.each([["rubbish"], ["{}"], ["[1]"], ['[null]'], [JSON.stringify(["/".repeat(513)])], [JSON.stringify(Array.from({ length: EXCHANGED_MAX + 1 }, () => "/x"))]])("refuses %s", (text) => {
    expect(() => parseExchanged(utf8Encode(text))).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED" }))
  })
})
