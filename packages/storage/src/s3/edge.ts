/**
 * What a bucket needs beside the full tiles to be a log by itself: the newest checkpoint, and the partial tiles of that size. See spec/log-storage.md [S17].
 *
 * @packageDocumentation
 */
import { type Crypto, entriesPath, isVouchsafeError, openCheckpoint, parseTilePath, TILE_WIDTH, tileCounts, tilePath, unlessMalformed, type VerifierKey } from "@vouchsafe/core"
import type { LogFile, SignedHead } from "@vouchsafe/ports"
import { CHECKPOINT_BYTES_MAX, CHECKPOINT_FRESH_SECONDS, LOG_FILE_BYTES_MAX } from "../limits.ts"
import { createObjectsClient, type ObjectsClientOptions } from "./client.ts"
import { createObjects, forEachBounded } from "./objects.ts"

const CHECKPOINT = "checkpoint"
const TILES = "tile/"

/** The edge of one log in a bucket. What is stored there is signed or hashes of what is signed: nobody has to trust it. */
export interface PublishedEdge {
  /** The checkpoint that is there and that the log signed; undefined when there is none. */
  checkpoint(): Promise<SignedHead | undefined>
  /**
   * Stores partial tiles, and when they are durable the checkpoint that they belong to. False, with the checkpoint left as it is, when the log signed a larger one
   * that is there. Rejects with LOG_BROKEN when a tile's path holds other bytes.
   */
  publish(head: SignedHead, partials: readonly LogFile[]): Promise<boolean>
  /** Paths of the partial tiles that a checkpoint of this size needs. */
  readonly pathsOf: (size: number) => readonly string[]
  /** Paths of all partial tiles that are there. */
  partials(): Promise<string[]>
  /** Removes partial tiles; full ones never. */
  remove(paths: readonly string[]): Promise<void>
}

/** Paths of the partial tiles, and of the partial bundle, that a tree of this size has. */
export function partialPaths(size: number): string[] {
  return tileCounts(size).flatMap(({ full, partial }, level) => {
    if (partial === 0) return []
    return level === 0 ? [entriesPath(full, partial), tilePath(level, full, partial)] : [tilePath(level, full, partial)]
  })
}

/** Whether a path names a partial tile or bundle. */
export function isPartialPath(path: string): boolean {
  try {
    return parseTilePath(path).width !== TILE_WIDTH
  } catch (error) {
    if (isVouchsafeError(error, "TILE_PATH_MALFORMED")) return false
    throw error
  }
}

function expectPartial(path: string): string {
  if (!isPartialPath(path)) throw new RangeError(`${path} is no partial tile`)
  return path
}

/** Text that may be no text. */
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Whose checkpoints count. */
export interface EdgeOwner {
  readonly verifier: VerifierKey
  readonly crypto: Crypto
}

/** What anybody may have put there counts only under the log's signature. */
function openOwn({ verifier, crypto }: EdgeOwner, text: string): SignedHead | undefined {
  return unlessMalformed(() => {
    const { size, root } = openCheckpoint(crypto, text, verifier).checkpoint
    return { size, root, text }
  })
}

/**
 * Opens the edge of the log in `folder` below the address's prefix, `log/` or `notices/`. Connects to nothing yet.
 * Its methods reject as the driver does.
 */
export function openPublishedEdge(options: ObjectsClientOptions & { readonly folder: string }, owner: EdgeOwner): PublishedEdge {
  const { address, folder } = options
  const objects = createObjects(createObjectsClient(options), address.conditional)
  const root = `${address.prefix}${folder}`
  const checkpoint = async (): Promise<SignedHead | undefined> => {
    const bytes = await objects.get(`${root}${CHECKPOINT}`, CHECKPOINT_BYTES_MAX)
    return bytes === undefined ? undefined : openOwn(owner, textOf(bytes))
  }
  return {
    checkpoint,
    pathsOf: partialPaths,
    async publish({ size, text }, partials) {
      await forEachBounded(partials, ({ path, bytes }) => objects.putOnce(`${root}${expectPartial(path)}`, bytes, LOG_FILE_BYTES_MAX))
      if (((await checkpoint())?.size ?? 0) > size) return false
      await objects.replace(`${root}${CHECKPOINT}`, text, CHECKPOINT_FRESH_SECONDS)
      return true
    },
    async partials() {
      const keys = await objects.list(`${root}${TILES}`)
      return keys.map((key) => key.slice(root.length)).filter(isPartialPath)
    },
    remove: (paths) => forEachBounded(paths, (path) => objects.remove(`${root}${expectPartial(path)}`)),
  }
}
