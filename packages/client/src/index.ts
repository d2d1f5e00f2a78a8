/** Gathers evidence from cache, daemon and nodes, and asks core. Start at {@link createClient}. @packageDocumentation */
export { createClient } from "./client.ts"
export {
  formatGatherRequest, type GatheredAnswer, GATHER_FORMAT, GATHER_REQUEST_FORMAT, type GatherRequest, type KnownLog, parseGatherAnswer,
} from "./gather-format.ts"
export { ANSWER_GRACE_MS, NOTICES_RECHECK_MS, REQUESTS_IN_FLIGHT_PER_NODE, ROUND_DEADLINE_MS, UNREACHABLE_RETRIES_MAX } from "./limits.ts"
export { type LocalFinding, localVerdict, weigh } from "./local.ts"
export { mergeProofs, type SinglePath } from "./merge-proofs.ts"
export type {
  CheckOptions, CheckResult, CheckStats, Client, ClientOptions, Failure, FoundMisbehavior, LockCoverage, LockUse, NodeFailure, Progress,
} from "./types.ts"
export { warnUncovered } from "./uncovered.ts"
export type { HttpTransport, StateStore } from "@vouchsafe/ports"
