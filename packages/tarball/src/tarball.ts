/**
 * One pass over a .tgz: digests, file manifest and facts, or a refusal. Nothing is written to disk; memory holds the list of
 * files and the package.json being read.
 *
 * @packageDocumentation
 */
import { type Crypto, isVouchsafeError, shown, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike } from "@vouchsafe/ports"
import { createHash, type Hash } from "node:crypto"
import { type Contents, describeContents, type UnpackedFile } from "./contents.ts"
import { TARBALL_LIMITS, type TarballLimits } from "./limits.ts"
import { createFactsCollector, type FactsCollector, type PackageFacts } from "./package/facts.ts"
import { ambiguous, hostile, tooLarge } from "./refusal.ts"
import { throwIfAborted } from "./signal.ts"
import { createGunzip } from "./tar/gunzip.ts"
import { createNpmView, type EntrySink } from "./tar/npm-view.ts"
import { checkLink, createPathIndex, unpackedPath } from "./tar/paths.ts"
import { createTarReader } from "./tar/reader.ts"

/** Digests of a .tgz as a whole, lower-case hexadecimal. */
export interface TgzDigests {
  readonly size: number
  readonly sha512: string
  readonly sha1: string
  /** SHA-256 over the log's origin, LF and the bytes: shows that whoever said so held the bytes (THREATS A4). */
  readonly commitment: string
}

/** Everything that a tarball itself says. */
export interface Tarball extends TgzDigests {
  /** Hex SHA-256 of the inflated tar. */
  readonly tarSha256: string
  readonly contents: Contents
  readonly facts: PackageFacts
  /** All files below the package's folder, in the archive's order. */
  readonly files: readonly UnpackedFile[]
  /** Their paths. */
  readonly paths: readonly string[]
  /** Symbolic links, which are left out of the contents. */
  readonly links: number
}

/** How to read a tarball. */
export interface ReadTarballOptions {
  readonly crypto: Crypto
  /** Origin of the log that the reader is about to write to; empty for a reader that commits to nothing. */
  readonly origin: string
  readonly limits?: TarballLimits
  /** What the registry says of the bytes. Other bytes are refused as UPSTREAM_FAILED, whatever else is wrong with them. */
  readonly expected?: ExpectedDigests
  readonly signal?: AbortSignalLike | undefined
  /** Gets the content of the files that it wants, whole. A file that the archive holds twice is given twice. */
  readonly content?: ContentSink
}

/** Chooses files and takes their content. */
export interface ContentSink {
  /** @param size - bytes of the content */
  wants(path: string, size: number): boolean
  add(path: string, content: Uint8Array): void
}

/** Lower-case hexadecimal digests of a .tgz, as far as they are known. */
export interface ExpectedDigests {
  readonly sha512: string | undefined
  readonly sha1: string | undefined
}

/** Bytes, whole or in pieces. */
export type ByteSource = Uint8Array | AsyncIterable<Uint8Array>

/**
 * Reads a .tgz as npm unpacks it (packages/spec/observation.md, THREATS A11).
 * Rejects with VouchsafeError TARBALL_AMBIGUOUS, TARBALL_HOSTILE, TARBALL_TOO_LARGE; UPSTREAM_FAILED for other bytes than `expected`;
 * TIMEOUT when `signal` ends it; and with what the source rejects with.
 */
export async function readTarball(source: ByteSource, options: ReadTarballOptions): Promise<Tarball> {
  const limits = options.limits ?? TARBALL_LIMITS
  const tarHash = createHash("sha256")
  const collector = createFileCollector(limits, options.content)
  const reader = createTarReader(limits, createNpmView(limits, collector))
  let tgzBytes = 0
  let tarBytes = 0
  const gunzip = createGunzip((bytes) => {
    tarBytes += bytes.length
    if (tarBytes > limits.tarBytesMax) throw tooLarge(`it inflates to more than ${limits.tarBytesMax} bytes`)
    if (tarBytes > limits.tarBytesFree + limits.inflationRatioMax * tgzBytes) throw hostile(`it inflates more than ${limits.inflationRatioMax} times, as only made-up content does`)
    tarHash.update(bytes)
    reader.write(bytes)
  })
  // A refusal waits for the digests: an error page instead of a tarball is the registry's failure, not the package's.
  let refusal: VouchsafeError | undefined
  const unlessRefused = async (step: () => Promise<void>): Promise<void> => {
    try {
      if (refusal === undefined) await step()
    } catch (error) {
      if (!isVouchsafeError(error) || options.expected === undefined) throw error
      refusal = error
    }
  }
  try {
    const digests = await hashTgz(source, options, async (bytes) => {
      tgzBytes += bytes.length
      await unlessRefused(() => gunzip.write(bytes))
    })
    await unlessRefused(async () => {
      await gunzip.end()
      reader.end()
    })
    if (refusal !== undefined) throw refusal
    const { files, facts, links } = collector.finish()
    return { ...digests, tarSha256: tarHash.digest("hex"), contents: describeContents(options.crypto, files), facts, links, files, paths: files.map(({ path }) => path) }
  } finally {
    gunzip.destroy()
  }
}

/** Digests only: for bytes that are compared and not read. Rejects as {@link readTarball}. */
export async function hashTgz(source: ByteSource, options: Omit<ReadTarballOptions, "crypto">, onBytes?: (bytes: Uint8Array) => Promise<void>): Promise<TgzDigests> {
  const limits = options.limits ?? TARBALL_LIMITS
  const sha512 = createHash("sha512")
  const sha1 = createHash("sha1")
  const commitment = createHash("sha256").update(`${options.origin}\n`)
  let size = 0
  for await (const bytes of source instanceof Uint8Array ? [source] : source) {
    throwIfAborted(options.signal)
    size += bytes.length
    if (size > limits.tgzBytesMax) throw tooLarge(`it has more than ${limits.tgzBytesMax} bytes`)
    for (const hash of [sha512, sha1, commitment]) hash.update(bytes)
    await onBytes?.(bytes)
  }
  throwIfAborted(options.signal)
  const digests = { size, sha512: sha512.digest("hex"), sha1: sha1.digest("hex"), commitment: commitment.digest("hex") }
  for (const algorithm of ["sha512", "sha1"] as const) {
    const expected = options.expected?.[algorithm]
    if (expected !== undefined && expected !== digests[algorithm]) {
      throw new VouchsafeError("UPSTREAM_FAILED", `registry served a tarball with the ${algorithm} ${digests[algorithm]}, expected ${expected} as its packument says`, {
        hint: "a proxy or mirror may be out of step; try again later",
      })
    }
  }
  return digests
}

interface CollectedFile { readonly path: string, readonly size: number, readonly mode: number, readonly sha256: string }

interface OpenFile { readonly path: string, readonly mode: number, readonly size: number, readonly hash: Hash, readonly kept: Buffer[] | undefined, readonly isAgain: boolean, readonly isChosen: boolean }

const EXECUTABLE_BITS = 0o111

function createFileCollector(limits: TarballLimits, chosen: ContentSink | undefined): EntrySink & { finish(): { files: UnpackedFile[], facts: PackageFacts, links: number } } {
  const index = createPathIndex(limits)
  const facts: FactsCollector = createFactsCollector(limits)
  const files = new Map<string, CollectedFile>()
  let links = 0
  let open: OpenFile | undefined
  return {
    entry(entry) {
      const path = unpackedPath(entry, limits)
      const isAgain = index.add(path, entry.type) === "again"
      if (entry.type === "symlink") {
        checkLink(path, entry.linkPath)
        links += 1
      }
      if (entry.type !== "file") return
      const wanted = facts.wants(path)
      if (wanted && entry.size > limits.packageJsonBytesMax) throw tooLarge(`${path} has ${entry.size} bytes, expected at most ${limits.packageJsonBytesMax}`)
      const isChosen = chosen?.wants(path, entry.size) === true
      open = { path, mode: entry.mode, size: entry.size, hash: createHash("sha256"), kept: wanted || isChosen ? [] : undefined, isAgain, isChosen }
    },
    content(bytes) {
      open?.hash.update(bytes)
      open?.kept?.push(Buffer.from(bytes))
    },
    entryEnd() {
      if (open === undefined) return
      const { path, mode, size, hash, kept, isAgain, isChosen } = open
      open = undefined
      const content = kept === undefined ? undefined : Buffer.concat(kept)
      if (isChosen && content !== undefined) chosen?.add(path, content)
      const file = { path, size, mode, sha256: hash.digest("hex") }
      if (isAgain) {
        const first = files.get(path)
        // Some bundlers' tarballs hold a file twice. Whichever copy a parser keeps, the same is unpacked.
        if (first?.sha256 !== file.sha256 || first.mode !== mode) throw ambiguous(`${shown(path)} is there twice, as different files that unpack to one place`)
        return
      }
      files.set(path, file)
      facts.add(path, content)
    },
    finish() {
      const found = facts.finish([...files.keys()])
      // Managers make the targets of commands executable when they link them.
      const commands = new Set(found.manifest.bin.values())
      const unpacked = [...files.values()].map(({ path, size, mode, sha256 }) => ({ path, size, sha256, executable: (mode & EXECUTABLE_BITS) !== 0 || commands.has(path) }))
      return { files: unpacked, facts: found, links }
    },
  }
}
