import { cosign, formatCheckpoint, KEY_TYPE, openNote, parseNote, signerFromSeed, signNote, utf8Encode, verifyCosignature } from "@vouchsafe/core"
import type { WitnessStore } from "@vouchsafe/ports"
import { createMemoryWitnessDisk, fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { openWitness, REFRESH_SECONDS_MIN } from "../src/index.ts"
import { filled, logSigner, newDirectory, newWorld, NOW, testLog, witnessSigner } from "./helpers.ts"
import { atTen, log, originHash } from "./logs.ts"

describe("a log's operator who asks without end", () => {
  test("costs no more durable writes than it may, and nobody else's; what its key did not sign costs none of them", async () => {
    const disk = await createMemoryWitnessDisk().open()
    let writes = 0
    const store: WitnessStore = { ...disk, compareAndSet: (...args) => { writes += 1; return disk.compareAndSet(...args) } }
    const other = testLog("other", 0, signerFromSeed("log.example/other", KEY_TYPE.ed25519, filled(5)))
    const left = new Map([["log.example/npm", 3], ["log.example/other", 1]])
    const asked: string[] = []
    const world = await newWorld({
      store, logs: [logSigner.verifier, other.signer.verifier],
      admit(origin) {
        asked.push(origin)
        left.set(origin, (left.get(origin) ?? 0) - 1)
        return (left.get(origin) ?? 0) >= 0
      },
    })
    const forged = log.request(0, 10).replace(/.{8}\n$/, "AAAAAAAA\n")
    for (let i = 0; i < 10; i++) expect((await world.post(forged)).status).toBe(403)
    expect(asked).toEqual([])
    const statuses: number[] = []
    for (let size = 10; size < 16; size++) statuses.push((await world.post(log.request(size === 10 ? 0 : size - 1, size))).status)
    expect([statuses, writes]).toEqual([[200, 200, 200, 429, 409, 409], 3])
    expect(await world.post(log.request(12, 13))).toMatchObject({ status: 429, text: expect.stringContaining("log.example/npm") as string })
    expect((await world.post(other.request(0, 3))).status).toBe(200)
    left.set("log.example/npm", 1)
    expect((await world.post(log.request(12, 20))).status).toBe(200)
  })

  test("a stranger who brings its heads again and again takes nothing from it, and writes as seldom as time passes", async () => {
    const disk = await createMemoryWitnessDisk().open()
    let writes = 0
    const store: WitnessStore = { ...disk, compareAndSet: (...args) => { writes += 1; return disk.compareAndSet(...args) } }
    let left = 2
    const world = await newWorld({ store, admit: () => left-- > 0 })
    const first = await world.post(log.request(0, 10))
    for (let i = 0; i < 50; i++) {
      expect(await world.post(log.request(10, 10))).toEqual(first)
      expect((await world.post(log.request(0, 10))).status).toBe(409)
      expect((await world.post(log.request(8, 10))).status).toBe(409)
    }
    expect([writes, left]).toEqual([1, 1])
    world.clock.seconds += REFRESH_SECONDS_MIN
    const fresh = await world.post(log.request(10, 10))
    expect(verifyCosignature(fastCrypto, witnessSigner.verifier, parseNote(log.checkpoint(10) + fresh.text))).toEqual({ timeSeconds: world.clock.seconds })
    expect(await world.post(log.request(10, 10))).toEqual(fresh)
    expect([writes, (await world.post(log.request(10, 11))).status]).toEqual([2, 200])
  })
})

describe("grows with its log", () => {
  test("from nothing, by proofs, and again at the same size with a fresh time", async () => {
    const world = await newWorld()
    let old = 0
    for (const size of [0, 1, 2, 3, 7, 8, 8, 8, 31, 64]) {
      world.clock.seconds += 60
      const { status, text } = await world.post(log.request(old, size))
      expect({ size, status }).toEqual({ size, status: 200 })
      const note = parseNote(log.checkpoint(size) + text)
      expect(verifyCosignature(fastCrypto, witnessSigner.verifier, note)).toEqual({ timeSeconds: world.clock.seconds })
      expect(await world.witness.checkpoint(originHash)).toBe(log.checkpoint(size) + text)
      old = size
    }
  })

  test("a witness opened anew goes on where it was", async () => {
    const directory = await newDirectory()
    const open = () => openWitness({ directory, signer: witnessSigner, logs: () => [logSigner.verifier], crypto: fastCrypto, clock: { nowMs: () => NOW * 1000 } })
    const first = await open()
    expect((await first.addCheckpoint(utf8Encode(log.request(0, 10)))).status).toBe(200)
    await first.close()
    const second = await open()
    expect((await second.addCheckpoint(utf8Encode(log.request(0, 10)))).status).toBe(409)
    expect((await second.addCheckpoint(utf8Encode(log.request(10, 12)))).status).toBe(200)
    await second.close()
  })

  test("logs are asked for at each request when they come as a function, and each keeps its own size", async () => {
    const other = testLog("other", 0, signerFromSeed("log.example/other", KEY_TYPE.ed25519, filled(5)))
    const logs = [logSigner.verifier]
    const world = await newWorld({ logs: () => logs })
    expect((await world.post(log.request(0, 10))).status).toBe(200)
    expect((await world.post(other.request(0, 3))).status).toBe(404)
    logs.push(other.signer.verifier, other.signer.verifier)
    expect((await world.post(other.request(0, 3))).status).toBe(200)
    expect((await world.post(log.request(10, 11))).status).toBe(200)
    logs.shift()
    expect((await world.post(log.request(11, 12))).status).toBe(404)
  })

  test("each of several keys of one origin is enough, and one wrong signature is too many", async () => {
    const second = signerFromSeed("log.example/npm", KEY_TYPE.ed25519, filled(6))
    const world = await newWorld({ logs: [logSigner.verifier, second.verifier] })
    const text = formatCheckpoint({ origin: "log.example/npm", size: 3, root: log.root(3) })
    const lineOf = (signed: string) => signed.slice(signed.lastIndexOf("\n\n") + 2)
    const both = signNote(second, text) + lineOf(log.checkpoint(3))
    expect((await world.post(`old 0\n\n${both}`)).status).toBe(200)
    expect(openNote(fastCrypto, await world.witness.checkpoint(originHash) ?? "", [logSigner.verifier, second.verifier]).verified.length).toBe(2)
    expect((await world.post(log.request(3, 4))).status).toBe(200)
    const wrong = signNote(second, formatCheckpoint({ origin: "log.example/npm", size: 5, root: filled(9) }))
    expect(await world.post(log.request(4, 5, { checkpoint: log.checkpoint(5) + lineOf(wrong) }))).toMatchObject({ status: 403 })
  })
})

describe("monitoring", () => {
  test.each([
    originHash, `${originHash}/`, `${originHash}/checkpoint/`, `/${originHash}/checkpoint`, `${originHash.toUpperCase()}/checkpoint`, `${"0".repeat(64)}/checkpoint`,
    "checkpoint", "/checkpoint", "", `${originHash.slice(1)}/checkpoint`, `${originHash}/../checkpoint`, "__proto__/checkpoint",
  ])("404 for %j", async (path) => {
    expect(await (await atTen()).witness.monitor(path)).toMatchObject({ status: 404, contentType: "text/plain; charset=utf-8" })
  })

  test("the last cosigned checkpoint, and nothing before the first", async () => {
    const world = await newWorld()
    expect((await world.witness.monitor(`${originHash}/checkpoint`)).status).toBe(404)
    const { text } = await world.post(log.request(0, 3))
    expect(await world.witness.monitor(`${originHash}/checkpoint`)).toMatchObject({ status: 200, body: utf8Encode(log.checkpoint(3) + text) })
  })

  test("THREATS forged witness line: what a submitter adds to a checkpoint is neither kept nor shown", async () => {
    const world = await newWorld()
    const forged = cosign({ ...witnessSigner, sign: () => new Uint8Array(64).fill(1) }, parseNote(log.checkpoint(3)).text, NOW + 99)
    const strange = cosign(signerFromSeed("witness.example/strange", KEY_TYPE.cosignatureEd25519, filled(9)), parseNote(log.checkpoint(3)).text, NOW)
    const twice = log.checkpoint(3).slice(log.checkpoint(3).lastIndexOf("\n\n") + 2)
    const { status, text } = await world.post(log.request(0, 3, { checkpoint: log.checkpoint(3) + forged + strange + twice }))
    expect(status).toBe(200)
    expect(await world.witness.checkpoint(originHash)).toBe(log.checkpoint(3) + text)
    expect((await world.post(log.request(3, 4))).status).toBe(200)
  })
})
