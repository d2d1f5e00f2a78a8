import { HEX_SHA256, VouchsafeError } from "@vouchsafe/core"
import { type Disk, nodeDisk } from "@vouchsafe/log"
import type { BlobStore } from "@vouchsafe/ports"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"

/** Where a document lies in its folder. @throws TypeError for what is no digest. */
export function blobPath(folder: string, sha256: string): string {
  if (!HEX_SHA256.test(sha256)) throw new TypeError("a blob is named by 64 lower-case hex digits")
  return join(folder, sha256.slice(0, 2), sha256)
}

/**
 * Documents by their SHA-256 as files, in folders by the first byte. A file appears whole or not at all, and is durable with its name when `put`
 * resolves, whoever wrote it.
 */
export function createBlobStore(folder: string, disk: Disk = nodeDisk): BlobStore {
  const pathOf = (sha256: string): string => blobPath(folder, sha256)
  const writing = new Map<string, Promise<void>>()
  /** Folders whose names are durable. */
  const made = new Set<string>()

  const make = async (parent: string): Promise<void> => {
    if (made.has(parent)) return
    await disk.makeDirectory(parent)
    if (made.size === 0) await disk.syncDirectory(dirname(folder))
    await disk.syncDirectory(folder)
    made.add(parent)
  }
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    await make(dirname(path))
    if (!existsSync(path)) {
      const partial = `${path}.${randomBytes(6).toString("hex")}.new`
      try {
        await disk.writeNew(partial, bytes)
        await disk.rename(partial, path)
      } catch (error) {
        await disk.remove(partial)
        throw error
      }
    }
    // One that is there may stem from a process that ended between these two.
    await disk.syncDirectory(dirname(path))
  }
  return {
    async put(sha256, bytes) {
      const path = pathOf(sha256)
      const work = writing.get(path) ?? write(path, bytes).finally(() => writing.delete(path))
      writing.set(path, work)
      try {
        await work
      } catch (cause) {
        throw new VouchsafeError("DISK", `blob ${sha256} cannot be stored`, { cause })
      }
    },
    async get(sha256) {
      const path = pathOf(sha256)
      try {
        return await readFile(path)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
        throw new VouchsafeError("DISK", `blob ${sha256} cannot be read`, { cause })
      }
    },
  }
}
