import { DAY_SECONDS, dayMember } from "./calendar.ts"
import { isVouchsafeError, unlessRefused, VouchsafeError } from "../errors.ts"
import { ageMember, durationMember } from "./duration.ts"
import { brokenLine, memberLine, repeatedMember } from "./json-lines.ts"
import { sha512Member } from "./members.ts"
import { type LevelRule, levelsMember, type PublisherRule, publishersMember, type SignerRule, signersMember } from "./policy-names.ts"
import { AGE_SECONDS_MAX, agesOf, type Preset, PRESETS, type RuleCode, rulesMember, type RuleSeverity, rulesOf } from "./policy-rules.ts"
import { bindingsMember, type ListSubscription, listsMember, type Override, overridesMember, type RegistryBinding } from "./policy-scopes.ts"
import { HEX_SHA256, shapeReader } from "./shape.ts"
import { artifactPurl, registryMember } from "./statement-text.ts"
import { VERDICT_CODES, type VerdictCode } from "./verdict.ts"

export const POLICY_FORMAT = "vouchsafe-policy/v1"
/** Longest vouchsafe.json in UTF-16 code units. */
export const POLICY_LENGTH_MAX = 1_048_576
export const EXCEPTIONS_MAX = 1_000
/** An exception for a withdrawal or a conflict lasts at most this long (THREATS A3). */
export const EXCEPTION_SECONDS_MAX = 30 * DAY_SECONDS

/** Operators that must agree on a rebuild where the policy names no number and the roster has as many. */
export const REBUILDERS_DEFAULT = 2

/** Findings that no exception covers: they say that nothing can be known. */
export const NEVER_EXCEPTED: readonly VerdictCode[] = ["PROOF_INVALID", "LOG_MISBEHAVED", "CLOCK_BEHIND", "CONFIG_INVALID", "POLICY_WEAKENED"]
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
  /** Younger versions are TOO_YOUNG; 0: off. */
  readonly minimumAgeSeconds: number
  /** Rules about what is new say nothing about versions that were published longer ago. */
  readonly settleAgeSeconds: number
  /** Age of a lockset above which the lock is LOCK_STALE. */
  readonly maxLockAgeSeconds: number
  readonly rules: ReadonlyMap<RuleCode, RuleSeverity>
  readonly overrides: readonly Override[]
  readonly registries: readonly RegistryBinding[]
  readonly lists: readonly ListSubscription[]
  readonly exceptions: readonly Exception[]
  readonly levels: readonly LevelRule[]
  readonly publishers: readonly PublisherRule[]
  readonly signers: readonly SignerRule[]
  /** Operators that must agree on a rebuild for the level `rebuilt`; by default 2, or as many as there are. */
  readonly rebuilders?: number
  /** Where the roster comes from; absent: the file is the roster. */
  readonly governance?: Governance
  /** Policies that are judged beside each other: of what they ask the stricter holds. Set by `stricterPolicy` alone, never read from a document. */
  readonly layers?: readonly Policy[]
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
/** Members beside `format` and `roster`. */
const MEMBERS = [
  "$schema", "preset", "threshold", "maxNoticeAge", "budget", "minimumAge", "settleAge", "maxLockAge", "rules", "overrides", "registries", "lists", "exceptions", "levels", "publishers", "signers",
  "rebuilders", "governance",
] as const

const read = shapeReader("CONFIG_MALFORMED", "vouchsafe.json")

/**
 * Reads `vouchsafe.json`.
 * @throws VouchsafeError CONFIG_MALFORMED or PURL_MALFORMED; names the member and its line, also in `details.line`.
 */
export function parsePolicy(text: string): Policy {
  try {
    return policyOf(text)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    const { at } = error.details
    const line = brokenLine(text) ?? (typeof at === "string" ? memberLine(text, at.replace(/^document\.?/, "").replace(/ in seconds$/, "")) : undefined)
    if (line === undefined) throw error
    throw new VouchsafeError(error.code, error.message.replace(/^vouchsafe\.json:/, `vouchsafe.json:${line}:`), { details: { ...error.details, line }, cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) })
  }
}

function policyOf(text: string): Policy {
  const value = read.json(text, POLICY_LENGTH_MAX)
  const repeated = repeatedMember(text)
  if (repeated !== undefined) read.fail(repeated, "it once", "there twice")
  const document = read.object(value, "document", ["format", "roster"], MEMBERS)
  read.oneOf(document["format"], "format", [POLICY_FORMAT])
  if (document["$schema"] !== undefined) read.string(document["$schema"], "$schema", PATH_LENGTH_MAX)
  const preset = document["preset"] === undefined ? "recommended" : read.oneOf(document["preset"], "preset", PRESETS)
  const ages = agesOf(preset)
  const exceptions = read.array(document["exceptions"] ?? [], "exceptions", EXCEPTIONS_MAX)
  return {
    preset,
    roster: read.string(document["roster"], "roster", PATH_LENGTH_MAX),
    ...(document["threshold"] === undefined ? {} : { threshold: read.integer(document["threshold"], "threshold", 1, THRESHOLD_MAX) }),
    maxNoticeAgeSeconds: seconds(document["maxNoticeAge"], "maxNoticeAge", DEFAULT_MAX_NOTICE_AGE_SECONDS, NOTICE_AGE_SECONDS_MAX),
    budgetMs: seconds(document["budget"], "budget", DEFAULT_BUDGET_MS / 1_000, BUDGET_MS_MAX / 1_000) * 1_000,
    minimumAgeSeconds: document["minimumAge"] === undefined ? ages.minimum : ageMember(document["minimumAge"], "minimumAge", AGE_SECONDS_MAX, read),
    settleAgeSeconds: seconds(document["settleAge"], "settleAge", ages.settle, AGE_SECONDS_MAX),
    maxLockAgeSeconds: seconds(document["maxLockAge"], "maxLockAge", ages.lockMax, AGE_SECONDS_MAX),
    rules: rulesOf(preset, rulesMember(document["rules"], "rules", read)),
    overrides: overridesMember(document["overrides"], "overrides", read),
    registries: bindingsMember(document["registries"], "registries", read),
    lists: listsMember(document["lists"], "lists", read),
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
  return value === undefined ? fallback : durationMember(value, at, max, read)
}

function parseException(value: unknown, at: string): Exception {
  const exception = read.object(value, at, ["purl", "code", "owner", "reason", "until"], ["sha512"])
  const code = read.oneOf(exception["code"], `${at}.code`, VERDICT_CODES)
  if (NEVER_EXCEPTED.includes(code)) read.fail(`${at}.code`, "a code that an exception may cover", code)
  if (BOUND_CODES.includes(code) && exception["sha512"] === undefined) read.fail(`${at}.sha512`, `the digest that the exception for ${code} is about`, undefined)
  const { day: until, startSeconds } = dayMember(exception["until"], `${at}.until`, read)
  return {
    code, until, untilSeconds: startSeconds + DAY_SECONDS,
    purl: unlessRefused(() => artifactPurl(exception["purl"], `${at}.purl`, read)) ?? read.fail(`${at}.purl`, "the purl of one version, such as pkg:npm/left-pad@1.3.0", exception["purl"]),
    owner: nonEmpty(exception["owner"], `${at}.owner`),
    reason: nonEmpty(exception["reason"], `${at}.reason`),
    ...(exception["sha512"] === undefined ? {} : { sha512: sha512Member(exception["sha512"], `${at}.sha512`, read) }),
  }
}

function nonEmpty(value: unknown, at: string): string {
  const text = read.string(value, at, TEXT_LENGTH_MAX)
  return text.trim() === "" ? read.fail(at, "some text", text) : text
}
