/** `vouchsafe.lock` and locksets (packages/spec/lock.md). @packageDocumentation */
export { compactHead } from "./compact.ts"
export { formatLockLine, LOCK_LINE_LENGTH_MAX, type LockLine, lockLineOf, parseLockLine } from "./line.ts"
export { formatLock, type Lock, LOCK_FORMAT, LOCK_LENGTH_MAX, type LockHeader, type LockLines, lockLines, lockRoot, parseLock } from "./lock.ts"
export { formatLockset, LOCK_LINES_MAX, type Lockset, LOCKSET_SUBJECT, type NoticesHead, parseLockset } from "./lockset.ts"
export { type LockedArtifact, type LockProblem, type LockWord, type NoticesFloor, openLock, type OpenedLock, type OpenLockInput } from "./open.ts"
export { type LockedLockset, type LockProof, type LockProofs } from "./proofs.ts"
export {
  formatLocksetAnswer, formatLocksetRequest, lockedLocksetOf, type LocksetAnswer, LOCKSET_ANSWER_LENGTH_MAX, LOCKSET_FORMAT, LOCKSET_REQUEST_FORMAT, LOCKSET_REQUEST_LENGTH_MAX,
  type LocksetRequest, parseLocksetAnswer, parseLocksetRequest,
} from "./request.ts"
