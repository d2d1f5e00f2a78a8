import { displayName, formatRefusal, formatWarnings, isVouchsafeError, type Refused, shellWord, type Verdict, VERDICT_CODES, type VerdictCode } from "@vouchsafe/core"

/** What a hook does: go on, or throw an error with this code, text and hint. */
export type Answer =
  | { readonly ok: true }
  | { readonly ok: false, readonly code: string, readonly text: string, readonly hint: string }

const HINT_BROKEN = "run `npx vouchsafe doctor`; nothing was installed"
/** Errors of the project's own files, which go by one name. */
const CONFIG_ERRORS: readonly string[] = ["CONFIG_MALFORMED", "ROSTER_MALFORMED", "POLICY_TEXT_MALFORMED", "VKEY_MALFORMED"]

/** What a person can do about a version that the lockfile holds, since every other command is refused with it. */
const WAY_OUT = "  to leave a refused version: `pnpm update NAME@VERSION --lockfile-only --config.ignore-pnpmfile=true` (or `pnpm remove NAME` with the same two flags), then `pnpm install`"

/**
 * pnpm 12 shows the text and nothing else, so the code, that of the gravest refusal, comes first in it.
 *
 * @param from - whether the versions stand in the lockfile already
 */
export function answerOf(verdicts: readonly Verdict[], from: "lockfile" | "registry"): Answer {
  const [refused] = verdicts.filter((verdict): verdict is Refused => !verdict.ok).sort((a, b) => VERDICT_CODES.indexOf(a.code) - VERDICT_CODES.indexOf(b.code))
  if (refused === undefined) return { ok: true }
  const text = formatRefusal(verdicts)
  return refuse(refused.code, from === "lockfile" ? `${text}\n\n${WAY_OUT}` : text, `run \`npx vouchsafe explain ${shellWord(displayName(refused.purl))}\` for everything the network knows`)
}

/** A guard that cannot decide refuses. */
export function answerOfError(error: unknown): Answer {
  if (!isVouchsafeError(error)) return refuse("CONFIG_INVALID", `vouchsafe could not decide: ${error instanceof Error ? error.message : String(error)}`, HINT_BROKEN)
  const hint = error.hint ?? HINT_BROKEN
  const code: VerdictCode | typeof error.code = CONFIG_ERRORS.includes(error.code) ? "CONFIG_INVALID" : error.code
  return refuse(code, `vouchsafe could not decide: ${error.message}\n  next  ${hint}`, hint)
}

function refuse(code: string, text: string, hint: string): Answer {
  return { ok: false, code, text: `${code}: ${text}`, hint }
}

/** Prints each warning once; standard error passes through in all versions of pnpm. */
export function warner(write: (text: string) => void): (verdicts: readonly Verdict[]) => void {
  const seen = new Set<string>()
  return (verdicts) => {
    for (const line of formatWarnings(verdicts.filter((verdict) => verdict.ok)).split("\n")) {
      if (line === "" || seen.has(line)) continue
      seen.add(line)
      write(`vouchsafe:${line}\n`)
    }
  }
}
