/** An append-only tlog-tiles log over SQLite and files. Start at `openLog`. @packageDocumentation */
export { auditLog, fsck, type FsckFinding, type FsckOptions } from "./audit.ts"
export * from "./limits.ts"
export { type LogOptions, openLog } from "./open-log.ts"
export { type Disk, nodeDisk } from "./storage/disk.ts"
export { openSqliteStorage, type SqliteStorageOptions } from "./storage/sqlite.ts"
export { collectCosignatures, type Cosigners, type CosignersOptions, type CosignerStatus, WITNESS_TIMEOUT_MS } from "./cosigners.ts"
export { COSIGN_ANSWER_BYTES_MAX, type Cosigner } from "./submit.ts"
