/**
 * All that a node keeps, from two lines of configuration.
 *
 * @packageDocumentation
 */
import { join } from "node:path"
import type { VouchsafeError } from "@vouchsafe/core"
import type { BlobStore, LogSnapshots, LogStorage, WitnessStore } from "@vouchsafe/ports"
import { type FilesPlace, openSharedSnapshots, openSharedStorage } from "./open.ts"
import { parsePostgresAddress } from "./postgres/address.ts"
import { openPostgresWitnessStore } from "./postgres/witness-store.ts"
import { parseObjectsAddress } from "./s3/address.ts"
import { createS3BlobStore } from "./s3/blobs.ts"
import { findObjectsCredentials } from "./s3/credentials.ts"
import { type EdgeOwner, openPublishedEdge, type PublishedEdge } from "./s3/edge.ts"
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

/** How to hold a log. */
export interface HoldingOptions extends StandbyOptions {
  /** Refuse with STATE_UNSAFE instead of waiting while another process holds it. */
  readonly atOnce?: boolean
  /** See `openPostgresRecords`. */
  readonly onLost?: ((reason: VouchsafeError) => void) | undefined
  readonly leaseMs?: number
}

/** See {@link nodeStorage}. */
export interface NodeStorage {
  /** What messages and logs call it: nothing secret. */
  readonly shown: string
  /** Passwords and keys that were read, for a logger to leave out. */
  readonly secrets: readonly string[]
  /** For `openLog`: waits while another process holds the log. */
  openLogStorage(role: NodeLogRole, origin: string, holding?: HoldingOptions): Promise<LogStorage>
  /** For `openLogReader`. */
  openLogSnapshots(role: NodeLogRole, origin: string): Promise<LogSnapshots>
  openWitnessStore(): Promise<WitnessStore>
  /** Where the bucket says how far a log is; undefined without `objects`. */
  openEdge(role: NodeLogRole, owner: EdgeOwner): PublishedEdge | undefined
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
    shown: client === undefined ? postgres.shown : `${postgres.shown}, ${client.address.shown}`,
    secrets: [postgres.password, client?.credentials.secretAccessKey, client?.credentials.sessionToken].flatMap((secret) => (secret === undefined || secret === "" ? [] : [secret])),
    openLogStorage(role, origin, { atOnce = false, onLost, leaseMs, ...waiting } = {}) {
      const open = (): Promise<LogStorage> => openSharedStorage({ ...place(role, origin), onLost, ...(leaseMs === undefined ? {} : { leaseMs }) })
      return atOnce ? open() : standBy(open, waiting)
    },
    openEdge: (role, owner) => (client === undefined ? undefined : openPublishedEdge({ ...client, folder: `${role}/` }, owner)),
    openLogSnapshots: (role, origin) => openSharedSnapshots(place(role, origin)),
    openWitnessStore: () => openPostgresWitnessStore({ address: postgres }),
    blobs: client === undefined ? undefined : createS3BlobStore(client),
  }
}
