import { npmNameOf } from "../purl.ts"
import { isVouchsafeError } from "../errors.ts"
import { escapeForDisplay } from "./shape.ts"
import type { Finding, Verdict } from "./verdict.ts"

/** Refusals that one text lists before it only counts the rest. */
export const REFUSALS_SHOWN_MAX = 10
/** Longest one-line reason, for HTTP reason phrases and URLs. */
export const SHORT_REASON_LENGTH_MAX = 120

/** `name@version` of an artifact, for people. */
export function displayName(purl: string): string {
  try {
    const { name, version } = npmNameOf(purl)
    return escapeForDisplay(`${name}@${version}`)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return escapeForDisplay(purl)
  }
}

/** Text that no shell takes for more than a word. */
const PLAIN_WORD = /^[\w@%+=:,./-][\w@%+=:,./~^-]*$/

/**
 * `name@version`, or a path, as one word of a command line that a person pastes into a shell. Names come from lockfiles and registries, that is from
 * strangers, and one such as `x$(id)` must not be run by whoever follows a refusal's advice.
 */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`
}

/**
 * The refusals among `verdicts` as a text for a person: what, why, who says so, what to do. Empty when there is none.
 * @param options - `installs`: whether an install was stopped, which is said then; an audit, say, is about what lies there already
 */
export function formatRefusal(verdicts: readonly Verdict[], options: { readonly max?: number, readonly installs?: boolean } = {}): string {
  const refused = verdicts.filter((verdict) => !verdict.ok)
  if (refused.length === 0) return ""
  const max = options.max ?? REFUSALS_SHOWN_MAX
  const effect = options.installs === false ? "" : `; nothing of ${refused.length === 1 ? "it" : "them"} was installed`
  const lines = [`vouchsafe refused ${refused.length} of ${verdicts.length} ${verdicts.length === 1 ? "package" : "packages"}${effect}`]
  for (const verdict of refused.slice(0, max)) {
    lines.push("", `  ${displayName(verdict.purl)}`)
    const denies = verdict.findings.filter((finding) => finding.severity === "deny")
    for (const finding of [...denies].sort((a, b) => Number(b.code === verdict.code) - Number(a.code === verdict.code))) lines.push(...formatFinding(finding))
  }
  if (refused.length > max) lines.push("", `  and ${refused.length - max} more; \`vouchsafe check\` lists all`)
  const warnings = formatWarnings(refused)
  if (warnings !== "") lines.push("", warnings)
  return lines.join("\n")
}

/** Warnings of all verdicts, each once: what did not stop anything but somebody should know. Empty when there is none. */
export function formatWarnings(verdicts: readonly Verdict[]): string {
  const seen = new Map<string, { readonly finding: Finding; readonly names: string[] }>()
  for (const verdict of verdicts) {
    for (const finding of verdict.findings) {
      if (finding.severity !== "warn") continue
      const key = `${finding.code}\n${finding.saidBy.join(",")}\n${finding.message}`
      const known = seen.get(key) ?? { finding, names: [] }
      seen.set(key, known)
      known.names.push(displayName(verdict.purl))
    }
  }
  return [...seen.values()].map(({ finding, names }) => {
    const about = names.length === verdicts.length && verdicts.length > 1 ? "" : ` (${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""})`
    return `  warning ${finding.code}: ${escapeForDisplay(finding.message)}${about}`
  }).join("\n")
}

/** One finding as every host prints it: what, expected and found, what to do. */
export function formatFinding(finding: Finding): string[] {
  const lines = [`    ${finding.code}: ${escapeForDisplay(finding.message)}`]
  if (finding.expected !== undefined) lines.push(`      expected  ${escapeForDisplay(finding.expected)}`)
  if (finding.found !== undefined && finding.found !== "") lines.push(`      found     ${escapeForDisplay(finding.found)}`)
  if (finding.hint !== undefined) lines.push(`      next      ${escapeForDisplay(finding.hint)}`)
  return lines
}

/** One ASCII line that starts with the code, safe in an HTTP reason phrase. Empty for an allowed package. */
export function shortReason(verdict: Verdict): string {
  if (verdict.ok) return ""
  const finding = verdict.findings.find((candidate) => candidate.severity === "deny" && candidate.code === verdict.code)
  const text = `${verdict.code}: ${displayName(verdict.purl)}: ${escapeForDisplay(finding?.message ?? "refused")}`.replace(/[^\x20-\x7e]/g, "?")
  return text.length > SHORT_REASON_LENGTH_MAX ? `${text.slice(0, SHORT_REASON_LENGTH_MAX - 3)}...` : text
}
