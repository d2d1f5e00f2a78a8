import { VouchsafeError } from "@vouchsafe/core"
import { hashArtifact } from "./chunks.ts"
import { FILE_MODE, onDisk, writeAll } from "./files.ts"
import { ARTIFACT_BYTES_MAX } from "./limits.ts"
import type { Audience } from "./shelf.ts"
import type { StoreWorld } from "./world.ts"

/** An artifact that is coming in. Ends with commit or discard, one of the two always. */
export interface ArtifactWriter {
  /** Rejects with DISK, also where there is no room; then what was written is gone, and nothing more is taken. */
  write(bytes: Uint8Array): Promise<void>
  /** Keeps what was written, under the digest of it. Rejects with DISK. */
  commit(): Promise<{ readonly sha512: string; readonly size: number }>
  discard(): Promise<void>
}

/** @see ArtifactWriter */
export async function createWriter(world: StoreWorld, audience: Audience): Promise<ArtifactWriter> {
  const { files } = world
  const path = world.spoolPath()
  const file = await onDisk("make a spool", () => files.open(path, "wx", FILE_MODE))
  const hash = hashArtifact()
  let reserved = 0
  let isOpen = true
  const end = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await file.close()
  }
  const discard = async (): Promise<void> => {
    try {
      await onDisk("close a spool", end)
    } finally {
      world.release(reserved)
      reserved = 0
      await onDisk("remove a spool", () => files.rm(path, { force: true }))
    }
  }
  return {
    discard,
    async write(bytes) {
      if (!isOpen) throw new VouchsafeError("DISK", "the spool is closed")
      try {
        if (hash.size + bytes.length > ARTIFACT_BYTES_MAX) throw new VouchsafeError("DISK", `more than ${ARTIFACT_BYTES_MAX} bytes`)
        await world.reserve(bytes.length)
        reserved += bytes.length
        await onDisk("write an artifact", () => writeAll(file, bytes, hash.size))
        hash.update(bytes)
      } catch (error) {
        await discard()
        throw error
      }
    },
    async commit() {
      if (!isOpen || hash.size === 0) {
        await discard()
        throw new VouchsafeError("DISK", "there is nothing to keep")
      }
      try {
        await onDisk("close a spool", end)
        const { sha512, list } = hash.finish()
        await world.adopt(path, sha512, list, audience)
        return { sha512, size: list.size }
      } finally {
        await discard()
      }
    },
  }
}
