/**
 * The governed roster of a node: what it verified, kept in its data folder (spec/roster.md, "Nodes").
 *
 * @packageDocumentation
 */
import { nodeCrypto } from "@vouchsafe/client/node"
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { Clock, HttpTransport, Timers } from "@vouchsafe/ports"
import { type FollowResult, followRoster, type RosterStore, rosterStore, sha256Hex, SOURCES_MAX } from "@vouchsafe/roster"
import { readFileSync, statSync } from "node:fs"
import type { NodeConfig } from "../config/checked.ts"
import { ensurePrivateFolder, type HeldFolder } from "../state/folder.ts"
import { FOLLOW_BUDGET_MS, GENESIS_BYTES_MAX, GOVERNANCE_FOLDER } from "./limits.ts"

/** What a node follows. */
export interface Governance {
  readonly genesis: string
  readonly sources: readonly string[]
  readonly store: RosterStore
}

/**
 * Opens what the configuration names; undefined where the roster is a file.
 * @throws VouchsafeError CONFIG_MALFORMED for members that do not go together, STATE_UNSAFE.
 */
export async function openGovernance({ rosterGenesis, rosterSources = [], roster }: NodeConfig, folder: HeldFolder): Promise<Governance | undefined> {
  if (rosterGenesis === undefined) {
    if (rosterSources.length === 0) return undefined
    throw wrong("there are roster sources and no roster genesis", "name the repository's 1.root.json: --roster-genesis FILE")
  }
  if (roster !== undefined) throw wrong("there are a roster file and a roster genesis, expected one of both", "leave --roster out: the repository says what the roster is")
  if (rosterSources.length === 0) throw wrong("there is a roster genesis and no roster source", "say where the repository is: --roster-source URL")
  if (rosterSources.length > SOURCES_MAX) throw wrong(`there are ${rosterSources.length} roster sources, expected at most ${SOURCES_MAX}`)
  const root = readGenesis(rosterGenesis)
  const genesis = sha256Hex(root)
  const directory = folder.at(GOVERNANCE_FOLDER, genesis)
  ensurePrivateFolder(folder.at(GOVERNANCE_FOLDER))
  ensurePrivateFolder(directory)
  // The data folder is this process's alone.
  const store = rosterStore({ directory, genesis, crypto: nodeCrypto, withLock: async (_, action) => action() })
  const based = store.load()
  if (based.chain.size === 0) await store.store(based, new Map([["1.root.json", root]]), undefined)
  return { genesis, sources: rosterSources, store }
}

function readGenesis(path: string): string {
  try {
    if (statSync(path).size > GENESIS_BYTES_MAX) throw wrong(`roster genesis ${path} has more than ${GENESIS_BYTES_MAX} bytes`)
    return readFileSync(path, "utf8")
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `roster genesis ${path} cannot be read`, { cause })
  }
}

function wrong(message: string, hint?: string): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", message, { hint })
}

/** What one round of following works with. */
export interface RoundWorld {
  readonly transport: HttpTransport
  readonly clock: Clock
  readonly timers: Timers
  readonly stopping?: AbortSignal | undefined
}

/** Asks all sources within one budget. @throws VouchsafeError STATE_UNSAFE, DISK. */
export async function followOnce({ genesis, sources, store }: Governance, { transport, clock, timers, stopping }: RoundWorld): Promise<FollowResult> {
  const budget = new AbortController()
  const end = (): void => budget.abort()
  const cancel = timers.after(FOLLOW_BUDGET_MS, end)
  stopping?.addEventListener("abort", end)
  try {
    return await followRoster({ genesis, sources, store, transport, clock, crypto: nodeCrypto, signal: budget.signal })
  } finally {
    cancel()
    stopping?.removeEventListener("abort", end)
  }
}
