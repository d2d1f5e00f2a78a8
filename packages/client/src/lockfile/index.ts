/** Lockfiles of npm, pnpm, Yarn and Bun: what they list, and what they would fetch unchecked. @packageDocumentation */
export { checkBundled, checkLockfile, type LockfileContext, type LockfileFinding, sha512Of, toRequests } from "./check.ts"
export { LOCKFILE_NAMES, parseLockfile } from "./read.ts"
export { wiredTo } from "./wiring.ts"
export type { Lockfile, LockfileEntry, LockfileFormat, LockfileKind, Wired, Wiring } from "./types.ts"
