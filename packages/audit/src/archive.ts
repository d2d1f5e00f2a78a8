/**
 * Reads one of Yarn's archives: runs in workers.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { type Entry, fromFd, type ZipFile } from "yauzl"
import { closeSync, constants, openSync } from "node:fs"
import { identityOf } from "./folder.ts"
import { ARCHIVE_BYTES_MAX, ARCHIVE_ENTRIES_MAX, FILE_BYTES_MAX, PACKAGE_JSON_BYTES_MAX } from "./limits.ts"
import { summaryOf } from "./summary.ts"
import type { Contents, DiskFile } from "./types.ts"

/** Below which Yarn keeps a package in its archive. */
const PREFIX = /^node_modules\/((?:@[^/]+\/)?[^/]+)\/(.+)$/
const FORMAT_MASK = 0o170_000
const LINK = 0o120_000

/** Reads an archive whole. Never rejects. */
export async function readArchive(path: string): Promise<Contents> {
  const found = { files: [] as DiskFile[], specials: [] as string[], name: null as string | null, version: null as string | null, folder: undefined as string | undefined }
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    const zip = await open(fd)
    if (zip.entryCount > ARCHIVE_ENTRIES_MAX) throw new RangeError(`has ${zip.entryCount} entries, expected at most ${ARCHIVE_ENTRIES_MAX}`)
    const seen = new Set<string>()
    let total = 0
    for (const entry of await entriesOf(zip)) {
      if (entry.fileName.endsWith("/")) continue
      const match = PREFIX.exec(entry.fileName)
      if (match === null || (found.folder ??= match[1]) !== match[1]) throw new RangeError(`holds ${JSON.stringify(entry.fileName)}, outside of its package`)
      const inside = match[2] as string
      if (seen.has(inside)) throw new RangeError(`holds ${JSON.stringify(inside)} twice`)
      seen.add(inside)
      const mode = entry.externalFileAttributes >>> 16
      if ((mode & FORMAT_MASK) === LINK) {
        found.specials.push(inside)
        continue
      }
      total += entry.uncompressedSize
      if (entry.uncompressedSize > FILE_BYTES_MAX || total > ARCHIVE_BYTES_MAX) throw new RangeError(`inflates to more than ${ARCHIVE_BYTES_MAX} bytes`)
      const isManifest = inside === "package.json"
      const { sha256, kept } = await streamed(zip, entry, isManifest ? PACKAGE_JSON_BYTES_MAX : 0)
      found.files.push({ path: inside, size: entry.uncompressedSize, executable: (mode & 0o111) !== 0, sha256 })
      if (isManifest) Object.assign(found, identityOf(kept))
    }
    return { name: found.name, version: found.version, files: found.files, summary: summaryOf(found.files), specials: found.specials }
  } catch (error) {
    return { name: found.name, version: found.version, files: found.files, summary: summaryOf(found.files), specials: found.specials, problem: error instanceof Error ? error.message : String(error) }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function open(fd: number): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    fromFd(fd, { lazyEntries: false, autoClose: false, strictFileNames: true, validateEntrySizes: true }, (error, zip) => (error === null ? resolve(zip) : reject(error)))
  })
}

function entriesOf(zip: ZipFile): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = []
    zip.on("entry", (entry: Entry) => entries.push(entry))
    zip.on("end", () => resolve(entries))
    zip.on("error", reject)
  })
}

/** An entry's digest, and its first bytes. */
function streamed(zip: ZipFile, entry: Entry, keepBytes: number): Promise<{ readonly sha256: string; readonly kept: Buffer }> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error !== null) return reject(error)
      const digest = createHash("sha256")
      const kept: Buffer[] = []
      let length = 0
      stream.on("data", (chunk: Buffer) => {
        digest.update(chunk)
        length += chunk.length
        if (length <= keepBytes) kept.push(chunk)
      })
      stream.on("error", reject)
      stream.on("end", () => resolve({ sha256: digest.digest("hex"), kept: Buffer.concat(kept) }))
    })
  })
}

/** Some files of an archive, one character a byte. @throws what the archive's reader throws. */
export async function readArchiveTexts(path: string, wanted: ReadonlySet<string>, bytesMax: number): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  try {
    const zip = await open(fd)
    for (const entry of await entriesOf(zip)) {
      const inside = PREFIX.exec(entry.fileName)?.[2]
      if (inside === undefined || !wanted.has(inside) || entry.uncompressedSize > bytesMax) continue
      texts.set(inside, (await streamed(zip, entry, bytesMax)).kept.toString("latin1"))
    }
    return texts
  } finally {
    closeSync(fd)
  }
}
