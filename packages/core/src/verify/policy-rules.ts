/**
 * Rules, their severities and what each preset makes of them (packages/spec/policy.md).
 *
 * @packageDocumentation
 */
import { DAY_SECONDS } from "./calendar.ts"
import type { ShapeReader } from "./shape.ts"
import type { Severity } from "./verdict.ts"

export const PRESETS = ["observe", "recommended", "strict"] as const
export type Preset = (typeof PRESETS)[number]

/** Codes whose severity the policy may set; the others are what the product is. */
export const RULE_CODES = [
  "DIGEST_CONFLICT", "MANIFEST_MISMATCH", "TARBALL_AMBIGUOUS", "EXOTIC_SOURCE", "WRONG_REGISTRY",
  "PROVENANCE_INVALID", "SOURCE_MISMATCH", "NOT_RELEASED", "UNSIGNED_COMMIT", "NOT_REBUILT", "NO_PROVENANCE",
  "TOO_YOUNG", "PROVENANCE_LOST", "IDENTITY_CHANGED", "MAINTAINER_DOMAIN_LAPSED", "SOURCE_NOT_FOUND", "NEW_INSTALL_SCRIPT", "NEWBORN_DEPENDENCY",
  "LOOKALIKE_NAME", "PUBLISH_BURST", "DORMANT_REVIVED",
] as const
export type RuleCode = (typeof RULE_CODES)[number]
export type RuleSeverity = Severity | "off"

export const RULE_SEVERITIES = ["deny", "warn", "off"] as const
const SEVERITY_BY_PRESET: Readonly<Record<Preset, Severity>> = { observe: "warn", recommended: "deny", strict: "deny" }

/** Longest age that a policy may ask for. */
export const AGE_SECONDS_MAX = 3_650 * DAY_SECONDS

/** Ages that hold where the policy names none, in seconds. */
export interface PresetAges {
  readonly minimum: number
  readonly settle: number
  readonly lockMax: number
}

const AGES_BY_PRESET: Readonly<Record<Preset, PresetAges>> = {
  observe: { minimum: 3 * DAY_SECONDS, settle: 30 * DAY_SECONDS, lockMax: 30 * DAY_SECONDS },
  recommended: { minimum: 3 * DAY_SECONDS, settle: 30 * DAY_SECONDS, lockMax: 30 * DAY_SECONDS },
  strict: { minimum: 7 * DAY_SECONDS, settle: 180 * DAY_SECONDS, lockMax: 7 * DAY_SECONDS },
}

export function agesOf(preset: Preset): PresetAges {
  return AGES_BY_PRESET[preset]
}

/** Reads severities by code; those that are not named are not in the map. */
export function rulesMember(value: unknown, at: string, read: ShapeReader): ReadonlyMap<RuleCode, RuleSeverity> {
  const rules = new Map<RuleCode, RuleSeverity>()
  if (value === undefined) return rules
  const set = read.object(value, at, [], RULE_CODES)
  for (const code of RULE_CODES) if (set[code] !== undefined) rules.set(code, read.oneOf(set[code], `${at}.${code}`, RULE_SEVERITIES))
  return rules
}

/** Severity of every rule under a preset, but where `named` says otherwise. */
export function rulesOf(preset: Preset, named: ReadonlyMap<RuleCode, RuleSeverity>): ReadonlyMap<RuleCode, RuleSeverity> {
  return new Map(RULE_CODES.map((code) => [code, named.get(code) ?? SEVERITY_BY_PRESET[preset]]))
}
