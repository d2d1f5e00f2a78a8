import { type Bytes, equalBytes, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { type Answer, createFakeWitness, createMemoryLogDisk, failingLogStorage, type FakeWitness, fastCrypto, refuses, transportTo } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { collectCosignatures } from "../src/index.ts"
import { entriesOf, entryOf, openOn } from "./helpers.ts"
import { atLeast, held, newWorld, NOW, published, settle } from "./witnessed-log.ts"

describe("honest witnesses", () => {
  test("all cosign a new log, a grown one, and a third checkpoint, with the right proofs", async () => {
    const world = await newWorld(3, atLeast(3))
    const { log, witnesses, cosigners } = world
    for (const [count, expectedOld] of [[0, 0], [5, 0], [300, 5], [1, 305]] as const) {
      if (count > 0) await log.append(entriesOf(log.size, count))
      expect(await cosigners.collect()).toBe(true)
      expect(published(world)).toEqual({ size: log.size, times: { w0: NOW, w1: NOW, w2: NOW } })
      for (const { requests } of witnesses) expect(requests.at(-1)?.split("\n")[0]).toBe(`old ${expectedOld}`)
    }
    expect(cosigners.status()).toEqual(witnesses.map(({ name }) => ({ name, size: 306, cosignedAtSeconds: NOW, failure: undefined })))
    // Nothing new: nobody is asked.
    const asked = witnesses.map(({ requests }) => requests.length)
    expect(await cosigners.collect()).toBe(true)
    expect(witnesses.map(({ requests }) => requests.length)).toEqual(asked)
  })

  test("a witness that has another size says so once, and gets the proof from there", async () => {
    const { log, witnesses: [witness], cosigners } = await newWorld(1, atLeast(1))
    await log.append(entriesOf(0, 300));
    (witness as FakeWitness).size = 7
    expect(await cosigners.collect()).toBe(true)
    expect(witness?.requests.map((body) => body.split("\n")[0])).toEqual(["old 0", "old 7"])
    const [, ...proof] = witness?.requests[1]?.split("\n\n")[0]?.split("\n") ?? []
    expect(proof).toEqual((await log.proveConsistency(7, 300)).map((hash: Bytes) => Buffer.from(hash).toString("base64")))
  })

  test("refresh asks again for an unchanged head and publishes the fresh times", async () => {
    const world = await newWorld(2, atLeast(2))
    expect(await world.cosigners.refresh()).toBe(true)
    world.clock.seconds += 3600
    expect(await world.cosigners.refresh()).toBe(true)
    expect(published(world)).toEqual({ size: 0, times: { w0: NOW + 3600, w1: NOW + 3600 } })
  })

  test("with no witnesses and a quorum of none the checkpoint is published as it is", async () => {
    const world = await newWorld(0, () => true)
    await world.log.append([entryOf(0)])
    expect(await world.cosigners.collect()).toBe(true)
    expect(world.log.cosigned()?.text).toBe(world.log.checkpoint())
    const nobody = await newWorld(0, atLeast(1))
    expect(await nobody.cosigners.collect()).toBe(false)
    expect(nobody.log.cosigned()).toBeUndefined()
  })
})

describe("rounds", () => {
  test("callers during a round share the next one, and the log goes on meanwhile", async () => {
    const world = await newWorld(1, atLeast(1))
    const [witness] = world.witnesses as [FakeWitness]
    const first = held()
    witness.answer = first.answer
    await world.log.append([entryOf(0)])
    const one = world.cosigners.collect()
    const same = world.cosigners.collect()
    await first.arrived
    await world.log.append([entryOf(1)])
    const two = world.cosigners.collect()
    await world.log.append([entryOf(2)])
    const three = [world.cosigners.collect(), world.cosigners.refresh()]
    expect(witness.requests.length).toBe(1)
    first.release()
    expect(await Promise.all([one, same, two, ...three])).toEqual([true, true, true, true, true])
    expect(published(world).size).toBe(3)
    expect(witness.requests.map((body) => body.split("\n")[0])).toEqual(["old 0", "old 1"])
  })

  test("a refresh keeps the older lines of witnesses that have not answered yet", async () => {
    const world = await newWorld(3, atLeast(2))
    expect(await world.cosigners.collect()).toBe(true)
    await settle()
    const slow = held();
    (world.witnesses[2] as FakeWitness).answer = slow.answer
    world.clock.seconds += 60
    expect(await world.cosigners.refresh()).toBe(true)
    expect(published(world).times).toEqual({ w0: NOW + 60, w1: NOW + 60, w2: NOW })
    slow.release()
    await settle()
    expect(published(world).times).toEqual({ w0: NOW + 60, w1: NOW + 60, w2: NOW + 60 })
  })

  test("closing cuts what runs, and later calls answer false", async () => {
    const world = await newWorld(1, atLeast(1));
    (world.witnesses[0] as FakeWitness).answer = (_, request) => new Promise((_resolve, reject) => {
      request.signal?.addEventListener("abort", () => reject(new VouchsafeError("TIMEOUT", "aborted")))
    })
    const waiting = world.cosigners.collect()
    await settle()
    await world.cosigners.close()
    expect(await waiting).toBe(false)
    expect(await world.cosigners.collect()).toBe(false)
    expect(await world.cosigners.refresh()).toBe(false)
  })

  test("a log that cannot store what was collected says so", async () => {
    const storage = failingLogStorage(await createMemoryLogDisk().open(), 2, "lost").storage
    const world = await newWorld(1, atLeast(1), await openOn(storage))
    await refuses(() => world.cosigners.collect(), "DISK")
    expect(world.log.cosigned()).toBeUndefined()
    expect(await world.cosigners.collect()).toBe(true)
  })

  test("witnesses need different names", async () => {
    const { verifier } = createFakeWitness("w", 1, () => NOW).signer
    const witness = { name: "w", key: verifier, submissionUrl: "http://127.0.0.1:9/" }
    const log = await openOn(await createMemoryLogDisk().open())
    expect(() => collectCosignatures({
      log, witnesses: [witness, witness], transport: transportTo([]), crypto: fastCrypto, clock: { nowMs: () => 0 }, quorum: () => true,
    })).toThrow(TypeError)
  })
})

test("requests are bounded and go where they should", async () => {
  const world = await newWorld(1, atLeast(1))
  let seen: Parameters<Answer>[1] | undefined;
  (world.witnesses[0] as FakeWitness).answer = (honest, request) => {
    seen = request
    return honest()
  }
  await world.log.append(entriesOf(0, 5))
  await world.cosigners.collect()
  expect(seen).toMatchObject({ method: "POST", url: "http://127.0.0.1:9/w0/witness/add-checkpoint", timeoutMs: 5000, maxBytes: 16 * 1024 })
  expect(equalBytes(seen?.body ?? new Uint8Array(), utf8Encode(`old 0\n\n${world.log.checkpoint()}`))).toBe(true)
})
