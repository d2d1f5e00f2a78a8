/**
 * All that a node keeps, from two lines of configuration.
 *
 * @packageDocumentation
 */
import { join } from "node:path"
import type { BlobStore, LogSnapshots, LogStorage, WitnessStore } from "@vouchsafe/ports"
import { type FilesPlace, openSharedSnapshots, openSharedStorage } from "./open.ts"
import { parsePostgresAddress } from "./postgres/address.ts"
import { openPostgresWitnessStore } from "./postgres/witness-store.ts"
import { parseObjectsAddress } from "./s3/address.ts"
import { createS3BlobStore } from "./s3/blobs.ts"
import { findObjectsCredentials } from "./s3/credentials.ts"
import { standBy, type StandbyOptions } from "./standby.ts"

/** `--storage` and `--objects` of a node. */
export interface NodeStorageOptions {
  /** A `postgres://` address. */
  readonly storage: string
  /** An `s3://` address; without it, tiles are in the data folder. */
  readonly objects?: string | undefined
  /** The node's data folder. */
  readonly directory: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A log's role in a node, also the folder of its files. */
export type NodeLogRole = "log" | "notices"

/** See {@link nodeStorage}. */
export interface NodeStorage {
  /** For `openLog`: waits while another process holds the log. */
  openLogStorage(role: NodeLogRole, origin: string, waiting?: StandbyOptions): Promise<LogStorage>
  /** For `openLogReader`. */
  openLogSnapshots(role: NodeLogRole, origin: string): Promise<LogSnapshots>
  openWitnessStore(): Promise<WitnessStore>
  /** undefined without `objects`: documents stay in the data folder. */
  readonly blobs: BlobStore | undefined
}

/**
 * Reads the configuration; connects to nothing yet.
 * @throws VouchsafeError CONFIG_MALFORMED, DISK.
 */
export function nodeStorage({ storage, objects, directory, env = process.env }: NodeStorageOptions): NodeStorage {
  const postgres = parsePostgresAddress(storage, env)
  const client = objects === undefined ? undefined : { address: parseObjectsAddress(objects), credentials: findObjectsCredentials(env) }
  const place = (role: NodeLogRole, log: string) => {
    const files: FilesPlace = client === undefined ? { directory: join(directory, role) } : { objects: client, folder: role }
    return { postgres, log, files }
  }
  return {
    openLogStorage: (role, origin, waiting) => standBy(() => openSharedStorage(place(role, origin)), waiting),
    openLogSnapshots: (role, origin) => openSharedSnapshots(place(role, origin)),
    openWitnessStore: () => openPostgresWitnessStore({ address: postgres }),
    blobs: client === undefined ? undefined : createS3BlobStore(client),
  }
}
