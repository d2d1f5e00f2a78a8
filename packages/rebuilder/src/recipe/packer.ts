/**
 * Which package manager wrote a tarball, by the traits of its first header. Only who packs depends on it, never what is packed.
 *
 * @packageDocumentation
 */
import { constants, gunzipSync } from "node:zlib"
import type { ManagerName } from "./recipe.ts"

/** Bytes of a .tgz that are looked at; they hold the first header, and inflate to some megabytes at most. */
export const PACKER_BYTES = 4096
const BLOCK_BYTES = 512
const OWNER = { at: 108, bytes: 8 }
const TIME = { at: 136, bytes: 12 }
/** The fixed times that npm (and pnpm, after it) and Yarn Berry give all files. */
const NPM_SECONDS = 499_162_500
const YARN_SECONDS = 456_789_000

/**
 * npm leaves the owner out; pnpm and Yarn write it as zero, each with its own fixed time. `undefined` for all others, and for what cannot be read.
 * @param start - the first {@link PACKER_BYTES} of the .tgz
 */
export function packerOf(start: Uint8Array): ManagerName | undefined {
  let tar: Uint8Array
  try {
    tar = gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch (error) {
    // The strict reader says later what is wrong with it.
    if (error instanceof Error && "code" in error) return undefined
    throw error
  }
  if (tar.length < BLOCK_BYTES) return undefined
  const seconds = Number.parseInt(Buffer.from(tar.subarray(TIME.at, TIME.at + TIME.bytes)).toString("latin1"), 8)
  const hasOwner = tar.subarray(OWNER.at, OWNER.at + OWNER.bytes).some((byte) => byte !== 0)
  if (!hasOwner) return seconds === NPM_SECONDS ? "npm" : undefined
  if (seconds === NPM_SECONDS) return "pnpm"
  return seconds === YARN_SECONDS ? "yarn" : undefined
}
