/**
 * What a node does with its services: evidence on demand, figures for people and machines, routes.
 *
 * @packageDocumentation
 */
import { nodeCrypto } from "@vouchsafe/client/node"
import { parseVerifierKey, type Signer, type VouchsafeError } from "@vouchsafe/core"
import type { Clock, HttpTransport, Timers } from "@vouchsafe/ports"
import { createSilentNodes } from "./admin/silent-nodes.ts"
import { createAdminGate } from "./auth/gate.ts"
import { adminKeysById } from "./auth/keys.ts"
import { remoteAdminRoute } from "./auth/route.ts"
import type { BackupSource } from "./backup/take.ts"
import type { Builds, BuildsOptions } from "./builds/builds.ts"
import type { SourceRules } from "./builds/request.ts"
import type { Tokens } from "./builds/tokens.ts"
import { createBudget } from "./evidence/budget.ts"
import { createEntryCache } from "./evidence/entry-cache.ts"
import { createFind } from "./evidence/find.ts"
import { createObserver, readingObserver } from "./evidence/observer.ts"
import { createObserve, createRechecker } from "./evidence/observing.ts"
import { createEvidenceService, type EvidenceService, type ServedLog } from "./evidence/service.ts"
import { createRouter, type Router } from "./http/router.ts"
import { CHECKPOINTS_GLOBAL, CHECKPOINTS_PER_ADDRESS, OBSERVATIONS_GLOBAL, OBSERVATIONS_PER_ADDRESS } from "./limits.ts"
import type { Logger } from "./logger.ts"
import type { Metrics } from "./metrics.ts"
import { createReleases } from "./releases/releases.ts"
import type { TrustStatus } from "./registry/trust.ts"
import { adminRoutes } from "./routes/admin.ts"
import { backupRoute } from "./routes/backup.ts"
import { buildRoutes } from "./routes/builds.ts"
import { envelopeRoute } from "./routes/envelope.ts"
import { publicRoutes } from "./routes/public.ts"
import type { Parts } from "./parts.ts"
import { ALL_ROLES, ATTESTER_OFF, type Roles, withRoles } from "./roles.ts"
import type { CosignedLog, Services } from "./services.ts"
import type { OwnRoster } from "./state/roster.ts"
import { createStatus } from "./status.ts"

/** What the service works with. */
export interface NodeServiceOptions {
  readonly services: Services
  readonly parts: Parts
  readonly metrics: Metrics
  readonly own: OwnRoster
  readonly operator: string
  readonly registries: readonly string[]
  readonly transport: HttpTransport
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  /** Key of exported envelopes. */
  readonly exportKey: Signer
  /** Verifier keys of publishers, text form. */
  readonly publisherKeys: readonly string[]
  /** All by default. */
  readonly roles?: Roles
  /** Opens the queue of builds; absent on a node that does not rebuild. */
  readonly openBuilds: ((hooks: Pick<BuildsOptions, "onStatement" | "onEnd" | "onFault">) => Promise<Builds>) | undefined
  readonly tokens: Tokens | undefined
  /** Who may ask over the public listener what is the admin's; nobody by default. */
  readonly adminKeys?: readonly string[] | undefined
  readonly adminTokens?: Tokens | undefined
  readonly sourceRules: SourceRules
  /** How the roots of trust are. */
  readonly trust: () => TrustStatus
  /** What a backup is taken from, as of now. */
  readonly backupSource: () => BackupSource
}

/** Below a node's URL: `builder.id` of the provenance that it exports. Nothing is served there. */
const BUILDER_PATH = "rebuilder/v1"

/** A node without its listeners. */
export interface NodeService {
  readonly publicRouter: Router
  readonly adminRouter: Router
  readonly evidence: EvidenceService
  /** Settles when a log cannot go on. */
  readonly failed: Promise<VouchsafeError>
  /** Ends waiting and observing, so that requests in work come to their answers. */
  beginStop(): void
  drain(): Promise<void>
}

/** @see NodeService @throws what opening the queue of builds throws. */
export async function createNodeService(options: NodeServiceOptions): Promise<NodeService> {
  const { services, metrics, own, clock, timers, logger, roles = ALL_ROLES } = options
  const { observations, notices, attester, blobs } = services
  const stopping = new AbortController()
  const failure = watchFailure(services)
  const budget = createBudget(clock, OBSERVATIONS_PER_ADDRESS, OBSERVATIONS_GLOBAL)
  const observer = roles.attester ? createObserver({
    observe: createObserve(attester, logger, stopping.signal, failure.check), budget, clock,
    onOutcome: (outcome, seconds) => metrics.observed(outcome.kind, seconds),
  }) : readingObserver(ATTESTER_OFF)
  const rechecker = createRechecker(attester, budget, clock, logger)
  const served = ({ log, cosigner }: CosignedLog): ServedLog => ({ log, cosigner, entries: createEntryCache(log, blobs) })
  const evidence = createEvidenceService({
    observations: served(observations), notices: served(notices), observer, clock, timers, stopping: stopping.signal, registries: new Set(options.registries),
    find: createFind(services.statements, (artifact) => attester.find(artifact)),
    onStarted: (artifacts) => attester.expect(artifacts), onKnown: roles.attester ? rechecker.seen : () => undefined, onStatus: metrics.artifacts,
  })
  const releases = createReleases({
    log: services.statements, attester, registries: options.registries, publisherKeys: options.publisherKeys, crypto: nodeCrypto, clock, logger, onStatement: evidence.forget,
  })
  const builds = await options.openBuilds?.({ onStatement: evidence.forget, onEnd: metrics.built, onFault: failure.fail })
  metrics.watch({
    logSize: () => observations.log.size,
    cosignedSize: () => observations.log.cosigned()?.size ?? 0,
    noticesSize: () => notices.log.size,
    noticesAgeSeconds: () => notices.cosigner.ageMs() / 1000,
    queued: observer.queued, observing: observer.running,
    buildsQueued: () => builds?.counts().queued ?? 0, buildsRunning: () => builds?.counts().running ?? 0,
    trustSecondsLeft: () => secondsLeft(options.trust(), clock),
  })
  const unhealthy = (): string | undefined => (observations.log.failure ?? notices.log.failure)?.message ?? (stopping.signal.aborted ? "the node is stopping" : undefined)
  const shared = publicRoutes({
    log: observations.log, notices: notices.log, witness: services.witness, witnessBudget: createBudget(clock, CHECKPOINTS_PER_ADDRESS, CHECKPOINTS_GLOBAL), evidence, releases, blobs, metrics, unhealthy,
    rosterText: own.text, status: createStatus({ ...options, observer, builds }),
  })
  shared.push(
    ...options.parts.publicRoutes,
    ...buildRoutes({ builds, tokens: options.tokens, rules: options.sourceRules, registries: options.registries, clock, logger }),
    envelopeRoute({ log: observations.log, blobs, exportKey: options.exportKey, builderId: `${own.self.url}${BUILDER_PATH}` }),
  )
  const socketRoutes = [
    ...options.parts.adminRoutes, backupRoute(options.backupSource, logger),
    ...adminRoutes({
      attester, gather: { roster: own.roster, self: own.self, own: evidence, transport: options.transport, silent: createSilentNodes(clock) },
      budgets: () => ({ format: "vouchsafe-budgets/v1", observations: budget.left(), queue: { waiting: observer.queued(), running: observer.running() }, builds: builds?.counts() ?? null }),
    }),
  ]
  const gate = createAdminGate({ keys: adminKeysById(options.adminKeys ?? [], ownPublicKeys(options)), tokens: options.adminTokens, url: own.self.url, crypto: nodeCrypto, clock, logger })
  shared.push(remoteAdminRoute(gate, withRoles(roles, socketRoutes), logger))
  return {
    publicRouter: createRouter(withRoles(roles, shared)),
    adminRouter: createRouter(withRoles(roles, [...shared, ...socketRoutes])),
    evidence,
    failed: failure.failed,
    beginStop() {
      stopping.abort()
      builds?.beginStop()
    },
    async drain() {
      stopping.abort()
      await Promise.all([observer.drain(), rechecker.drain(), builds?.stop()])
    },
  }
}

/** Keys that sign something else for this node. */
function ownPublicKeys({ own: { self }, exportKey, publisherKeys }: NodeServiceOptions) {
  return [self.log, self.notices, self.witness, exportKey.verifier, ...publisherKeys.map(parseVerifierKey)].map(({ publicKey }) => publicKey)
}

function secondsLeft({ source, expiresAt }: TrustStatus, clock: Clock): number {
  if (source !== "mirror") return Number.POSITIVE_INFINITY
  return expiresAt === null ? 0 : Math.max(0, expiresAt - Math.floor(clock.nowMs() / 1000))
}

/** A log whose write ended with an unknown outcome serves what it has and takes nothing more: only a restart recovers. */
function watchFailure({ observations, notices, lost }: Services) {
  let tell: (error: VouchsafeError) => void = () => undefined
  const failed = new Promise<VouchsafeError>((resolve) => {
    tell = resolve
  })
  void lost?.then((reason) => tell(reason))
  const check = (): void => {
    const failure = observations.log.failure ?? notices.log.failure
    if (failure !== undefined) tell(failure)
  }
  return { failed, check, fail: (error: VouchsafeError): void => tell(error) }
}
