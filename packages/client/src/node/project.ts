/**
 * A project as its clients see it: policy, roster, client, registries.
 *
 * @packageDocumentation
 */
import { resolve } from "node:path"
import { type ArtifactRequest, isVouchsafeError, type Lock, parseRoster, type Policy, type Roster, ROSTER_LENGTH_MAX, VouchsafeError } from "@vouchsafe/core"
import type { Clock, EvidenceCache, HttpTransport } from "@vouchsafe/ports"
import { createClient } from "../client.ts"
import type { CheckOptions, CheckResult, Client, Failure, LockUse, Progress } from "../types.ts"
import { systemClock } from "./clock.ts"
import { nodeCrypto } from "./crypto.ts"
import { findDaemonSocket } from "./daemon-socket.ts"
import { diskCache } from "./disk-cache.ts"
import { diskState } from "./disk-state.ts"
import { findConfig } from "./find-config.ts"
import { httpTransport } from "./http.ts"
import { readBounded, readPolicy } from "./floor.ts"
import { maliciousLists } from "./lists.ts"
import { findLockFile, type LockFile, readLockFile } from "./lock-file.ts"
import { graceOf, refuseUncovered, requireSameNetwork } from "./lock-floor.ts"
import { loadNpmConfig, type NpmRegistries } from "./npm-config.ts"
import { cacheDirectory, type Env, stateDirectory } from "./paths.ts"
import { type RosterInForce, rosterOf } from "./roster-state.ts"

const NO_CACHE: EvidenceCache = { read: () => undefined, write: () => undefined }

export interface ProjectOptions {
  /** Folder of the project, or one below it. */
  readonly dir: string
  readonly env: Env
  readonly onProgress?: (progress: Progress) => void
  /** Registries that the host already knows; then npm's configuration is not read, which takes some 40 ms. */
  readonly registries?: NpmRegistries
  /** Folder whose lock is used, or one below it; the project's by default. */
  readonly lockDir?: string
  /** Whether the lock vouches, or is only what a new one is compared with. */
  readonly lockUse?: LockUse["as"]
  /** Purls that are not compared with the locked version: somebody accepted them. */
  readonly unpinned?: ReadonlySet<string>
  /** For tests and for hosts with a transport of their own. */
  readonly transport?: HttpTransport
  readonly clock?: Clock
}

export interface Project {
  readonly client: Client
  /** The one in force: the project's, raised to the floors. */
  readonly policy: Policy
  /** Files of the floors. */
  readonly floors: readonly string[]
  readonly roster: Roster
  readonly configPath: string
  readonly rosterPath: string
  readonly registries: NpmRegistries
  readonly cacheDir: string
  readonly stateDir: string
  /** The lock that was read, if there is one. */
  readonly lockFile?: LockFile
  /** Digest of the network: of the genesis, or the roster's lineage. A lock is of one network. */
  readonly network: string
  readonly transport: HttpTransport
  /** A client that judges by a lock alone: no cache, no daemon. */
  clientOf(lock: Lock): Client
  /** Why a local node's socket is there but not used. */
  readonly notes: readonly Failure[]
  check(requests: readonly ArtifactRequest[], options?: CheckOptions): Promise<CheckResult>
  /** Ends kept connections; idle ones end by themselves with the process. */
  close(): void
}

function committedRoster(path: string): Roster {
  const text = readBounded(path, ROSTER_LENGTH_MAX, "ROSTER_MALFORMED")
  try {
    return parseRoster(nodeCrypto, text)
  } catch (error) {
    if (!isVouchsafeError(error, "ROSTER_MALFORMED")) throw error
    throw new VouchsafeError("ROSTER_MALFORMED", `${path}: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/**
 * Opens the project that rules `dir`.
 * @throws VouchsafeError CONFIG_MALFORMED, LOCK_MALFORMED, ROSTER_MALFORMED, ROSTER_EXPIRED, ROSTER_REFUSED, STATE_UNSAFE, DISK: without these nothing can be decided, and nothing may be installed.
 */
export async function openProject(options: ProjectOptions): Promise<Project> {
  const { path: configPath, dir } = findConfig(options.dir, options.env)
  const { policy, floors } = readPolicy({ path: configPath, dir }, options.env)
  const rosterPath = resolve(dir, policy.roster)
  const floor = committedRoster(rosterPath)
  const clock = options.clock ?? systemClock
  const lockPath = findLockFile(options.lockDir ?? options.dir, dir)
  const lockFile = lockPath === undefined ? undefined : readLockFile(lockPath)
  const graceSeconds = lockFile === undefined ? 0 : graceOf(lockFile.lock, policy, clock)
  const inForce = (): RosterInForce => rosterOf({ policy, floor, configPath, env: options.env, nowMs: clock.nowMs(), graceSeconds })
  const { roster, isOver } = inForce()
  const network = policy.governance?.genesis ?? roster.lineage
  const lockUse = options.lockUse ?? "evidence"
  if (lockFile !== undefined && lockUse === "evidence") requireSameNetwork(lockFile, network, roster)
  const own = options.transport === undefined ? httpTransport() : undefined
  const transport = options.transport ?? own as HttpTransport
  const daemon = findDaemonSocket(options.env)
  const cacheDir = cacheDirectory(options.env, roster.lineage)
  const stateDir = stateDirectory(options.env)
  const parts = { roster, policy, transport, crypto: nodeCrypto, clock, state: diskState(stateDir), ...(policy.lists.length === 0 ? {} : { lists: maliciousLists(options.env, policy) }) }
  const client = createClient({
    ...parts, cache: diskCache(cacheDir),
    ...(lockFile === undefined ? {} : { lock: { lock: lockFile.lock, network, as: lockUse, ...(options.unpinned === undefined ? {} : { unpinned: options.unpinned }) } }),
    ...(daemon.path === undefined ? {} : { daemonSocket: daemon.path }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  })
  return {
    client, policy, floors, roster, configPath, rosterPath, cacheDir, stateDir, network, transport,
    ...(lockFile === undefined ? {} : { lockFile }),
    clientOf: (lock) => createClient({ ...parts, cache: NO_CACHE, lock: { lock, network, as: "evidence" } }),
    registries: options.registries ?? await loadNpmConfig({ dir: options.dir, env: options.env }),
    notes: daemon.skipped === undefined ? [] : [{ code: "STATE_UNSAFE", message: `the local node is not used: ${daemon.skipped}` }],
    async check(requests, checkOptions) {
      // A process that is kept running must not outlive its roster.
      const now = inForce()
      if (now.roster.digest !== roster.digest) throw new VouchsafeError("ROSTER_EXPIRED", "the roster changed since this process began", { hint: "start it again" })
      // Who is over vouches for nothing new.
      return isOver || now.isOver ? refuseUncovered(await client.check(requests, { ...checkOptions, budgetMs: 0 }), policy) : client.check(requests, checkOptions)
    },
    close: () => own?.close(),
  }
}
