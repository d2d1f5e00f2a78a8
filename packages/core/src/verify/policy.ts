import { DAY_SECONDS, dayMember } from "./calendar.ts"
import { sha512Member } from "./members.ts"
import { type LevelRule, levelsMember, type PublisherRule, publishersMember, type SignerRule, signersMember } from "./policy-names.ts"
import { HEX_SHA256, shapeReader } from "./shape.ts"
import { artifactPurl, registryMember } from "./statement-text.ts"
import { type Severity, VERDICT_CODES, type VerdictCode } from "./verdict.ts"

export const POLICY_FORMAT = "vouchsafe-policy/v1"
/** Longest vouchsafe.json in UTF-16 code units. */
export const POLICY_LENGTH_MAX = 1_048_576
export const EXCEPTIONS_MAX = 1_000
/** An exception for a withdrawal or a conflict lasts at most this long (THREATS A3). */
export const EXCEPTION_SECONDS_MAX = 30 * DAY_SECONDS

export const PRESETS = ["observe", "recommended", "strict"] as const
export type Preset = (typeof PRESETS)[number]

/** Codes whose severity the policy may set; the others are what the product is. */
export const RULE_CODES = [
  "DIGEST_CONFLICT", "MANIFEST_MISMATCH", "TARBALL_AMBIGUOUS", "EXOTIC_SOURCE", "WRONG_REGISTRY",
  "PROVENANCE_INVALID", "SOURCE_MISMATCH", "NOT_RELEASED", "UNSIGNED_COMMIT", "NOT_REBUILT", "NO_PROVENANCE",
] as const
export type RuleCode = (typeof RULE_CODES)[number]
export type RuleSeverity = Severity | "off"

/** Findings that no exception covers: they say that nothing can be known. */
const NEVER_EXCEPTED: readonly VerdictCode[] = ["PROOF_INVALID", "LOG_MISBEHAVED", "CLOCK_BEHIND", "CONFIG_INVALID"]
/** Exceptions for these name the bytes and do not last. */
export const BOUND_CODES: readonly VerdictCode[] = ["WITHDRAWN", "DIGEST_CONFLICT"]

/** A person's recorded decision to install in spite of a finding. */
export interface Exception {
  readonly purl: string
  readonly code: VerdictCode
  readonly owner: string
  readonly reason: string
  /** The day, as written; the exception holds to its end in UTC. */
  readonly until: string
  /** Unix seconds of that end. */
  readonly untilSeconds: number
  /** Hex; required for WITHDRAWN and DIGEST_CONFLICT. */
  readonly sha512?: string
}

/** The rules of `vouchsafe.json` (packages/spec/policy.md). */
export interface Policy {
  readonly preset: Preset
  /** Path of the roster, relative to the policy's own file. */
  readonly roster: string
  /** Raises the roster's threshold; never lowers it. */
  readonly threshold?: number
  readonly maxNoticeAgeSeconds: number
  /** Time that one check may take in all. */
  readonly budgetMs: number
  readonly rules: ReadonlyMap<RuleCode, RuleSeverity>
  readonly exceptions: readonly Exception[]
  readonly levels: readonly LevelRule[]
  readonly publishers: readonly PublisherRule[]
  readonly signers: readonly SignerRule[]
  /** Operators that must agree on a rebuild for the level `rebuilt`; by default 2, or as many as there are. */
  readonly rebuilders?: number
  /** Where the roster comes from; absent: the file is the roster. */
  readonly governance?: Governance
}

/** A roster that keyholders change through a TUF repository (packages/spec/roster.md, "Governance"). */
export interface Governance {
  /** Hex SHA-256 of the repository's first root. */
  readonly genesis: string
  /** Bases of copies of the repository, each with a trailing slash. */
  readonly sources: readonly string[]
}

const SOURCES_MAX = 16
const DEFAULT_MAX_NOTICE_AGE_SECONDS = DAY_SECONDS
const DEFAULT_BUDGET_MS = 20_000
const BUDGET_MS_MAX = 600_000
const NOTICE_AGE_SECONDS_MAX = 30 * DAY_SECONDS
const THRESHOLD_MAX = 128
const TEXT_LENGTH_MAX = 500
const PATH_LENGTH_MAX = 1_024
const DURATION = /^([1-9][0-9]{0,6})([smhd])$/
const SECONDS_BY_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

const SEVERITY_BY_PRESET: Readonly<Record<Preset, Severity>> = { observe: "warn", recommended: "deny", strict: "deny" }

const read = shapeReader("CONFIG_MALFORMED", "vouchsafe.json")

/**
 * Reads `vouchsafe.json`.
 * @throws VouchsafeError CONFIG_MALFORMED that names the member.
 */
export function parsePolicy(text: string): Policy {
  const document = read.object(read.json(text, POLICY_LENGTH_MAX), "document", ["format", "roster"],
    ["$schema", "preset", "threshold", "maxNoticeAge", "budget", "rules", "exceptions", "levels", "publishers", "signers", "rebuilders", "governance"])
  read.oneOf(document["format"], "format", [POLICY_FORMAT])
  if (document["$schema"] !== undefined) read.string(document["$schema"], "$schema", PATH_LENGTH_MAX)
  const preset = document["preset"] === undefined ? "recommended" : read.oneOf(document["preset"], "preset", PRESETS)
  const exceptions = read.array(document["exceptions"] ?? [], "exceptions", EXCEPTIONS_MAX)
  return {
    preset,
    roster: read.string(document["roster"], "roster", PATH_LENGTH_MAX),
    ...(document["threshold"] === undefined ? {} : { threshold: read.integer(document["threshold"], "threshold", 1, THRESHOLD_MAX) }),
    maxNoticeAgeSeconds: seconds(document["maxNoticeAge"], "maxNoticeAge", DEFAULT_MAX_NOTICE_AGE_SECONDS, NOTICE_AGE_SECONDS_MAX),
    budgetMs: seconds(document["budget"], "budget", DEFAULT_BUDGET_MS / 1_000, BUDGET_MS_MAX / 1_000) * 1_000,
    rules: parseRules(document["rules"], preset),
    exceptions: exceptions.map((exception, i) => parseException(exception, `exceptions[${i}]`)),
    levels: levelsMember(document["levels"], "levels", read),
    publishers: publishersMember(document["publishers"], "publishers", read),
    signers: signersMember(document["signers"], "signers", read),
    ...(document["rebuilders"] === undefined ? {} : { rebuilders: read.integer(document["rebuilders"], "rebuilders", 1, THRESHOLD_MAX) }),
    ...(document["governance"] === undefined ? {} : { governance: parseGovernance(document["governance"], "governance") }),
  }
}

function parseGovernance(value: unknown, at: string): Governance {
  const { genesis, sources } = read.object(value, at, ["genesis", "sources"])
  return {
    genesis: read.pattern(genesis, `${at}.genesis`, HEX_SHA256, "a SHA-256 in hexadecimal"),
    sources: read.array(sources, `${at}.sources`, SOURCES_MAX).map((source, i) => registryMember(source, `${at}.sources[${i}]`, read)),
  }
}

function seconds(value: unknown, at: string, fallback: number, max: number): number {
  if (value === undefined) return fallback
  const match = DURATION.exec(read.pattern(value, at, DURATION, 'a duration such as "24h" (s, m, h or d)'))
  return read.integer(Number(match?.[1]) * (SECONDS_BY_UNIT[match?.[2] ?? ""] ?? Number.NaN), `${at} in seconds`, 1, max)
}

function parseRules(value: unknown, preset: Preset): ReadonlyMap<RuleCode, RuleSeverity> {
  const rules = new Map<RuleCode, RuleSeverity>(RULE_CODES.map((code) => [code, SEVERITY_BY_PRESET[preset]]))
  if (value === undefined) return rules
  const set = read.object(value, "rules", [], RULE_CODES)
  for (const code of RULE_CODES) {
    if (set[code] !== undefined) rules.set(code, read.oneOf(set[code], `rules.${code}`, ["deny", "warn", "off"]))
  }
  return rules
}

function parseException(value: unknown, at: string): Exception {
  const exception = read.object(value, at, ["purl", "code", "owner", "reason", "until"], ["sha512"])
  const code = read.oneOf(exception["code"], `${at}.code`, VERDICT_CODES)
  if (NEVER_EXCEPTED.includes(code)) read.fail(`${at}.code`, "a code that an exception may cover", code)
  if (BOUND_CODES.includes(code) && exception["sha512"] === undefined) read.fail(`${at}.sha512`, `the digest that the exception for ${code} is about`, undefined)
  const { day: until, startSeconds } = dayMember(exception["until"], `${at}.until`, read)
  return {
    code, until, untilSeconds: startSeconds + DAY_SECONDS,
    purl: artifactPurl(exception["purl"], `${at}.purl`, read),
    owner: nonEmpty(exception["owner"], `${at}.owner`),
    reason: nonEmpty(exception["reason"], `${at}.reason`),
    ...(exception["sha512"] === undefined ? {} : { sha512: sha512Member(exception["sha512"], `${at}.sha512`, read) }),
  }
}

function nonEmpty(value: unknown, at: string): string {
  const text = read.string(value, at, TEXT_LENGTH_MAX)
  return text.trim() === "" ? read.fail(at, "some text", text) : text
}
