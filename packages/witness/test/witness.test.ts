import {
  base64Encode, buildForkProof, checkFork, cosign, formatCheckpoint, hexEncode, KEY_TYPE, openNote, parseNote, signerFromSeed, signNote, utf8Encode,
  verifyCosignature, verifyMisbehavior,
} from "@vouchsafe/core"
import type { WitnessStore } from "@vouchsafe/ports"
import { createMemoryWitnessDisk, failingWitnessStore, fastCrypto, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { ADD_CHECKPOINT_BYTES_MAX, MISBEHAVIOR_PER_LOG_MAX, openSqliteWitnessStore, openWitness, PROOF_HASHES_MAX, REFRESH_SECONDS_MIN } from "../src/index.ts"
import { join } from "node:path"
import { logSigner, newDirectory, newWorld, NOW, testLog, witnessSigner } from "./helpers.ts"

const log = testLog()
const fork = testLog("fork", 5)
const originHash = hexEncode(fastCrypto.sha256(utf8Encode("log.example/npm")))
const hash = (byte: number) => new Uint8Array(32).fill(byte)
const line32 = `${base64Encode(hash(1))}\n`

/** A witness that has cosigned size 10 of `log`. */
async function atTen(more: Parameters<typeof newWorld>[0] = {}) {
  const world = await newWorld(more)
  expect((await world.post(log.request(0, 10))).status).toBe(200)
  return world
}

describe("a log's operator who asks without end", () => {
  test("costs no more durable writes than it may, and nobody else's; what its key did not sign costs none of them", async () => {
    const disk = await createMemoryWitnessDisk().open()
    let writes = 0
    const store: WitnessStore = { ...disk, compareAndSet: (...args) => { writes += 1; return disk.compareAndSet(...args) } }
    const other = testLog("other", 0, signerFromSeed("log.example/other", KEY_TYPE.ed25519, hash(5)))
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
    const other = testLog("other", 0, signerFromSeed("log.example/other", KEY_TYPE.ed25519, hash(5)))
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
    const second = signerFromSeed("log.example/npm", KEY_TYPE.ed25519, hash(6))
    const world = await newWorld({ logs: [logSigner.verifier, second.verifier] })
    const text = formatCheckpoint({ origin: "log.example/npm", size: 3, root: log.root(3) })
    const lineOf = (signed: string) => signed.slice(signed.lastIndexOf("\n\n") + 2)
    const both = signNote(second, text) + lineOf(log.checkpoint(3))
    expect((await world.post(`old 0\n\n${both}`)).status).toBe(200)
    expect(openNote(fastCrypto, await world.witness.checkpoint(originHash) ?? "", [logSigner.verifier, second.verifier]).verified.length).toBe(2)
    expect((await world.post(log.request(3, 4))).status).toBe(200)
    const wrong = signNote(second, formatCheckpoint({ origin: "log.example/npm", size: 5, root: hash(9) }))
    expect(await world.post(log.request(4, 5, { checkpoint: log.checkpoint(5) + lineOf(wrong) }))).toMatchObject({ status: 403 })
  })
})

interface Refusal {
  readonly name: string
  readonly body: string | Uint8Array
  readonly status: number
  readonly says: string
}

const signed = (text: string): string => signNote(logSigner, text)
const big = log.checkpoint(12)
const stranger = testLog("trunk", 64, signerFromSeed("log.example/npm", KEY_TYPE.ed25519, hash(8)))
const unknown = testLog("trunk", 64, signerFromSeed("log.example/unknown", KEY_TYPE.ed25519, hash(1)))

/** Asked of a witness that has cosigned size 10. */
const REFUSALS: readonly Refusal[] = [
  { name: "nothing", body: "", status: 400, says: "no empty line" },
  { name: "bytes that are no UTF-8", body: Uint8Array.of(0xff, 0x0a, 0x0a), status: 400, says: "UTF-8" },
  { name: "a body over the cap", body: `old 10\n${line32.repeat(3000)}\n${big}`, status: 400, says: `at most ${ADD_CHECKPOINT_BYTES_MAX}` },
  { name: "no old line", body: `\n\n${big}`, status: 400, says: "line 1" },
  { name: "an old line in capitals", body: `Old 10\n\n${big}`, status: 400, says: "line 1" },
  { name: "an old size with a leading zero", body: `old 010\n\n${big}`, status: 400, says: "plain decimal" },
  { name: "an old size in hexadecimal", body: `old 0xa\n\n${big}`, status: 400, says: "plain decimal" },
  { name: "a negative old size", body: `old -1\n\n${big}`, status: 400, says: "plain decimal" },
  { name: "an old size with a space behind", body: `old 10 \n\n${big}`, status: 400, says: "plain decimal" },
  { name: "an old size of 2^63", body: `old 9223372036854775808\n\n${big}`, status: 400, says: "old size" },
  { name: "CRLF", body: log.request(10, 12).replaceAll("\n", "\r\n"), status: 400, says: "no empty line" },
  { name: "a proof line that is no base64", body: `old 10\nfive\n!\n\n${big}`, status: 400, says: "proof line 1" },
  { name: "a proof line without padding", body: `old 10\n${line32.slice(0, -2)}\n\n${big}`, status: 400, says: "proof line 1" },
  { name: "a proof line with bits after its end", body: `old 10\n${line32.replace("E=", "F=")}\n${big}`, status: 400, says: "proof line 1" },
  { name: "a proof hash of 31 bytes", body: `old 10\n${base64Encode(hash(1).slice(1))}\n\n${big}`, status: 400, says: "holds 31 bytes" },
  { name: "64 proof lines", body: `old 10\n${line32.repeat(PROOF_HASHES_MAX + 1)}\n${big}`, status: 400, says: "at most 63" },
  { name: "no checkpoint", body: "old 10\n\n", status: 400, says: "invalid input" },
  { name: "a checkpoint without signatures", body: `old 10\n\n${parseNote(big).text}`, status: 400, says: "invalid input" },
  { name: "a signed text that is no checkpoint", body: `old 10\n\n${signed("log.example/npm\n")}`, status: 400, says: "invalid checkpoint" },
  { name: "a tree size with a leading zero", body: `old 10\n\n${signed(parseNote(big).text.replace("\n12\n", "\n012\n"))}`, status: 400, says: "invalid checkpoint" },
  { name: "a tree size beyond 2^53", body: `old 10\n\n${signed(parseNote(big).text.replace("\n12\n", "\n9007199254740992\n"))}`, status: 400, says: "invalid checkpoint" },
  { name: "an extension line", body: `old 10\n\n${signed(`${parseNote(big).text}extension\n`)}`, status: 400, says: "extension lines" },
  { name: "101 signature lines", body: `old 10\n\n${big}${big.slice(big.lastIndexOf("\n\n") + 2).repeat(100)}`, status: 400, says: "invalid input" },
  { name: "an unknown origin", body: unknown.request(10, 12), status: 404, says: "unknown log" },
  { name: "an unknown origin that also goes back", body: unknown.request(13, 12), status: 404, says: "unknown log" },
  { name: "another key under the log's name", body: stranger.request(10, 12), status: 403, says: "invalid signature" },
  { name: "a signature over another text", body: log.request(10, 12, { checkpoint: big.replace("\n12\n", "\n11\n") }), status: 403, says: "invalid signature" },
  { name: "a bad signature that also goes back", body: log.request(13, 12, { checkpoint: big.replace("\n12\n", "\n11\n") }), status: 403, says: "invalid signature" },
  {
    name: "only the witness's own cosignature",
    body: log.request(10, 12, { checkpoint: `${parseNote(big).text}\n${cosign(witnessSigner, parseNote(big).text, NOW)}` }),
    status: 403, says: "invalid signature",
  },
  { name: "an old size beyond the checkpoint", body: log.request(13, 12), status: 400, says: "exceeds" },
  { name: "an old size beyond the checkpoint, which is the cosigned size", body: log.request(10, 9), status: 400, says: "exceeds" },
  { name: "an old size below the cosigned one", body: log.request(9, 12), status: 409, says: "10\n" },
  { name: "an old size of 0", body: log.request(0, 12), status: 409, says: "10\n" },
  { name: "an old size of 0 with the empty tree", body: log.request(0, 0), status: 409, says: "10\n" },
  { name: "an old size above the cosigned one", body: log.request(11, 12), status: 409, says: "10\n" },
  { name: "a smaller checkpoint with its own size", body: log.request(9, 9), status: 409, says: "10\n" },
  { name: "a wrong old size with a wrong proof", body: log.request(9, 12, { proof: [hash(1)] }), status: 409, says: "10\n" },
  { name: "no proof", body: log.request(10, 12, { proof: [] }), status: 422, says: "consistency proof" },
  { name: "a proof with one hash too many", body: log.request(10, 12, { proof: [...log.proof(10, 12), hash(1)] }), status: 422, says: "consistency proof" },
  { name: "a proof with one hash missing", body: log.request(10, 12, { proof: log.proof(10, 12).slice(1) }), status: 422, says: "consistency proof" },
  { name: "the proof to another size", body: log.request(10, 12, { proof: log.proof(10, 13) }), status: 422, says: "consistency proof" },
  { name: "a proof at the same size", body: log.request(10, 10, { proof: [hash(1)] }), status: 422, says: "consistency proof" },
  { name: "another root at the same size", body: fork.request(10, 10), status: 422, says: "another root" },
  { name: "a fork that is larger", body: fork.request(10, 12), status: 422, says: "consistency proof" },
]

describe("refusals", () => {
  test.each(REFUSALS)("$status for $name", async ({ body, status, says }) => {
    const world = await atTen()
    const before = await world.witness.checkpoint(originHash)
    const answer = typeof body === "string" ? await world.post(body) : { status: (await world.witness.addCheckpoint(body)).status, text: says }
    expect({ status: answer.status, text: answer.text }).toEqual({ status, text: status === 409 ? says : expect.stringContaining(says) })
    if ("contentType" in answer) expect(answer.contentType).toBe(status === 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8")
    expect(answer.text.endsWith("\n") || typeof body !== "string").toBe(true)
    // It is where it was, and goes on.
    expect(await world.witness.checkpoint(originHash)).toBe(before)
    expect((await world.post(log.request(10, 12))).status).toBe(200)
  })

  test.each([
    { name: "size 0 with another root", body: log.request(0, 0, { checkpoint: signed(formatCheckpoint({ origin: "log.example/npm", size: 0, root: hash(3) })) }) },
    { name: "a proof from nothing", body: log.request(0, 5, { proof: [hash(1)] }) },
    { name: "a proof from nothing to nothing", body: log.request(0, 0, { proof: [hash(1)] }) },
  ])("422 for $name, before and after the empty tree was cosigned", async ({ body }) => {
    const world = await newWorld()
    expect((await world.post(body)).status).toBe(422)
    expect((await world.post(log.request(0, 0))).status).toBe(200)
    expect((await world.post(body)).status).toBe(422)
    // Not evidence either: no proof starts from nothing.
    expect(await world.witness.misbehavior()).toEqual([])
    expect((await world.post(log.request(0, 5))).status).toBe(200)
  })

  test("every flipped byte of a good request is refused or means the same", async () => {
    const good = utf8Encode(log.request(10, 12))
    const world = await atTen()
    const statuses = new Map<number, number>()
    for (let i = 0; i < good.length; i++) {
      const bad = Uint8Array.from(good)
      bad[i] = (bad[i] as number) ^ 1
      const { status } = await world.witness.addCheckpoint(bad)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    for (let length = 0; length < good.length; length++) expect((await world.witness.addCheckpoint(good.slice(0, length))).status).not.toBe(200)
    expect(statuses.get(200)).toBeUndefined()
    expect([...statuses.keys()].sort()).toEqual([400, 403, 404, 409, 422])
    expect((await world.witness.addCheckpoint(good)).status).toBe(200)
  })

  test("keys that are none of a log's, and signers that are none of a witness's, are the caller's bug", async () => {
    const store = await createMemoryWitnessDisk().open()
    const rest = { store, crypto: fastCrypto, clock: { nowMs: () => NOW } }
    await expect(openWitness({ ...rest, signer: logSigner, logs: [] })).rejects.toBeInstanceOf(TypeError)
    await expect(openWitness({ ...rest, signer: witnessSigner, logs: [witnessSigner.verifier] })).rejects.toBeInstanceOf(TypeError)
    await expect(openWitness({ ...rest, signer: witnessSigner, logs: [{ origin: "x", key: witnessSigner.verifier }] })).rejects.toBeInstanceOf(TypeError)
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
    const strange = cosign(signerFromSeed("witness.example/strange", KEY_TYPE.cosignatureEd25519, hash(9)), parseNote(log.checkpoint(3)).text, NOW)
    const twice = log.checkpoint(3).slice(log.checkpoint(3).lastIndexOf("\n\n") + 2)
    const { status, text } = await world.post(log.request(0, 3, { checkpoint: log.checkpoint(3) + forged + strange + twice }))
    expect(status).toBe(200)
    expect(await world.witness.checkpoint(originHash)).toBe(log.checkpoint(3) + text)
    expect((await world.post(log.request(3, 4))).status).toBe(200)
  })
})

describe("a log that signs two histories", () => {
  test("THREATS log operator: two roots at one size are kept as evidence that stands alone, whatever the rest of the request says", async () => {
    for (const body of [fork.request(10, 10), fork.request(9, 10), fork.request(0, 10), fork.request(10, 10, { proof: [hash(1)] })]) {
      const world = await atTen()
      expect([409, 422]).toContain((await world.post(body)).status)
      const [evidence, ...more] = await world.witness.misbehavior()
      expect(more).toEqual([])
      expect(evidence).toMatchObject({ origin: "log.example/npm", newer: fork.checkpoint(10), consistency: [], seenAtSeconds: NOW })
      expectProof(evidence)
    }
  })

  test("THREATS log operator: a larger tree that provably rewrote what was cosigned is kept with its proof", async () => {
    const world = await atTen()
    expect((await world.post(fork.request(10, 12))).status).toBe(422)
    const [evidence] = await world.witness.misbehavior()
    expect(evidence).toMatchObject({ newer: fork.checkpoint(12), consistency: fork.proof(10, 12) })
    expect(checkFork(fastCrypto, { oldSize: 10, newSize: 12, oldRoot: log.root(10), newRoot: fork.root(12), proof: evidence?.consistency ?? [] })).toBe(true)
    expectProof(evidence)
  })

  test("nothing is kept of honest logs, of junk, and of what the log did not sign", async () => {
    const world = await atTen()
    const bodies = [
      log.request(9, 12), log.request(10, 10), log.request(10, 12, { proof: [hash(1)] }), log.request(9, 9), stranger.request(10, 10),
      fork.request(10, 12, { proof: log.proof(10, 12) }), fork.request(9, 9), fork.request(9, 12),
      fork.request(10, 10, { checkpoint: fork.checkpoint(10).replace("\n10\n", "\n11\n") }),
    ]
    for (const body of bodies) await world.post(body)
    expect(await world.witness.misbehavior()).toEqual([])
  })

  test("THREATS resource exhaustion: evidence is kept once and up to a limit", async () => {
    const world = await atTen()
    for (let i = 0; i < MISBEHAVIOR_PER_LOG_MAX + 5; i++) {
      const body = testLog(`branch ${i}`, 5).request(10, 10)
      expect((await world.post(body)).status).toBe(422)
      expect((await world.post(body)).status).toBe(422)
    }
    const kept = await world.witness.misbehavior()
    expect(kept.length).toBe(MISBEHAVIOR_PER_LOG_MAX)
    expect(kept[0]?.newer).toBe(testLog("branch 0", 5).checkpoint(10))
  })

  function expectProof(evidence: Awaited<ReturnType<Awaited<ReturnType<typeof atTen>>["witness"]["misbehavior"]>>[number] | undefined): void {
    if (evidence === undefined) throw new Error("no evidence")
    const proof = buildForkProof(fastCrypto, { ...evidence, key: logSigner.verifier })
    expect(proof).toBeDefined()
    if (proof !== undefined) expect(verifyMisbehavior(fastCrypto, proof, logSigner.verifier)).toBe(true)
  }
})

describe("one head a log, whatever happens at once or fails", () => {
  const open: readonly { readonly driver: string; newStore(): Promise<WitnessStore> }[] = [
    { driver: "memory", newStore: () => createMemoryWitnessDisk().open() },
    { driver: "sqlite", newStore: async () => openSqliteWitnessStore(join(await newDirectory(), "witness.sqlite")) },
  ]

  test.each(open)("THREATS split view: of two forks that arrive at once, one is cosigned ($driver)", async ({ newStore }) => {
    const store = await newStore()
    // A store that answers reads late, so that both requests see the same head.
    let waiting: (() => void)[] = []
    const slow: WitnessStore = {
      ...store,
      async read(name) {
        const head = await store.read(name)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length < 2) return
          for (const one of waiting) one()
          waiting = []
        })
        return head
      },
    }
    const world = await newWorld({ store: slow })
    const answers = Promise.all([world.post(log.request(0, 10)), world.post(fork.request(0, 10))])
    // The loser reads once more, alone.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    for (const one of waiting) one()
    const [first, second] = await answers
    expect([first.status, second.status].sort()).toEqual([200, 409])
    const winner = first.status === 200 ? log : fork
    expect(await store.read(originHash)).toMatchObject({ size: 10, root: winner.root(10) })
    expect((await store.misbehavior()).length).toBe(1)
  })

  test.each(["lost", "kept"] as const)("a write that is %s and reported failed answers nothing, and the next request finds a head that was asked for", async (fault) => {
    for (const { newStore } of open) {
      const store = await newStore()
      const world = await newWorld({ store: failingWitnessStore(store, 2, fault) })
      expect((await world.post(log.request(0, 10))).status).toBe(200)
      await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(10, 12))), "DISK")
      const known = fault === "kept" ? 12 : 10
      expect(await world.post(log.request(3, 13))).toMatchObject({ status: 409, text: `${known}\n` })
      expect((await world.post(fork.request(known, 13))).status).toBe(422)
      expect((await world.post(log.request(known, 13))).status).toBe(200)
    }
  })

  test("evidence that cannot be kept stops the request", async () => {
    const world = await atTen({ store: failingWitnessStore(await createMemoryWitnessDisk().open(), 2, "lost") })
    await refuses(() => world.witness.addCheckpoint(utf8Encode(fork.request(10, 10))), "DISK")
    expect((await world.post(fork.request(10, 10))).status).toBe(422)
    expect((await world.witness.misbehavior()).length).toBe(1)
  })

  test("a head that moves at every try ends in 409", async () => {
    const store = await createMemoryWitnessDisk().open()
    let tries = 0
    const world = await newWorld({ store: { ...store, compareAndSet: async () => (tries++, false) } })
    expect(await world.post(log.request(0, 10))).toMatchObject({ status: 409, text: "0\n" })
    expect(tries).toBeLessThan(20)
  })
})

describe("THREATS A9 time", () => {
  test("a clock that steps back a little does not make a later cosignature earlier", async () => {
    const world = await atTen()
    world.clock.seconds -= 300
    expect(await timeOf(world, 10, 11)).toBe(NOW)
    world.clock.seconds += 301
    expect(await timeOf(world, 11, 12)).toBe(NOW + 1)
  })

  test("after a long step back nothing is cosigned until the clock has caught up: an earlier time would convict the witness", async () => {
    const world = await atTen()
    world.clock.seconds -= 301
    await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(10, 11))), "CLOCK_BEHIND")
    await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(10, 10))), "CLOCK_BEHIND")
    world.clock.seconds += 1
    expect(await timeOf(world, 10, 11)).toBe(NOW)
  })

  test.each([0, -1, -NOW])("a clock at %i s cosigns nothing: time 0 claims nothing", async (seconds) => {
    const world = await newWorld()
    world.clock.seconds = seconds
    await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(0, 10))), "CLOCK_BEHIND")
    expect(await world.witness.checkpoint(originHash)).toBeUndefined()
  })

  async function timeOf(world: Awaited<ReturnType<typeof newWorld>>, oldSize: number, size: number): Promise<number | undefined> {
    const { text } = await world.post(log.request(oldSize, size))
    return verifyCosignature(fastCrypto, witnessSigner.verifier, parseNote(log.checkpoint(size) + text))?.timeSeconds
  }
})
