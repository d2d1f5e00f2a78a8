/** What provenance and the repository say of two versions. */
import { NO_UPSTREAM, npmPurl, type Provenance, VouchsafeError } from "@vouchsafe/core"
import { fixedRefs } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import type { AttesterOptions } from "../src/index.ts"
import { after, type Given, look, put, T, worldWith } from "./support/history.ts"
import { REGISTRY, type World } from "./support/world.ts"

describe("provenance", () => {
  const provenance = (more: Partial<Provenance> = {}): Provenance => ({
    bundle: "ab".repeat(32), predicateType: "https://slsa.dev/provenance/v1", issuer: "https://token.forge.example", san: "https://forge.example/a/b", repository: "https://forge.example/a/b", repositoryId: "1", ownerId: "2",
    commit: "0123456789abcdef0123456789abcdef01234567", ref: "refs/heads/main", workflow: ".ci/release.yml", trigger: "push", builder: "https://github.com/actions/runner/github-hosted", runner: "github-hosted", signedAt: T,
    inputs: [{ uri: "git+https://forge.example/x@refs/tags/v1", digest: `sha256:${"a".repeat(64)}` }], ...more,
  })
  /** A verifier that finds what it is told for each version. */
  const verifier = (by: Readonly<Record<string, Provenance | null>>): Partial<AttesterOptions> => ({
    upstream: { verifyUpstream: ({ version, announced }) => ({ upstream: { ...NO_UPSTREAM, provenance: announced === undefined ? null : by[version] ?? null }, bundles: [], details: [] }) },
  })
  const between = async (before: Provenance, now: Provenance, isObservedFirst = false) => {
    const world = worldWith({}, verifier({ "1.0.0": before, "1.0.1": now }))
    put(world, "1.0.0", 30, { attested: true })
    if (isObservedFirst) await look(world, "1.0.0")
    put(world, "1.0.1", 0, { attested: true })
    return look(world, "1.0.1")
  }

  test.each<{ name: string; before?: Partial<Provenance>; now: Partial<Provenance>; changed: string[] }>([
    { name: "nothing but commit, ref and time", now: { commit: "f".repeat(39) + "0", ref: "refs/tags/v2", signedAt: T + 1, bundle: "cd".repeat(32), san: "x" }, changed: [] },
    { name: "another repository by its id", now: { repositoryId: "9" }, changed: ["repository"] },
    { name: "another name for the repository with that id", now: { repository: "https://forge.example/a/renamed" }, changed: [] },
    { name: "another address where ids are missing", before: { repositoryId: null }, now: { repository: "https://forge.example/a/other" }, changed: ["repository"] },
    { name: "another spelling of it", before: { repositoryId: null }, now: { repository: "https://forge.example/A/b" }, changed: [] },
    { name: "another owner", now: { ownerId: "9" }, changed: ["owner"] },
    { name: "an owner that an old certificate did not name", before: { ownerId: null }, now: {}, changed: [] },
    { name: "another workflow", now: { workflow: ".ci/other.yml" }, changed: ["workflow"] },
    { name: "another builder", now: { builder: "https://forge.example/builder" }, changed: ["builder"] },
    { name: "a machine of one's own", now: { builder: "https://github.com/actions/runner/self-hosted" }, changed: ["builder"] },
    { name: "a builder as it was named before", before: { builder: "https://github.com/actions/runner" }, now: {}, changed: [] },
    { name: "the publishing tool as builder, as in the first year", before: { builder: "https://github.com/npm/cli@9.5.0" }, now: {}, changed: [] },
    { name: "another release of a builder", before: { builder: "https://forge.example/x/.ci/build.yml@refs/tags/v1.6.0" }, now: { builder: "https://forge.example/x/.ci/build.yml@refs/tags/v2.0.0" }, changed: [] },
    { name: "another digest behind an input's address", now: { inputs: [{ uri: "git+https://forge.example/x@refs/tags/v1", digest: `sha256:${"b".repeat(64)}` }] }, changed: ["inputs"] },
    { name: "another input", now: { inputs: [{ uri: "git+https://forge.example/x@refs/tags/v2", digest: `sha256:${"b".repeat(64)}` }] }, changed: [] },
    { name: "all of it", now: { repositoryId: "9", ownerId: "9", workflow: null, builder: "https://forge.example/builder" }, changed: ["builder", "owner", "repository"] },
  ])("$name: $changed", async ({ before, now, changed }) => {
    expect((await between(provenance(before), provenance(now))).changed).toEqual(changed)
    expect((await between(provenance(before), provenance(now), true)).changed).toEqual(changed)
  })

  test.each<{ name: string; prepare: (world: World) => void; isAnnounced?: boolean; standing: string }>([
    { name: "verified now", prepare: () => undefined, standing: "verified" },
    { name: "announced and not there", prepare: (world) => { world.registry.attested.clear() }, standing: "claimed" },
    { name: "announced and not to be fetched", prepare: (world) => { world.registry.before = async (what) => { if (what === "attestations") throw new VouchsafeError("UNREACHABLE", "cut") } }, standing: "claimed" },
    { name: "never announced", prepare: () => undefined, isAnnounced: false, standing: "none" },
  ])("of the previous version: $name", async ({ prepare, isAnnounced = true, standing }) => {
    const world = worldWith({}, verifier({ "1.0.0": provenance() }))
    put(world, "1.0.0", 30, isAnnounced ? { attested: true } : {})
    put(world, "1.0.1", 0)
    prepare(world)
    expect((await look(world, "1.0.1")).previous?.provenance).toBe(standing)
  })
  test("of the previous version: announced, and refused when it is verified", async () => {
    const world = worldWith({}, verifier({}))
    put(world, "1.0.0", 30, { attested: true })
    put(world, "1.0.1", 0)
    expect((await look(world, "1.0.1")).previous?.provenance).toBe("claimed")
  })
  test("an account's new e-mail domain is no change where provenance verified", async () => {
    const world = worldWith({}, verifier({ "1.0.1": provenance() }))
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, { attested: true, by: { name: "ann", email: "ann@elsewhere.example" } })
    expect((await look(world, "1.0.1")).changed).toEqual([])
  })
})

describe("the source", () => {
  const HOME = "git+https://git.example/ann/fixture.git"
  const [A, B, C] = ["a", "b", "c"].map((letter) => letter.repeat(40)) as [string, string, string]
  test.each<{ name: string; tags?: Record<string, string>; heads?: string[]; others?: Parameters<typeof fixedRefs>[0]; before?: Given; now?: Given; states: [string, string] }>([
    { name: "has tags of both", tags: { "v1.0.0": A, "v1.0.1": B }, states: ["found", "found"] },
    { name: "has a tag with the package's name", tags: { "v1.0.0": A, "fixture@1.0.1": B }, states: ["found", "found"] },
    { name: "has no tag of this one", tags: { "v1.0.0": A }, states: ["found", "absent"] },
    { name: "has tags of neither", tags: { v9: A }, states: ["absent", "absent"] },
    { name: "has a tag that only looks like it", tags: { "v1.0.0": A, "v1.0.10": B, "v11.0.1": B }, states: ["found", "absent"] },
    { name: "has the commit at the end of a branch", tags: { "v1.0.0": A }, heads: [C], now: { claims: { gitHead: C } }, states: ["found", "found"] },
    { name: "has the commit behind another tag", tags: { "v1.0.0": A, latest: C }, now: { claims: { gitHead: C } }, states: ["found", "found"] },
    { name: "has the commit of the version before, which speaks for that one", tags: { "v1.0.0": A }, heads: [A], before: { claims: { gitHead: A } }, now: { claims: { gitHead: A } }, states: ["found", "absent"] },
    { name: "is named elsewhere now, and looked for at home", tags: { "v1.0.0": A }, others: { "https://git.example/eve/fixture": { tags: { "v1.0.1": B } } }, now: { manifest: { repository: "https://git.example/eve/fixture" } }, states: ["found", "absent"] },
    { name: "moved to another repository of the same owner", tags: { "v1.0.0": A }, others: { "https://git.example/ann/all": { tags: { "fixture@1.0.1": B } } }, now: { manifest: { repository: "https://git.example/ann/all" } }, states: ["found", "found"] },
    { name: "is named no more, and looked for at home", tags: { "v1.0.0": A }, now: { manifest: { repository: null } }, states: ["found", "absent"] },
  ])("$name", async ({ tags = {}, heads = [], others = {}, before = {}, now = {}, states }) => {
    const history = await after(before, now, { refs: fixedRefs({ [HOME]: { tags, heads }, ...others }) })
    expect([history.previous?.source, history.source]).toEqual(states)
  })
  test("that is not there yet is waited for a quarter of an hour, and then said to be absent, once", async () => {
    const refs = { [HOME]: { tags: { "v1.0.0": A } } }
    const world = worldWith({ refs: fixedRefs(refs) })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0)
    const observe = () => world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })
    world.clock.now = (T + 60) * 1000
    expect(await observe()).toMatchObject({ status: "refused", code: "SOURCE_PENDING", detail: expect.stringContaining("looked at again in 14 min") as string })
    world.clock.now = (T + 899) * 1000
    expect(await observe()).toMatchObject({ status: "refused", code: "SOURCE_PENDING", detail: expect.stringContaining("in 1 min") as string })
    world.clock.now = (T + 900) * 1000
    expect((await look(world, "1.0.1")).source).toBe("absent")
  })
  test("a tag that is pushed after publishing is found", async () => {
    const tags: Record<string, string> = { "v1.0.0": A }
    const world = worldWith({ refs: { list: (...query) => fixedRefs({ [HOME]: { tags: { ...tags } } }).list(...query) } })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0)
    world.clock.now = (T + 60) * 1000
    expect(await world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })).toMatchObject({ code: "SOURCE_PENDING" })
    tags["v1.0.1"] = B
    expect((await look(world, "1.0.1")).source).toBe("found")
  })
  test.each<{ name: string; now: Given; tags: Record<string, string> }>([
    { name: "which earlier versions had not either", now: {}, tags: { v9: A } },
    { name: "which is there", now: {}, tags: { "v1.0.0": A, "v1.0.1": B } },
  ])("is not waited for: $name", async ({ now, tags }) => {
    const world = worldWith({ refs: fixedRefs({ [HOME]: { tags } }) })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, now)
    world.clock.now = (T + 60) * 1000
    expect(await world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })).toMatchObject({ status: "observed" })
  })
  test("nobody could look", async () => {
    const history = await after({}, {}, { refs: fixedRefs({}) })
    expect([history.previous?.source, history.source]).toEqual(["unknown", "unknown"])
  })
})
