/**
 * What a follower remembers between updates, as two files (spec/roster.md, "State"): `chain.json`, everything verified, and `current.json`,
 * the little that clients read. Both only go forward.
 *
 * @packageDocumentation
 */
import { type Crypto, isVouchsafeError, parseRoster, type Roster, ROSTER_LENGTH_MAX, shapeReader, VouchsafeError } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Chain, formatChain, parseChain } from "./chain.ts"

const FORMAT = "vouchsafe-governed-roster/v1"
const FILE_MODE = 0o600

/** The roster in force. */
export interface CurrentRoster {
  readonly text: string
  readonly roster: Roster
  /** Unix seconds from which it is vouched for no longer: the first end of all metadata that led to it. */
  readonly expires: number
}

/** What is remembered at one moment; `chainText` is what a change of it is compared with. */
export interface Remembered {
  readonly chain: Chain
  readonly chainText: string | undefined
  readonly current: CurrentRoster | undefined
}

/** Runs while nobody else changes the folder. */
export type WithLock = <T>(directory: string, action: () => T) => Promise<T>

/** Where one genesis is remembered. */
export interface RosterStore {
  load(): Remembered
  /** Stores what goes forward from `based`. False when somebody else stored something since: load, and follow again. */
  store(based: Remembered, chain: Chain, current: CurrentRoster | undefined): Promise<boolean>
}

export interface RosterStoreOptions {
  /** A folder that only its owner can enter. */
  readonly directory: string
  /** Hex SHA-256. */
  readonly genesis: string
  readonly crypto: Crypto
  readonly withLock: WithLock
}

/** Opens the memory in a folder that is there. Reading throws STATE_UNSAFE for files that this did not write, DISK. */
export function rosterStore({ directory, genesis, crypto, withLock }: RosterStoreOptions): RosterStore {
  const chainPath = join(directory, "chain.json")
  const currentPath = join(directory, "current.json")
  const load = (): Remembered => {
    const chainText = readIfThere(chainPath)
    const currentText = readIfThere(currentPath)
    return {
      chainText, chain: chainText === undefined ? new Map() : parseChain(chainText, genesis),
      current: currentText === undefined ? undefined : parseCurrent(crypto, currentText, genesis),
    }
  }
  return {
    load,
    store: (based, chain, current) => withLock(directory, () => {
      const now = load()
      if (now.chainText !== based.chainText || now.current?.expires !== based.current?.expires || now.current?.text !== based.current?.text) return false
      if (current !== undefined) requireForward(now.current?.roster, current.roster)
      const text = formatChain(genesis, chain)
      // The chain first: what clients read is never ahead of it.
      if (text !== now.chainText && chain.size > 0) writeWhole(chainPath, text)
      if (current !== undefined && (current.text !== now.current?.text || current.expires !== now.current.expires)) writeWhole(currentPath, formatCurrent(genesis, current))
      return true
    }),
  }
}

/** @throws VouchsafeError ROSTER_REFUSED for a roster that is older than the one before, or another of the same version. */
export function requireForward(before: Roster | undefined, next: Roster): void {
  if (before === undefined || next.digest === before.digest || next.version > before.version) return
  const found = next.version === before.version ? `another roster of version ${next.version}` : `roster version ${next.version}`
  throw new VouchsafeError("ROSTER_REFUSED", `${found} after version ${before.version} was seen, expected a higher one`, { hint: "the keyholders must count the roster's own version up with every change" })
}

function formatCurrent(genesis: string, { text, expires }: CurrentRoster): string {
  return `${JSON.stringify({ format: FORMAT, genesis, expires, roster: text })}\n`
}

function parseCurrent(crypto: Crypto, text: string, genesis: string): CurrentRoster {
  const read = shapeReader("STATE_UNSAFE", "kept roster")
  const document = read.object(read.json(text, 2 * ROSTER_LENGTH_MAX), "document", ["format", "genesis", "expires", "roster"])
  read.oneOf(document["format"], "format", [FORMAT])
  read.oneOf(document["genesis"], "genesis", [genesis])
  const roster = read.string(document["roster"], "roster", ROSTER_LENGTH_MAX)
  return { text: roster, roster: parseRoster(crypto, roster), expires: read.integer(document["expires"], "expires", 0, Number.MAX_SAFE_INTEGER) }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw diskError(path, error)
  }
}

/** Whole or not at all, and durable on return. */
export function writeWhole(path: string, text: string, mode: number = FILE_MODE): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`
  try {
    const file = openSync(temporary, "wx", mode)
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    const folder = openSync(dirname(path), "r")
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch (error) {
    rmSync(temporary, { force: true })
    throw diskError(path, error)
  }
}

function diskError(path: string, cause: unknown): VouchsafeError {
  if (isVouchsafeError(cause)) return cause
  return new VouchsafeError("DISK", `${path}: ${(cause as NodeJS.ErrnoException).code ?? "reading or writing failed"}`, { cause })
}
