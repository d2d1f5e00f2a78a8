import type { Audit, AuditedPackage, Comparison, Link } from "@vouchsafe/audit"
import type { CheckResult } from "@vouchsafe/client"
import type { LockfileFinding } from "@vouchsafe/client/lockfile"
import type { Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { type AuditReport, documentOf, exitOf, formatAudit } from "../../src/audit/report.ts"

const PURL = "pkg:npm/x@1.0.0"
const common = { purl: PURL, registry: "https://registry.example/", sha512: "ab".repeat(64), claims: [], labels: [] }
const ALLOWED: Verdict = { ...common, ok: true, findings: [] }
const refused = (code: "WITHDRAWN" | "CLOCK_BEHIND"): Verdict => ({ ...common, ok: false, code, findings: [{ code, severity: "deny", saidBy: ["beta"], message: "no" }] })
const EQUAL: Comparison = { equality: "equal", known: [] }
const differs = (part: Partial<NonNullable<Comparison["differences"]>>): Comparison => ({ equality: "differs", known: [], differences: { changed: [], added: [], missing: [], mode: [], ...part } })
const one = (more: Partial<AuditedPackage> = {}): AuditedPackage => ({
  place: { path: "node_modules/x", layout: "hoisted", alias: "x" }, contents: { name: "x", version: "1.0.0", files: [], summary: { count: 0 }, specials: [] }, name: "x", version: "1.0.0", purl: PURL, isExtraneous: false, isYarn: false,
  verdict: ALLOWED, comparison: EQUAL, ...more,
})
const local = (): AuditedPackage => {
  const { purl: _, verdict: __, ...rest } = one({ comparison: { equality: "unknown", known: [] }, entry: { name: "x", version: "1.0.0", kind: "git", where: "node_modules/x", dev: false, optional: false } })
  return rest
}
const unowned = (): AuditedPackage => {
  const { purl: _, verdict: __, ...rest } = one({ comparison: { equality: "unknown", known: [] } })
  return rest
}
interface Parts {
  readonly packages?: readonly AuditedPackage[]
  readonly links?: readonly Link[]
  readonly strays?: readonly string[]
  readonly misplaced?: Audit["misplaced"]
  readonly findings?: readonly LockfileFinding[]
  readonly lied?: boolean
}
const report = ({ packages = [one()], links = [], strays = [], misplaced = [], findings = [], lied = false }: Parts): AuditReport => {
  const result = { misbehavior: lied ? [{ isNew: true, operator: "alpha", origin: "alpha", document: "" }] : [] } as unknown as CheckResult
  const audit: Audit = { discovery: { places: [], links, strays, others: [], projects: [""] }, lockfiles: [], patches: [], packages, misplaced, results: [result] }
  return { root: "/project", audit, findings }
}
const finding = (severity: "deny" | "warn"): LockfileFinding => ({ code: "EXOTIC_SOURCE", severity, message: "git", saidBy: [], where: "x", name: "x", version: "", optional: false })
const link = (leads: Link["leads"]): Link => ({ path: "node_modules/l", target: "../l", leads })

describe("exit status", () => {
  test.each([
    { name: "all as attested", parts: {}, is: 0 },
    { name: "nothing installed", parts: { packages: [] }, is: 0 },
    { name: "a link that leads to another package", parts: { misplaced: [{ path: "node_modules/a", target: "node_modules/.pnpm/b@1.0.0/node_modules/b", is: "b@1.0.0", expected: ["a@1.0.0"] }] }, is: 1 },
    { name: "explained", parts: { packages: [one({ comparison: { equality: "explained", known: [{ path: "a", reason: "patch", by: "p" }] } })] }, is: 0 },
    { name: "a workspace's link, and one into nowhere", parts: { links: [link("workspace"), link("nowhere"), link("package")] }, is: 0 },
    { name: "from git, as the lockfile says", parts: { packages: [local()] }, is: 0 },
    { name: "a warning about a lockfile", parts: { findings: [finding("warn")] }, is: 0 },
    { name: "part of another package", parts: { packages: [one(), one({ within: "node_modules/y", comparison: { equality: "unknown", known: [] } })] }, is: 0 },
    { name: "other files", parts: { packages: [one({ comparison: differs({ changed: ["a"] }) })] }, is: 1 },
    { name: "other files that nobody can name", parts: { packages: [one({ comparison: { equality: "differs", known: [] } })] }, is: 1 },
    { name: "refused", parts: { packages: [one({ verdict: refused("WITHDRAWN") })] }, is: 1 },
    { name: "not what the lockfile has there", parts: { packages: [one({ problem: "is y@1.0.0" })] }, is: 1 },
    { name: "no release, and no lockfile knows it", parts: { packages: [unowned()] }, is: 1 },
    { name: "a stray", parts: { strays: ["node_modules/evil.js"] }, is: 1 },
    { name: "a link that leads outside", parts: { links: [link("outside")] }, is: 1 },
    { name: "a finding about a lockfile", parts: { findings: [finding("deny")] }, is: 1 },
    { name: "nobody says what it should hold", parts: { packages: [one({ comparison: { equality: "unknown", known: [] } })] }, is: 3 },
    { name: "the clock alone", parts: { packages: [one({ verdict: refused("CLOCK_BEHIND"), comparison: { equality: "unknown", known: [] } })] }, is: 3 },
    { name: "the clock, and other files", parts: { packages: [one({ verdict: refused("CLOCK_BEHIND") }), one({ comparison: differs({ added: ["a"] }) })] }, is: 1 },
    { name: "a log lied", parts: { lied: true, packages: [one({ verdict: refused("WITHDRAWN") })] }, is: 4 },
  ])("$name: $is", ({ parts, is }) => {
    expect(exitOf(report(parts))).toBe(is)
    expect(documentOf(report(parts))).toMatchObject({ exit: is })
  })
})

test("what a person reads: each difference with its kind, names escaped, the sum last", () => {
  const lines = formatAudit(report({ packages: [one({ comparison: differs({ changed: ["in\u001b[2Jdex.js"], added: ["x.js"], missing: ["gone.js"], mode: ["run.js"] }) }), one()], strays: ["node_modules/e\u001bvil.js"], misplaced: [{ path: "node_modules/a\u001b", target: "b", is: "b@1.0.0\u001b", expected: ["a@1.0.0"] }, { path: "node_modules/c", target: "b", is: "b@1.0.0", expected: [] }] }))
  expect(lines.join("\n")).not.toContain("\u001b")
  for (const text of ["x@1.0.0 in \"node_modules/x\"", "added  x.js", "missing  gone.js", "made executable  run.js", "belongs to no package", "where the lockfile has a@1.0.0", "\"node_modules/c\" leads to b@1.0.0, where the lockfile has nothing of that name"]) expect(lines.join("\n")).toContain(text)
  expect(lines.at(-1)).toBe("2 packages, 0 files: 1 as attested, 1 with other files, 0 refused")
})

test("what is refused lies there: nothing says that it was not installed", () => {
  const text = formatAudit(report({ packages: [one({ verdict: refused("WITHDRAWN") })] })).join("\n")
  expect(text).toContain("vouchsafe refused 1 of 1 package\n")
  expect(text).not.toContain("was installed")
})

test("long lists are counted", () => {
  const lines = formatAudit(report({ packages: Array.from({ length: 25 }, () => one({ comparison: differs({ added: Array.from({ length: 20 }, (_, i) => `f${i}`) }) })) }))
  expect(lines.filter((line) => line.includes("and 12 more added"))).toHaveLength(20)
  expect(lines).toContain("  and 5 more packages whose files differ")
})
