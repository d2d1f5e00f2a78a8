/** Whole copies of other nodes' logs: incremental, verified, resumable, served as tiles. Start at `openMirror`. @packageDocumentation */
export { keepMirrors, type Keeper, type KeepOptions } from "./keep.ts"
export * from "./limits.ts"
export { mirrorName, openMirror } from "./mirror.ts"
export type { MirrorSource } from "./source.ts"
export type { MirroredHead } from "./store.ts"
export type { Mirror, MirrorOptions, MirrorStatus, SourceFailure, SyncResult } from "./types.ts"
