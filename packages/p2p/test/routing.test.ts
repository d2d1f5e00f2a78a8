import { peerIdFromString } from "@libp2p/peer-id"
import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { PROVIDERS_MAX } from "../src/limits.ts"
import { keepServiceOnly, replacing, SERVICE, SERVICE_CID } from "../src/routing.ts"

describe("routing", () => {
  test("the service's name is the digest that it says", () => {
    expect([...SERVICE_CID.multihash.bytes]).toEqual([0x12, 32, ...createHash("sha256").update("vouchsafe-service/v1").digest()])
    expect(SERVICE).toMatch(/^Qm/)
  })
  test("of all that strangers announce, one name is kept, and so many of them", async () => {
    const kept: string[] = []
    const table = { providers: { addProvider: (_cid: typeof SERVICE_CID, provider: { toString(): string }) => Promise.resolve(void kept.push(String(provider))) } }
    keepServiceOnly(table)
    const other = peerIdFromString("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG").toCID()
    for (let i = 0; i < 10; i++) await table.providers.addProvider(other, `spam ${i}`)
    expect(kept).toEqual([])
    for (let i = 0; i < PROVIDERS_MAX + 10; i++) await table.providers.addProvider(SERVICE_CID, `peer ${i}`)
    await table.providers.addProvider(SERVICE_CID, "peer 0")
    expect([kept.length, kept.at(-1)]).toEqual([PROVIDERS_MAX + 1, "peer 0"])
  })
  test("one member is another, the rest are the object's own, its private ones too", () => {
    class Thing {
      readonly #secret = 7
      name = "old"
      read(): number { return this.#secret }
    }
    const thing = new Thing()
    const changed = replacing(thing, "name", "new")
    expect([changed.name, changed.read(), thing.name]).toEqual(["new", 7, "old"])
  })
})
