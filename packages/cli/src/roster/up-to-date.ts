/**
 * Brings the roster of a governed project up to date before anything is decided with it (spec/roster.md, "Following").
 *
 * @packageDocumentation
 */
import { findConfig, genesisPath, httpTransport, nodeCrypto, openProject, type Project, type ProjectOptions, readPolicy, requireSameGenesis, rosterFolder, systemClock, withLock } from "@vouchsafe/client/node"
import { isVouchsafeError, type Policy, type RosterNode } from "@vouchsafe/core"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import type { FollowResult, RosterStore } from "@vouchsafe/roster"
import type { CliIo } from "../io.ts"
import { say } from "../output.ts"

/** For all sources together, in ms. */
const FOLLOW_BUDGET_MS = 10_000
/** What is wrong when no source can be asked. */
const AWAY = ["ROSTER_EXPIRED", "UNREACHABLE", "TIMEOUT", "UPSTREAM_FAILED", "NOT_FOUND"] as const
const PRIVATE_FILE_MODE = 0o600
const PRIVATE_FOLDER_MODE = 0o700

export type Governance = NonNullable<Policy["governance"]>

/** A governed project and what is kept of its roster. */
export interface Governed {
  readonly configPath: string
  readonly governance: Governance
  readonly store: RosterStore
}

/** The policy that rules a folder, where it names a governed roster. @throws VouchsafeError as parsePolicy does, ROSTER_REFUSED for another genesis than before. */
export async function governedProject(io: CliIo, dir: string): Promise<Governed | undefined> {
  const location = findConfig(dir, io.env)
  const { path: configPath } = location
  const { governance } = readPolicy(location, io.env).policy
  requireSameGenesis(io.env, configPath, governance?.genesis)
  if (governance === undefined) return undefined
  // Loaded where it is needed: most projects have a file for a roster.
  const { rosterStore } = await import("@vouchsafe/roster")
  const directory = rosterFolder(io.env, governance.genesis)
  return { configPath, governance, store: rosterStore({ directory, genesis: governance.genesis, crypto: nodeCrypto, withLock: (folder, action) => withLock(folder, action) }) }
}

/** Asks every source within one budget. */
export async function follow({ governance, store }: Governed): Promise<FollowResult> {
  const { followRoster } = await import("@vouchsafe/roster")
  const transport = httpTransport()
  const budget = new AbortController()
  const timer = setTimeout(() => budget.abort(), FOLLOW_BUDGET_MS)
  try {
    return await followRoster({ ...governance, store, transport, crypto: nodeCrypto, clock: systemClock, signal: budget.signal })
  } finally {
    clearTimeout(timer)
    transport.close()
  }
}

/**
 * Follows the roster of a governed project; of another it does nothing.
 * @throws VouchsafeError ROSTER_EXPIRED, ROSTER_REFUSED; what kept every source from answering, where nothing in time is kept.
 */
export async function bringUpToDate(io: CliIo, dir: string): Promise<FollowResult | undefined> {
  const governed = await governedProject(io, dir)
  if (governed === undefined) return undefined
  const { rosterInForce } = await import("@vouchsafe/roster")
  const result = await follow(governed)
  rosterInForce(result, systemClock.nowMs())
  rememberGenesis(io, governed)
  for (const { source, error } of result.failures) say(io, `roster: ${source}: ${error.code}: ${error.message}`)
  for (const warning of result.warnings) say(io, `roster: ${warning}`)
  return result
}

/** The first genesis that a project followed is the one it stays with. */
function rememberGenesis(io: CliIo, { configPath, governance }: Governed): void {
  const path = genesisPath(io.env, configPath)
  mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER_MODE })
  try {
    writeFileSync(path, governance.genesis, { flag: "wx", mode: PRIVATE_FILE_MODE })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
}

/**
 * Opens a project with its roster up to date. Where nobody can be asked for a newer one, a lock may carry a roster whose time is over for a while
 * (THREATS, TUF freeze); openProject knows how long.
 * @throws as {@link bringUpToDate} and openProject do.
 */
export async function openFreshProject(io: CliIo, options: ProjectOptions): Promise<Project> {
  try {
    await bringUpToDate(io, options.dir)
  } catch (error) {
    if (!AWAY.some((code) => isVouchsafeError(error, code))) throw error
    const project = await openProject(options)
    if (project.lockFile === undefined) throw error
    say(io, `roster: ${(error as Error).message}; what ${project.lockFile.path} holds is still judged by the last one`)
    return project
  }
  return openProject(options)
}

/** The genesis that the folder's project follows, for comparison; undefined without a project or without governance. */
export async function genesisHere(io: CliIo): Promise<string | undefined> {
  try {
    return (await governedProject(io, io.cwd))?.governance.genesis
  } catch (error) {
    if (isVouchsafeError(error, "CONFIG_MALFORMED")) return undefined
    throw error
  }
}

/** The nodes of the project's roster; nobody where there is no project and none is needed. */
export async function rosterNodes(io: CliIo, isNeeded: boolean): Promise<readonly RosterNode[]> {
  try {
    const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
    try {
      return project.roster.nodes
    } finally {
      project.close()
    }
  } catch (error) {
    if (isNeeded) throw error
    return []
  }
}
