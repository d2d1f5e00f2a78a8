/** From gathered evidence to verdicts. Start at {@link verify}. @packageDocumentation */
export {
  type ArtifactFacts, BURST_LINES_MIN, BURST_PACKAGES_MIN, DORMANT_SECONDS, factsOf, type Flag, FLAG_WORDS, type FlagWord, NEWBORN_SECONDS, type SourceIdentity, STANDING_SECONDS,
} from "./artifact-facts.ts"
export { isOtherBuilder } from "./builder.ts"
export { DAY_SECONDS } from "./calendar.ts"
export { bodiesByDigest, type ByDigestEntry, type Entry, formatByDigest, observationIn, observationOfEntry, type OwnEntry, parseEntry, parseOwnEntry, resolveObservation } from "./entry.ts"
export * from "./evidence.ts"
export * from "./lock/index.ts"
export { HEX_COMMIT, isPlaceholder, OPENPGP_FINGERPRINT, SSH_FINGERPRINT } from "./facts.ts"
export { displayName, formatFinding, formatRefusal, formatWarnings, REFUSALS_SHOWN_MAX, SHORT_REASON_LENGTH_MAX, shellWord, shortReason } from "./format.ts"
export { applyHandover, formatHandover, type Handover, HANDOVER_FORMAT, HANDOVER_LENGTH_MAX, type HandoverKeys, makeHandover, parseHandover } from "./handover.ts"
export { CLOCK_SKEW_SECONDS_MAX, type Head, type HeadChecker, headChecker, type HeadResult } from "./head.ts"
export {
  type AddedDependency, type Burst, BURST_SECONDS, type History, HISTORY_CHANGES, HISTORY_LIST_MAX, type HistoryChange, type Lookalike, LOOKALIKE_KINDS, type LookalikeKind, PLAIN_HISTORY,
  type PreviousVersion, PROVENANCE_STANDINGS, type ProvenanceStanding, PUBLISHER_STANDINGS, type PublisherStanding, SOURCE_STATES, type SourceState,
} from "./history.ts"
export type { EntryBatch, LogEvidence, MaliciousList, VerifyInput } from "./input.ts"
export {
  buildForkProof, buildWitnessProof, formatMisbehavior, MISBEHAVIOR_FORMAT, MISBEHAVIOR_LENGTH_MAX, type MisbehaviorProof, parseMisbehavior, type ProvenEntry, verifyMisbehavior,
} from "./misbehavior.ts"
export { formatNotice, type Notice, NOTICE_REASON_LENGTH_MAX, parseNotice } from "./notice.ts"
export { type ActiveNotice, indexNotices, type NoticeIndex, NOTICES_PER_DAY_MAX, noticesInForce, noticesOf } from "./notices.ts"
export { formatObservation, type Observation, parseObservation } from "./observation.ts"
export { BOUND_CODES, type Exception, EXCEPTION_SECONDS_MAX, EXCEPTIONS_MAX, type Governance, NEVER_EXCEPTED, parsePolicy, type Policy, POLICY_FORMAT } from "./policy.ts"
export { type Preset, PRESETS, RULE_CODES, RULE_SEVERITIES, type RuleCode, type RuleSeverity } from "./policy-rules.ts"
export { DEPENDENCY_KINDS, type DependencyKind, type ListSubscription, LISTS_MAX, type Override, type RegistryBinding } from "./policy-scopes.ts"
export { stricterPolicy } from "./policy-floor.ts"
export { policyWeakenings } from "./policy-weakenings.ts"
export { durationText } from "./duration.ts"
export { type Level, type LevelRule, LEVELS, NAMED_ENTRIES_MAX, NAMED_KEYS_MAX, type PublisherKey, type PublisherRule, signerKeyOf, type SignerRule } from "./policy-names.ts"
export { pinObjection } from "./rules/identity.ts"
export { quorumsIntersect, withoutWitnesses } from "./quorum.ts"
export { type CommitSignature, formatRebuild, parseRebuild, type Rebuild, REBUILD_MATCHES, type RebuildMatch, SIGNATURE_STATES, SOURCE_WAYS, type SourceWay } from "./rebuild.ts"
export { matchesName } from "./name-pattern.ts"
export { rebuildersNeeded } from "./rules/context.ts"
export { EXCEPTION_NOTICE_SECONDS, weighFinding } from "./rules/exceptions.ts"
export { bindingOf, isMisplaced } from "./rules/registry.ts"
export { type Ruleset, rulesetFor, rulesetsOf, severityOf } from "./rules/ruleset.ts"
export { isRegistryId, registryIdOf } from "./registry-id.ts"
export {
  FOREIGN_ENVELOPE_BYTES_MAX, type ForeignEntry, formatForeignEntry, formatRelease, isSignedBy, keyHint, openRelease, parseForeignEntry, parseRelease, type Release, RELEASE_TYPE,
  RELEASE_TYPE_V01,
} from "./release.ts"
export {
  defaultWitnessQuorum, eligibleWitnesses, formatRoster, parseRoster, RETIRED_LOGS_MAX, type RetiredLog, type Roster, ROSTER_FORMAT, ROSTER_LENGTH_MAX, ROSTER_NODES_MAX, type RosterNode,
} from "./roster.ts"
export { type HeadRelation, type KnownHead, type OfferedProof, openHead, relateByTiles, relateHeads, tilesFrom } from "./relate.ts"
export { escapeForDisplay, HEX_SHA1, HEX_SHA256, HEX_SHA512, parseJson, type ShapeReader, shapeReader } from "./shape.ts"
export { provenanceOf, REPRODUCED_OPERATORS_MIN, SLSA_REPRODUCED, SLSA_SUMMARY_TYPE, summaryOf, type SummaryOptions } from "./slsa.ts"
export { artifactPurl, BODY_LENGTH_MAX, BY_DIGEST_TYPE, FOREIGN_TYPE, LOCKSET_TYPE, NOTICE_TYPE, OBSERVATION_TYPE, PREDICATE_BASE, REBUILD_TYPE } from "./statement-text.ts"
export { type BuildInput, NO_UPSTREAM, type Provenance, PROVENANCE_INPUTS_MAX, SLSA_PROVENANCE_V02_TYPE, SLSA_PROVENANCE_V1_TYPE, type Upstream, UPSTREAM_REFUSED_MAX } from "./upstream.ts"
export {
  type Allowed, type ArtifactRequest, type Claim, type Finding, type ProvenanceClaim, type RebuildClaim, RECIPE_LABEL, type Refused, type ReleaseClaim, type Severity, SINGLE_LABEL,
  type Verdict, VERDICT_CODES, type VerdictCode, verdictsExit,
} from "./verdict.ts"
export { verify } from "./verify.ts"
