/**
 * Where a node's logs, its witness's memory and its documents are, when that is not its data folder (spec/log-storage.md, "In a node").
 *
 * @packageDocumentation
 */
import { checkConsistency, type Crypto, VouchsafeError } from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import type { NodeStorage, PublishedEdge } from "@vouchsafe/storage"
import { existsSync } from "node:fs"
import type { NodeConfig } from "../config/checked.ts"
import type { Logger } from "../logger.ts"
import type { ServiceStores } from "../services.ts"
import { type HeldFolder, writeFileWhole } from "../state/folder.ts"

/** In the data folder of a node whose logs are elsewhere. */
const MARK_NAME = "storage.json"
const MARK = { format: "vouchsafe-storage/v1", kept: "elsewhere" } as const

type Env = Readonly<Record<string, string | undefined>>

/** Storage that was configured, and reached by nobody yet. */
export interface PreparedStorage extends NodeStorage {
  /** Stores of a node that acts, or stands by until it may. */
  stores(context: StoresContext): ServiceStores
}

/** How to stand by. */
export interface StoresContext {
  readonly logger: Logger
  /** Ends waiting. */
  readonly signal: AbortSignal | undefined
  /** Called when it turns out that another process acts, with who. */
  readonly onStandby: (holder: string) => void
}

/**
 * Reads the configuration. The drivers are loaded for a node that names them, and for no other.
 * @throws VouchsafeError CONFIG_MALFORMED, DISK for a file that an address names.
 */
export async function prepareStorage({ storage, objects, data }: Pick<NodeConfig, "storage" | "objects" | "data">, env: Env): Promise<PreparedStorage | undefined> {
  if (storage === undefined && objects === undefined) return undefined
  if (storage === undefined || objects === undefined) {
    throw new VouchsafeError("CONFIG_MALFORMED", `${storage === undefined ? "objects" : "storage"} is given alone, expected storage and objects together`, { hint: "records in PostgreSQL and tiles in one machine's folder could not be taken over by another machine" })
  }
  const { nodeStorage } = await import("@vouchsafe/storage")
  const kept = nodeStorage({ storage, objects, directory: data, env })
  return { ...kept, stores: (context) => storesOver(kept, context) }
}

function storesOver(kept: NodeStorage, { logger, signal, onStandby }: StoresContext): ServiceStores {
  let tell: (error: VouchsafeError) => void = () => undefined
  const lost = new Promise<VouchsafeError>((resolve) => { tell = resolve })
  let told: string | undefined
  return {
    lost,
    async openLogStorage(role, origin) {
      const storage = await kept.openLogStorage(role, origin, {
        signal,
        onLost: (reason) => tell(new VouchsafeError("STATE_UNSAFE", `${origin} is no longer held by this process: ${reason.message}`, { cause: reason, hint: "started again it stands by" })),
        onWait({ code, message }) {
          if (message === told) return
          told = message
          if (code === "STATE_UNSAFE") logger.info({ log: role, storage: kept.shown, why: message }, "standing by")
          else logger.warn({ log: role, storage: kept.shown, code, why: message }, "the storage cannot be reached; trying again")
          onStandby(message)
        },
      })
      logger.info({ log: role, storage: kept.shown }, told === undefined ? "the log is held" : "the log was taken over")
      return storage
    },
    openWitnessStore: () => kept.openWitnessStore(),
    openEdge: (role, owner) => kept.openEdge(role, owner),
    blobs: kept.blobs,
  }
}

/**
 * Makes sure that a data folder's keys begin no second history ([S20]), and leaves the mark that later starts look for.
 * @throws VouchsafeError STATE_UNSAFE.
 */
export function keepApart(folder: HeldFolder, isElsewhere: boolean): void {
  // Whatever it holds: somebody's damaged mark is still one.
  const marked = existsSync(folder.at(MARK_NAME))
  if (!isElsewhere) {
    if (!marked) return
    throw new VouchsafeError("STATE_UNSAFE", `the logs of ${folder.path} are kept elsewhere, expected --storage and --objects`, { hint: "the same keys must not begin other logs in the folder; give the addresses as before" })
  }
  const embedded = (["log", "notices"] as const).find((role) => existsSync(folder.at(role, "log.sqlite")))
  if (embedded !== undefined) {
    throw new VouchsafeError("STATE_UNSAFE", `${folder.path} holds an embedded log in ${embedded}/, expected none with --storage`, { hint: "the same keys must not begin another log elsewhere; make a new data folder with keys of its own, and let the roster name them" })
  }
  if (!marked) writeFileWhole(folder.at(MARK_NAME), `${JSON.stringify(MARK)}\n`, 0o600)
}

/**
 * Compares a log that was just opened with what its bucket says that it signed ([S20]).
 * @throws VouchsafeError STATE_UNSAFE when going on would sign a second history.
 */
export async function requirePublished(log: Pick<Log, "origin" | "size" | "head" | "proveConsistency">, edge: PublishedEdge, crypto: Crypto): Promise<void> {
  const there = await edge.checkpoint()
  if (there === undefined || there.size === 0) return
  const head = log.head()
  const behind = (found: string): VouchsafeError => new VouchsafeError("STATE_UNSAFE", `${log.origin} has ${head.size} entries in its database, and its bucket holds ${found}, signed by its key`, {
    hint: "the database is an older copy, or another one: going on would sign a fork. Restore the newest one, or end this log and begin another with new keys",
  })
  if (there.size > head.size) throw behind(`a checkpoint of ${there.size} entries`)
  const proof = await log.proveConsistency(there.size, head.size)
  if (checkConsistency(crypto, { oldSize: there.size, newSize: head.size, oldRoot: there.root, newRoot: head.root, proof }) !== "consistent") throw behind(`another tree of ${there.size} entries`)
}
