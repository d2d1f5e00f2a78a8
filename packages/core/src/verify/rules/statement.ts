/**
 * Rules that judge one attester's word, taken alone (DESIGN §3.3): a statement that fails a `deny` rule does not count.
 * One operator's word can so neither carry a package past a rule nor, against a quorum that says otherwise, refuse it.
 *
 * @packageDocumentation
 */
import { type Flag, type FlagWord, STANDING_SECONDS } from "../artifact-facts.ts"
import { durationText } from "../duration.ts"
import type { SeenArtifact } from "../log-view.ts"
import type { Demands } from "./context.ts"
import { pinObjection } from "./identity.ts"
import type { Objection, StatementRule } from "./objection.ts"

/** What statements about one request are judged against. */
export interface Standard {
  readonly demands: Demands
  /** Unix seconds that a quorum of witnesses signed. */
  readonly timeSeconds: number
  readonly isStrict: boolean
  /** A quorum rebuilt these bytes from their source. */
  readonly isRebuilt: boolean
  /** Tells whether a version of the same package was withdrawn. */
  readonly isWithdrawn: (version: string) => boolean
}

const NONE: readonly Objection[] = []
/** Rules about what is new, each with the flags that it reads. */
const NEWS: readonly (readonly [StatementRule, readonly FlagWord[]])[] = [
  ["PROVENANCE_LOST", ["provenance-lost"]], ["MAINTAINER_DOMAIN_LAPSED", ["domain"]], ["NEW_INSTALL_SCRIPT", ["script", "gyp"]], ["NEWBORN_DEPENDENCY", ["newborn"]],
  ["EXOTIC_SOURCE", ["exotic"]], ["SOURCE_NOT_FOUND", ["no-source"]], ["PUBLISH_BURST", ["burst"]], ["DORMANT_REVIVED", ["dormant"]],
]
/** A publisher who is new to a package is worth a refusal together with one of these. */
const COMPANY: readonly FlagWord[] = ["script", "gyp", "newborn", "exotic", "no-source", "dormant", "domain", "changed"]

/** Seconds since an artifact was published; where nobody can say, since this attester first saw it. */
export function ageOf({ facts: { publishedAt }, observedAt }: Pick<SeenArtifact, "facts" | "observedAt">, timeSeconds: number): number {
  return timeSeconds - (publishedAt ?? observedAt)
}

/** What speaks against one attester's word. Costs next to nothing for an artifact of which nothing is remarkable. */
export function objectionsTo(seen: SeenArtifact, standard: Standard): readonly Objection[] {
  const { facts } = seen
  const { demands: { rules, levels, pin } } = standard
  const age = ageOf(seen, standard.timeSeconds)
  const isYoung = age < rules.minimumAgeSeconds && !standard.isRebuilt
  const isUnproven = facts.provenance === null && levels.has("provenance")
  if (!isYoung && !isUnproven && pin === undefined && facts.flags.length === 0) return NONE
  const objections: Objection[] = []
  if (facts.flags.length > 0) addFlagged(objections, facts.flags, standard, age)
  const pinned = pin === undefined ? undefined : pinObjection(pin, facts)
  if (pinned !== undefined) objections.push(pinned)
  if (isUnproven) objections.push({ rule: "NO_PROVENANCE", denies: true, details: [] })
  if (isYoung) objections.push(tooYoung(seen, standard, age))
  return objections
}

function tooYoung({ facts: { publishedAt }, previous }: SeenArtifact, { demands: { rules }, isWithdrawn }: Standard, age: number): Objection {
  const isFix = previous !== null && isWithdrawn(previous)
  return {
    rule: "TOO_YOUNG", denies: !isFix, details: isFix ? [`${previous} was withdrawn`] : [],
    expected: `at least ${durationText(rules.minimumAgeSeconds)} since it was published`,
    found: publishedAt === null ? `no publish time that can be believed; first seen ${agoText(age)} ago` : `published ${new Date(publishedAt * 1_000).toISOString().replace(".000Z", "Z")}, ${agoText(age)} ago`,
  }
}

/** Whole minutes, hours or days: what a person compares with an age. */
function agoText(seconds: number): string {
  if (seconds < 0) return "less than nothing"
  const [size, unit] = seconds >= 86_400 ? [86_400, "d"] : seconds >= 3_600 ? [3_600, "h"] : [60, "min"]
  return `${Math.floor(seconds / size)} ${unit}`
}

function addFlagged(objections: Objection[], flags: readonly Flag[], { isStrict, demands: { rules } }: Standard, age: number): void {
  const add = (rule: StatementRule, words: readonly FlagWord[]): void => {
    const details = detailsOf(flags, words)
    if (details.length > 0) objections.push({ rule, denies: true, details })
  }
  add("MANIFEST_MISMATCH", ["mismatch"])
  add("PROVENANCE_INVALID", ["refused"])
  // A version that was there a year ago is of a package that has stood for a year.
  if (age < STANDING_SECONDS) add("LOOKALIKE_NAME", ["lookalike"])
  if (age >= rules.settleAgeSeconds) return
  const identity = identityObjection(flags)
  if (identity !== undefined) objections.push(identity)
  for (const [rule, words] of NEWS) add(rule, words)
  if (isStrict && hasChanged(flags, "scripts") && !flags.some(({ word }) => word === "script" || word === "gyp")) {
    objections.push({ rule: "NEW_INSTALL_SCRIPT", denies: false, details: ["changed"] })
  }
}

/** Scripts that differ are no identity. */
function identityObjection(flags: readonly Flag[]): Objection | undefined {
  const details = flags.filter(({ word, detail }) => word === "changed" && detail !== "scripts").map(({ detail }) => detail)
  const isNewPublisher = flags.some(({ word }) => word === "publisher-new")
  if (isNewPublisher) details.push("publisher")
  if (details.length === 0) return undefined
  return { rule: "IDENTITY_CHANGED", denies: details.length > (isNewPublisher ? 1 : 0) || flags.some(({ word }) => COMPANY.includes(word)), details }
}

function hasChanged(flags: readonly Flag[], what: string): boolean {
  return flags.some(({ word, detail }) => word === "changed" && detail === what)
}

function detailsOf(flags: readonly Flag[], words: readonly FlagWord[]): string[] {
  return flags.filter(({ word }) => words.includes(word)).map(({ word, detail }) => (detail === "" ? word : detail))
}
