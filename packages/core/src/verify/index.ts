/** From gathered evidence to verdicts. Start at {@link verify}. @packageDocumentation */
export { formatByDigest, type OwnEntry, parseOwnEntry, resolveObservation } from "./entry.ts"
export * from "./evidence.ts"
export { displayName, formatRefusal, formatWarnings, REFUSALS_SHOWN_MAX, SHORT_REASON_LENGTH_MAX, shortReason } from "./format.ts"
export { CLOCK_SKEW_SECONDS_MAX, type Head, type HeadChecker, headChecker, type HeadResult } from "./head.ts"
export type { EntryBatch, LogEvidence, VerifyInput } from "./input.ts"
export {
  buildForkProof, formatMisbehavior, MISBEHAVIOR_FORMAT, MISBEHAVIOR_LENGTH_MAX, type MisbehaviorProof, parseMisbehavior, type ProvenEntry, verifyMisbehavior,
} from "./misbehavior.ts"
export { formatNotice, type Notice, NOTICE_REASON_LENGTH_MAX, parseNotice } from "./notice.ts"
export { type ActiveNotice, indexNotices, type NoticeIndex, NOTICES_PER_DAY_MAX, noticesOf } from "./notices.ts"
export { formatObservation, type Observation, parseObservation } from "./observation.ts"
export {
  type Exception, EXCEPTION_SECONDS_MAX, EXCEPTIONS_MAX, parsePolicy, type Policy, POLICY_FORMAT, type Preset, PRESETS, RULE_CODES, type RuleCode, type RuleSeverity,
} from "./policy.ts"
export { quorumsIntersect } from "./quorum.ts"
export { isRegistryId, registryIdOf } from "./registry-id.ts"
export {
  defaultWitnessQuorum, eligibleWitnesses, formatRoster, parseRoster, type Roster, ROSTER_FORMAT, ROSTER_LENGTH_MAX, ROSTER_NODES_MAX, type RosterNode,
} from "./roster.ts"
export { escapeForDisplay, HEX_SHA1, HEX_SHA256, HEX_SHA512, parseJson, type ShapeReader, shapeReader } from "./shape.ts"
export {
  artifactPurl, BODY_LENGTH_MAX, BY_DIGEST_TYPE, NOTICE_TYPE, OBSERVATION_TYPE, PREDICATE_BASE,
} from "./statement-text.ts"
export {
  type Allowed, type ArtifactRequest, type Claim, type Finding, type Refused, type Severity, type Verdict, VERDICT_CODES, type VerdictCode, verdictsExit,
} from "./verdict.ts"
export { verify } from "./verify.ts"
