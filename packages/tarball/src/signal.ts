import { VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike } from "@vouchsafe/ports"

/** @throws VouchsafeError TIMEOUT when the signal has been given. */
export function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted === true) throw new VouchsafeError("TIMEOUT", "reading of a tarball was abandoned before it ended", { hint: "ask again" })
}
