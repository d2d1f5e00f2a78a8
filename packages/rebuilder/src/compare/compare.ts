/**
 * Compares a published tarball with a rebuilt one on four levels (packages/spec/rebuilding.md, "Levels").
 *
 * Both are hostile: one was written by whoever published it, the other by a build that ran foreign code. They are read by the
 * reader that makes observations, and nothing of them touches the disk.
 *
 * @packageDocumentation
 */
import { createReadStream } from "node:fs"
import { compareBytes, nobleCrypto, utf8Encode } from "@vouchsafe/core"
import { asObject, type ByteSource, type ForeignObject, parsePackageJson, readTarball, type Tarball, type UnpackedFile } from "@vouchsafe/tarball"
import type { Match, TarballFact } from "../types.ts"
import { changedKeys, classify, entryPaths, type Pair } from "./classify.ts"
import { DIFF_FILE_BYTES_MAX, DIFFS_TEXT_MAX, unifiedDiff } from "./diff.ts"
import { type Comparison, describeDifferences, type Difference } from "./document.ts"

/** Bytes of file contents that are held to tell differences apart, of each tarball. */
const HELD_BYTES_MAX = 32 * 1024 * 1024
const PACKAGE_JSON = "package.json"

/** Opens a tarball anew: it is read once for its digests, and again for the files that differ. */
export type OpenTarball = () => ByteSource

/** A tarball on disk. */
export function tarballFile(path: string): OpenTarball {
  return () => createReadStream(path)
}

/** Whose tarball could not be read. */
export class TarballSideError extends Error {
  override readonly name = "TarballSideError"
  readonly side: "published" | "rebuilt"

  constructor(side: "published" | "rebuilt", cause: unknown) {
    super(`${side} ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.side = side
  }
}

/**
 * Compares. Rejects with TarballSideError whose `cause` is what {@link readTarball} rejects with.
 */
export async function compareTarballs(published: OpenTarball, rebuilt: OpenTarball): Promise<Comparison> {
  const theirs = await read("published", published)
  const ours = await read("rebuilt", rebuilt)
  const facts = { published: factOf(theirs), rebuilt: factOf(ours) }
  const pairs = differingPairs(theirs.files, ours.files)
  const match: Match = pairs.length > 0 ? "none" : theirs.sha512 === ours.sha512 ? "tgz" : theirs.tarSha256 === ours.tarSha256 ? "tar" : "contents"
  if (pairs.length === 0) return describeDifferences({ ...facts, match, differences: [], diff: "" })
  const wanted = new Set([PACKAGE_JSON, ...pairs.map(({ path }) => path)])
  const [their, our] = [await contentsOf("published", published, wanted), await contentsOf("rebuilt", rebuilt, wanted)]
  const entries = entryPaths(manifestOf(their.get(PACKAGE_JSON)))
  const differences = pairs.map((pair): Difference => {
    const [before, after] = [their.get(pair.path), our.get(pair.path)]
    const both = before !== undefined && after !== undefined ? { published: before, rebuilt: after } : undefined
    const kind = classify(pair, entries, both)
    return { ...pair, class: kind, keys: kind === "package-json" && both !== undefined ? changedKeys(both.published, both.rebuilt) : undefined }
  })
  return describeDifferences({ ...facts, match, differences, diff: diffOf(differences, their, our) })
}

async function read(side: "published" | "rebuilt", open: OpenTarball, content?: { wants(path: string, size: number): boolean, add(path: string, bytes: Uint8Array): void }): Promise<Tarball> {
  try {
    // The rebuilder writes to no log, so there is no origin to commit to.
    return await readTarball(open(), { crypto: nobleCrypto, origin: "", ...(content === undefined ? {} : { content }) })
  } catch (cause) {
    throw new TarballSideError(side, cause)
  }
}

/** The facts of one tarball, as an observation would state them. */
export async function describeTarball(side: "published" | "rebuilt", open: OpenTarball): Promise<TarballFact> {
  return factOf(await read(side, open))
}

function factOf({ sha512, tarSha256, contents, size }: Tarball): TarballFact {
  return { sha512, tarSha256, h1: contents.h1, size, files: contents.files }
}

function differingPairs(published: readonly UnpackedFile[], rebuilt: readonly UnpackedFile[]): readonly Pair[] {
  const theirs = new Map(published.map((file) => [file.path, file]))
  const ours = new Map(rebuilt.map((file) => [file.path, file]))
  const paths = [...new Set([...theirs.keys(), ...ours.keys()])].map((path) => ({ path, key: utf8Encode(path) })).sort((a, b) => compareBytes(a.key, b.key))
  return paths.map(({ path }) => ({ path, published: theirs.get(path), rebuilt: ours.get(path) }))
    .filter((pair) => pair.published?.sha256 !== pair.rebuilt?.sha256 || pair.published?.executable !== pair.rebuilt?.executable)
}

/** Contents of wanted files that are small enough to be told apart. */
async function contentsOf(side: "published" | "rebuilt", open: OpenTarball, wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, Uint8Array>> {
  const held = new Map<string, Uint8Array>()
  let bytesHeld = 0
  await read(side, open, {
    wants(path, size) {
      if (!wanted.has(path) || size > DIFF_FILE_BYTES_MAX || bytesHeld + size > HELD_BYTES_MAX) return false
      bytesHeld += size
      return true
    },
    add: (path, bytes) => { held.set(path, bytes) },
  })
  return held
}

function manifestOf(bytes: Uint8Array | undefined): ForeignObject | undefined {
  return bytes === undefined ? undefined : asObject(parsePackageJson(bytes, PACKAGE_JSON))
}

function diffOf(differences: readonly Difference[], their: ReadonlyMap<string, Uint8Array>, our: ReadonlyMap<string, Uint8Array>): string {
  let text = ""
  for (const { path, published, rebuilt, class: kind } of differences) {
    if (kind === "executable-bit") continue
    const [before, after] = [their.get(path), our.get(path)]
    const isHeld = (published === undefined || before !== undefined) && (rebuilt === undefined || after !== undefined)
    // A file that only one side has is named in the list; what matters of it is that it is there.
    const part = published === undefined || rebuilt === undefined ? "" : isHeld ? unifiedDiff(path, before, after) : `${path}: too large, not shown\n`
    if (text.length + part.length > DIFFS_TEXT_MAX) return `${text}the differences of further files are not shown\n`
    text += part
  }
  return text
}
