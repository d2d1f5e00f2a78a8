/**
 * Runs npm's own tar parser over the same blocks and insists that it sees the same entries. Contents are taken from it:
 * facts are what npm would unpack (THREATS A11).
 *
 * @packageDocumentation
 */
import { Parser, type ReadEntry } from "tar"
import type { TarballLimits } from "../limits.ts"
import { ambiguous } from "../refusal.ts"
import type { TarEntry, TarSink } from "./reader.ts"

/** Gets the entries on which both parsers agree. */
export interface EntrySink {
  entry(entry: TarEntry): void
  /** Next part of the entry's content, without padding; kept by nobody. */
  content(bytes: Uint8Array): void
  entryEnd(): void
}

const TYPE_BY_NAME: ReadonlyMap<string, TarEntry["type"]> = new Map([
  ["File", "file"], ["OldFile", "file"], ["Directory", "directory"], ["SymbolicLink", "symlink"],
])
/** Bits of a mode that are permissions. */
const MODE_BITS = 0o7777

/**
 * A sink for the strict reader. It is fed block by block, so that one parser never runs ahead of the other and an
 * extension is never split: how the network cuts the stream must not decide what npm's parser reads.
 */
export function createNpmView(limits: TarballLimits, sink: EntrySink): TarSink {
  let seen: ReadEntry[] = []
  let complaint: string | undefined
  let contentBytes = 0
  let size = 0

  const parser = new Parser({
    maxMetaEntrySize: limits.paxBytesMax,
    onReadEntry: (entry) => {
      seen.push(entry)
      entry.on("data", (bytes: Uint8Array) => {
        contentBytes += bytes.length
        sink.content(bytes)
      })
    },
    onwarn: (code, message) => {
      complaint ??= `${code} ${String(message)}`
    },
  })
  parser.on("ignoredEntry", () => { complaint ??= "it skips an entry" })
  parser.on("error", (error: unknown) => { complaint ??= error instanceof Error ? error.message : String(error) })

  const feed = (blocks: Uint8Array): void => {
    parser.write(Buffer.from(blocks.buffer, blocks.byteOffset, blocks.byteLength))
    if (complaint !== undefined) throw ambiguous(`npm's tar parser disagrees: ${complaint}`)
  }

  return {
    extension(header, body) {
      feed(header)
      if (body.length > 0) feed(body)
      if (seen.length > 0) throw ambiguous("npm's tar parser takes an extension for an entry")
    },
    entry(entry, header) {
      contentBytes = 0
      size = entry.size
      sink.entry(entry)
      feed(header)
      const [found, ...others] = seen
      seen = []
      if (found === undefined || others.length > 0) throw ambiguous(`npm's tar parser sees ${others.length + (found === undefined ? 0 : 1)} entries where one is`)
      const difference = differenceOf(entry, found)
      if (difference !== undefined) throw ambiguous(`npm's tar parser reads another ${difference} of an entry`)
    },
    content(blocks) {
      feed(blocks)
    },
    entryEnd() {
      if (contentBytes !== size || seen.length > 0) throw ambiguous("npm's tar parser reads other content of an entry")
      sink.entryEnd()
    },
  }
}

function differenceOf(entry: TarEntry, found: ReadEntry): string | undefined {
  if (TYPE_BY_NAME.get(found.type) !== entry.type) return "type"
  // Where the archive has a backslash, npm's parser answers differently on Windows; such paths are refused anyway.
  if (found.path !== entry.path) return "path"
  if ((found.linkpath ?? "") !== entry.linkPath) return "link target"
  if (found.size !== entry.size) return "size"
  return ((found.mode ?? 0) & MODE_BITS) === entry.mode ? undefined : "mode"
}
