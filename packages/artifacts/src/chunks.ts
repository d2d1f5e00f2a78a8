/**
 * Chunk lists (spec/artifacts.md): the SHA-256 of each MiB of an artifact.
 *
 * A list is no authority: it says where wrong bytes came from before all are there. What counts is the sha512 of the whole.
 *
 * @packageDocumentation
 */
import { createHash, type Hash } from "node:crypto"
import { HEX_SHA256, HEX_SHA512, shapeReader } from "@vouchsafe/core"
import { ARTIFACT_BYTES_MAX, CHUNK_BYTES, CHUNK_LIST_BYTES_MAX, CHUNKS_MAX } from "./limits.ts"

/** What an artifact is made of. */
export interface ChunkList {
  /** Bytes of the artifact, at least 1. */
  readonly size: number
  /** SHA-256 of each chunk, hex. */
  readonly chunks: readonly string[]
}

const FORMAT = "vouchsafe-chunks/v1"
const read = shapeReader("UPSTREAM_FAILED", "chunk list")

/** How many chunks an artifact of `size` bytes has. */
export function chunkCount(size: number): number {
  return Math.ceil(size / CHUNK_BYTES)
}

/** Where chunk `index` lies. */
export function chunkRange({ size }: Pick<ChunkList, "size">, index: number): { readonly start: number; readonly length: number } {
  const start = index * CHUNK_BYTES
  return { start, length: Math.min(CHUNK_BYTES, size - start) }
}

/** Two sources agree when these are equal. */
export function listKey({ size, chunks }: ChunkList): string {
  return `${size} ${chunks.join("")}`
}

/** The list as a document. */
export function formatChunkList(sha512: string, { size, chunks }: ChunkList): string {
  return JSON.stringify({ format: FORMAT, sha512, size, chunkBytes: CHUNK_BYTES, chunks })
}

/** Reads a list that somebody gave for `sha512`. @throws VouchsafeError UPSTREAM_FAILED. */
export function parseChunkList(text: string, sha512: string): ChunkList {
  const document = read.object(read.json(text, CHUNK_LIST_BYTES_MAX), "document", ["format", "sha512", "size", "chunkBytes", "chunks"])
  read.oneOf(document["format"], "format", [FORMAT])
  if (read.pattern(document["sha512"], "sha512", HEX_SHA512, "128 lower-case hex digits") !== sha512) read.fail("sha512", "the one that was asked for", document["sha512"])
  const size = read.integer(document["size"], "size", 1, ARTIFACT_BYTES_MAX)
  read.integer(document["chunkBytes"], "chunkBytes", CHUNK_BYTES, CHUNK_BYTES)
  const chunks = read.array(document["chunks"], "chunks", CHUNKS_MAX).map((digest, i) => read.pattern(digest, `chunks[${i}]`, HEX_SHA256, "64 lower-case hex digits"))
  if (chunks.length !== chunkCount(size)) read.fail("chunks", `${chunkCount(size)} digests for ${size} bytes`, `${chunks.length} digests`)
  return { size, chunks }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

/** Hashes bytes as they come: the whole, and each chunk. */
export interface ArtifactHash {
  readonly size: number
  update(bytes: Uint8Array): void
  /** Once, at the end. */
  finish(): { readonly sha512: string; readonly list: ChunkList }
}

export function hashArtifact(): ArtifactHash {
  const whole = createHash("sha512")
  const chunks: string[] = []
  let chunk: Hash = createHash("sha256")
  let size = 0
  return {
    get size() { return size },
    update(bytes) {
      whole.update(bytes)
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, at + CHUNK_BYTES - (size % CHUNK_BYTES))
        chunk.update(part)
        at += part.length
        size += part.length
        if (size % CHUNK_BYTES !== 0) continue
        chunks.push(chunk.digest("hex"))
        chunk = createHash("sha256")
      }
    },
    finish() {
      if (size % CHUNK_BYTES !== 0) chunks.push(chunk.digest("hex"))
      return { sha512: whole.digest("hex"), list: { size, chunks } }
    },
  }
}
