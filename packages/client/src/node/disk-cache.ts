/**
 * Evidence as files (spec/client.md, "Cache"): one per artifact, and one per checkpoint, which many artifacts share.
 *
 * Nothing read here is believed: a file that is missing, damaged or forged costs one request. Hence no fsync and no locks.
 *
 * @packageDocumentation
 */
import { readdirSync, rmSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { isVouchsafeError } from "@vouchsafe/core"
import type { EvidenceCache } from "@vouchsafe/ports"
import { CACHE_FILE_LENGTH_MAX, formatCacheFile, parseCacheFile } from "./cache-file.ts"
import { digestOf } from "./crypto.ts"
import { diskError, makePrivateDirectory, readTextIfPresent, systemCode, writeFileAtomic } from "./files.ts"

/** Limits of one cache folder. With files of about 10 kB an artifact, as seen with four nodes, the default is some 160 MB. */
export interface DiskCacheLimits {
  /** Artifact files in each of the 256 folders that they are spread over. */
  readonly artifactsPerFolder: number
  readonly checkpoints: number
}

export const DISK_CACHE_LIMITS: DiskCacheLimits = { artifactsPerFolder: 64, checkpoints: 4_096 }

/** Part that is removed at once when a folder is full, so that not every write has to look again. */
const EVICTED_PART = 0.25
/** A checkpoint that this process wrote or read is kept in memory: 500 artifacts refer to a handful of them. */
const CHECKPOINTS_IN_MEMORY_MAX = 256

/** Opens the cache in `directory`. Makes nothing until the first write. */
export function diskCache(directory: string, limits: DiskCacheLimits = DISK_CACHE_LIMITS): EvidenceCache {
  const checkpointFolder = join(directory, "checkpoints")
  const checkpoints = new Map<string, string | undefined>()

  const artifactPath = (purl: string, registry: string): string => {
    const digest = digestOf(`${registry}\n${purl}`)
    return join(directory, "artifacts", digest.slice(0, 2), `${digest.slice(2)}.json`)
  }

  const checkpointOf = (digest: string): string | undefined => {
    if (checkpoints.has(digest)) return checkpoints.get(digest)
    const text = readTextIfPresent(join(checkpointFolder, digest))
    const usable = text !== undefined && digestOf(text) === digest ? text : undefined
    remember(digest, usable)
    return usable
  }

  const remember = (digest: string, text: string | undefined): void => {
    const oldest = checkpoints.keys().next()
    if (checkpoints.size >= CHECKPOINTS_IN_MEMORY_MAX && oldest.done !== true) checkpoints.delete(oldest.value)
    checkpoints.set(digest, text)
  }

  const storeCheckpoint = (text: string): string => {
    const digest = digestOf(text)
    if (checkpoints.get(digest) === text && isPresent(join(checkpointFolder, digest))) return digest
    makePrivateDirectory(checkpointFolder)
    evict(checkpointFolder, limits.checkpoints)
    writeFileAtomic(join(checkpointFolder, digest), text, { durable: false })
    remember(digest, text)
    return digest
  }

  return {
    read(purl, registry) {
      try {
        const text = readTextIfPresent(artifactPath(purl, registry))
        return text === undefined ? undefined : parseCacheFile(text, { purl, registry }, checkpointOf)
      } catch (error) {
        if (isVouchsafeError(error, "DISK")) return undefined
        throw error
      }
    },
    write(purl, registry, statements) {
      const path = artifactPath(purl, registry)
      const text = formatCacheFile({ purl, registry }, statements, storeCheckpoint)
      // Not worth the space; it is asked for again each time.
      if (text.length > CACHE_FILE_LENGTH_MAX) return
      makePrivateDirectory(dirname(path))
      evict(dirname(path), limits.artifactsPerFolder)
      writeFileAtomic(path, text, { durable: false })
    },
  }
}

function isPresent(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Removes the files written longest ago when a folder has no room for one more. */
function evict(folder: string, max: number): void {
  try {
    const names = readdirSync(folder)
    if (names.length < max) return
    const byAge = names.flatMap((name) => {
      const stats = statSync(join(folder, name), { throwIfNoEntry: false })
      return stats === undefined ? [] : [{ name, writtenMs: stats.mtimeMs }]
    }).sort((a, b) => a.writtenMs - b.writtenMs)
    for (const { name } of byAge.slice(0, names.length - max + Math.ceil(max * EVICTED_PART))) rmSync(join(folder, name), { force: true })
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw diskError(`making room in ${folder}`, error)
  }
}

