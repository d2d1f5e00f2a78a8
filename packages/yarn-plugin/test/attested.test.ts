import { formatByDigest, formatObservation, type LogEvidence, NO_UPSTREAM, PLAIN_HISTORY, type Observation, parsePolicy, type Verdict } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { afterAll, describe, expect, test } from "vitest"
import { attestedContents, servedDigests } from "../src/attested.ts"
import { contentsOf, isSameContents } from "../src/contents.ts"
import { createJudge } from "../src/judge.ts"
import type { PortablePath } from "../src/yarn.ts"
import { allowed, archiveFiles, FakeArchive, type Files, locatorOf, makeWorld, packageFs, REGISTRY, refused, sha512 } from "./support.ts"

const DIGEST = sha512("tarball")
const PURL = "pkg:npm/a@1.0.0"

function observation(operator: string, members: Partial<Observation> = {}): Observation {
  return {
    purl: PURL, sha512: DIGEST, log: `${operator}.example/log`, registry: REGISTRY, observedAt: 1_780_000_000,
    tarball: { size: 10, sha1: "0".repeat(40), commitment: "0".repeat(64) },
    contents: { tarSha256: "0".repeat(64), h1: `h1:${Buffer.alloc(32, 1).toString("base64")}`, files: 1, unpackedSize: 4, manifest: "0".repeat(64), executables: { count: 0, sha256: "0".repeat(64) } },
    package: { name: "a", version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt: null, publisher: null, repository: null, mismatch: [] },
    upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
    ...members,
  }
}

function log(operator: string, entries: readonly string[], bodies: readonly string[] = [], indices = entries.map((_, i) => i)): LogEvidence {
  return { operator, origin: `${operator}.example/log`, reached: true, statuses: [], batches: [{ checkpoint: "", indices, entries, proof: [], bodies }] }
}

const OPERATORS = ["alpha", "beta", "gamma"]
const honest = OPERATORS.map((operator) => log(operator, [formatObservation(observation(operator))]))
const claims = OPERATORS.map((operator) => ({ operator, origin: `${operator}.example/log`, index: 0 }))
const verdict = (more: Record<string, unknown> = {}): Verdict => allowed({ purl: PURL, registry: REGISTRY, sha512: DIGEST }, { claims, ...more } as never)
const otherContents = { ...observation("x").contents, h1: `h1:${Buffer.alloc(32, 2).toString("base64")}` }
const CONTENTS = { h1: observation("x").contents.h1, executables: observation("x").contents.executables }

describe("attested contents", () => {
  test("are what all counted statements say", () => {
    expect(attestedContents(verdict(), honest, nodeCrypto)).toEqual(CONTENTS)
  })

  test("also of a statement that is logged by digest", () => {
    const body = formatObservation(observation("alpha"))
    const entry = formatByDigest(nodeCrypto, { purl: PURL, sha512: DIGEST, log: "alpha.example/log", predicateType: "https://vouchsafe.example/observation/v1", text: body })
    expect(attestedContents(verdict(), [log("alpha", [entry], [body]), ...honest.slice(1)], nodeCrypto)).toEqual(CONTENTS)
    expect(attestedContents(verdict(), [log("alpha", [entry], []), ...honest.slice(1)], nodeCrypto)).toBeUndefined()
    expect(attestedContents(verdict(), [log("alpha", [entry], [formatObservation(observation("alpha", { contents: otherContents }))]), ...honest.slice(1)], nodeCrypto)).toBeUndefined()
  })

  test.each([
    { name: "a refused verdict", given: refused({ purl: PURL, registry: REGISTRY, sha512: DIGEST }), evidence: honest },
    { name: "no claims (observe)", given: verdict({ claims: [] }), evidence: honest },
    { name: "no evidence", given: verdict(), evidence: [] },
    { name: "a claim whose entry is not there", given: verdict(), evidence: honest.slice(1) },
    { name: "a claim at another index", given: verdict({ claims: [{ ...claims[0], index: 1 }] }), evidence: honest },
    { name: "one operator that says other contents", given: verdict(), evidence: [...honest.slice(0, 2), log("gamma", [formatObservation(observation("gamma", { contents: otherContents }))])] },
    { name: "an entry about another tarball", given: verdict(), evidence: [...honest.slice(0, 2), log("gamma", [formatObservation(observation("gamma", { sha512: sha512("x") }))])] },
    { name: "an entry about another package", given: verdict(), evidence: [...honest.slice(0, 2), log("gamma", [formatObservation(observation("gamma", { purl: "pkg:npm/b@1.0.0" }))])] },
    { name: "an entry that is none", given: verdict(), evidence: [...honest.slice(0, 2), log("gamma", ["{}"])] },
    { name: "two versions of one entry, of which one is not proven", given: verdict(), evidence: [...honest, log("gamma", [formatObservation(observation("gamma", { contents: otherContents }))])] },
    { name: "an entry of another operator under the same origin", given: verdict(), evidence: [...honest.slice(0, 2), { ...log("gamma", [formatObservation(observation("gamma"))]), operator: "mallory" }] },
  ])("none for $name", ({ given, evidence }) => {
    expect(attestedContents(given, evidence, nodeCrypto)).toBeUndefined()
  })
})

test("served digests are what statements name, by artifact; what is no statement names nothing", () => {
  const entries = [observation("alpha"), observation("alpha", { sha512: sha512("x") }), observation("alpha", { registry: "https://other.example/", sha512: sha512("y") })].map(formatObservation)
  const served = servedDigests([log("alpha", [...entries, "{}", "text"]), ...honest], nodeCrypto)
  expect([...served.values()].map((digests) => [...digests])).toEqual([[DIGEST, sha512("x")], [sha512("y")]])
})

describe("contents of an archive", () => {
  const world = makeWorld()
  afterAll(() => world.close())
  const locator = locatorOf("a")
  const read = (files: Files) => {
    return contentsOf(packageFs(new FakeArchive(world.keep(locator, files))), "node_modules/a" as PortablePath, nodeCrypto)
  }

  test("are the hash of its files and of its executables, wherever they lie", () => {
    const plain = read(archiveFiles("a", { "index.js": "x", "lib/deep/b.js": "y" }))
    expect(plain).toMatchObject({ h1: expect.stringMatching(/^h1:/) as string, executables: { count: 0 } })
    expect(read({ "/node_modules/a/lib/deep/b.js": "y", "/node_modules/a/index.js": { content: "x", mode: 0o755 } })).toMatchObject({ h1: plain?.h1, executables: { count: 1 } })
  })

  test("count the commands of package.json, as attesters do", () => {
    const mode = (files: Files) => read(files)?.executables
    const bare = mode({ ...archiveFiles("a", { "package.json": '{"bin":"./cli.js"}' }), "/node_modules/a/cli.js": { content: "x", mode: 0o755 } })
    expect(bare).toMatchObject({ count: 1 })
    for (const bin of ['"./cli.js"', '{"a":"cli.js","b":"missing.js"}', '{"a":"/cli.js","b":"../cli.js"}']) {
      expect(mode(archiveFiles("a", { "package.json": `{"bin":${bin}}`, "cli.js": "x" }))).toEqual(bare)
    }
    for (const manifest of ["no JSON", "null", '{"bin":7}', "{}"]) expect(mode(archiveFiles("a", { "package.json": manifest, "cli.js": "x" }))).toMatchObject({ count: 0 })
  })

  test.each([
    { name: "a link", files: { "/node_modules/a/l": { content: "x", kind: "link" as const } } },
    { name: "a file beside the package", files: { "/node_modules/b/x.js": "x" } },
    { name: "a file whose folder begins like the package's", files: { "/node_modules/ab/x.js": "x" } },
    { name: "a file at the root", files: { "/x.js": "x" } },
  ])("none with $name", ({ files }) => {
    expect(read({ ...archiveFiles("a", { "index.js": "x" }), ...files })).toBeUndefined()
  })

  test("differ by any of their values", () => {
    expect(isSameContents(CONTENTS, { ...CONTENTS })).toBe(true)
    expect(isSameContents(CONTENTS, { ...CONTENTS, h1: otherContents.h1 })).toBe(false)
    expect(isSameContents(CONTENTS, { ...CONTENTS, executables: { ...CONTENTS.executables, count: 1 } })).toBe(false)
    expect(isSameContents(CONTENTS, { ...CONTENTS, executables: { ...CONTENTS.executables, sha256: "1".repeat(64) } })).toBe(false)
  })
})

describe("a judge", () => {
  const parts = {
    policy: parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./r.json" })), crypto: nodeCrypto, registries: [REGISTRY], nowMs: () => 0,
    ties: { tarballOf: () => undefined, remember: () => undefined },
  }

  test.each([
    { name: "too few answers", verdicts: [] },
    { name: "answers about another package", verdicts: [allowed({ purl: "pkg:npm/b@1.0.0", registry: REGISTRY, sha512: DIGEST })] },
    { name: "answers about other bytes", verdicts: [allowed({ purl: PURL, registry: REGISTRY, sha512: sha512("x") })] },
  ])("does not take $name for its own", async ({ verdicts }) => {
    const judge = createJudge({ ...parts, check: () => Promise.resolve({ verdicts, evidence: [] }) }, (callback) => queueMicrotask(callback))
    await expect(judge.decide({ purl: PURL, registry: REGISTRY, sha512: DIGEST })).rejects.toThrow("answered about others")
  })

  test("a prefetch that fails shows where the artifact is asked for, not before", async () => {
    const judge = createJudge({ ...parts, check: () => Promise.reject(new Error("boom")) }, (callback) => queueMicrotask(callback))
    await judge.prefetch([{ purl: PURL, registry: REGISTRY, sha512: DIGEST }])
    await expect(judge.decide({ purl: PURL, registry: REGISTRY, sha512: DIGEST })).rejects.toThrow("boom")
    await expect(judge.candidates({ purl: PURL, registry: REGISTRY })).rejects.toThrow("boom")
  })

  test("questions of one turn go together, each once", async () => {
    const rounds: number[] = []
    const judge = createJudge({ ...parts, check: (requests) => {
      rounds.push(requests.length)
      return Promise.resolve({ verdicts: requests.map((request) => allowed(request)), evidence: [] })
    } }, (callback) => void setImmediate(callback))
    await Promise.all(["a", "b", "a"].map((text) => judge.decide({ purl: PURL, registry: REGISTRY, sha512: sha512(text) })))
    await judge.decide({ purl: PURL, registry: REGISTRY, sha512: sha512("a") })
    expect(rounds).toEqual([2])
  })
})
