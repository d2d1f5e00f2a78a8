/**
 * A log's full tiles and bundles as objects, under the paths that tlog-tiles gives them: a bucket that is read over HTTP serves them as they are.
 *
 * @packageDocumentation
 */
import { parseTilePath, TILE_WIDTH } from "@vouchsafe/core"
import type { LogFiles } from "@vouchsafe/ports"
import { LOG_FILE_BYTES_MAX } from "../limits.ts"
import { createObjectsClient, type ObjectsClientOptions } from "./client.ts"
import { isPartialPath } from "./edge.ts"
import { createObjects, expectConditionalWrites, forEachBounded } from "./objects.ts"

const TILES = "tile/"
const PROBE = "probe-conditional-writes"

/** Nothing but a full tile's path becomes a key. */
function expectFull(path: string): string {
  if (parseTilePath(path).width !== TILE_WIDTH) throw new RangeError(`${path} is a partial tile: only full ones are files`)
  return path
}

/** How to open a log's files as objects. */
export interface S3LogFilesOptions extends ObjectsClientOptions {
  /** Folder of this log below the address's prefix: `log/`, `notices/`. */
  readonly folder?: string
  /** Writes nothing, not even the test of what the store honours. */
  readonly readOnly?: boolean
}

/**
 * Opens the files of one log.
 * @throws VouchsafeError STATE_UNSAFE when the store overwrites although asked not to; UNREACHABLE, TIMEOUT, UPSTREAM_FAILED.
 */
export async function openS3LogFiles(options: S3LogFilesOptions): Promise<LogFiles> {
  const { address, folder = "", readOnly = false } = options
  const client = createObjectsClient(options)
  const root = `${address.prefix}${folder}`
  const objects = createObjects(client, address.conditional)
  if (!readOnly && address.conditional === "required") await expectConditionalWrites(client, `${root}${PROBE}`)
  return {
    putFiles: async (files) => forEachBounded(files, ({ path, bytes }) => objects.putOnce(`${root}${expectFull(path)}`, bytes, LOG_FILE_BYTES_MAX)),
    readFile: async (path) => objects.get(`${root}${expectFull(path)}`, LOG_FILE_BYTES_MAX),
    async listFiles() {
      const keys = await objects.list(`${root}${TILES}`)
      // Partial tiles belong to the published edge, not to the log's own storage.
      return keys.map((key) => key.slice(root.length)).filter((path) => !isPartialPath(path)).sort()
    },
  }
}
