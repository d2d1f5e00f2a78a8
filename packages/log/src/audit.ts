/**
 * Recomputes a log from its entries and compares everything that is stored.
 *
 * @packageDocumentation
 */
import {
  type Bytes, type Crypto, entriesPath, equalBytes, isVouchsafeError, leafHash, openCheckpoint, parseEntryBundle, parseTilePath, TILE_WIDTH,
  type TilePlace, type VerifierKey,
} from "@vouchsafe/core"
import type { LogFile, LogState, LogStorage, LogStorageAudit, SignedHead, TreeHead } from "@vouchsafe/ports"
import { createRootStack } from "./root-stack.ts"
import { openSqliteStorage } from "./storage/sqlite.ts"
import { edgeStarts, EMPTY_TREE, growTree, hashCount } from "./tree.ts"

/** One thing that is not as it must be. `where` names a tile path, an entry, a head or the index. */
export interface FsckFinding {
  readonly where: string
  readonly message: string
}

/** What to audit a log against. */
export interface FsckOptions {
  readonly crypto: Crypto
  /** The log's key; its name is the log's origin. */
  readonly verifierKey: VerifierKey
  /** Recomputes the keys of an entry. Without it the index is checked for count and range only. */
  readonly keysOf?: (entry: Bytes) => readonly string[] | Promise<readonly string[]>
}

/** Findings after which an audit says no more. */
const FINDINGS_MAX = 1000
/** Of these, at most so many about the index: it has many rows, and tiles matter more. */
const INDEX_FINDINGS_MAX = 100

interface Audit {
  readonly storage: LogStorage
  readonly options: FsckOptions
  readonly state: LogState
  readonly findings: FsckFinding[]
  indexFindings: number
  find(where: string, message: string): void
}

function checkHead(audit: Audit, where: string, head: SignedHead): void {
  try {
    const { checkpoint } = openCheckpoint(audit.options.crypto, head.text, audit.options.verifierKey)
    if (checkpoint.extensions.length > 0) audit.find(where, `has ${checkpoint.extensions.length} extension lines, expected none`)
    if (checkpoint.size !== head.size || !equalBytes(checkpoint.root, head.root)) audit.find(where, "text and stored size and root differ")
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    audit.find(where, error.message)
  }
}

function checkHeads(audit: Audit): void {
  const { staged, signed, cosigned } = audit.state
  if (signed !== undefined) checkHead(audit, "checkpoint", signed)
  if (cosigned !== undefined) checkHead(audit, "cosigned checkpoint", cosigned)
  if (staged !== undefined && signed === undefined) audit.find("checkpoint", `is missing, but ${staged.size} entries are staged`)
  const order = [cosigned?.size ?? 0, signed?.size ?? 0, staged?.size ?? 0]
  if (order.some((size, i) => i > 0 && size < (order[i - 1] as number))) {
    audit.find("checkpoint", `sizes of cosigned, signed and staged tree are ${order.join(", ")}, expected them ascending`)
  }
}

async function readFile(audit: Audit, path: string): Promise<Bytes | undefined> {
  try {
    return await audit.storage.readFile(path)
  } catch (error) {
    if (!isVouchsafeError(error, "LOG_BROKEN")) throw error
    audit.find(path, error.message)
    return undefined
  }
}

/** Whether a file must be there: all that the signed tree has. Those of the staged tree may be: opening the log writes them. */
function isRequired(audit: Audit, path: string): boolean {
  const { level, index } = parseTilePath(path)
  return index < hashCount((level === "entries" ? 0 : level) + 1, audit.state.signed?.size ?? 0)
}

async function checkFile(audit: Audit, { path, bytes }: LogFile): Promise<void> {
  const found = await readFile(audit, path)
  if (found === undefined) {
    if (isRequired(audit, path)) audit.find(path, "is missing")
  } else if (!equalBytes(found, bytes)) {
    audit.find(path, `holds ${found.length} bytes that differ from the ${bytes.length} computed from the entries`)
  }
}

/** Entries of bundle `index`: from its file, else from what is staged. undefined when they cannot be known. */
async function readBundle(audit: Audit, index: number, staged: readonly Bytes[], stagedFrom: number): Promise<readonly Bytes[] | undefined> {
  const path = entriesPath(index)
  const from = index * TILE_WIDTH
  const held = from >= stagedFrom ? staged.slice(from - stagedFrom, from - stagedFrom + TILE_WIDTH) : undefined
  // What is staged is what was signed; the file is compared with it when the tree grows over it.
  if (held !== undefined) return held
  const bytes = await readFile(audit, path)
  if (bytes === undefined) {
    audit.find(path, "is missing; what follows it cannot be recomputed")
    return undefined
  }
  try {
    return parseEntryBundle(bytes, TILE_WIDTH)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    audit.find(path, `${error.message}; what follows it cannot be recomputed`)
    return undefined
  }
}

async function readHeld<T>(audit: Audit, where: string, read: () => Promise<T[]>): Promise<T[] | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!isVouchsafeError(error, "LOG_BROKEN")) throw error
    audit.find(where, error.message)
    return undefined
  }
}

async function checkKeys(audit: Audit, index: number, entry: Bytes): Promise<number> {
  const keys = new Set(await audit.options.keysOf?.(entry) ?? [])
  for (const key of keys) {
    const indices = await audit.storage.indicesByKey(key, audit.state.staged?.size ?? 0)
    if (indices.includes(index) || ++audit.indexFindings > INDEX_FINDINGS_MAX) continue
    audit.find(`entry ${index}`, "is missing from the index under one of its keys")
  }
  return keys.size
}

/** Walks all entries, bundle by bundle. Returns how many (key, index) pairs they have, or undefined when not all could be read. */
async function walkEntries(audit: Audit, goals: readonly (TreeHead & { readonly what: string })[]): Promise<number | undefined> {
  const { storage, options, state } = audit
  const size = state.staged?.size ?? 0
  const starts = edgeStarts(state.signed?.size ?? 0)
  const stagedFrom = starts[0] ?? 0
  const staged = await readHeld(audit, "staged entries", () => storage.readStagedEntries(stagedFrom))
  if (staged === undefined) return undefined
  const roots = createRootStack(options.crypto)
  const expected: Bytes[][] = []
  let tree = EMPTY_TREE
  let keyCount = 0
  const compareRoots = (): void => {
    for (const { what, size: at, root } of goals) {
      if (at === roots.size() && !equalBytes(roots.root(), root)) audit.find(what, `root at ${at} entries is not the one computed from the entries`)
    }
  }
  compareRoots()
  for (let bundle = 0; bundle * TILE_WIDTH < size && audit.findings.length < FINDINGS_MAX; bundle++) {
    const entries = await readBundle(audit, bundle, staged, stagedFrom)
    if (entries === undefined) return undefined
    for (const entry of entries) {
      keyCount += await checkKeys(audit, roots.size(), entry)
      roots.push(leafHash(options.crypto, entry))
      compareRoots()
    }
    const growth = growTree(options.crypto, tree, entries)
    tree = growth.tree
    for (const file of growth.files) await checkFile(audit, file)
    for (const { level, index, hash } of growth.hashes) {
      if (index >= (starts[level] ?? 0)) (expected[level] ??= []).push(hash)
    }
  }
  for (let level = 1; level < Math.max(expected.length, starts.length); level++) {
    const held = await readHeld(audit, `hashes of level ${level}`, () => storage.readStagedHashes(level, starts[level] ?? 0))
    const right = expected[level] ?? []
    if (held !== undefined && (held.length !== right.length || held.some((hash, i) => !equalBytes(hash, right[i] as Bytes)))) {
      audit.find(`hashes of level ${level}`, `the ${held.length} stored differ from the ${right.length} computed from the entries`)
    }
  }
  return keyCount
}

function placeOf(path: string): TilePlace | undefined {
  try {
    return parseTilePath(path)
  } catch (error) {
    if (isVouchsafeError(error, "TILE_PATH_MALFORMED")) return undefined
    throw error
  }
}

function checkInventory(audit: Audit, found: LogStorageAudit, keysWalked: number | undefined): void {
  const size = audit.state.staged?.size ?? 0
  for (const problem of found.problems) audit.find("storage", problem)
  for (const path of found.files) {
    const place = placeOf(path)
    const level = place?.level === "entries" ? 0 : place?.level
    const isOurs = place !== undefined && level !== undefined && place.width === TILE_WIDTH && place.index < hashCount(level + 1, size)
    if (!isOurs) audit.find(path, `is no full tile of a log of ${size} entries`)
  }
  if (found.keyCount !== audit.state.keyCount) audit.find("index", `holds ${found.keyCount} pairs, expected ${audit.state.keyCount}`)
  if (found.keyIndexEnd > size) audit.find("index", `names entry ${found.keyIndexEnd - 1} of a log of ${size}`)
  if (audit.options.keysOf !== undefined && keysWalked !== undefined && keysWalked !== found.keyCount) {
    audit.find("index", `holds ${found.keyCount} pairs, expected the ${keysWalked} of the entries`)
  }
}

/** Audits a log in a storage that nothing else uses meanwhile. Returns findings; none means that all is as it must be. */
export async function auditLog(storage: LogStorage, options: FsckOptions): Promise<FsckFinding[]> {
  const findings: FsckFinding[] = []
  const state = await storage.load()
  const audit: Audit = {
    storage, options, state, findings, indexFindings: 0,
    find: (where, message) => {
      if (findings.length < FINDINGS_MAX) findings.push({ where, message })
    },
  }
  checkHeads(audit)
  const { staged, signed, cosigned } = state
  const goals = [
    ...(staged === undefined ? [] : [{ ...staged, what: "staged tree" }]),
    ...(signed === undefined ? [] : [{ ...signed, what: "checkpoint" }]),
    ...(cosigned === undefined ? [] : [{ ...cosigned, what: "cosigned checkpoint" }]),
  ]
  const keysWalked = await walkEntries(audit, goals)
  checkInventory(audit, await storage.audit(), keysWalked)
  return findings
}

/**
 * Audits the log in `directory` by recomputing it from its entries: every tile, every bundle, the checkpoints and their signatures, the index.
 * [] means clean. Changes nothing but the leftovers of an interrupted write.
 *
 * @throws VouchsafeError NOT_FOUND when no log is there; STATE_UNSAFE while a process has it open; DISK when it cannot be read.
 */
export async function fsck(directory: string, options: FsckOptions): Promise<FsckFinding[]> {
  let storage: LogStorage
  try {
    storage = await openSqliteStorage({ directory, mustExist: true })
  } catch (error) {
    if (isVouchsafeError(error, "LOG_BROKEN")) return [{ where: "storage", message: error.message }]
    throw error
  }
  try {
    return await auditLog(storage, options)
  } catch (error) {
    if (isVouchsafeError(error, "LOG_BROKEN")) return [{ where: "storage", message: error.message }]
    throw error
  } finally {
    await storage.close()
  }
}
