// A project's lock in a check: what it carries with no network, what it never excuses, and what it demands of logs that answer.
import { artifactKey, type ArtifactRequest, type Lock } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { LOCK_REFRESH_MS, NOTICES_RECHECK_MS } from "../src/limits.ts"
import type { LockUse } from "../src/types.ts"
import { type LockedWorld, lockOf } from "./support/lock.ts"
import { memoryCache, memoryState } from "./support/memory.ts"
import type { FakeNode } from "./support/network.ts"
import { notice, observation, purlOf, REGISTRY, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, policyOf, said, type World } from "./support/world.ts"

const DAY_MS = 86_400_000

interface Locked {
  readonly world: World
  readonly requests: readonly ArtifactRequest[]
  readonly lock: Lock
}

/** A world with three locked packages, whose client has seen nothing yet. */
async function lockedWorld(options: Parameters<typeof makeWorld>[0] & { readonly lock?: LockedWorld; readonly more?: Partial<LockUse> } = {}): Promise<Locked> {
  const world = makeWorld(options)
  const requests = ["a", "b", "c"].map((name) => world.publish(name))
  const lock = await lockOf(world, requests, options.lock)
  world.client = world.clientWith({ lock: { lock, as: "evidence", ...options.more } })
  forget(world)
  return { world, requests, lock }
}

function forget(world: World): void {
  world.network.sent.length = 0
  for (const node of world.network.nodes) node.requests.length = 0
}

function setAll(world: World, mode: FakeNode["mode"]): void {
  for (const node of world.network.nodes) node.mode = mode
}

const codes = async (world: World, ...requests: readonly ArtifactRequest[]): Promise<string[]> => (await world.check(...requests)).verdicts.map(outcome)

describe("with no network", () => {
  test("the lock carries what it holds, and nobody is asked again for a while", async () => {
    const { requests, world } = await lockedWorld()
    setAll(world, "dead")
    expect(await codes(world, ...requests)).toEqual(["allowed", "allowed", "allowed"])
    expect(world.network.sent).toHaveLength(4)
    world.time.advance(NOTICES_RECHECK_MS - 1)
    expect(await codes(world, ...requests)).toEqual(["allowed", "allowed", "allowed"])
    expect(world.network.sent).toHaveLength(4)
    world.time.advance(1)
    expect(await codes(world, ...requests)).toEqual(["allowed", "allowed", "allowed"])
    expect(world.network.sent).toHaveLength(8)
  })

  test("nodes that say nothing are not waited for as long as for evidence", async () => {
    const { requests, world } = await lockedWorld()
    setAll(world, "stalled")
    const startMs = world.time.clock.nowMs()
    expect(await codes(world, ...requests)).toEqual(["allowed", "allowed", "allowed"])
    expect(world.time.clock.nowMs() - startMs).toBeLessThanOrEqual(LOCK_REFRESH_MS)
  })

  test("a check that asks nobody sends nothing", async () => {
    const { requests, world } = await lockedWorld()
    const { verdicts } = await world.client.check(requests, { budgetMs: 0 })
    expect([verdicts.map(outcome), world.network.sent]).toEqual([["allowed", "allowed", "allowed"], []])
  })

  test("what it does not hold is refused, and named", async () => {
    const { requests, world } = await lockedWorld()
    const other = world.publish("other")
    const changed = { ...requests[0] as ArtifactRequest, sha512: sha512Of("other bytes") }
    setAll(world, "dead")
    const { lock, verdicts } = await world.check(other, changed)
    expect(verdicts.map(outcome)).toEqual(["UNREACHABLE", "NOT_VOUCHED"])
    expect(lock?.missing.map(artifactKey)).toEqual([other, changed].map(artifactKey))
    expect(lock?.facts.get(artifactKey(changed))?.sha512).toBe(requests[0]?.sha512)
  })

  test("a request without a digest is settled by the lock's", async () => {
    const { requests: [a], world } = await lockedWorld()
    const { purl, registry, sha512 } = a as ArtifactRequest
    const { lock, verdicts } = await world.check({ purl, registry })
    expect(verdicts.map(outcome)).toEqual(["EXOTIC_SOURCE"])
    expect(lock?.facts.get(artifactKey({ purl, registry }))?.sha512).toBe(sha512)
    expect(world.network.nodes.flatMap(({ requests }) => requests.flatMap(({ artifacts }) => artifacts))).toEqual([])
  })

  test.each<{ name: string; days: number; policy?: object; code: string; warns: boolean }>([
    { name: "recommended, 29 days old", days: 29, code: "allowed", warns: false },
    { name: "recommended, 31 days old", days: 31, code: "allowed", warns: true },
    { name: "strict, 6 days old", days: 6, policy: { preset: "strict" }, code: "allowed", warns: false },
    { name: "strict, 8 days old", days: 8, policy: { preset: "strict" }, code: "LOCK_STALE", warns: false },
    { name: "strict with an age of its own", days: 8, policy: { preset: "strict", maxLockAge: "9d" }, code: "allowed", warns: false },
    { name: "recommended with an age of its own", days: 8, policy: { maxLockAge: "7d" }, code: "allowed", warns: true },
  ])("$name: $code", async ({ code, days, policy = {}, warns }) => {
    const { requests: [a], world } = await lockedWorld({ policy })
    setAll(world, "dead")
    world.time.advance(days * DAY_MS)
    const { verdicts } = await world.check(a as ArtifactRequest)
    expect(verdicts.map(outcome)).toEqual([code])
    expect(said(verdicts[0]).includes("warn LOCK_STALE")).toBe(warns)
  })

  test.each<{ name: string; lock: LockedWorld }>([
    { name: "two of four operators", lock: { operators: ["alpha", "bravo"] } },
    { name: "nobody", lock: { operators: [] } },
    { name: "another network", lock: { network: "0".repeat(64) } },
    { name: "a roster that is newer than this one", lock: { roster: 2 } },
  ])("a lock by $name vouches for nothing", async ({ lock }) => {
    const { requests, world } = await lockedWorld({ lock })
    setAll(world, "dead")
    expect(await codes(world, ...requests)).toEqual(["LOCK_STALE", "LOCK_STALE", "LOCK_STALE"])
  })

  test("a line that nobody derived vouches for nothing, nor do the others in its lock", async () => {
    const world = makeWorld()
    const requests = ["a", "b"].map((name) => world.publish(name))
    const lock = await lockOf(world, requests)
    const other = await lockOf(world, [...requests, world.publish("c")])
    world.client = world.clientWith({ lock: { lock: { ...lock, lines: other.lines, locksets: lock.locksets.map((one) => ({ ...one, bits: [true, true, true] })) }, as: "evidence" } })
    setAll(world, "dead")
    expect(await codes(world, ...requests)).toEqual(["LOCK_STALE", "LOCK_STALE"])
  })
})

describe("what a lock never excuses", () => {
  const withdraw = (node: FakeNode, name: string): void => { node.notices.entries.push(notice(`${node.operator}.example/notices`, purlOf(name), sha512Of(`bytes of ${name}`))) }

  test("a withdrawal that is seen now", async () => {
    const { requests, world } = await lockedWorld()
    withdraw(world.network.node("delta"), "b")
    expect(await codes(world, ...requests)).toEqual(["allowed", "WITHDRAWN", "allowed"])
    expect(world.network.nodes.flatMap(({ requests: sent }) => sent.flatMap(({ artifacts }) => artifacts))).toEqual([])
  })

  test("a withdrawal that was seen before", async () => {
    const { requests, world } = await lockedWorld()
    withdraw(world.network.node("delta"), "b")
    expect(await codes(world, world.publish("other"))).toEqual(["allowed"])
    setAll(world, "dead")
    world.time.advance(3 * DAY_MS)
    expect(await codes(world, ...requests)).toEqual(["allowed", "WITHDRAWN", "allowed"])
  })

  test("a proof against the log that derived it", async () => {
    const { requests, world } = await lockedWorld({ operators: 2 })
    const node = world.network.node("alpha")
    // The log forgets what the lock has seen of it, and grows otherwise.
    node.log.entries = node.log.entries.map((entry, i) => (i === 0 ? observation("alpha.example/log", purlOf("x"), sha512Of("x")) : entry))
    for (let i = 0; i < 5; i++) node.log.entries.push(observation("alpha.example/log", purlOf(`x${i}`), sha512Of("x")))
    const { misbehavior, verdicts } = await world.check(...requests)
    expect(misbehavior.map(({ isNew, origin, proof }) => [origin, proof.kind, isNew])).toContainEqual(["alpha.example/log", "fork", true])
    expect(verdicts.map((verdict) => verdict.ok)).toEqual([false, false, false])
  })
})

describe("what a lock demands of logs that answer", () => {
  test("the largest head of a lock is the floor where nothing is remembered: a shorter log does not count", async () => {
    const { requests, world } = await lockedWorld()
    const node = world.network.node("alpha")
    node.shownSize = node.log.entries.length - 2
    const { failures, verdicts } = await world.check(...requests)
    expect(failures.map(({ code, operator }) => [operator, code])).toEqual([["alpha", "LOG_ROLLED_BACK"]])
    expect(verdicts.map(({ claims }) => claims.some(({ operator }) => operator === "alpha"))).toEqual([false, false, false])
  })

  test("a head that is older than what is remembered is shown to be its beginning", async () => {
    const { lock, requests, world } = await lockedWorld()
    await world.clientWith({ cache: memoryCache() }).check([world.publish("later"), world.publish("last")])
    world.time.advance(NOTICES_RECHECK_MS)
    forget(world)
    const before = world.network.node("alpha").tilesServed
    world.client = world.clientWith({ lock: { lock, as: "evidence" } })
    expect(await codes(world, ...requests)).toEqual(["allowed", "allowed", "allowed"])
    expect(world.network.node("alpha").tilesServed).toBeGreaterThan(before)
    const once = world.network.node("alpha").tilesServed
    world.time.advance(NOTICES_RECHECK_MS)
    expect(await codes(world, ...requests)).toEqual(["allowed", "allowed", "allowed"])
    expect(world.network.node("alpha").tilesServed).toBe(once)
  })

  test("a history that the lock's head does not fit into convicts, also where it is remembered", async () => {
    const { lock, requests, world } = await lockedWorld()
    const node = world.network.node("alpha")
    const honest = node.log
    const state = memoryState()
    // This machine was shown another log from the beginning.
    node.log = honest.fork()
    node.log.entries = []
    for (let i = 0; i < honest.entries.length + 3; i++) node.log.entries.push(observation("alpha.example/log", purlOf(`other${i}`), sha512Of("x")))
    await world.clientWith({ state, cache: memoryCache() }).check([world.publish("x")])
    world.time.advance(NOTICES_RECHECK_MS)
    const { misbehavior } = await world.clientWith({ state, cache: memoryCache(), lock: { lock, as: "evidence" } }).check(requests)
    expect(misbehavior.map(({ isNew, origin, proof }) => [origin, proof.kind, isNew])).toEqual([["alpha.example/log", "fork", true]])
  })

  test("with tiles that cannot be had the log does not count", async () => {
    const { lock, requests, world } = await lockedWorld()
    await world.clientWith({ cache: memoryCache() }).check([world.publish("later"), world.publish("last")])
    world.time.advance(NOTICES_RECHECK_MS)
    const node = world.network.node("alpha")
    const request = world.network.transport.request.bind(world.network.transport)
    const transport: typeof world.network.transport = { request: (one) => request(one.method === "GET" && one.url.startsWith(node.place.url) ? { ...one, url: `${node.place.url}gone/` } : one) }
    const { failures, verdicts } = await world.clientWith({ transport, lock: { lock, as: "evidence" } }).check(requests)
    expect(failures.map(({ operator }) => operator)).toEqual(["alpha"])
    expect(verdicts.map(({ claims }) => claims.map(({ operator }) => operator))).toEqual([0, 1, 2].map(() => ["bravo", "charlie", "delta"]))
  })
})

describe("identities", () => {
  const version = (world: World, name: string, at: string, repository: string): ArtifactRequest => {
    const request = { purl: purlOf(name, at), registry: REGISTRY, sha512: sha512Of(`${name} ${at}`) }
    world.network.registry.set(artifactKey(request), request.sha512)
    const packument = { publishedAt: 1_600_000_000, publisher: "somebody", repository, mismatch: [] }
    for (const { log } of world.network.nodes) log.entries.push(observation(log.signer.verifier.name, request.purl, request.sha512, { packument }))
    return request
  }
  const OWN = "https://git.example/own/x.git"
  const OTHER = "https://git.example/other/x.git"

  async function pinned(more: Partial<LockUse> = {}): Promise<{ world: World; locked: readonly ArtifactRequest[] }> {
    const world = makeWorld()
    const locked = [version(world, "x", "1.0.0", OTHER), version(world, "x", "2.0.0", OWN)]
    const lock = await lockOf(world, locked)
    world.client = world.clientWith({ lock: { lock, as: "evidence", ...more } })
    return { world, locked }
  }

  test("a new version by others is refused, with both sides, and its older sisters are not", async () => {
    const { locked, world } = await pinned()
    const { verdicts } = await world.check(...locked, version(world, "x", "2.1.0", OTHER), version(world, "x", "2.2.0", OWN))
    expect(verdicts.map(outcome)).toEqual(["allowed", "allowed", "IDENTITY_CHANGED", "allowed"])
    expect(verdicts[2]?.findings).toContainEqual(expect.objectContaining({
      code: "IDENTITY_CHANGED", severity: "deny", expected: expect.stringContaining(OWN), found: expect.stringContaining(OTHER), hint: expect.stringContaining("lock --accept x@2.1.0"),
    }))
  })

  test("each is compared with the highest locked version below it; what is older than all with none", async () => {
    const { world } = await pinned()
    expect(await codes(world, version(world, "x", "1.5.0", OTHER), version(world, "x", "1.6.0", OWN), version(world, "x", "0.9.0", "https://git.example/first/x.git"))).toEqual(["allowed", "IDENTITY_CHANGED", "allowed"])
  })

  test("a lock that only pins vouches for nothing, and still pins", async () => {
    const { locked, world } = await pinned({ as: "pins" })
    const changed = version(world, "x", "2.1.0", OTHER)
    expect(await codes(world, changed, ...locked)).toEqual(["IDENTITY_CHANGED", "allowed", "allowed"])
    const own = await lockOf(world, locked)
    setAll(world, "dead")
    const { lock, verdicts } = await world.clientWith({ cache: memoryCache(), lock: { lock: own, as: "pins" } }).check(locked)
    expect([verdicts.map(outcome), lock]).toEqual([["UNREACHABLE", "UNREACHABLE"], undefined])
  })

  test("what was accepted is not compared", async () => {
    const { world } = await pinned({ unpinned: new Set([purlOf("x", "2.1.0")]) })
    expect(await codes(world, version(world, "x", "2.1.0", OTHER), version(world, "x", "2.2.0", OTHER))).toEqual(["allowed", "IDENTITY_CHANGED"])
  })
})

test("policy and lock of another world do not mix", async () => {
  const { lock } = await lockedWorld()
  const other = makeWorld({ seed: 7 })
  const request = other.publish("a")
  for (const node of other.network.nodes) node.mode = "dead"
  other.client = other.clientWith({ policy: policyOf(), lock: { lock, as: "evidence" } })
  expect(await codes(other, request)).toEqual(["LOCK_STALE"])
})
