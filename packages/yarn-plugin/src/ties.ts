import { appendFileSync, lstatSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/**
 * What is remembered about Yarn's archives: this zip is what Yarn makes of that tarball. Both are named by sha512 alone, so
 * a record can be checked again by anyone who has the tarball, and says nothing about whether the tarball is vouched for.
 */
export interface Ties {
  /** Hex sha512 of the tarball that an archive was made from. */
  tarballOf(archive: string): string | undefined
  remember(archive: string, tarball: string): void
}

const NAME = "yarn-archives.txt"
/** Archive and tarball, sha512 in base64url without padding. */
const LINE = /^([A-Za-z0-9_-]{86}) ([A-Za-z0-9_-]{86})$/
/** Longest file that is read, in bytes: some 90,000 archives. A longer one is not used and no longer written. */
export const TIES_BYTES_MAX = 16_777_216
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700
const OTHERS = 0o077

/**
 * Opens the records in a folder that belongs to this user alone. Where it does not, nothing is read and nothing written:
 * whoever can write there could pass any archive off as any tarball.
 */
export function openTies(directory: string): Ties {
  const path = join(directory, NAME)
  const known = new Map<string, string>()
  const isUsable = prepare(directory) && load(path, known)
  return {
    tarballOf: (archive) => known.get(archive),
    remember(archive, tarball) {
      if (known.get(archive) === tarball) return
      known.set(archive, tarball)
      if (isUsable) append(path, `${short(archive)} ${short(tarball)}\n`)
    },
  }
}

function prepare(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE })
    return isPrivate(directory)
  } catch (error) {
    return withoutDisk(error)
  }
}

function load(path: string, known: Map<string, string>): boolean {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return true
    if (!stats.isFile() || !isPrivate(path) || stats.size > TIES_BYTES_MAX) return false
    for (const line of readFileSync(path, "latin1").split("\n")) {
      const [, archive, tarball] = LINE.exec(line) ?? []
      if (archive !== undefined && tarball !== undefined) known.set(long(archive), long(tarball))
    }
    return true
  } catch (error) {
    return withoutDisk(error)
  }
}

function append(path: string, line: string): void {
  try {
    appendFileSync(path, line, { mode: FILE_MODE })
  } catch (error) {
    withoutDisk(error)
  }
}

function isPrivate(path: string): boolean {
  const own = process.getuid?.()
  if (own === undefined) return true
  const { uid, mode } = lstatSync(path)
  return uid === own && (mode & OTHERS) === 0
}

/** A disk that fails costs another look at the archive, never the check. */
function withoutDisk(error: unknown): false {
  if (!(error instanceof Error) || !("syscall" in error)) throw error
  return false
}

const short = (hex: string): string => Buffer.from(hex, "hex").toString("base64url")
const long = (text: string): string => Buffer.from(text, "base64url").toString("hex")
