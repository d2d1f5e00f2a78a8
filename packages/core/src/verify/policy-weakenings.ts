/**
 * In what a changed policy refuses less than the one before (THREATS A5; packages/spec/policy.md, "Weakenings").
 *
 * Careful rather than clever: a change that could let something through is named, also where it happens not to.
 *
 * @packageDocumentation
 */
import { shown } from "../errors.ts"
import { durationText } from "./duration.ts"
import { type Exception, type Policy, REBUILDERS_DEFAULT } from "./policy.ts"
import { presetRank } from "./policy-floor.ts"
import { RULE_CODES } from "./policy-rules.ts"
import type { Override } from "./policy-scopes.ts"
import { severityOf, stricterSeverity } from "./rules/ruleset.ts"
import type { Finding } from "./verdict.ts"

/** One thing that is weaker: what, as it was, as it is now. */
type Weakening = readonly [what: string, was: string, is: string]

/** Compares `head` with `base`, of which it is a change. Empty when nothing is weaker. */
export function policyWeakenings(base: Policy, head: Policy): Finding[] {
  return [...numbers(base, head), ...trust(base, head), ...rules(base, head), ...exceptions(base, head), ...named(base, head), ...overrides(base, head)].map(([what, was, is]): Finding => ({
    code: "POLICY_WEAKENED", severity: "deny", saidBy: [], message: `vouchsafe.json is weaker than before the change: ${what}`, expected: was, found: is,
    hint: "take the change back, or have it reviewed and merged on its own first: `vouchsafe check --base REF` compares with REF",
  }))
}

function numbers(base: Policy, head: Policy): Weakening[] {
  const least = (what: string, was: number, is: number, text: (value: number) => string): Weakening[] => (is < was ? [[what, text(was), text(is)]] : [])
  const most = (what: string, was: number, is: number): Weakening[] => (is > was ? [[what, durationText(was), durationText(is)]] : [])
  const count = (value: number): string => (value === 0 ? "the roster's own" : `${value}`)
  return [
    ...(presetRank(head.preset) < presetRank(base.preset) ? [["preset", base.preset, head.preset] as const] : []),
    ...least("threshold", base.threshold ?? 0, head.threshold ?? 0, count), ...least("rebuilders", base.rebuilders ?? REBUILDERS_DEFAULT, head.rebuilders ?? REBUILDERS_DEFAULT, String),
    ...least("minimumAge", base.minimumAgeSeconds, head.minimumAgeSeconds, durationText), ...least("settleAge", base.settleAgeSeconds, head.settleAgeSeconds, durationText),
    ...most("maxNoticeAge", base.maxNoticeAgeSeconds, head.maxNoticeAgeSeconds), ...most("maxLockAge", base.maxLockAgeSeconds, head.maxLockAgeSeconds),
  ]
}

/** Who is trusted at all. Sources of a governed roster may change: its genesis is what binds them. */
function trust(base: Policy, head: Policy): Weakening[] {
  const genesis = ({ governance }: Policy): string => governance?.genesis ?? "none"
  return [
    ...(genesis(base) === genesis(head) ? [] : [["genesis", genesis(base), genesis(head)] as const]),
    ...(base.roster === head.roster ? [] : [["roster", shown(base.roster), shown(head.roster)] as const]),
  ]
}

function rules(base: Policy, head: Policy): Weakening[] {
  return RULE_CODES.flatMap((code): Weakening[] => {
    const [was, is] = [severityOf({ severities: base.rules }, code), severityOf({ severities: head.rules }, code)]
    return stricterSeverity(was, is) === is ? [] : [[`rules.${code}`, was, is]]
  })
}

function exceptions(base: Policy, head: Policy): Weakening[] {
  const text = ({ purl, code, until }: Exception): string => `${purl} ${code} until ${until}`
  return head.exceptions.flatMap((exception): Weakening[] => {
    const same = base.exceptions.filter(({ purl, code, sha512 }) => purl === exception.purl && code === exception.code && (sha512 === undefined || sha512 === exception.sha512))
    if (same.some(({ untilSeconds }) => untilSeconds >= exception.untilSeconds)) return []
    const [longest] = [...same].sort((a, b) => b.untilSeconds - a.untilSeconds)
    return [[longest === undefined ? "an exception was added" : "an exception was extended", longest === undefined ? "none" : text(longest), text(exception)]]
  })
}

/** Levels all apply; of the other lists the first entry that matches decides, so what was there must still come first, unchanged. */
function named(base: Policy, head: Policy): Weakening[] {
  const has = new Set(head.levels.map(spelt))
  const first = (what: "publishers" | "signers" | "registries"): Weakening[] =>
    base[what].flatMap((entry, i): Weakening[] => (spelt(head[what][i]) === spelt(entry) ? [] : [[`${what}[${i}] was changed, moved or removed`, names(entry), head[what][i] === undefined ? "none" : names(head[what][i])]]))
  return [
    ...base.levels.flatMap((level): Weakening[] => (has.has(spelt(level)) ? [] : [["an entry of levels was changed or removed", `${names(level)} ${level.level}`, "none like it"]])),
    ...first("publishers"), ...first("signers"), ...first("registries"),
    ...base.lists.flatMap((list): Weakening[] => {
      const now = head.lists.find(({ name }) => name === list.name)
      if (now?.source === list.source && now.maxAgeSeconds <= list.maxAgeSeconds) return []
      return [[`the list ${list.name} was ${now === undefined ? "removed" : "changed"}`, `${shown(list.source)}, ${durationText(list.maxAgeSeconds)}`, now === undefined ? "none" : `${shown(now.source)}, ${durationText(now.maxAgeSeconds)}`]]
    }),
  ]
}

/** Later overrides win, so those of before must stand in their order; new ones may only ask for more. */
function overrides(base: Policy, head: Policy): Weakening[] {
  const was = base.overrides.map(spelt)
  const kept: string[] = []
  const weaker: Weakening[] = []
  for (const [i, override] of head.overrides.entries()) {
    const text = spelt(override)
    if (text === was[kept.length]) kept.push(text)
    else if (!isHarmless(override, base)) weaker.push([`overrides[${i}] is new, changed or moved`, "none that asks for less", describe(override)])
  }
  return kept.length === was.length ? weaker : [...weaker, [`overrides[${kept.length}] was changed, moved or removed`, describe(base.overrides[kept.length] as Override), "none like it in its place"]]
}

/** It raises what it names to the most that any part of the base asks for. */
function isHarmless({ rules: set, minimumAgeSeconds, settleAgeSeconds }: Override, base: Policy): boolean {
  const most = (of: (override: Override) => number | undefined, own: number): number => Math.max(own, ...base.overrides.map((override) => of(override) ?? 0))
  return [...set.values()].every((severity) => severity === "deny") &&
    (minimumAgeSeconds === undefined || minimumAgeSeconds >= most((override) => override.minimumAgeSeconds, base.minimumAgeSeconds)) &&
    (settleAgeSeconds === undefined || settleAgeSeconds >= most((override) => override.settleAgeSeconds, base.settleAgeSeconds))
}

function describe({ match, rules: set, minimumAgeSeconds, settleAgeSeconds }: Override): string {
  const parts = [...[...set].map(([code, severity]) => `${code} ${severity}`), ...(minimumAgeSeconds === undefined ? [] : [`minimumAge ${durationText(minimumAgeSeconds)}`]), ...(settleAgeSeconds === undefined ? [] : [`settleAge ${durationText(settleAgeSeconds)}`])]
  return `${match === undefined ? "all names" : match.map(shown).join(", ")}: ${parts.join(", ")}`
}

function names({ match }: { readonly match: readonly string[] }): string {
  return match.map(shown).join(", ")
}

/** One text for equal values, also of keys, maps and times without end. */
function spelt(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Map) return [...part].sort()
    if (typeof part === "object" && part !== null && "vkey" in part) return part.vkey
    return part === Number.POSITIVE_INFINITY ? "Infinity" : part
  }) ?? "none"
}
