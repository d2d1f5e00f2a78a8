import type { CachedStatement } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { formatByDigest, formatMisbehavior, formatRoster, type Lock, lockLines, parseRoster, type RetiredLog, type RosterNode } from "@vouchsafe/core"
import { nodeCrypto } from "../src/node/crypto.ts"
import { fakeLog, testSigner } from "./support/fake-log.ts"
import { observation, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, policyOf, said, type World } from "./support/world.ts"

/** Three packages, checked and cached under one head per log. */
async function filled(): Promise<{ world: World; requests: ReturnType<World["publish"]>[] }> {
  const world = makeWorld()
  const requests = ["a", "b", "c", "d", "e"].map((name) => world.publish(name))
  await world.check(...requests)
  for (const node of world.network.nodes) node.requests = []
  return { world, requests }
}

const fileOf = (request: { readonly purl: string; readonly registry: string }): string => `${request.registry}\n${request.purl}`

function spoil(world: World, request: ReturnType<World["publish"]>, change: (statement: CachedStatement) => CachedStatement, origins = ["alpha.example/log"]): void {
  const statements = world.cache.files.get(fileOf(request)) ?? []
  world.cache.files.set(fileOf(request), statements.map((statement) => (origins.includes(statement.origin) ? change(statement) : statement)))
}

const flip = (bytes: Uint8Array | undefined, at = 3): Uint8Array => Uint8Array.from(bytes ?? [], (byte, i) => (i === at ? byte ^ 0x10 : byte))

test("what is cached verifies by itself: checkpoint, index, entry and single proof of every log", async () => {
  const { world, requests } = await filled()
  for (const request of requests) {
    const statements = world.cache.files.get(fileOf(request)) ?? []
    expect(statements.map(({ origin }) => origin)).toEqual(["alpha.example/log", "bravo.example/log", "charlie.example/log", "delta.example/log"])
  }
  const { checkInclusion, leafHash, parseCheckpoint, parseNote, utf8Encode } = await import("@vouchsafe/core")
  for (const { checkpoint, index, entry, proof } of [...world.cache.files.values()].flat()) {
    const { size, root } = parseCheckpoint(parseNote(checkpoint).text)
    expect(checkInclusion(nodeCrypto, { index, size, root, proof, leafHash: leafHash(nodeCrypto, utf8Encode(entry)) })).toBe(true)
  }
})

const SPOILS: readonly { readonly name: string; readonly change: (statement: CachedStatement) => CachedStatement }[] = [
  { name: "entry", change: (statement) => ({ ...statement, entry: statement.entry.replace("somebody", "somebodx") }) },
  { name: "entry that claims other bytes", change: (statement) => ({ ...statement, entry: statement.entry.replace(/"sha512":"[0-9a-f]{128}"/, `"sha512":"${sha512Of("evil")}"`) }) },
  { name: "entry with half a surrogate pair", change: (statement) => ({ ...statement, entry: `${statement.entry}\ud800` }) },
  { name: "index", change: (statement) => ({ ...statement, index: statement.index + 1 }) },
  { name: "index beyond the tree", change: (statement) => ({ ...statement, index: 4_000 }) },
  { name: "first proof hash", change: (statement) => ({ ...statement, proof: [flip(statement.proof[0]), ...statement.proof.slice(1)] }) },
  { name: "last proof hash", change: (statement) => ({ ...statement, proof: [...statement.proof.slice(0, -1), flip(statement.proof.at(-1))] }) },
  { name: "proof too short", change: (statement) => ({ ...statement, proof: statement.proof.slice(1) }) },
  { name: "proof too long", change: (statement) => ({ ...statement, proof: [...statement.proof, new Uint8Array(32)] }) },
  { name: "checkpoint's root", change: (statement) => ({ ...statement, checkpoint: statement.checkpoint.replace(/\n(.)([^\n]+=)\n\n/, (_, first: string, rest: string) => `\n${first === "A" ? "B" : "A"}${rest}\n\n`) }) },
  { name: "checkpoint's signature", change: (statement) => ({ ...statement, checkpoint: statement.checkpoint.replace(/(log [^ ]{20})(.)/, (_, start: string, letter: string) => `${start}${letter === "A" ? "B" : "A"}`) }) },
  { name: "checkpoint that is none", change: (statement) => ({ ...statement, checkpoint: "" }) },
  { name: "origin of another log", change: (statement) => ({ ...statement, origin: "bravo.example/log" }) },
  { name: "origin of no log", change: (statement) => ({ ...statement, origin: "nobody.example/log" }) },
]

describe.each(SPOILS)("a spoilt $name", ({ change, name }) => {
  test("in one log's part: never trusted, the others' parts and the other packages stay good, no node is blamed", async () => {
    const { world, requests } = await filled()
    spoil(world, requests[2] as never, change)
    const { verdicts, failures } = await world.client.check(requests, { budgetMs: 0 })
    expect(verdicts.map(outcome)).toEqual(["allowed", "allowed", "allowed", "allowed", "allowed"])
    // Among neighbours a path's own hashes are computed from these and not read: the statement is proven without the spoilt one.
    const isLeftOut = name.endsWith("proof hash")
    expect(verdicts.map(({ claims }) => claims.length)).toEqual([4, 4, isLeftOut ? 4 : 3, 4, 4])
    expect(verdicts.flatMap(({ findings }) => findings)).toEqual([])
    expect(failures).toEqual([])
    const alone = await world.client.check(requests.slice(2, 3), { budgetMs: 0 })
    expect(alone.verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["bravo", "charlie", "delta"])
    expect(alone.verdicts[0]?.findings).toEqual([])
  })

  test("in two logs' parts: refused without network, fetched again and replaced with it", async () => {
    const { world, requests } = await filled()
    const victim = requests[2] as ReturnType<World["publish"]>
    spoil(world, victim, change, ["alpha.example/log", "charlie.example/log"])
    expect((await world.client.check([victim], { budgetMs: 0 })).verdicts[0]?.ok).toBe(false)
    expect((await world.check(victim)).verdicts[0]?.claims.length).toBe(4)
    for (const node of world.network.nodes) expect(node.requests.map(({ artifacts }) => artifacts.map(({ purl }) => purl))).toEqual([["pkg:npm/c@1.0.0"]])
    for (const node of world.network.nodes) node.mode = "dead"
    expect((await world.check(...requests)).stats.fromCache).toBe(5)
    expect((await world.check(victim)).verdicts[0]?.claims.length).toBe(4)
  })

  test("evil bytes stay refused whatever the cache says", async () => {
    const { world, requests } = await filled()
    const evil = { ...requests[2] as ReturnType<World["publish"]>, sha512: sha512Of("evil") }
    spoil(world, evil, change, world.network.nodes.map(({ place }) => place.log.name))
    expect((await world.client.check([evil], { budgetMs: 0 })).verdicts[0]?.ok).toBe(false)
    expect((await world.check(evil)).verdicts[0]?.ok).toBe(false)
  })
})

test("evidence that is cached under one roster means nothing under another", async () => {
  const { world, requests } = await filled()
  const strange = makeWorld({ seed: 7 })
  strange.client = strange.clientWith({ cache: world.cache })
  expect((await strange.client.check(requests, { budgetMs: 0 })).verdicts.some(({ ok }) => ok)).toBe(false)
})

/** Proof that alpha's first log lied. */
function forkOf(origin: string): string {
  const signer = testSigner("alpha.example/log", 1, 0)
  const heads = ["one", "other"].map((entry) => Object.assign(fakeLog(signer, []), { entries: [entry] }).head(1, 1)) as [string, string]
  return formatMisbehavior({ kind: "fork", origin, older: heads[0], newer: heads[1], consistency: [] })
}

describe("a log that was handed over", () => {
  /** Five packages are cached; then alpha has new keys, and the registry has lost the packages. All four operators are needed. */
  async function handedOver(more: { readonly retired?: boolean; readonly size?: number } = {}) {
    const { world, requests } = await filled()
    const alpha = world.network.node("alpha")
    const others = world.network.nodes.filter((node) => node !== alpha).map(({ operator }) => testSigner(`${operator}.example/witness`, 4, 3 * world.network.nodes.findIndex((node) => node.operator === operator) + 2))
    const seconds = Math.floor(world.time.clock.nowMs() / 1_000)
    const retired: RetiredLog = { log: alpha.place.log, final: alpha.log.head(seconds, more.size ?? alpha.log.entries.length), size: more.size ?? alpha.log.entries.length }
    const signers = { log: testSigner("alpha.example/log/2", 1, 501), notices: testSigner("alpha.example/notices/2", 1, 502), witness: testSigner("alpha.example/witness/2", 4, 503) }
    const place: RosterNode = {
      operator: "alpha", url: alpha.place.url, log: signers.log.verifier, notices: signers.notices.verifier, witness: signers.witness.verifier, ...(more.retired === false ? {} : { retired: [retired] }),
    }
    const roster = parseRoster(nodeCrypto, formatRoster(world.network.nodes.map((node) => (node === alpha ? place : node.place)), world.network.roster.registries, { version: 2 }))
    alpha.log = fakeLog(signers.log, others)
    alpha.notices = fakeLog(signers.notices, others)
    for (const node of world.network.nodes.filter((one) => one !== alpha)) {
      // The others' logs are cosigned by alpha's new witness from now on.
      const cosigners = [signers.witness, ...others.filter(({ verifier }) => verifier.name !== `${node.operator}.example/witness`)]
      node.notices = Object.assign(fakeLog(node.notices.signer, cosigners), { entries: node.notices.entries })
    }
    world.network.registry.clear()
    return { world, requests, roster, client: world.clientWith({ roster, policy: policyOf({ threshold: 4 }) }), old: retired.log }
  }
  test("goes on vouching for what is cached, though nobody could observe it again", async () => {
    const { client, requests } = await handedOver()
    const { verdicts } = await client.check(requests)
    expect(verdicts.map(outcome)).toEqual(requests.map(() => "allowed"))
    expect(verdicts[0]?.claims.map(({ origin }) => origin)).toContain("alpha.example/log")
  })
  test("does not when the roster does not retire it, or at an earlier size", async () => {
    for (const more of [{ retired: false }, { size: 2 }]) {
      const { client, requests } = await handedOver(more)
      expect((await client.check(requests)).verdicts.map(outcome)).not.toContain("allowed")
    }
  })
  test("does not when it is proven to have lied; the present log is not touched by that", async () => {
    const { world, client, requests, old } = await handedOver()
    await world.state.addMisbehavior(old.vkey, forkOf(old.name))
    const { verdicts, misbehavior } = await client.check(requests)
    expect(verdicts.map(outcome)).toEqual(requests.map(() => "NOT_VOUCHED"))
    expect(misbehavior).toEqual([])
    const fresh = world.publish("fresh")
    expect((await client.check([fresh])).verdicts.map(outcome)).toEqual(["allowed"])
  })
  test("nor do statements of it that a lock brings with their own proofs", async () => {
    const { world, requests, roster, old } = await handedOver()
    const proofs = [...world.cache.files.values()].flat().filter(({ origin }) => origin === old.name)
    for (const [file, statements] of world.cache.files) world.cache.files.set(file, statements.filter(({ origin }) => origin !== old.name))
    const lock: Lock = { network: roster.lineage, roster: 1, registry: requests[0]?.registry ?? "", lines: lockLines(nodeCrypto, [], requests[0]?.registry ?? ""), locksets: [], proofs }
    const client = world.clientWith({ roster, policy: policyOf({ threshold: 4 }), lock: { lock, as: "evidence" } })
    expect((await client.check(requests)).verdicts.map(outcome)).toEqual(requests.map(() => "allowed"))
    await world.state.addMisbehavior(old.vkey, forkOf(old.name))
    expect((await client.check(requests)).verdicts.map(outcome)).not.toContain("allowed")
  })
})

test("a dissenting statement is cached too: what refuses does not vanish with the network", async () => {
  const world = makeWorld({ policy: { preset: "strict" } })
  const request = world.publish("a")
  world.network.node("delta").lies.set(fileOf(request), sha512Of("other"))
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["DIGEST_CONFLICT"])
  for (const node of world.network.nodes) node.mode = "dead"
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["DIGEST_CONFLICT"])
})

test("later answers are added to what is cached, not put in its place", async () => {
  const world = makeWorld({ policy: { threshold: 4 } })
  const request = world.publish("a")
  world.network.node("delta").mode = "dead"
  await world.check(request)
  expect(world.cache.files.get(fileOf(request))?.length).toBe(3)
  world.network.node("delta").mode = "honest"
  for (const operator of ["alpha", "bravo", "charlie"]) world.network.node(operator).mode = "dead"
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
  expect(world.cache.files.get(fileOf(request))?.length).toBe(4)
})

test("a cache that cannot be written costs a note and nothing else", async () => {
  const world = makeWorld()
  const { VouchsafeError } = await import("@vouchsafe/core")
  world.client = world.clientWith({ cache: { read: () => undefined, write: () => { throw new VouchsafeError("DISK", "disk is full") } } })
  const { verdicts, notes } = await world.check(world.publish("a"))
  expect(verdicts.map(outcome)).toEqual(["allowed"])
  expect(notes).toEqual([{ code: "DISK", message: "the cache is not written: disk is full" }])
})

describe("statements by digest", () => {
  async function large(): Promise<{ world: World; request: ReturnType<World["publish"]> }> {
    const world = makeWorld()
    const request = world.publish("large")
    for (const node of world.network.nodes) {
      const log = node.place.log.name
      const text = observation(log, request.purl, request.sha512 ?? "", { contents: { tarSha256: "1".repeat(64), h1: `h1:${"A".repeat(43)}=`, files: 9, unpackedSize: 9, manifest: "2".repeat(64), executables: { count: 0, sha256: "3".repeat(64) } } })
      node.log.entries.push(formatByDigest(nodeCrypto, { purl: request.purl, sha512: request.sha512 ?? "", log, predicateType: "https://vouchsafe.example/observation/v1", text }))
      node.edit = (answer) => ({ ...answer, log: { ...answer.log, bodies: [text] } })
    }
    return { world, request }
  }

  test("are cached with their bodies", async () => {
    const { world, request } = await large()
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
    expect((await world.client.check([request], { budgetMs: 0 })).verdicts[0]?.claims.length).toBe(4)
  })

  test.each([
    { name: "changed", body: (body = "") => ({ body: body.replace("somebody", "somebodx") }) },
    { name: "missing", body: () => ({}) },
  ])("a body that is $name makes the statement worthless, and is fetched again", async ({ body }) => {
    const { world, request } = await large()
    await world.check(request)
    spoil(world, request, ({ body: old, ...statement }) => ({ ...statement, ...body(old) }), ["alpha.example/log", "bravo.example/log"])
    const offline = await world.client.check([request], { budgetMs: 0 })
    expect(offline.verdicts[0]?.claims.length).toBe(2)
    expect(said(offline.verdicts[0])).not.toContain("does not verify")
    expect((await world.check(request)).verdicts[0]?.claims.length).toBe(4)
  })
})
