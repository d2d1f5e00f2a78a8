/**
 * One running node: composition of its services, its two listeners, and the order in which they start and end.
 *
 * Start: folder → keys → listener bound (port known) → roster → services → routes open → ready.
 * End: no new requests → requests in work → observations → cosigning → logs → folder.
 *
 * @packageDocumentation
 */
import { httpTransport, loadNpmConfig, nodeCrypto, type NpmRegistries, systemClock, systemTimers } from "@vouchsafe/client/node"
import { VouchsafeError } from "@vouchsafe/core"
import type { Clock, Timers } from "@vouchsafe/ports"
import { createTarballTap } from "./artifacts/tap.ts"
import { linkForClients } from "./admin/socket.ts"
import { sourceOf } from "./backup/commands.ts"
import { rebuilderEnvironment } from "./builds/build.ts"
import { openBuilds } from "./builds/builds.ts"
import { findRebuilder, requireSandbox } from "./builds/rebuilder.ts"
import { readSigners } from "./builds/signers.ts"
import { readTokens } from "./builds/tokens.ts"
import type { NodeConfig } from "./config/checked.ts"
import { underGovernance } from "./governance/start.ts"
import { openNodeConvictions } from "./gossip/part.ts"
import { openHistory } from "./history/open.ts"
import { createCurrentNames } from "./names/current.ts"
import { openListeners } from "./listeners.ts"
import { createLogger, type Logger } from "./logger.ts"
import { createMetrics } from "./metrics.ts"
import { ALL_PARTS } from "./all-parts.ts"
import { openParts } from "./parts.ts"
import { createNodeService, type NodeServiceOptions } from "./node-service.ts"
import { createGuardedFetch } from "./registry/guarded-fetch.ts"
import { rememberingResolve, type ResolveHost, resolveBySystem } from "./registry/resolve.ts"
import { createRegistrySource } from "./registry/source.ts"
import { prepareTrust } from "./registry/upstream.ts"
import { requireNotHandedOver } from "./rotation/handed-over.ts"
import { rolesOf } from "./roles.ts"
import { openServices } from "./services.ts"
import { keepApart, prepareStorage } from "./storage/stores.ts"
import { holdFolder, type HeldFolder } from "./state/folder.ts"
import { checkOperatorName, loadOrCreateKeys, operatorOfKeys } from "./state/keys.ts"
import { ensureOwnRoster, loadRoster, type OwnRoster, registriesOf } from "./state/roster.ts"
import { VERSION } from "./version.ts"

/** What a node takes from its surroundings; tests give their own. */
export interface NodeWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
  readonly timers?: Timers
  readonly resolve?: ResolveHost
  /** Program and arguments of the rebuilder; the installed one by default. */
  readonly rebuilder?: readonly string[]
  /** Ends a start that waits for another process to let go of the logs. */
  readonly stopping?: AbortSignal
  /** Where log lines go; standard error by default. */
  readonly writeLog?: (line: string) => void
}

/** A node that answers. */
export interface RunningNode {
  readonly operator: string
  /** Where its public listener is bound: `http://HOST:PORT/`. */
  readonly listenUrl: string
  readonly data: string
  readonly rosterPath: string
  readonly adminSocket: string
  /** Settles with the reason when the node cannot go on: its storage failed with an unknown outcome. Restarting recovers. */
  readonly failed: Promise<VouchsafeError>
  /** Settles when its roster is another than the one it started under; absent where it has none of its own. */
  readonly rosterChanged?: Promise<void>
  /** Ends what is in work and gives the folder back. */
  stop(): Promise<void>
}

/** Listening hosts that mean all addresses of a machine. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "*"])
/** Operator of a node that nobody named. */
const OPERATOR_DEFAULT = "local"

/**
 * Starts a node.
 * @throws VouchsafeError CONFIG_MALFORMED, ROSTER_MALFORMED, STATE_UNSAFE, LOG_BROKEN, DISK, UNREACHABLE (the address is taken).
 */
export async function startNode(config: NodeConfig, world: NodeWorld): Promise<RunningNode> {
  const folder = holdFolder(config.data)
  const closers: (() => unknown)[] = [() => folder.release()]
  const stop = (): Promise<void> => closeAll(closers)
  try {
    requireNotHandedOver(config.data)
    return await compose(await underGovernance(config, folder, world), world, folder, closers, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

/** Closes all in reverse order. One that fails keeps none of the others open; the first failure is thrown at the end. */
async function closeAll(closers: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const closer of closers.splice(0).reverse()) {
    try {
      await closer()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

async function compose(config: NodeConfig, world: NodeWorld, folder: HeldFolder, closers: (() => unknown)[], stop: () => Promise<void>): Promise<RunningNode> {
  const clock = world.clock ?? systemClock
  // What the configuration asks for and this machine cannot do is said before anything listens.
  const rebuilder = config.rebuild ? rebuilderOf(world) : undefined
  const tokens = config.buildTokenFile === undefined ? undefined : readTokens(config.buildTokenFile)
  const adminTokens = config.adminTokenFile === undefined ? undefined : readTokens(config.adminTokenFile, "admin token file")
  const allowedSigners = config.allowedSigners === undefined ? undefined : await readSigners(config.allowedSigners)
  const openTrust = await prepareTrust(config)
  const storage = await prepareStorage(config, world.env)
  keepApart(folder, storage !== undefined)
  const timers = world.timers ?? systemTimers
  const operator = checkOperatorName(config.operator ?? operatorOfKeys(config.data) ?? OPERATOR_DEFAULT)
  const keys = loadOrCreateKeys(config.data, operator)
  const npm = await loadNpmConfig({ dir: config.data, env: world.env })
  const listeners = await openListeners(config.listen, folder.at("admin.sock"))
  closers.push(() => listeners.close())
  const own = ownRoster(config, folder, keys, operator, listeners.url, npm)
  const roles = rolesOf(config, own)
  const registries = observedRegistries(config, own)
  const credentials = credentialsOf(npm, registries)
  const logger = createLogger({ level: config.logLevel, format: config.logFormat ?? "json", secrets: [...credentials.secrets, ...tokens?.secrets ?? [], ...adminTokens?.secrets ?? [], ...storage?.secrets ?? []], ...(world.writeLog === undefined ? {} : { write: world.writeLog }) })
  for (const warning of own.roster.warnings) logger.warn({ roster: own.path }, warning)
  if (!config.allowPrivateAddresses && registries.some((registry) => registry.startsWith("http:"))) {
    logger.warn({ registries }, "a registry that speaks http is not asked without --allow-private-addresses")
  }
  const userAgent = `vouchsafe-node/${VERSION} (+${operator})`
  const resolve = rememberingResolve(world.resolve ?? resolveBySystem, clock)
  const fetch = createGuardedFetch({ allowPrivateAddresses: config.allowPrivateAddresses, registries, resolve, userAgent })
  closers.push(() => fetch.close())
  const transport = httpTransport({ userAgent })
  closers.push(() => transport.close())
  const hasCredential = (registry: string): boolean => credentials.headerFor(registry) !== undefined
  const tap = createTarballTap(createRegistrySource({ fetch, authorizationFor: credentials.headerFor, clock, timers }), hasCredential)
  const { source } = tap
  const metrics = createMetrics()
  const trust = await openTrust({ folder: folder.at("trust"), registries, clock, timers, logger, onRefresh: metrics.trustRefreshed })
  closers.push(() => trust.stop())
  const convictions = await openNodeConvictions(folder, nodeCrypto, logger)
  const names = createCurrentNames(logger)
  const history = openHistory({ config, file: folder.at("history.sqlite"), resolve, userAgent, hasCredential, lookalike: names.lookalike, clock, timers })
  closers.push(() => history.close())
  const services = await openServices({ folder, keys, own, convictions, registries, source, upstream: trust.verifier, history: history.ports, transport, crypto: nodeCrypto, clock, timers, logger, onCosigned: metrics.cosigned, stores: storage?.stores({ logger, signal: world.stopping, onStandby: listeners.standBy }) })
  closers.push(() => services.close())
  const queue: NodeServiceOptions["openBuilds"] = rebuilder === undefined ? undefined : (hooks) => openBuilds({
    folder: folder.at("builds"), logger, ...hooks,
    world: {
      attester: services.attester, log: services.statements, blobs: services.blobs, source, crypto: nodeCrypto, clock, timers,
      command: rebuilder, environment: rebuilderEnvironment(world.env), gitHosts: config.gitHosts, allowPrivateAddresses: config.allowPrivateAddresses, allowedSigners,
    },
  })
  const parts = await openParts({ config, folder, keys, own, registries, services, convictions, source, tap, names, transport, crypto: nodeCrypto, clock, timers, logger, metrics }, ALL_PARTS)
  closers.push(() => parts.stop())
  const service = await createNodeService({
    services, parts, metrics, own, roles, operator, registries, transport, clock, timers, logger, tokens, adminTokens, adminKeys: config.adminKeys, openBuilds: queue, exportKey: keys.export, backupSource: () => sourceOf(config.data, operator, services.databases, clock),
    publisherKeys: config.publisherKeys, sourceRules: { gitHosts: config.gitHosts, allowHttp: config.allowPrivateAddresses }, trust: trust.status,
  })
  closers.push(() => service.drain())
  listeners.serve({ publicUrl: own.self.url, publicRouter: service.publicRouter, adminRouter: service.adminRouter, logger, onAnswer: metrics.answered })
  const link = await linkForClients(folder.at("admin.sock"), world.env["XDG_RUNTIME_DIR"], logger)
  closers.push(() => link.remove(), () => listeners.drain(), () => service.beginStop())
  logStart(logger, { operator, url: own.self.url, registries, own })
  return { operator, listenUrl: listeners.url, data: config.data, rosterPath: own.path, adminSocket: folder.at("admin.sock"), failed: service.failed, ...(parts.rosterChanged === undefined ? {} : { rosterChanged: parts.rosterChanged }), stop }
}

function rebuilderOf(world: NodeWorld): readonly string[] {
  requireSandbox(world.env["PATH"] ?? "")
  return world.rebuilder ?? findRebuilder()
}

function logStart(logger: Logger, facts: { operator: string; url: string; registries: readonly string[]; own: OwnRoster }): void {
  const { operator, url, registries, own } = facts
  logger.info({ operator, url, version: VERSION, registries, roster: own.path, nodes: own.roster.nodes.length }, "ready")
}

/** The roster that was named, else the node's own; a listener on any free port decides the address of the latter. */
function ownRoster(config: NodeConfig, folder: HeldFolder, keys: ReturnType<typeof loadOrCreateKeys>, operator: string, listenUrl: string, npm: NpmRegistries): OwnRoster {
  if (config.roster !== undefined) return loadRoster(nodeCrypto, config.roster, keys, config.url)
  if (config.url === undefined && ANY_ADDRESS.has(config.listen.host)) {
    throw new VouchsafeError("CONFIG_MALFORMED", `the node listens on ${config.listen.host}, which is no address that others can ask`, { hint: "say under which URL they reach it: --url" })
  }
  const path = folder.at("roster.json")
  const known = registriesOf(nodeCrypto, path)
  const registries = config.registries.length > 0 ? config.registries : known.length > 0 ? known : [npm.default]
  return ensureOwnRoster(nodeCrypto, path, keys, { operator, url: config.url ?? listenUrl }, registries)
}

/** The roster's registries, or those of them that the configuration names. */
function observedRegistries(config: NodeConfig, { roster, path }: OwnRoster): readonly string[] {
  const unknown = config.registries.find((registry) => !roster.registries.includes(registry))
  if (unknown !== undefined) {
    throw new VouchsafeError("CONFIG_MALFORMED", `registry ${unknown} is not in roster ${path}, which lists ${roster.registries.join(", ")}`, {
      hint: "a node observes registries of its roster only; leave --registry out, or change the roster",
    })
  }
  return config.registries.length > 0 ? config.registries : roster.registries
}

/** Credentials by registry id, and the secrets in them for the logger to leave out. */
function credentialsOf(npm: NpmRegistries, registries: readonly string[]) {
  const headers = new Map<string, string>()
  const secrets: string[] = []
  for (const registry of registries) {
    const header = npm.credentialsFor(registry)?.header
    if (header === undefined) continue
    headers.set(registry, header)
    const [scheme = "", value = ""] = header.split(" ", 2)
    secrets.push(value)
    if (scheme === "Basic") secrets.push(...Buffer.from(value, "base64").toString("utf8").split(":").slice(1))
  }
  return { secrets, headerFor: (registry: string): string | undefined => headers.get(registry) }
}
