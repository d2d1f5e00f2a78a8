import { HEX_SHA256, VouchsafeError } from "@vouchsafe/core"
import type { BlobStore } from "@vouchsafe/ports"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises"
import { dirname, join } from "node:path"

/** Where a document lies in its folder. @throws TypeError for what is no digest. */
export function blobPath(folder: string, sha256: string): string {
  if (!HEX_SHA256.test(sha256)) throw new TypeError("a blob is named by 64 lower-case hex digits")
  return join(folder, sha256.slice(0, 2), sha256)
}

/** Documents by their SHA-256 as files, in folders by the first byte. A file appears whole or not at all. */
export function createBlobStore(folder: string): BlobStore {
  const pathOf = (sha256: string): string => blobPath(folder, sha256)
  return {
    async put(sha256, bytes) {
      const path = pathOf(sha256)
      if (existsSync(path)) return
      try {
        await writeDurably(path, bytes)
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

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.${randomBytes(6).toString("hex")}.new`
  const file = await create(partial)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
  const parent = await open(dirname(path), "r")
  try {
    await parent.sync()
  } finally {
    await parent.close()
  }
}

/** Creates a file, and its folder the first time that one is missing. */
async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return await open(path, "wx", 0o600)
  }
}
