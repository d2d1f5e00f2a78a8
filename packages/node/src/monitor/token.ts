import type { ArtifactReader } from "@vouchsafe/artifacts"
import { isVouchsafeError } from "@vouchsafe/core"
import { TARBALL_BYTES_MAX } from "@vouchsafe/monitor"
import { createHash } from "node:crypto"

/** Bytes of a tarball that are hashed at once. */
const PIECE_BYTES = 1024 * 1024

/**
 * Computes the token that an attester of `origin` must have put into its observation of a tarball (THREATS A4), from the copy that this node holds.
 * undefined where it holds none that it may look at, or a very large one.
 */
export async function tokenOfHeld(reader: ArtifactReader, sha512: string, origin: string): Promise<string | undefined> {
  try {
    const size = (await reader.chunks(sha512))?.size
    if (size === undefined || size > TARBALL_BYTES_MAX) return undefined
    const hash = createHash("sha256").update(`${origin}\n`)
    for (let start = 0; start < size; start += PIECE_BYTES) {
      const piece = await reader.read(sha512, start, Math.min(PIECE_BYTES, size - start))
      // Evicted meanwhile.
      if (piece === undefined) return undefined
      hash.update(piece)
    }
    return hash.digest("hex")
  } catch (error) {
    // A disk that cannot be read says nothing about a statement.
    if (isVouchsafeError(error, "DISK")) return undefined
    throw error
  }
}
