/**
 * The governed roster as `vouchsafe roster update` verified and kept it (spec/roster.md, "State"). Plugins read it and never follow it
 * themselves: what is missing, over, or older than what the project has seen refuses everything.
 *
 * @packageDocumentation
 */
import { dirname, join } from "node:path"
import { parseRoster, type Policy, type Roster, VouchsafeError } from "@vouchsafe/core"
import { digestOf, nodeCrypto } from "./crypto.ts"
import { readTextIfPresent, requirePrivateDirectory } from "./files.ts"
import { type Env, stateDirectory } from "./paths.ts"
import { damaged } from "./state-files.ts"

const HINT = "run `npx vouchsafe roster update`"

/** Folder of all governed rosters: beside the memory of logs. */
export function rostersDirectory(env: Env): string {
  return join(dirname(stateDirectory(env)), "rosters")
}

/** Folder of one genesis, which only its owner can enter; made if needed. @throws VouchsafeError STATE_UNSAFE, DISK. */
export function rosterFolder(env: Env, genesis: string): string {
  const folder = join(rostersDirectory(env), genesis)
  requirePrivateDirectory(folder)
  return folder
}

/** Where it is remembered which genesis a project followed first. */
export function genesisPath(env: Env, configPath: string): string {
  return join(rostersDirectory(env), "projects", digestOf(configPath))
}

/**
 * Refuses a project whose genesis is another than the one it began with, or gone: a change of vouchsafe.json must not choose who is trusted.
 * @throws VouchsafeError ROSTER_REFUSED, DISK.
 */
export function requireSameGenesis(env: Env, configPath: string, genesis: string | undefined): void {
  const path = genesisPath(env, configPath)
  const known = readTextIfPresent(path)
  if (known === undefined || known === genesis) return
  throw new VouchsafeError("ROSTER_REFUSED", `${configPath} names genesis ${genesis ?? "none"}, expected ${known}, which this project followed`, { hint: `if it is meant, remove ${path}` })
}

/** The roster that rules a project. */
export interface RosterInForce {
  readonly roster: Roster
  /** Its time has run out, and only what the lock holds may still be judged by it (THREATS, TUF freeze). */
  readonly isOver: boolean
}

/** What the roster of a project depends on. */
export interface RosterOptions {
  readonly policy: Policy
  /** The committed roster. */
  readonly floor: Roster
  readonly configPath: string
  readonly env: Env
  readonly nowMs: number
  /** How long after its end a verified roster still serves what a lock holds, in seconds. */
  readonly graceSeconds: number
}

/**
 * Gives the roster that rules a project: its file, or the verified one with the file as floor.
 * @throws VouchsafeError ROSTER_EXPIRED, ROSTER_REFUSED, ROSTER_MALFORMED, STATE_UNSAFE, DISK.
 */
export function rosterOf({ policy, floor, configPath, env, nowMs, graceSeconds }: RosterOptions): RosterInForce {
  const genesis = policy.governance?.genesis
  requireSameGenesis(env, configPath, genesis)
  if (genesis === undefined) return { roster: floor, isOver: false }
  const path = join(rosterFolder(env, genesis), "current.json")
  const text = readTextIfPresent(path)
  if (text === undefined) throw new VouchsafeError("ROSTER_EXPIRED", "no verified roster is at hand", { hint: HINT })
  const { genesis: followed, expires, roster: rosterText } = membersOf(text) ?? {}
  if (followed !== genesis || typeof expires !== "number" || typeof rosterText !== "string") throw damaged(path)
  // Written so that a time that is no number is over, too.
  const isOver = !(nowMs < expires * 1000)
  if (isOver && !(nowMs < (expires + graceSeconds) * 1000)) throw new VouchsafeError("ROSTER_EXPIRED", "verified roster is over", { hint: HINT })
  const roster = parseRoster(nodeCrypto, rosterText)
  if (roster.version < floor.version) throw new VouchsafeError("ROSTER_REFUSED", `verified roster has version ${roster.version}, expected the committed ${floor.version} or higher`, { hint: HINT })
  return { roster, isOver }
}

/** undefined for what is no JSON object. */
function membersOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
