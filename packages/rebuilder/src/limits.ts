/** Bounds of a rebuild. @packageDocumentation */
import type { RebuildLimits } from "./types.ts"

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const MINUTE_MS = 60_000

export const REBUILD_LIMITS: RebuildLimits = Object.freeze({
  stepTimeMs: 15 * MINUTE_MS,
  cloneTimeMs: 10 * MINUTE_MS,
  memoryBytes: 4 * GIB,
  processes: 1024,
  diskBytes: 4 * GIB,
  outputBytes: 16 * MIB,
  openFiles: 65_536,
})

/** Bounds of the comparison, which reads two hostile tarballs. */
export const COMPARE_LIMITS = Object.freeze({
  timeMs: 5 * MINUTE_MS, memoryBytes: 2 * GIB, processes: 64, diskBytes: 64 * MIB, outputBytes: 8 * MIB, openFiles: 256,
})

/** Bytes of the request. */
export const REQUEST_BYTES_MAX = 16 * MIB
/** Characters of a failed step's last output that go into its detail. */
export const TAIL_LENGTH_MAX = 4000
