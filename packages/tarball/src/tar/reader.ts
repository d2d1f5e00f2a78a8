/**
 * A strict streaming tar reader: one header, one meaning. It unpacks nothing; it says where each entry is and refuses
 * archives whose entries are not in one place for all readers.
 *
 * @packageDocumentation
 */
import type { TarballLimits } from "../limits.ts"
import { ambiguous, tooLarge } from "../refusal.ts"
import { BLOCK_BYTES, decodeText, isZero, readHeader, type TarHeader } from "./header.ts"
import { type PaxFields, readPax } from "./pax.ts"

/** A file, directory or symbolic link as the archive describes it. */
export interface TarEntry {
  readonly type: "file" | "directory" | "symlink"
  /** As the archive spells it, nothing stripped. */
  readonly path: string
  /** Of symbolic links; else empty. */
  readonly linkPath: string
  readonly mode: number
  readonly size: number
}

/** Gets every block of the archive in order, up to the end-of-archive marker, each with its meaning. Throws to refuse. */
export interface TarSink {
  /** A header that describes the next entry, with its whole body (padded). */
  extension(header: Uint8Array, body: Uint8Array): void
  entry(entry: TarEntry, header: Uint8Array): void
  /** Next part of the entry's content, padding included: whole blocks, kept by nobody. */
  content(blocks: Uint8Array): void
  entryEnd(): void
}

/** Takes an archive piece by piece. Throws VouchsafeError TARBALL_*, and what the sink throws. */
export interface TarReader {
  write(bytes: Uint8Array): void
  /** Checks that the archive ended with its marker. */
  end(): void
}

interface Extension { readonly header: Uint8Array, readonly fields: TarHeader, readonly parts: Uint8Array[] }

/** Bounds on the number of headers and the size of extensions apply here. */
export function createTarReader(limits: TarballLimits, sink: TarSink): TarReader {
  let carried: Uint8Array = new Uint8Array(0)
  let headers = 0
  /** Bytes of the current body, padding included, that are still to come. */
  let remaining = 0
  let extension: Extension | undefined
  let pending: PaxFields | undefined
  let ended = false

  const startBody = (size: number): void => {
    remaining = Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
    if (remaining === 0) endBody()
  }
  const endBody = (): void => {
    if (extension === undefined) return sink.entryEnd()
    const body = Buffer.concat(extension.parts)
    const fields = readExtension(extension.fields, body.subarray(0, extension.fields.size), limits)
    sink.extension(extension.header, body)
    extension = undefined
    if (fields !== undefined) pending = fields
  }
  const takeHeader = (block: Uint8Array): void => {
    if (isZero(block)) {
      if (pending !== undefined) throw ambiguous("the archive ends after an extension, expected the entry that it describes")
      ended = true
      return
    }
    headers += 1
    if (headers > limits.entriesMax) throw tooLarge(`it has more than ${limits.entriesMax} entries`)
    const header = readHeader(block)
    if (header.type === "pax" || header.type === "pax-global" || header.type === "long-path") {
      if (pending !== undefined) throw ambiguous("two extensions describe one entry, and readers disagree on which counts")
      if (header.size > limits.paxBytesMax) throw tooLarge(`an extension has ${header.size} bytes, expected at most ${limits.paxBytesMax}`)
      extension = { header: new Uint8Array(block), fields: header, parts: [] }
    } else {
      const entry = entryOf(header, pending)
      pending = undefined
      sink.entry(entry, block)
    }
    startBody(header.size)
  }
  const takeBody = (blocks: Uint8Array): void => {
    if (extension === undefined) sink.content(blocks)
    else extension.parts.push(new Uint8Array(blocks))
    remaining -= blocks.length
    if (remaining === 0) endBody()
  }

  return {
    write(bytes) {
      const all = carried.length === 0 ? bytes : Buffer.concat([carried, bytes])
      const usable = all.length - (all.length % BLOCK_BYTES)
      let at = 0
      while (at < usable) {
        const length = ended ? usable - at : remaining === 0 ? BLOCK_BYTES : Math.min(remaining, usable - at)
        const part = all.subarray(at, at + length)
        at += length
        if (ended) checkAfterEnd(part)
        else if (remaining === 0) takeHeader(part)
        else takeBody(part)
      }
      carried = new Uint8Array(all.subarray(usable))
    },
    end() {
      if (!ended) throw ambiguous("the archive is cut off: it has no end-of-archive marker")
      checkAfterEnd(carried)
    },
  }
}

function checkAfterEnd(bytes: Uint8Array): void {
  if (!isZero(bytes)) throw ambiguous("data follows the end-of-archive marker, where some readers read on")
}

/** What an extension says about the next entry; undefined for a global one, which may say nothing of weight. */
function readExtension(header: TarHeader, body: Uint8Array, limits: TarballLimits): PaxFields | undefined {
  if (header.type === "pax-global") {
    readPax(body, true)
    return undefined
  }
  if (header.type === "pax") return readPax(body, false)
  const end = body.indexOf(0)
  const name = end < 0 ? body : body.subarray(0, end)
  if (name.length === 0 || !isZero(body.subarray(name.length)) || name.includes(0x0a)) throw ambiguous("a GNU long name is empty, holds a newline, or goes on after its end")
  if (name.length > limits.pathBytesMax) throw tooLarge(`a path has ${name.length} bytes, expected at most ${limits.pathBytesMax}`)
  return { path: decodeText(name, "GNU long name") }
}

function entryOf(header: TarHeader, extension: PaxFields | undefined): TarEntry {
  const type = header.type as TarEntry["type"]
  const path = extension?.path ?? header.path
  const linkPath = extension?.linkPath ?? header.linkPath
  if (extension?.size !== undefined && extension.size !== header.size) throw ambiguous(`a pax record says ${extension.size} bytes where the header says ${header.size}`)
  if ((type === "symlink") !== (linkPath !== "")) throw ambiguous("a link without target, or a target without link")
  if (type === "file" && path.endsWith("/")) throw ambiguous("a file's name ends with a slash, which some readers take for a directory")
  return { type, path, linkPath, mode: header.mode, size: header.size }
}
