import { VouchsafeError } from "@vouchsafe/core"

/** Two readers of this tarball could unpack different files, or overwrite one with another. No statement is made about it. */
export function ambiguous(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("TARBALL_AMBIGUOUS", `tarball: ${why}`, { cause })
}

/** This tarball reaches outside of its own folder, or cannot be read at all. */
export function hostile(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("TARBALL_HOSTILE", `tarball: ${why}`, { cause })
}

/** This tarball is over a bound of `TARBALL_LIMITS`. */
export function tooLarge(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("TARBALL_TOO_LARGE", `tarball: ${why}`, { cause })
}
