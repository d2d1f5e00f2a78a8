/**
 * A log's storage put together from its two parts.
 *
 * @packageDocumentation
 */
import type { VouchsafeError } from "@vouchsafe/core"
import { openTileFiles, readTileFile } from "@vouchsafe/log"
import type { LogFiles, LogRecords, LogSnapshots, LogStorage } from "@vouchsafe/ports"
import type { PostgresAddress } from "./postgres/address.ts"
import { openPostgresRecords, type Repeat } from "./postgres/records.ts"
import type { SessionLimits } from "./postgres/session.ts"
import { openPostgresSnapshots } from "./postgres/snapshots.ts"
import type { ObjectsClientOptions } from "./s3/client.ts"
import { openS3LogFiles } from "./s3/files.ts"

/** Where a log's tiles and bundles are: objects, or a folder that only its sequencer writes. */
export type FilesPlace = { readonly objects: ObjectsClientOptions; readonly folder: string } | { readonly directory: string }

/** Where a log beyond one machine is kept. */
export interface SharedStorageOptions {
  readonly postgres: PostgresAddress
  /** The log's origin, its name in the database. */
  readonly log: string
  readonly files: FilesPlace
  readonly leaseMs?: number
  readonly limits?: SessionLimits
  readonly repeat?: Repeat
  /** See {@link openPostgresRecords}. */
  readonly onLost?: ((reason: VouchsafeError) => void) | undefined
}

/** One storage over two. The files are read and written by whoever holds the records. */
export function combineStorage(records: LogRecords, files: LogFiles): LogStorage {
  return {
    ...records,
    putFiles: files.putFiles,
    readFile: files.readFile,
    audit: async () => ({ ...await records.audit(), files: await files.listFiles() }),
  }
}

const objectsFolder = (folder: string): string => (folder === "" ? "" : `${folder}/`)

/**
 * Opens the storage of a log as its sequencer: for `openLog`.
 * @throws VouchsafeError STATE_UNSAFE while another process holds the log; what the drivers reject with.
 */
export async function openSharedStorage(options: SharedStorageOptions): Promise<LogStorage> {
  const { postgres, log, files: place } = options
  // The records first: they say that nobody else writes files.
  const records = await openPostgresRecords({ ...options, address: postgres, log })
  try {
    const files = "directory" in place ? await openTileFiles(place.directory) : await openS3LogFiles({ ...place.objects, folder: objectsFolder(place.folder) })
    return combineStorage(records, files)
  } catch (error) {
    await records.close()
    throw error
  }
}

/**
 * Opens the storage of a log for a front end: for `openLogReader`.
 * @throws VouchsafeError NOT_FOUND when no such log is kept there; what the drivers reject with.
 */
export async function openSharedSnapshots(options: SharedStorageOptions): Promise<LogSnapshots> {
  const { postgres, log, limits, files: place } = options
  const readFile = "directory" in place
    ? (path: string) => readTileFile(place.directory, path)
    : (await openS3LogFiles({ ...place.objects, folder: objectsFolder(place.folder), readOnly: true })).readFile
  const snapshots = await openPostgresSnapshots({ address: postgres, log, ...(limits === undefined ? {} : { limits }) })
  return { ...snapshots, readFile }
}
