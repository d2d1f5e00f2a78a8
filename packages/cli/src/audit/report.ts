/**
 * What an audit comes to: exit status, document and text.
 *
 * @packageDocumentation
 */
import type { Audit, AuditedPackage, Differences, Known } from "@vouchsafe/audit"
import type { LockfileFinding } from "@vouchsafe/client/lockfile"
import { escapeForDisplay, formatRefusal, formatWarnings, shown, type Verdict } from "@vouchsafe/core"
import { EXIT } from "../io.ts"

/** An audit with what the project's policy says of the lockfiles. */
export interface AuditReport {
  readonly root: string
  readonly audit: Audit
  /** With the policy's severity. */
  readonly findings: readonly LockfileFinding[]
}

/** Paths named for one package before the rest is only counted. */
const PATHS_SHOWN_MAX = 8
const PACKAGES_SHOWN_MAX = 20

const WORDS: Readonly<Record<keyof Differences, string>> = { changed: "changed", added: "added", missing: "missing", mode: "made executable" }
const REASONS: Readonly<Record<Known["reason"], (by: string | undefined) => string>> = {
  patch: (by) => `as ${by ?? "a patch"} makes it`, script: () => "made by the package's install script", copy: (by) => `copied from ${by ?? "another package"} by the package's install script`,
  renamed: () => "renamed by npm from .gitignore", bundled: () => "bundled, and left out by Yarn", yarn: () => "patched by Yarn itself, not compared", mode: () => "not executable here",
}

type Sort = "refused" | "differs" | "unknown" | "explained" | "clean" | "local" | "within"

/** How a package comes out, worst first. */
export function sortOf({ verdict, comparison, problem, purl, within, entry }: AuditedPackage): Sort {
  if (within !== undefined) return "within"
  if (verdict?.ok === false) return "refused"
  if (problem !== undefined || comparison.equality === "differs") return "differs"
  if (purl === undefined) return entry === undefined ? "differs" : "local"
  return comparison.equality === "equal" ? "clean" : comparison.equality
}

/** 0 as attested, 1 refused or other files, 3 what could not be compared, 4 a log lied. */
export function exitOf({ audit, findings }: AuditReport): number {
  if (audit.results.some(({ misbehavior }) => misbehavior.some(({ isNew }) => isNew))) return EXIT.misbehavior
  const sorts = new Set(audit.packages.map(sortOf))
  const isWrong = sorts.has("differs") || audit.discovery.strays.length > 0 || audit.misplaced.length > 0 || outside(audit).length > 0 || findings.some(({ severity }) => severity === "deny")
  if (isWrong) return EXIT.refused
  if (sorts.has("refused")) return audit.packages.every(({ verdict }) => isOnlyClock(verdict)) ? EXIT.world : EXIT.refused
  return sorts.has("unknown") ? EXIT.world : EXIT.done
}

function isOnlyClock(verdict: Verdict | undefined): boolean {
  return verdict === undefined || verdict.ok || verdict.code === "CLOCK_BEHIND"
}

function outside({ discovery }: Audit): readonly Audit["discovery"]["links"][number][] {
  return discovery.links.filter(({ leads }) => leads === "outside")
}

/** The document that `--json` prints (packages/spec/audit.md). */
export function documentOf(report: AuditReport): object {
  const { root, audit, findings } = report
  const { discovery } = audit
  return {
    root, exit: exitOf(report), summary: summaryOf(audit), lockfiles: audit.lockfiles.map(({ path, lockfile: { format, version } }) => ({ path, format, version })),
    packages: audit.packages.map((one) => ({
      path: one.place.path, name: one.name, version: one.version, purl: one.purl ?? null, result: sortOf(one), files: one.comparison.equality,
      verdict: one.verdict === undefined ? null : one.verdict.ok ? "allowed" : one.verdict.code, ...(one.verdict === undefined || one.verdict.findings.length === 0 ? {} : { findings: one.verdict.findings }),
      ...(one.within === undefined ? {} : { within: one.within }), ...(one.problem === undefined ? {} : { problem: one.problem }), ...(one.isExtraneous ? { extraneous: true } : {}),
      ...(one.entry === undefined || one.purl !== undefined ? {} : { source: one.entry.kind }), ...one.comparison.differences ?? {}, ...(one.comparison.known.length === 0 ? {} : { known: one.comparison.known }),
    })),
    links: discovery.links, strays: discovery.strays, misplaced: audit.misplaced, others: discovery.others, patches: audit.patches.map(({ path }) => path), findings,
    misbehavior: audit.results.flatMap(({ misbehavior }) => misbehavior.map(({ operator, origin, path }) => ({ operator, origin, proof: path ?? null }))),
  }
}

function summaryOf(audit: Audit): Readonly<Record<string, number>> {
  const count = (sort: Sort): number => audit.packages.filter((one) => sortOf(one) === sort).length
  const files = audit.packages.reduce((sum, { contents }) => sum + contents.summary.count, 0)
  return {
    packages: audit.packages.length, files, clean: count("clean"), explained: count("explained"), differs: count("differs"), refused: count("refused"), unknown: count("unknown"), local: count("local"), bundled: count("within"),
    workspaces: audit.discovery.links.filter(({ leads }) => leads === "workspace").length, outside: outside(audit).length, strays: audit.discovery.strays.length, misplaced: audit.misplaced.length,
  }
}

/** The report for a person; the last line is the sum. */
export function formatAudit(report: AuditReport): string[] {
  const { audit, findings } = report
  const off = audit.packages.filter((one) => sortOf(one) === "differs" || one.comparison.equality === "differs")
  const lines = off.slice(0, PACKAGES_SHOWN_MAX).flatMap(packageLines)
  if (off.length > PACKAGES_SHOWN_MAX) lines.push(`  and ${off.length - PACKAGES_SHOWN_MAX} more packages whose files differ`)
  for (const path of audit.discovery.strays) lines.push(`  ${shown(path)} belongs to no package, and programs can load it`)
  for (const { path, is, expected } of audit.misplaced) lines.push(`  ${shown(path)} leads to ${escapeForDisplay(is)}, where the lockfile has ${expected.length === 0 ? "nothing of that name" : escapeForDisplay(expected.join(" or "))}`)
  for (const { path, target } of outside(audit)) lines.push(`  ${shown(path)} leads out of the folder, to ${shown(target)}: not audited`)
  for (const finding of findings) lines.push(`  ${finding.severity === "warn" ? "warning " : ""}${finding.code}: ${escapeForDisplay(finding.message)}`)
  for (const one of audit.packages) if (sortOf(one) === "unknown") lines.push(`  ${at(one)}: nobody who counts says what it should hold`)
  for (const one of audit.packages) if (sortOf(one) !== "differs" && one.comparison.equality === "explained") lines.push(...knownLines(one))
  for (const one of audit.packages) if (one.isExtraneous && one.within === undefined) lines.push(`  note: ${at(one)} is in no lockfile`)
  for (const { path, target, leads } of audit.discovery.links) if (leads === "workspace") lines.push(`  note: ${shown(path)} is linked to ${shown(target)}, a folder of the project`)
  const verdicts = [...new Set(audit.packages.flatMap(({ verdict, within }) => (verdict === undefined || within !== undefined ? [] : [verdict])))]
  for (const text of [formatRefusal(verdicts, { installs: false }), formatWarnings(verdicts.filter(({ ok }) => ok))]) if (text !== "") lines.push(text)
  return [...lines, sum(audit)]
}

function at({ place, name, version }: AuditedPackage): string {
  return `${escapeForDisplay(`${name}@${version}`)} in ${shown(place.path)}`
}

function packageLines(one: AuditedPackage): string[] {
  const { comparison: { differences }, problem, purl } = one
  const lines = [`  ${at(one)}${problem === undefined ? "" : ` ${escapeForDisplay(problem)}`}${problem === undefined && purl === undefined ? " is no release of a registry, and no lockfile knows it" : ""}`]
  if (one.comparison.equality !== "differs") return lines
  if (differences === undefined) return [...lines, "    its files are not those that were attested; no node could say which (`vouchsafe status`)"]
  for (const [sort, paths] of Object.entries(differences) as [keyof Differences, readonly string[]][]) {
    for (const path of paths.slice(0, PATHS_SHOWN_MAX)) lines.push(`    ${WORDS[sort]}  ${escapeForDisplay(path)}`)
    if (paths.length > PATHS_SHOWN_MAX) lines.push(`    and ${paths.length - PATHS_SHOWN_MAX} more ${WORDS[sort]}`)
  }
  return [...lines, ...knownLines(one).slice(1), "    next  remove the folder and install again; if it comes back, `vouchsafe explain` says who vouches"]
}

function knownLines(one: AuditedPackage): string[] {
  const { known } = one.comparison
  const lines = known.slice(0, PATHS_SHOWN_MAX).map(({ path, reason, by }) => `    known  ${escapeForDisplay(path)}: ${escapeForDisplay(REASONS[reason](by))}`)
  return [`  note: ${at(one)} is as attested but for what is known`, ...lines, ...(known.length > PATHS_SHOWN_MAX ? [`    and ${known.length - PATHS_SHOWN_MAX} more that are known`] : [])]
}

function sum(audit: Audit): string {
  const { packages = 0, files = 0, clean = 0, explained = 0, differs = 0, refused = 0, unknown = 0, local = 0, bundled = 0 } = summaryOf(audit)
  const more = [[explained, "explained"], [bundled, "part of another"], [local, "of the project's own or from elsewhere"], [unknown, "that cannot be compared"]] as const
  return `${packages} packages, ${files} files: ${clean} as attested, ${differs} with other files, ${refused} refused${more.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`).join("")}`
}
