/** Rebuilds and releases on their way through the client: gathered, kept, merged, asked for again. */
import { describe, expect, test } from "vitest"
import { CACHED_RELEASES_LENGTH_MAX, CACHED_REBUILDS_MAX } from "../src/limits.ts"
import { testSigner } from "./support/fake-log.ts"
import { mismatch, observation, rebuild, release, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, policyOf, type World } from "./support/world.ts"

const REBUILT = { policy: { levels: [{ match: ["*"], level: "rebuilt" }] } }
const ann = testSigner("ann.example/release", 1, 900)
const RELEASED = { policy: { publishers: [{ match: ["*"], keys: [{ key: ann.verifier.vkey }] }] } }
type Request = ReturnType<World["publish"]>

const fileOf = (request: Request): string => `${request.registry}\n${request.purl}`
const append = (world: World, operator: string, make: (origin: string) => string): void => {
  const node = world.network.node(operator)
  node.log.entries.push(make(node.place.log.name))
}
const addRebuilds = (world: World, request: Request, ...operators: string[]): void => {
  for (const operator of operators) append(world, operator, (origin) => rebuild(origin, request.purl, request.sha512 ?? ""))
}
const kill = (world: World): void => {
  for (const node of world.network.nodes) node.mode = "dead"
}
const asked = (world: World): number[] => world.network.nodes.map(({ requests }) => requests.flatMap(({ artifacts }) => artifacts).length)

test("rebuilds travel with the observation, and are cached with it", async () => {
  const world = makeWorld(REBUILT)
  const request = world.publish("a")
  await world.check(request)
  addRebuilds(world, request, "alpha", "bravo")
  expect((await world.check(request)).verdicts[0]).toMatchObject({ ok: true, level: "rebuilt", rebuilds: [{ operator: "alpha", agrees: true }, { operator: "bravo", agrees: true }] })
  kill(world)
  const { verdicts, stats } = await world.check(request)
  expect(verdicts[0]).toMatchObject({ ok: true, level: "rebuilt" })
  expect(stats.fromCache).toBe(1)
  expect(world.cache.files.get(fileOf(request))?.map(({ origin }) => origin.split(".")[0]).sort()).toEqual(["alpha", "alpha", "bravo", "bravo", "charlie", "delta"])
})

test("cached evidence that does not satisfy the policy is asked for again, of every node, until it does", async () => {
  const world = makeWorld()
  const request = world.publish("a")
  await world.check(request)
  const { client } = world
  world.client = askingForRebuilds(world)
  for (const node of world.network.nodes) node.requests = []
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["NOT_REBUILT"])
  expect(asked(world)).toEqual([1, 1, 1, 1])
  addRebuilds(world, request, "charlie", "delta")
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
  expect(asked(world)).toEqual([2, 2, 2, 2])
  expect((await world.check(request)).stats.fromCache).toBe(1)
  expect(asked(world)).toEqual([2, 2, 2, 2])
  expect((await client.check([request])).verdicts[0]).toMatchObject({ ok: true, level: "rebuilt" })
})

/** A client over the same stores whose policy asks for rebuilds. */
function askingForRebuilds(world: World): World["client"] {
  return world.clientWith({ policy: policyOf(REBUILT.policy) })
}

describe("nodes that are silent", () => {
  test("one that was not reached is asked once more when a rebuild is lacking", async () => {
    const world = makeWorld(REBUILT)
    const request = world.publish("a")
    await world.check(request)
    addRebuilds(world, request, "alpha", "bravo")
    const alpha = world.network.node("alpha")
    const inner = world.network.transport
    let failures = 1
    world.client = world.clientWith({
      transport: {
        async request(sent) {
          if (sent.url.startsWith(alpha.place.url) && failures-- > 0) {
            const { VouchsafeError } = await import("@vouchsafe/core")
            throw new VouchsafeError("UNREACHABLE", "reset")
          }
          return inner.request(sent)
        },
      },
    })
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
    expect(failures).toBeLessThan(0)
  })
  test("one that is still observing is not waited for when a rebuild is lacking", async () => {
    const world = makeWorld(REBUILT)
    const request = world.publish("a")
    world.network.node("delta").pending.set(fileOf(request), 1_000)
    const before = world.time.clock.nowMs()
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["NOT_REBUILT"])
    expect(world.time.clock.nowMs()).toBe(before)
  })
  test("those still observing are waited for, though another's statement fails a rule", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    append(world, "alpha", (origin) => observation(origin, request.purl, request.sha512 ?? "", { packument: { publishedAt: null, publisher: null, repository: null, mismatch: ["bin"] } }))
    for (const operator of ["bravo", "charlie", "delta"]) world.network.node(operator).pending.set(fileOf(request), 2)
    const { verdicts } = await world.check(request)
    expect(verdicts[0]).toMatchObject({ ok: true, findings: [{ code: "MANIFEST_MISMATCH", severity: "warn", saidBy: ["alpha"] }] })
  })
})

test("a release found at any roster log counts, from the network and from the cache", async () => {
  const world = makeWorld(RELEASED)
  const request = world.publish("a")
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["NOT_RELEASED"])
  append(world, "delta", (origin) => release(origin, testSigner("eve.example/release", 1, 901), request.purl, request.sha512 ?? ""))
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["NOT_RELEASED"])
  append(world, "charlie", (origin) => release(origin, ann, request.purl, request.sha512 ?? ""))
  expect((await world.check(request)).verdicts[0]).toMatchObject({ ok: true, releases: [{ origin: "charlie.example/log" }] })
  kill(world)
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
})

test("two rebuilds of one artifact convict nobody; two observations beside them still do", async () => {
  const world = makeWorld()
  const request = world.publish("a")
  await world.check(request)
  addRebuilds(world, request, "delta")
  append(world, "delta", (origin) => rebuild(origin, request.purl, sha512Of("other")))
  append(world, "delta", (origin) => mismatch(origin, request.purl, request.sha512 ?? ""))
  world.client = askingForRebuilds(world)
  const changed = await world.check(request)
  expect(changed.misbehavior).toEqual([])
  expect(changed.verdicts[0]).toMatchObject({ ok: false, code: "SOURCE_MISMATCH", claims: [{}, {}, {}, { operator: "delta" }] })
  append(world, "delta", (origin) => observation(origin, request.purl, sha512Of("other")))
  const caught = await world.check(request)
  expect(caught.misbehavior).toEqual([expect.objectContaining({ operator: "delta", proof: expect.objectContaining({ kind: "equivocation" }) as object })])
  expect(caught.verdicts[0]?.rebuilds).toBeUndefined()
})

describe("what strangers write cannot push the rest out of the cache", () => {
  const kept = (world: World, request: Request, type: string) => (world.cache.files.get(fileOf(request)) ?? []).filter(({ entry }) => entry.includes(`vouchsafe.example/${type}/v1`))
  test("only the newest rebuilds of a log are kept", async () => {
    const world = makeWorld(REBUILT)
    const request = world.publish("a")
    for (let round = 0; round < 4; round++) {
      await world.check(request)
      addRebuilds(world, request, "alpha")
    }
    await world.check(request)
    expect(kept(world, request, "observation").length).toBe(4)
    expect(kept(world, request, "rebuild").map(({ index }) => index).sort((a, b) => a - b)).toEqual([1, 2, 3, 4].slice(-CACHED_REBUILDS_MAX))
  })
  test("releases are kept as long as they are short in all, the shortest first", async () => {
    const world = makeWorld(RELEASED)
    const request = world.publish("a")
    await world.check(request)
    for (let i = 0; i < 8; i++) append(world, "alpha", (origin) => release(origin, testSigner(`p${i}.example/release`, 1, 902 + i), request.purl, request.sha512 ?? "", "x".repeat(20_000)))
    append(world, "bravo", (origin) => release(origin, ann, request.purl, request.sha512 ?? ""))
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
    expect(kept(world, request, "observation").length).toBe(4)
    const releases = kept(world, request, "foreign")
    expect(releases.reduce((sum, { entry }) => sum + entry.length, 0)).toBeLessThanOrEqual(CACHED_RELEASES_LENGTH_MAX)
    expect(releases.length).toBe(3)
    kill(world)
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
  })
  test("nor can a node with statements about something else, the same again, or what nobody can read", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    const alpha = world.network.node("alpha")
    const origin = alpha.place.log.name
    const [own] = alpha.log.entries
    const padding = { package: { name: "x", version: "1.0.0", scripts: new Map([["x", "y".repeat(60_000)]]), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] } }
    for (let i = 0; i < 5; i++) alpha.log.entries.push(observation(origin, `pkg:npm/other-${i}@1.0.0`, sha512Of("x"), padding), `{"x":"${"z".repeat(60_000)}"}`, own ?? "")
    alpha.edit = (answer) => {
      const indices = alpha.log.entries.map((_, i) => i)
      return {
        ...answer, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices })),
        log: { ...answer.log, checkpoint: alpha.log.head(Math.floor(world.time.clock.nowMs() / 1_000)), indices, entries: [...alpha.log.entries], proof: alpha.log.multi(indices), consistency: alpha.log.consistency(1, alpha.log.entries.length) },
      }
    }
    world.cache.files.clear()
    await world.check(request)
    const statements = world.cache.files.get(fileOf(request)) ?? []
    expect(statements.map((statement) => [statement.origin, statement.index])).toEqual(world.network.nodes.map(({ place }) => [place.log.name, 0]))
    kill(world)
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
  })
})
