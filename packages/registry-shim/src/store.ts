/**
 * Verified tarballs on disk, by digest. A cache and nothing more: whatever is read from it is hashed again.
 *
 * @packageDocumentation
 */
import { createHash, randomBytes } from "node:crypto"
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { SPOOL_AGE_MS_MAX, STORE_BYTES_MAX } from "./limits.ts"
import type { ShimClock } from "./types.ts"

const SHA512_HEX = /^[0-9a-f]{128}$/
const FILE_MODE = 0o600
const DIR_MODE = 0o700

/** A file that only its owner can read, being filled. */
export interface Spool {
  readonly path: string
  /** @throws VouchsafeError DISK */
  append(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
  /** Closes and removes; also after {@link TarballStore.adopt}, where it does nothing. */
  discard(): Promise<void>
}

export interface TarballStore {
  /** @throws VouchsafeError DISK */
  spool(): Promise<Spool>
  /** Moves a spooled file to its digest's place. The caller has hashed it. @throws VouchsafeError DISK */
  adopt(spool: Spool, sha512: string): Promise<string>
  /** Path and size of what is held under a digest. Unverified. */
  find(sha512: string): Promise<{ readonly path: string; readonly size: number } | undefined>
  /** Removes what turned out not to be what its name says. */
  drop(sha512: string): Promise<void>
  /** Digest that an artifact had when it was last verified: saves asking upstream, decides nothing. */
  hint(purl: string, registry: string): Promise<string | undefined>
  setHint(purl: string, registry: string, sha512: string): Promise<void>
  /** Removes what was used longest ago until `bytesMax` holds, and old spools. */
  trim(): Promise<void>
}

/** Opens the folder, making it when it is missing. @throws VouchsafeError DISK */
export async function openStore(dir: string, clock: ShimClock, bytesMax: number = STORE_BYTES_MAX): Promise<TarballStore> {
  const tarballs = join(dir, "sha512")
  const spools = join(dir, "spool")
  const hints = join(dir, "names")
  for (const folder of [dir, tarballs, spools, hints]) await onDisk(`make ${folder}`, () => mkdir(folder, { recursive: true, mode: DIR_MODE }))
  const pathOf = (sha512: string): string => {
    if (!SHA512_HEX.test(sha512)) throw new TypeError("expected a sha512 in lower-case hex")
    return join(tarballs, `${sha512}.tgz`)
  }
  const hintPath = (purl: string, registry: string): string => join(hints, createHash("sha256").update(`${registry}\n${purl}`).digest("hex"))
  return {
    async spool() {
      const path = join(spools, `${randomBytes(16).toString("hex")}.part`)
      const handle = await onDisk("make a spool file", () => open(path, "wx", FILE_MODE))
      let isOpen = true
      const close = async (): Promise<void> => {
        if (!isOpen) return
        isOpen = false
        await handle.close()
      }
      return {
        path, close,
        append: (bytes) => onDisk("write a tarball", () => handle.writeFile(bytes)),
        async discard() {
          await close()
          await rm(path, { force: true })
        },
      }
    },
    async adopt(spool, sha512) {
      const path = pathOf(sha512)
      await onDisk("keep a verified tarball", async () => {
        await spool.close()
        await rename(spool.path, path)
      })
      return path
    },
    async find(sha512) {
      const path = pathOf(sha512)
      const found = await orMissing(() => stat(path))
      if (!found?.isFile()) return undefined
      const now = new Date(clock.nowMs())
      await orMissing(() => utimes(path, now, now))
      return { path, size: found.size }
    },
    drop: (sha512) => rm(pathOf(sha512), { force: true }),
    async hint(purl, registry) {
      const text = await orMissing(() => readFile(hintPath(purl, registry), "latin1"))
      return text !== undefined && SHA512_HEX.test(text) ? text : undefined
    },
    setHint: (purl, registry, sha512) => onDisk("note a digest", () => writeFile(hintPath(purl, registry), sha512, { mode: FILE_MODE })),
    async trim() {
      const files = await filesOf(tarballs)
      let total = files.reduce((sum, { size }) => sum + size, 0)
      for (const { path, size } of files.sort((a, b) => a.usedMs - b.usedMs)) {
        if (total <= bytesMax) break
        await rm(path, { force: true })
        total -= size
      }
      for (const { path, usedMs } of await filesOf(spools)) if (clock.nowMs() - usedMs > SPOOL_AGE_MS_MAX) await rm(path, { force: true })
    },
  }
}

async function filesOf(dir: string): Promise<{ readonly path: string; readonly size: number; readonly usedMs: number }[]> {
  const files = []
  for (const name of await readdir(dir)) {
    const path = join(dir, name)
    const found = await orMissing(() => stat(path))
    if (found) files.push({ path, size: found.size, usedMs: found.mtimeMs })
  }
  return files
}

async function orMissing<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    // another process of the same user may trim at the same time
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

async function onDisk<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    const code = (cause as NodeJS.ErrnoException).code ?? "error"
    throw new VouchsafeError("DISK", `cannot ${what}: ${code}`, { cause, hint: "check free space and permissions of the cache folder" })
  }
}
