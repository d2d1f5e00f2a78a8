/**
 * One screen about one package version: the verdict and the rule that decided, who says so and where, what changed, what to do.
 *
 * @packageDocumentation
 */
import { displayName, escapeForDisplay, type Finding, formatFinding, NEVER_EXCEPTED, shellWord, type Verdict } from "@vouchsafe/core"
import { table } from "../output.ts"
import type { SaidNotice } from "./notices.ts"
import type { Said } from "./said.ts"
import type { Since } from "./since.ts"

/** Columns of a screen, and its lines for an ordinary package. */
export const SCREEN_COLUMNS = 80
export const SCREEN_LINES = 24
const WRAPPED_LINES_MAX = 3
/** Lines of each part that may be long, from a roomy screen to one that is full. */
const PART_LINES = [4, 3, 2, 1]

export interface Explained {
  readonly verdict: Verdict
  readonly said: Said
  readonly since: Since | undefined
  readonly notices: readonly SaidNotice[]
}

/** The screen. `threshold`: operators that had to vouch. Where much is known each part shows fewer lines, and says how many it leaves out. */
export function screenOf(explained: Explained, threshold: number): string[] {
  const [roomy = [], ...smaller] = PART_LINES.map((most) => render(explained, threshold, most))
  return [roomy, ...smaller].find(({ length }) => length <= SCREEN_LINES) ?? smaller.at(-1) ?? roomy
}

function render({ verdict, said, since, notices }: Explained, threshold: number, most: number): string[] {
  return [
    ...wrap(`${displayName(verdict.purl)} ${headline(verdict)}`), clip(`from ${verdict.registry}, sha512 ${(verdict.sha512 ?? "(none)").slice(0, 24)}…`),
    ...decided(verdict, threshold, most), ...noticeLines(notices, most), "", ...claims(verdict, said, most), ...origin(verdict), ...changes(since, most), "", ...wrap(`next: ${nextStep(verdict)}`, "      "), ...allowLines(verdict),
  ]
}

function headline({ ok, labels, level, ...verdict }: Verdict): string {
  const marks = [...(level === undefined ? [] : [`level ${level}`]), ...labels]
  return `${ok ? "is allowed" : `is refused: ${"code" in verdict ? verdict.code : ""}`}${marks.length === 0 ? "" : ` (${marks.join(", ")})`}`
}

/** The rule that decided, in the words that every package manager prints; the others by their first line. */
function decided(verdict: Verdict, threshold: number, most: number): string[] {
  const denies = verdict.findings.filter(({ severity }) => severity === "deny")
  const deciding = verdict.ok ? undefined : denies.find(({ code }) => code === verdict.code)
  const others = (verdict.ok ? verdict.findings : [...denies, ...verdict.findings.filter(({ severity }) => severity === "warn")]).filter((finding) => finding !== deciding)
  const first = deciding === undefined ? [`  ${new Set(verdict.claims.map(({ operator }) => operator)).size} operators vouch for these bytes, ${threshold} needed`] : formatFinding(withoutHint(deciding)).flatMap((line) => wrap(line.slice(2), "    "))
  return [
    ...first, ...others.slice(0, most).map((finding) => clip(`  ${finding.severity === "warn" ? "warning " : ""}${finding.code}: ${escapeForDisplay(finding.message)}`)),
    ...left(others.length - most, "finding", "  "),
  ]
}

/** What to do stands at the end of the screen. */
function withoutHint({ hint: _, ...finding }: Finding): Finding {
  return finding
}

function noticeLines(notices: readonly SaidNotice[], most: number): string[] {
  return notices.slice(-most).map(({ operator, index, notice, time, reason, reversed }) => clip(escapeForDisplay(
    `  ${notice} by ${operator}, ${dayOf(time)}, entry ${index}${reversed === null ? "" : ` (reversed ${dayOf(reversed.time)}, entry ${reversed.index})`}: ${reason}`)))
}

function claims(verdict: Verdict, { observations, rebuilds, releases }: Said, most: number): string[] {
  const rows = [
    ...observations.map(({ operator, index, counts, observation }) => [operator, `observed ${dayOf(observation.observedAt)}`, `entry ${index}`, counts ? "counts" : "does not count"]),
    ...rebuilds.filter(({ standing }) => standing !== "superseded").map(({ operator, index, rebuild, standing }) => [operator, rebuild.match === "none" ? "rebuilt: other files" : `rebuilt: same ${rebuild.match}`, `entry ${index}`, standing === "agrees" ? "agrees" : "stands apart"]),
    ...releases.map(({ operator, index, counts, foreign }) => [operator, `released with ${foreign.envelope.signatures[0]?.keyId ?? "a key"}`, `entry ${index}`, counts ? "counts" : "does not count"]),
  ].map((row) => row.map(escapeForDisplay))
  // What counts comes first: it is what the verdict rests on. A lock's word has no statement at hand.
  const locked = verdict.claims.filter(({ origin, index }) => !observations.some((said) => said.origin === origin && said.index === index)).map(({ operator, index, checkpointTime }) => [escapeForDisplay(operator), `vouched in the lock ${dayOf(checkpointTime)}`, `entry ${index}`, "counts"])
  const all = [...locked, ...rows].sort((a, b) => Number(b[3] === "counts") - Number(a[3] === "counts"))
  if (all.length === 0) return ["nobody has a statement about it"]
  return [...table(all.slice(0, most)).map(clip), ...left(all.length - most, "statement")]
}

function origin({ provenance }: Verdict): string[] {
  if (provenance === undefined) return ["provenance: none verified"]
  return [clip(escapeForDisplay(`provenance: ${provenance.repository} @${provenance.commit.slice(0, 12)} by ${[...provenance.saidBy].sort().join(", ")}`))]
}

function changes(since: Since | undefined, most: number): string[] {
  if (since === undefined) return ["no earlier version to compare with"]
  const what = `since ${escapeForDisplay(since.version)}, ${since.source === "lock" ? "which you have" : "the version before"}:`
  if (since.changes.length === 0) return [`${what} nothing of note changed`]
  return [what, ...since.changes.slice(0, most).map((change) => clip(`  ${escapeForDisplay(change)}`)), ...left(since.changes.length - most, "change", "  ")]
}

/** What to do about the rule that decided; `explain` does not send anybody to itself. */
function nextStep(verdict: Verdict): string {
  if (verdict.ok) return "nothing; it may be installed"
  const finding = verdict.findings.find(({ code, severity }) => code === verdict.code && severity === "deny")
  const hint = (finding?.hint ?? "").split("; ").filter((part) => !part.includes("vouchsafe explain") && !part.includes("vouchsafe allow")).join("; ")
  return escapeForDisplay(hint) || "ask the operators"
}

/** The command that records an exception, as it can be pasted. */
function allowLines(verdict: Verdict): string[] {
  if (verdict.ok || NEVER_EXCEPTED.includes(verdict.code)) return []
  return ["      or, to install it all the same:", `  npx vouchsafe allow ${shellWord(displayName(verdict.purl))} --code ${verdict.code} \\`, "    --owner YOU --reason WHY --until DAY"]
}

function left(count: number, what: string, indent = ""): string[] {
  return count <= 0 ? [] : [`${indent}and ${count} more ${what}${count === 1 ? "" : "s"} (--json)`]
}

function clip(line: string): string {
  return line.length > SCREEN_COLUMNS ? `${line.slice(0, SCREEN_COLUMNS - 1)}…` : line
}

/** Lines of a text, at its spaces; what does not fit in a few of them is left to `--all`. */
function wrap(text: string, indent = "  "): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > SCREEN_COLUMNS && lines.length < WRAPPED_LINES_MAX - 1) {
    const space = rest.lastIndexOf(" ", SCREEN_COLUMNS)
    const at = space > indent.length + 8 ? space : SCREEN_COLUMNS
    lines.push(rest.slice(0, at))
    rest = indent + rest.slice(at).trimStart()
  }
  return [...lines, clip(rest)]
}

function dayOf(seconds: number): string {
  const date = new Date(seconds * 1_000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 10)
}
