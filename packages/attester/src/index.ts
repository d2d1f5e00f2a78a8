/** Observes packages and makes an attester's statements. Start at {@link createAttester}. @packageDocumentation */
export { type Artifact, logKey } from "./artifact.ts"
export { type Attester, type AttesterOptions, createAttester, type Leave, type ObserveResult, type RecheckResult, type Refused } from "./attester.ts"
export type { HistoryPorts } from "./history/ports.ts"
export { ATTESTER_LIMITS, type AttesterLimits } from "./limits.ts"
export { createLocksets, LOCKSET_REUSE_SECONDS, locksetKey, type Locksets, type LocksetsOptions, type MadeLockset } from "./lockset.ts"
export { findObservation, type OwnObservation } from "./own-entries.ts"
export { compareManifests, COMPARED_MEMBERS, type ComparedMember } from "./package/mismatch.ts"
