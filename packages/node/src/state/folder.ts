/**
 * The data folder: who may read it, and that one process has it.
 *
 * ```
 * node.json          configuration, optional
 * roster.json        made on the first start when no other roster is named
 * keys/<role>.key    private keys, 0600
 * lock.db            held exclusively while a process runs
 * log/ notices/ witness/ blobs/    one service each
 * artifacts/                       tarballs by digest, and what is pinned
 * mirrors/<sha256 of origin>/      copies of other nodes' logs; may be removed, they are copied again
 * monitor.sqlite                    what a monitor read and reports; may be removed, the logs are read again
 * history.sqlite                    what packuments listed before; may be removed, the memory begins anew
 * builds/                          queue, logs and folders of builds, where this node rebuilds
 * trust/                           roots of trust and TUF's metadata, where a mirror is asked
 * gossip/                          newest heads of other logs; proofs that somebody lied
 * peers.json                       peers known from before, with keys/peer.key; in no backup
 * admin.sock         0600
 * ```
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { chmodSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** Access of anybody but the owner. */
const OTHERS = 0o077

/** The data folder while this process has it. */
export interface HeldFolder {
  readonly path: string
  /** A path inside. */
  at(...parts: string[]): string
  /** Gives the folder back. */
  release(): void
}

/**
 * Makes a folder that only its owner can enter, or checks that it is one.
 * @throws VouchsafeError STATE_UNSAFE when it is somebody else's, readable by others, or no folder.
 */
export function ensurePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const found = lstatSync(path)
  if (!found.isDirectory()) throw unsafe(path, "is no folder", "a folder")
  if (process.getuid !== undefined && found.uid !== process.getuid()) throw unsafe(path, `belongs to user ${found.uid}`, `user ${process.getuid()}`)
  if ((found.mode & OTHERS) !== 0) throw unsafe(path, `has mode ${modeText(found.mode)}`, "0700", `run: chmod 700 ${path}`)
}

/**
 * Reads a file that holds secrets.
 * @throws VouchsafeError STATE_UNSAFE when others can read it, DISK when it cannot be read.
 */
export function readPrivateFile(path: string): string {
  const found = lstatSync(path)
  if (!found.isFile()) throw unsafe(path, "is no plain file", "a file")
  if (process.getuid !== undefined && found.uid !== process.getuid()) throw unsafe(path, `belongs to user ${found.uid}`, `user ${process.getuid()}`)
  if ((found.mode & OTHERS) !== 0) throw unsafe(path, `has mode ${modeText(found.mode)}`, "0600", `run: chmod 600 ${path}, and think about whether somebody read it`)
  return readFileSync(path, "utf8")
}

/** Writes a file whole: a reader, and a restart after a crash, finds the old or the new content, never a part. Durable on return. */
export function writeFileWhole(path: string, text: string, mode: number): void {
  const partial = `${path}.new`
  const file = openSync(partial, "w", mode)
  try {
    // Not `writeSync`: it may write a part, and says so by its result alone.
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  // `mode` applied only if the partial file was new.
  chmodSync(partial, mode)
  renameSync(partial, path)
  syncFolder(dirname(path))
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Takes the data folder for this process; the operating system gives it back when the process dies, however it dies.
 * @throws VouchsafeError STATE_UNSAFE when another process has it or others can read it.
 */
export function holdFolder(path: string): HeldFolder {
  ensurePrivateFolder(path)
  const lock = new DatabaseSync(join(path, "lock.db"))
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE")
  } catch (cause) {
    lock.close()
    throw new VouchsafeError("STATE_UNSAFE", `${path} is in use by another process, expected one process a folder`, {
      details: { path },
      hint: "stop the other vouchsafe-node, or give this one its own --data",
      cause,
    })
  }
  chmodSync(join(path, "lock.db"), 0o600)
  return { path, at: (...parts) => join(path, ...parts), release: () => lock.close() }
}

function unsafe(path: string, found: string, expected: string, hint?: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", `${path} ${found}, expected ${expected}`, { details: { path }, hint })
}

function modeText(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`
}
