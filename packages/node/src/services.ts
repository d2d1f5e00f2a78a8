/**
 * Opens what a node is made of: two logs, a witness, an attester; and keeps the logs cosigned.
 *
 * @packageDocumentation
 */
import { type Attester, createAttester, type HistoryPorts } from "@vouchsafe/attester"
import { type Crypto, eligibleWitnesses, isVouchsafeError, quorumSatisfied, VouchsafeError } from "@vouchsafe/core"
import { collectCosignatures, type Cosigners, openLog, openSqliteStorage } from "@vouchsafe/log"
import type { BlobStore, Clock, HttpTransport, Log, LogStorage, RegistrySource, StatementLog, Timers, WitnessStore } from "@vouchsafe/ports"
import type { EdgeOwner, PublishedEdge } from "@vouchsafe/storage"
import type { UpstreamVerifier } from "@vouchsafe/sigstore"
import { openSqliteWitnessStore, openWitness, type Witness } from "@vouchsafe/witness"
import { clearMark, refuseBehind, requireCaughtUp, restoredMark } from "./backup/caught-up.ts"
import { RESTORED_NAME } from "./backup/format.ts"
import type { Copied } from "./backup/take.ts"
import { createBudget } from "./evidence/budget.ts"
import { type Cosigner, createCosigner } from "./cosign/cosigner.ts"
import { BEHIND_LOOK_MS, CHECKPOINTS_GLOBAL, CHECKPOINTS_PER_LOG, NOTICES_REFRESH_MS, OBSERVATIONS_CONCURRENT_MAX } from "./limits.ts"
import type { Logger } from "./logger.ts"
import type { Convictions } from "@vouchsafe/gossip"
import { createPublisher } from "./storage/publisher.ts"
import { requirePublished } from "./storage/stores.ts"
import { createBlobStore } from "./state/blobs.ts"
import type { HeldFolder } from "./state/folder.ts"
import type { NodeKeys } from "./state/keys.ts"
import type { OwnRoster } from "./state/roster.ts"

/** A log and what keeps it cosigned. */
export interface CosignedLog {
  readonly log: Log
  readonly cosigner: Cosigner
  readonly witnesses: Cosigners
}

/** The parts of a running node. */
export interface Services {
  readonly observations: CosignedLog
  readonly notices: CosignedLog
  readonly witness: Witness
  readonly attester: Attester
  /** The observation log as it is written to: every append asks for cosignatures. */
  readonly statements: StatementLog
  readonly blobs: BlobStore
  /** What a backup copies. */
  readonly databases: Readonly<Record<"log" | "notices" | "witness", Copied>>
  /** Settles when a log is no longer this process's. */
  readonly lost?: Promise<VouchsafeError> | undefined
  /** In order: no more cosigning, then the logs, then the witness. */
  close(): Promise<void>
}

/** Where a node keeps what it must not forget: by default its data folder. */
export interface ServiceStores {
  openLogStorage(role: "log" | "notices", origin: string): Promise<LogStorage>
  openWitnessStore(): Promise<WitnessStore>
  /** Documents; undefined: they stay in the data folder. */
  readonly blobs: BlobStore | undefined
  /** Where the newest checkpoint is put for those who read tiles from where they are kept. */
  openEdge?(role: "log" | "notices", owner: EdgeOwner): PublishedEdge | undefined
  /** Settles when a log is no longer held. */
  readonly lost?: Promise<VouchsafeError>
}

/** What they are opened with. */
export interface ServicesOptions {
  readonly folder: HeldFolder
  readonly keys: NodeKeys
  readonly own: OwnRoster
  /** Registry ids that this node observes. */
  readonly registries: readonly string[]
  readonly source: RegistrySource
  readonly upstream: UpstreamVerifier
  /** Where observations look for what came before a version. */
  readonly history?: HistoryPorts | undefined
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly onCosigned: (log: "log" | "notices", reached: boolean) => void
  /** Whose heads are not cosigned, and whose cosignatures do not count. */
  readonly convictions: Pick<Convictions, "has" | "counted">
  /** Another place than the data folder. */
  readonly stores?: ServiceStores | undefined
}

/** Opens all parts, or none. @throws what opening a log or a witness throws. */
export async function openServices(options: ServicesOptions): Promise<Services> {
  const { folder, keys, crypto, clock } = options
  const stores = options.stores ?? storesIn(folder)
  const closers: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const storages = await holdLogs(stores, keys, closers)
    const memory = await stores.openWitnessStore()
    closers.push(() => memory.close())
    const perLog = createBudget(clock, CHECKPOINTS_PER_LOG, CHECKPOINTS_GLOBAL)
    const witness = await openWitness({
      admit: (origin) => perLog.take(origin) === "granted", store: memory, signer: keys.witness, logs: () => logKeysOf(options.own).filter(({ vkey }) => !options.convictions.has(vkey)), crypto, clock,
    })
    const mark = restoredMark(folder.at(RESTORED_NAME))
    const copied = { witness: copiedOf(memory) } as Record<"log" | "notices" | "witness", Copied>
    const { behind, look } = watchBehind(options)
    const open = async (role: "log" | "notices"): Promise<Log> => {
      const storage = storages.take(role)
      copied[role] = copiedOf(storage)
      const log = await openLog({ directory: folder.at(role), origin: keys[role].verifier.name, signer: keys[role], crypto, storage })
      closers.push(() => log.close())
      // Before anybody can append, and before a witness is asked to cosign.
      if (mark !== undefined) await requireCaughtUp(log, mark, options)
      return log
    }
    const keepCosigned = async (role: "log" | "notices", log: Log): Promise<CosignedLog> => {
      const edge = stores.openEdge?.(role, { verifier: keys[role].verifier, crypto })
      if (edge !== undefined) await requirePublished(log, edge, crypto)
      const publisher = edge === undefined ? undefined : createPublisher({ name: role, log, edge, clock, timers: options.timers, logger: options.logger })
      if (publisher !== undefined) closers.push(() => publisher.stop())
      const witnesses = collectCosignatures({ log, ...witnessesFor(options.own, options.convictions), transport: withOwnWitness(options, witness), crypto, clock, onAhead: () => look(log) })
      const cosigner = createCosigner({
        name: role, log, witnesses, clock, timers: options.timers, logger: options.logger,
        // The observation log's inclusion proofs do not expire; only notices must be fresh.
        refreshMs: role === "notices" ? NOTICES_REFRESH_MS : undefined,
        onRound(reached) {
          options.onCosigned(role, reached)
          publisher?.request()
        },
      })
      closers.push(() => cosigner.stop())
      return { log, cosigner, witnesses }
    }
    const logs = { log: await open("log"), notices: await open("notices") }
    if (mark === undefined) await Promise.all([logs.log, logs.notices].map((log) => refuseBehind(log, options)))
    const observations = await keepCosigned("log", logs.log)
    const notices = await keepCosigned("notices", logs.notices)
    if (mark !== undefined) clearMark(folder.at(RESTORED_NAME))
    const blobs = stores.blobs ?? createBlobStore(folder.at("blobs"))
    const statements = announced(observations)
    const attester = createAttester({
      source: options.source, log: statements, notices: announced(notices), blobs, clock, crypto, upstream: options.upstream, history: options.history,
      registries: options.registries, limits: { runningMax: OBSERVATIONS_CONCURRENT_MAX },
    })
    return { observations, notices, witness, attester, statements, blobs, databases: copied, lost: stores.lost === undefined ? behind : Promise.race([stores.lost, behind]), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Tells when a witness that was silent at the start shows that a log went back. Looks are rare: a witness may claim so for nothing, again and again. */
function watchBehind(options: ServicesOptions) {
  let tell: (error: VouchsafeError) => void = () => undefined
  const behind = new Promise<VouchsafeError>((resolve) => { tell = resolve })
  const lookedAtMs = new Map<Log, number>()
  const look = (log: Log): void => {
    const nowMs = options.clock.nowMs()
    if (Math.abs(nowMs - (lookedAtMs.get(log) ?? Number.NEGATIVE_INFINITY)) < BEHIND_LOOK_MS) return
    lookedAtMs.set(log, nowMs)
    refuseBehind(log, options).catch((error: unknown) => {
      if (isVouchsafeError(error)) tell(error)
      else options.logger.error({ error: String(error) }, "witnesses could not be asked by a fault of this program")
    })
  }
  return { behind, look }
}

/** Takes both logs, always in this order, so that two processes never hold one each for good. What nobody opened is closed at the end. */
async function holdLogs(stores: ServiceStores, keys: NodeKeys, closers: (() => Promise<unknown>)[]) {
  const held = new Map<"log" | "notices", LogStorage>()
  closers.push(async () => {
    for (const storage of held.values()) await storage.close()
  })
  for (const role of ["log", "notices"] as const) held.set(role, await stores.openLogStorage(role, keys[role].verifier.name))
  return {
    /** For `openLog`, which closes it from here on. */
    take(role: "log" | "notices"): LogStorage {
      const storage = held.get(role)
      if (storage === undefined) throw new TypeError(`the storage of ${role} is taken twice`)
      held.delete(role)
      return storage
    },
  }
}

function storesIn(folder: HeldFolder): ServiceStores {
  return {
    openLogStorage: (role) => openSqliteStorage({ directory: folder.at(role) }),
    openWitnessStore: () => openSqliteWitnessStore(folder.at("witness", "witness.sqlite")),
    blobs: undefined,
  }
}

/** A store that can be copied while it is in use, or the refusal of one that is backed up where it is kept. */
function copiedOf(store: object): Copied {
  if ("copyTo" in store) return store as Copied
  return {
    copyTo: () => Promise.reject(new VouchsafeError("USAGE", "this node's storage is not in its data folder, expected embedded storage", { hint: "back it up with the tools of the place where it is kept" })),
  }
}

/** Keys of all logs that this node's witness cosigns: those of the roster, its own included. */
function logKeysOf({ roster }: OwnRoster) {
  return roster.nodes.flatMap((node) => [node.log, node.notices])
}

/** The witnesses whose cosignatures count for this node's logs. A node that is alone has its own witness say the time. */
function witnessesFor({ roster, self }: OwnRoster, convictions: Pick<Convictions, "counted">) {
  const { policy, nodes } = roster
  const counted = new Set(eligibleWitnesses(nodes, policy, self.operator))
  const asked = roster.singleOperator ? policy.witnesses : policy.witnesses.filter(({ name }) => counted.has(name))
  return {
    witnesses: asked.map(({ name, key }) => {
      const node = nodes.find(({ witness }) => witness.vkey === key.vkey)
      return { name, key, submissionUrl: `${node?.url ?? ""}witness/` }
    }),
    // A witness may be convicted at any time; it may go on cosigning, and counts no more.
    quorum(all: ReadonlySet<string>): boolean {
      const names = new Set(convictions.counted(roster).policy.witnesses.flatMap(({ name }) => (all.has(name) ? [name] : [])))
      return roster.singleOperator ? names.size > 0 : quorumSatisfied(policy, names)
    },
  }
}

/** Takes the way inside the process to the node's own witness, which its public address may not lead back to. */
function withOwnWitness({ own, transport }: ServicesOptions, witness: Witness): HttpTransport {
  const ownUrl = `${own.self.url}witness/add-checkpoint`
  return {
    async request(request) {
      if (request.url !== ownUrl || request.body === undefined) return await transport.request(request)
      const { status, contentType, body } = await witness.addCheckpoint(request.body)
      return { status, headers: { "content-type": contentType }, body }
    },
  }
}

/** A log as the attester sees it: every append asks for cosignatures. */
function announced({ log, cosigner }: CosignedLog): StatementLog {
  return {
    origin: log.origin,
    async append(entries) {
      const appended = await log.append(entries)
      cosigner.request()
      return appended
    },
    entry: (index) => log.entry(index),
    indicesByKey: (key) => log.indicesByKey(key),
  }
}

