// What a lock is made of and compared with, without a network: lines, changes, coverage, and what `check` makes of what has no line.
import type { CheckResult } from "@vouchsafe/client"
import { type ArtifactFacts, type LockLine, lockLineOf, NO_UPSTREAM, npmPurl, type Observation, PLAIN_HISTORY, type Verdict, type VerdictCode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { requireLines } from "../../src/check/lock-lines.ts"
import { changesBetween } from "../../src/lock/changes.ts"
import { compareLines, exceptedAmong } from "../../src/lock/current.ts"
import { commonestRegistry, linesOf } from "../../src/lock/lines.ts"
import { formatChanges } from "../../src/lock/report.ts"
import type { Place, Statements } from "../../src/lock/statements.ts"

const REGISTRY = "https://registry.example/"
const sha512 = (byte: number): string => byte.toString(16).padStart(2, "0").repeat(64)

function facts(name: string, version: string, more: Partial<ArtifactFacts> = {}): ArtifactFacts {
  return {
    purl: npmPurl(name, version), registry: REGISTRY, sha512: sha512(1), h1: `h1:${"A".repeat(43)}=`, publishedAt: 1_600_000_000, publisher: "ann", repository: "https://git.example/ann/x.git", provenance: null,
    runsScripts: false, flags: [], ...more,
  }
}
const line = (name: string, version: string, more: Partial<ArtifactFacts> = {}): LockLine => ({ facts: facts(name, version, more), bundled: [] })
const built = (repository: string, workflow: string): NonNullable<ArtifactFacts["provenance"]> => ({ repository, repositoryId: "1", ownerId: "2", commit: "a".repeat(40), workflow, builder: "https://build.example/v1", runner: "github-hosted" })

describe("what changed, old → new", () => {
  test.each<{ name: string; before: LockLine[]; after: LockLine[]; says: string[] }>([
    { name: "nothing", before: [line("x", "1.0.0")], after: [line("x", "1.0.0")], says: [] },
    { name: "a version of the same people", before: [line("x", "1.0.0")], after: [line("x", "1.1.0", { sha512: sha512(2), publishedAt: 1_700_000_000 })], says: ["  x 1.0.0 → 1.1.0"] },
    { name: "another publisher", before: [line("x", "1.0.0")], after: [line("x", "1.1.0", { publisher: "bob" })], says: ["  x 1.0.0 → 1.1.0", "    publisher   ann → bob"] },
    { name: "provenance lost", before: [line("x", "1.0.0", { provenance: built("https://git.example/ann/x", "r.yml@refs/tags/v1") })], after: [line("x", "1.1.0")], says: ["  x 1.0.0 → 1.1.0", "    provenance  https://git.example/ann/x → none", "    workflow    r.yml → none", "    builder     https://build.example/v1 → none"] },
    { name: "another tag of one workflow", before: [line("x", "1.0.0", { provenance: built("https://git.example/ann/x", "r.yml@refs/tags/v1") })], after: [line("x", "1.1.0", { provenance: built("https://git.example/ann/x", "r.yml@refs/tags/v2") })], says: ["  x 1.0.0 → 1.1.0"] },
    { name: "a script and a flag", before: [line("x", "1.0.0")], after: [line("x", "1.1.0", { runsScripts: true, flags: [{ word: "script", detail: "postinstall" }] })], says: ["  x 1.0.0 → 1.1.0", "    scripts     none → run at install", "    flags       none → script:postinstall"] },
    { name: "other bytes of one version", before: [line("x", "1.0.0")], after: [line("x", "1.0.0", { sha512: sha512(2) })], says: ["  x@1.0.0", `    integrity   ${sha512(1)} → ${sha512(2)}`] },
    { name: "come and gone", before: [line("old", "1.0.0")], after: [line("new", "2.0.0")], says: ["  + new@2.0.0", "  - old@1.0.0"] },
    { name: "several versions", before: [line("x", "1.0.0"), line("x", "2.0.0")], after: [line("x", "2.0.0"), line("x", "3.0.0"), line("x", "4.0.0")], says: ["  - x@1.0.0", "  + x@3.0.0", "  + x@4.0.0"] },
    { name: "foreign text", before: [line("x", "1.0.0")], after: [line("x", "1.1.0", { publisher: "b\u001b[2Job" })], says: ["  x 1.0.0 → 1.1.0", "    publisher   ann → b\\u{1b}[2Job"] },
  ])("$name", ({ after, before, says }) => {
    expect(formatChanges(changesBetween(before, after), false)).toEqual(says)
  })

  test("a first lock lists nothing; a long list is cut, what is remarkable first", () => {
    const many = Array.from({ length: 60 }, (_, i) => line(`n${i}`, "1.0.0"))
    expect(formatChanges(changesBetween([], many), true)).toEqual([])
    const lines = formatChanges(changesBetween([line("zz", "1.0.0")], [...many, line("zz", "1.0.1", { publisher: "bob" })]), false)
    expect([lines[0], lines.at(-1)]).toEqual(["  zz 1.0.0 → 1.0.1", "  and 11 more"])
  })
})

describe("lines", () => {
  const observation = (log: string, more: Partial<Observation["packument"]> = {}): Observation => ({
    purl: "pkg:npm/x@1.0.0", registry: REGISTRY, sha512: sha512(1), log, observedAt: 1,
    tarball: { size: 1, sha1: "a".repeat(40), commitment: "b".repeat(64) },
    contents: { tarSha256: "c".repeat(64), h1: `h1:${"A".repeat(43)}=`, files: 1, unpackedSize: 1, manifest: "d".repeat(64), executables: { count: 0, sha256: "e".repeat(64) } },
    package: { name: "x", version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt: 1_600_000_000, publisher: "ann", repository: null, mismatch: [], ...more }, upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
  })
  const said = (by: Readonly<Record<string, Observation>>): { statements: Statements; verdict: Verdict } => ({
    statements: { observation: ({ origin }: Place) => by[origin], proof: () => undefined },
    verdict: { ok: true, purl: "pkg:npm/x@1.0.0", registry: REGISTRY, sha512: sha512(1), findings: [], labels: [], claims: Object.keys(by).map((origin) => ({ operator: origin, origin, index: 0, predicateType: "", checkpointTime: 1, bundled: [] })) },
  })

  test("say what most of those that count say", () => {
    const { statements, verdict } = said({ a: observation("a", { publisher: "bob" }), b: observation("b"), c: observation("c") })
    expect(linesOf([verdict], statements, REGISTRY)).toEqual({ lines: [lockLineOf(observation("b"))], without: [] })
  })

  test("of equal numbers the text decides, whoever comes first", () => {
    const one = said({ a: observation("a", { publisher: "bob" }), b: observation("b") })
    const other = said({ a: observation("a"), b: observation("b", { publisher: "bob" }) })
    expect(linesOf([one.verdict], one.statements, REGISTRY)).toEqual(linesOf([other.verdict], other.statements, REGISTRY))
  })

  test("are not made of statements about other bytes, nor of none", () => {
    const { statements, verdict } = said({ a: { ...observation("a"), sha512: sha512(2) } })
    expect(linesOf([verdict, { ...verdict, claims: [] }], statements, REGISTRY)).toEqual({ lines: [], without: [verdict, { ...verdict, claims: [] }] })
  })

  test("leave out the registry that most are of", () => {
    const { verdict } = said({})
    expect(commonestRegistry([verdict, { ...verdict, registry: "https://b.example/" }, { ...verdict, registry: "https://b.example/" }], REGISTRY)).toBe("https://b.example/")
    expect(commonestRegistry([verdict, { ...verdict, registry: "https://z.example/" }], "https://none.example/")).toBe(REGISTRY)
    expect(commonestRegistry([], REGISTRY)).toBe(REGISTRY)
  })
})

test("lines and entries are compared by purl, registry and bytes", () => {
  const ask = (name: string, byte?: number, registry = REGISTRY) => ({ purl: npmPurl(name, "1.0.0"), registry, ...(byte === undefined ? {} : { sha512: sha512(byte) }) })
  const lines = [facts("a", "1.0.0"), facts("b", "1.0.0"), facts("c", "1.0.0"), facts("d", "1.0.0")]
  expect(compareLines(lines, [ask("a", 1), ask("b", 2), ask("c"), ask("d", 1, "https://other.example/"), ask("e", 1)])).toEqual({ missing: ["b", "d", "e"].map((name) => npmPurl(name, "1.0.0")), extra: [npmPurl("d", "1.0.0")] })
})

test("what an exception for its bytes lets pass with no statement can have no line, until the exception ends; others can", () => {
  const exception = (name: string, code: VerdictCode, more: { readonly untilSeconds?: number; readonly sha512?: string } = {}) => ({ purl: npmPurl(name, "1.0.0"), code, owner: "a", reason: "b", until: "", untilSeconds: 20, ...more })
  const exceptions = [
    exception("a", "NOT_VOUCHED"), exception("b", "NOT_VOUCHED", { untilSeconds: 10 }), exception("c", "TOO_YOUNG"), exception("e", "UNREACHABLE"),
    exception("f", "NOT_VOUCHED", { sha512: sha512(1) }), exception("g", "NOT_VOUCHED", { sha512: sha512(2) }),
  ]
  const requests = ["a", "b", "c", "d", "e", "f", "g"].map((name) => ({ purl: npmPurl(name, "1.0.0"), registry: REGISTRY, sha512: sha512(1) }))
  expect(exceptedAmong(requests.map(({ purl }) => purl), requests, { exceptions }, 10)).toEqual(["a", "e", "f"].map((name) => npmPurl(name, "1.0.0")))
})

describe("what the lock has no line for", () => {
  const claim = { operator: "a", origin: "a", index: 0, predicateType: "", checkpointTime: 1, bundled: [] }
  const allowed = (name: string, claims = [claim]): Verdict => ({ ok: true, purl: npmPurl(name, "1.0.0"), registry: REGISTRY, sha512: sha512(1), claims, findings: [], labels: [] })
  const result = (verdicts: readonly Verdict[], missing: readonly string[], known: readonly ArtifactFacts[] = []): CheckResult => ({
    verdicts, misbehavior: [], failures: [], notes: [], evidence: [], stats: { fromCache: 0, fromDaemon: 0, fromNodes: 0, nodesReached: 0, nodesTotal: 0 },
    lock: { facts: new Map(known.map((one) => [`${one.registry}\n${one.purl}`, one])), missing: missing.map((name) => ({ purl: npmPurl(name, "1.0.0"), registry: REGISTRY })), problems: [] },
  })
  const codes = ({ verdicts }: CheckResult): string[] => verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))

  test("is refused whoever vouches for it", () => {
    const checked = requireLines(result([allowed("a"), allowed("b")], ["b"]), { preset: "recommended" })
    expect(codes(checked)).toEqual(["allowed", "LOCK_STALE"])
    expect(checked.verdicts[1]?.findings).toEqual([expect.objectContaining({ message: "vouchsafe.lock has no line about it", hint: expect.stringContaining("vouchsafe lock") })])
  })

  test("but warned about in observe, and passed where an exception alone carries it", () => {
    expect(codes(requireLines(result([allowed("a")], ["a"]), { preset: "observe" }))).toEqual(["allowed"])
    expect(codes(requireLines(result([allowed("a", [])], ["a"]), { preset: "strict" }))).toEqual(["allowed"])
  })

  test("keeps the graver code of a refusal", () => {
    const withdrawn: Verdict = { ...allowed("a"), ok: false, code: "WITHDRAWN", findings: [{ code: "WITHDRAWN", severity: "deny", saidBy: [], message: "x" }] }
    const pending: Verdict = { ...allowed("b"), ok: false, code: "PENDING", findings: [{ code: "PENDING", severity: "deny", saidBy: [], message: "x" }] }
    expect(codes(requireLines(result([withdrawn, pending], ["a", "b"]), { preset: "recommended" }))).toEqual(["WITHDRAWN", "LOCK_STALE"])
  })

  test("names both digests where the line has other bytes", () => {
    const [verdict] = requireLines(result([allowed("a")], ["a"], [facts("a", "1.0.0", { sha512: sha512(7) })]), { preset: "recommended" }).verdicts
    expect(verdict?.findings[0]).toMatchObject({ code: "LOCK_STALE", expected: `sha512 ${sha512(7)}`, found: `sha512 ${sha512(1)}` })
  })

  test("is nobody's business without a lock", () => {
    const { lock: _, ...bare } = result([allowed("a")], [])
    expect(requireLines(bare, { preset: "recommended" })).toBe(bare)
  })
})
