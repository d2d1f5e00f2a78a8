/**
 * The client's memory of what logs have signed, as files (spec/client.md, "State").
 *
 * One folder for all projects of a user. Every change is made under the folder's lock: read, compare, write whole, fsync, rename.
 *
 * @packageDocumentation
 */
import { readdirSync } from "node:fs"
import { basename, join } from "node:path"
import { parseCheckpoint, parseNote, VouchsafeError } from "@vouchsafe/core"
import type { MisbehaviorRecord, NoticesMirror, StateStore, Swap } from "@vouchsafe/ports"
import { digestOf } from "./crypto.ts"
import { diskError, readTextIfPresent, requirePrivateDirectory, writeFileAtomic } from "./files.ts"
import { type LockWorld, systemLockWorld, withLock } from "./lock.ts"
import { damaged, formatAccused, formatHead, formatMirror, parseAccused, parseAsked, parseHead, parseMirror } from "./state-files.ts"

/** Stored proofs that are read; a roster has fewer logs than this. */
const PROOFS_MAX = 1_000

/** Tree size of a signed head that this store wrote or is given. */
const sizeOf = (signedText: string): number => parseCheckpoint(parseNote(signedText).text).size

/**
 * Opens the state in `directory`, making it if needed (folder 0700, files 0600).
 * @throws VouchsafeError STATE_UNSAFE when the folder is another user's or open to others; DISK.
 */
export function diskState(directory: string, world: LockWorld = systemLockWorld): StateStore {
  const folders = { heads: join(directory, "heads"), notices: join(directory, "notices"), misbehavior: join(directory, "misbehavior") }
  for (const folder of [directory, ...Object.values(folders)]) requirePrivateDirectory(folder)
  const headPath = (log: string): string => join(folders.heads, `${digestOf(log)}.json`)
  const noticesPath = (log: string): string => join(folders.notices, `${digestOf(log)}.json`)
  const askedPath = join(directory, "asked.json")

  const head = (log: string): string | undefined => readParsed(headPath(log), (text) => parseHead(text, log))
  const notices = (log: string): NoticesMirror | undefined => readParsed(noticesPath(log), (text) => parseMirror(text, log))

  return {
    head, notices,
    putHead(log, next, expected) {
      const size = sizeOf(next)
      return withLock(directory, (isStillHeld) => {
        const current = head(log)
        if (current !== expected) return { stored: false, current }
        if (current !== undefined && size < sizeOf(current)) throw new TypeError("a remembered head cannot be replaced by one of a smaller tree")
        return put(headPath(log), formatHead(log, next), isStillHeld)
      }, world)
    },
    putNotices(log, next, expected) {
      return withLock(directory, (isStillHeld): Swap<NoticesMirror> => {
        const current = notices(log)
        if (current?.checkpoint !== expected) return { stored: false, current }
        if (current !== undefined && next.entries.length < current.entries.length) throw new TypeError("a mirror of notices cannot lose entries")
        return put(noticesPath(log), formatMirror(log, next), isStillHeld)
      }, world)
    },
    misbehavior: () => readProofs(folders.misbehavior),
    addMisbehavior(log, document) {
      const path = join(folders.misbehavior, `${digestOf(`${log}\n${document}`)}.json`)
      return withLock(directory, (): MisbehaviorRecord => {
        // The name first: alone it is nothing, while a proof without it would be damage.
        writeFileAtomic(accusedPath(path), formatAccused(log), { durable: true })
        writeFileAtomic(path, document, { durable: true })
        return { log, document, path }
      }, world)
    },
    asked: () => readAsked(askedPath),
    // No lock: a lost update costs one request.
    async putAsked(times) {
      writeFileAtomic(askedPath, JSON.stringify(Object.fromEntries([...readAsked(askedPath), ...times])), { durable: false })
    },
  }
}

function put(path: string, text: string, isStillHeld: () => boolean): { readonly stored: true } {
  if (!isStillHeld()) {
    throw new VouchsafeError("DISK", `the lock for ${path} was lost while writing`, { hint: "the machine may have slept; try again" })
  }
  writeFileAtomic(path, text, { durable: true })
  return { stored: true }
}

function readParsed<T>(path: string, parse: (text: string) => T | undefined): T | undefined {
  const text = readTextIfPresent(path)
  if (text === undefined) return undefined
  const value = parse(text)
  if (value === undefined) throw damaged(path)
  return value
}

function readProofs(folder: string): MisbehaviorRecord[] {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"))
  } catch (error) {
    throw diskError(`reading ${folder}`, error)
  }
  if (names.length > PROOFS_MAX) {
    throw new VouchsafeError("STATE_UNSAFE", `folder ${folder} holds ${names.length} proofs, expected at most ${PROOFS_MAX}`)
  }
  return names.map((name): MisbehaviorRecord => {
    const path = join(folder, name)
    const document = readTextIfPresent(path)
    const log = readParsed(accusedPath(path), parseAccused)
    if (document === undefined || log === undefined || digestOf(`${log}\n${document}`) !== basename(name, ".json")) throw damaged(path)
    return { log, document, path }
  })
}

/** Beside a proof, whose log it is about. */
function accusedPath(path: string): string {
  return path.replace(/\.json$/, ".log")
}

function readAsked(path: string): Map<string, number> {
  try {
    return parseAsked(readTextIfPresent(path) ?? "{}")
  } catch (error) {
    // Unreadable means that every node is asked again.
    if (error instanceof VouchsafeError) return new Map()
    throw error
  }
}
