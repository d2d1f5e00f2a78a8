import { type Bytes, cosign, equalBytes, openNote, parseCheckpoint, parseNote, utf8Decode, utf8Encode, verifyCosignature, VouchsafeError } from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import {
  type Answer, answerOf, createFakeWitness, createMemoryLogDisk, failingLogStorage, type FakeWitness, fastCrypto, refuses, transportTo,
} from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { collectCosignatures, type Cosigners, type CosignersOptions } from "../src/index.ts"
import { entriesOf, entryOf, openOn, signer } from "./helpers.ts"

const NOW = 1_700_000_000

interface World {
  readonly log: Log
  readonly witnesses: readonly FakeWitness[]
  readonly clock: { seconds: number }
  readonly cosigners: Cosigners
}

const atLeast = (count: number) => (names: ReadonlySet<string>): boolean => names.size >= count

async function newWorld(count: number, quorum: CosignersOptions["quorum"], log?: Log): Promise<World> {
  const clock = { seconds: NOW }
  const opened = log ?? await openOn(await createMemoryLogDisk().open())
  const witnesses = Array.from({ length: count }, (_, i) => createFakeWitness(`w${i}`, 10 + i, () => clock.seconds))
  const cosigners = collectCosignatures({
    log: opened, crypto: fastCrypto, quorum, transport: transportTo(witnesses), clock: { nowMs: () => clock.seconds * 1000 },
    witnesses: witnesses.map(({ name, signer: { verifier }, submissionUrl }) => ({ name, key: verifier, submissionUrl })),
  })
  return { log: opened, witnesses, clock, cosigners }
}

/** Names and times of the cosignatures under the published checkpoint, which must all verify. */
function published({ log, witnesses }: World): { readonly size: number; readonly times: Record<string, number> } {
  const text = log.cosigned()?.text ?? ""
  const note = parseNote(text)
  openNote(fastCrypto, note, [signer.verifier, ...witnesses.map((witness) => witness.signer.verifier)])
  const times: Record<string, number> = {}
  for (const { name, signer: { verifier } } of witnesses) {
    const found = verifyCosignature(fastCrypto, verifier, note)
    if (found !== undefined) times[name] = found.timeSeconds
  }
  return { size: parseCheckpoint(note.text).size, times }
}

/** An answer that comes when it is let go. */
function held(): { readonly answer: Answer; readonly arrived: Promise<void>; release(): void } {
  let release = (): void => undefined
  let arrive = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  return {
    arrived,
    release: () => release(),
    answer: async (honest) => {
      arrive()
      await gate
      return honest()
    },
  }
}

/** Lets everything run that waits for nothing from outside. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

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

describe("a witness that is dead or lies never blocks the others", () => {
  const other = createFakeWitness("other", 99, () => NOW)
  const lies: readonly { readonly name: string; readonly answer: Answer; readonly failure: string }[] = [
    { name: "is unreachable", answer: () => Promise.reject(new VouchsafeError("UNREACHABLE", "connection refused")), failure: "connection refused" },
    { name: "breaks in an unexpected way", answer: () => Promise.reject(new Error("socket hang up")), failure: "socket hang up" },
    { name: "answers 500", answer: () => answerOf(500, "no\n"), failure: "answered 500" },
    { name: "answers 404", answer: () => answerOf(404, "unknown log\n"), failure: "answered 404" },
    { name: "answers 422", answer: () => answerOf(422, "consistency proof\n"), failure: "answered 422" },
    { name: "answers 301", answer: () => answerOf(301, ""), failure: "answered 301" },
    { name: "answers nothing", answer: () => answerOf(200, ""), failure: "expected signature lines" },
    { name: "answers prose", answer: () => answerOf(200, "fine by me\n"), failure: "signature line" },
    { name: "answers bytes that are no text", answer: () => ({ status: 200, headers: {}, body: Uint8Array.of(0xff, 0xfe) }), failure: "UTF-8" },
    {
      name: "cosigns another checkpoint",
      answer: (_, request) => answerOf(200, cosignedBy(utf8Decode(request.body ?? new Uint8Array()), "w0", (text) => text.replace(/\n[0-9]+\n/, "\n9\n"))),
      failure: "does not verify",
    },
    { name: "answers with another witness's line", answer: (_, request) => answerOf(200, cosign(other.signer, textIn(request.body), NOW)), failure: "no line of" },
    {
      name: "flips a byte of its signature",
      answer: (honest) => answerOf(200, utf8Decode(honest().body).replace(/(.{20})(.)(=?=?\n)$/, (_, a: string, b: string, c: string) => `${a.slice(0, -1)}${a.endsWith("A") ? "B" : "A"}${b}${c}`)),
      failure: "does not verify",
    },
    { name: "names a time of 0", answer: (_, request) => answerOf(200, cosignedBy(utf8Decode(request.body ?? new Uint8Array()), "w0", undefined, 0)), failure: "cosigned at 0" },
    {
      name: "names a time 301 s ahead",
      answer: (_, request) => answerOf(200, cosignedBy(utf8Decode(request.body ?? new Uint8Array()), "w0", undefined, NOW + 301)),
      failure: `cosigned at ${NOW + 301}`,
    },
    { name: "answers 409 with no number", answer: () => answerOf(409, "five\n"), failure: "plain decimal" },
    { name: "answers 409 with no newline", answer: () => answerOf(409, "5"), failure: "expected a size and a newline" },
    { name: "answers 409 with hexadecimal", answer: () => answerOf(409, "0x1\n"), failure: "plain decimal" },
    { name: "answers 409 with what it was sent", answer: () => answerOf(409, "0\n"), failure: "the very size" },
    { name: "answers 409 with a size that this log never had", answer: () => answerOf(409, "400\n"), failure: "says that this log has 400 entries" },
    {
      name: "answers 409 for ever",
      answer: (_, request) => answerOf(409, `${Number(/^old ([0-9]+)/.exec(utf8Decode(request.body ?? new Uint8Array()))?.[1]) + 1}\n`),
      failure: "named another size in each of 3 answers",
    },
  ]

  function textIn(body: Bytes | undefined): string {
    const text = utf8Decode(body ?? new Uint8Array())
    return parseNote(text.slice(text.indexOf("\n\n") + 2)).text
  }

  function cosignedBy(body: string, name: string, change = (text: string): string => text, time = NOW): string {
    return cosign(createFakeWitness(name, 10, () => NOW).signer, change(textIn(utf8Encode(body))), time)
  }

  test.each(lies)("THREATS Byzantine witness: one that $name", async ({ answer, failure }) => {
    const world = await newWorld(3, atLeast(2))
    await world.log.append(entriesOf(0, 300));
    (world.witnesses[0] as FakeWitness).answer = answer
    expect(await world.cosigners.collect()).toBe(true)
    await settle()
    expect(published(world)).toEqual({ size: 300, times: { w1: NOW, w2: NOW } })
    expect(world.cosigners.status()[0]?.failure).toContain(failure)
    expect(world.cosigners.status()[0]?.cosignedAtSeconds).toBeUndefined()
    expect(world.witnesses[0]?.requests.length).toBeLessThanOrEqual(3)
    // It may come to its senses.
    Object.assign(world.witnesses[0] as FakeWitness, { answer: ((honest) => honest()) satisfies Answer })
    await world.log.append(entriesOf(300, 1))
    expect(await world.cosigners.collect()).toBe(true)
    await settle()
    expect(published(world).times).toEqual({ w0: NOW, w1: NOW, w2: NOW })
  })

  test("an answer beside the witness's own line may hold lines of others, which are not published", async () => {
    const world = await newWorld(1, atLeast(1));
    (world.witnesses[0] as FakeWitness).answer = (honest, request) => answerOf(200, cosign(other.signer, textIn(request.body), NOW) + utf8Decode(honest().body))
    expect(await world.cosigners.collect()).toBe(true)
    expect(parseNote(world.log.cosigned()?.text ?? "").signatures.map(({ name }) => name)).toEqual(["log.example/npm", "witness.example/w0"])
  })

  test("one that hangs: the quorum publishes, the next round runs, and its late answer is added", async () => {
    const world = await newWorld(3, atLeast(2))
    const slow = held();
    (world.witnesses[0] as FakeWitness).answer = slow.answer
    await world.log.append([entryOf(0)])
    expect(await world.cosigners.collect()).toBe(true)
    expect(published(world)).toEqual({ size: 1, times: { w1: NOW, w2: NOW } })
    await world.log.append([entryOf(1)])
    expect(await world.cosigners.collect()).toBe(true)
    expect(published(world)).toEqual({ size: 2, times: { w1: NOW, w2: NOW } })
    // Its answer for size 1 comes: nothing goes back, and it is asked for size 2.
    slow.release()
    await settle()
    expect(published(world)).toEqual({ size: 2, times: { w0: NOW, w1: NOW, w2: NOW } })
    expect(world.witnesses[0]?.requests.map((body) => body.split("\n")[0])).toEqual(["old 0", "old 1"])
  })

  test("too few that answer: false, nothing is published, and the former checkpoint stays", async () => {
    const world = await newWorld(3, atLeast(2))
    expect(await world.cosigners.collect()).toBe(true)
    for (const i of [0, 1]) (world.witnesses[i] as FakeWitness).answer = () => answerOf(503, "later\n")
    await world.log.append([entryOf(0)])
    expect(await world.cosigners.collect()).toBe(false)
    expect(published(world).size).toBe(0)
    expect(utf8Decode((await world.log.serve("checkpoint")).body)).toBe(world.log.cosigned()?.text)
  })

  test("THREATS witness collusion: the same witness twice is one voice, and the quorum decides by name", async () => {
    const world = await newWorld(2, (names) => names.has("w1"));
    (world.witnesses[1] as FakeWitness).answer = () => answerOf(500, "no\n")
    expect(await world.cosigners.collect()).toBe(false)
    expect(await world.cosigners.collect()).toBe(false)
    expect(world.log.cosigned()).toBeUndefined()
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
