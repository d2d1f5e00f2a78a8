/**
 * `/vouchsafe/artifact/1` (spec/artifacts.md, "Peers without an address"): one request, one answer.
 *
 * @packageDocumentation
 */
import { HEX_SHA512, shapeReader, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { PeerTransport } from "@vouchsafe/ports"
import { type ChunkList, formatChunkList } from "./chunks.ts"
import { ARTIFACT_BYTES_MAX, CHUNK_BYTES, HAVE_MAX, PEER_REQUEST_BYTES_MAX } from "./limits.ts"

export const ARTIFACT_PROTOCOL = "/vouchsafe/artifact/1"
/** First byte of an answer. */
export const ANSWER = { absent: 0, found: 1, busy: 2 } as const

/** What may be given to somebody. */
export interface ArtifactReader {
  /** Places of those digests that are held, ascending. */
  have(sha512s: readonly string[]): number[]
  /** Undefined: not held, or not for this reader. Rejects with DISK. */
  chunks(sha512: string): Promise<ChunkList | undefined>
  /** Bytes whose chunks were hashed again just now; undefined where there are none such. Rejects with DISK. */
  read(sha512: string, start: number, length: number): Promise<Uint8Array | undefined>
}

type PeerRequest =
  | { readonly op: "have"; readonly sha512: readonly string[] }
  | { readonly op: "chunks"; readonly sha512: string }
  | { readonly op: "read"; readonly sha512: string; readonly start: number; readonly length: number }

const shape = shapeReader("REQUEST_MALFORMED", "artifact request")
const digestIn = (value: unknown, at: string): string => shape.pattern(value, at, HEX_SHA512, "128 lower-case hex digits")

/** Digests of a who-has. @throws VouchsafeError REQUEST_MALFORMED. */
export function readDigests(value: unknown, at: string): string[] {
  return shape.array(value, at, HAVE_MAX).map((digest, i) => digestIn(digest, `${at}[${i}]`))
}

/** @throws VouchsafeError REQUEST_MALFORMED, UTF8_MALFORMED. */
export function parsePeerRequest(body: Uint8Array): PeerRequest {
  const document = shape.json(utf8Decode(body), PEER_REQUEST_BYTES_MAX)
  const { op, sha512, start, length } = shape.object(document, "document", ["op", "sha512"], ["start", "length"])
  const known = shape.oneOf(op, "op", ["have", "chunks", "read"])
  if (known !== "read" && (start !== undefined || length !== undefined)) shape.fail("start", "no such member", "present")
  if (known === "have") return { op: known, sha512: readDigests(sha512, "sha512") }
  const digest = digestIn(sha512, "sha512")
  if (known === "chunks") return { op: known, sha512: digest }
  return { op: known, sha512: digest, start: shape.integer(start, "start", 0, ARTIFACT_BYTES_MAX), length: shape.integer(length, "length", 1, CHUNK_BYTES) }
}

/** How much a peer may have; 0: now. */
export type PeerBudget = (from: string, bytes: number) => number

/** Serves what `reader` gives. A request that does not parse is held against the peer. */
export function serveArtifacts(peers: Pick<PeerTransport, "serve" | "report">, reader: ArtifactReader, budget: PeerBudget): void {
  peers.serve(ARTIFACT_PROTOCOL, { bytesMax: PEER_REQUEST_BYTES_MAX }, async (from, body) => {
    let request: PeerRequest
    try {
      request = parsePeerRequest(body)
    } catch (error) {
      peers.report(from, "malformed")
      throw error
    }
    if (budget(from, request.op === "read" ? request.length : body.length) > 0) return Uint8Array.of(ANSWER.busy)
    return answerTo(request, reader)
  })
}

async function answerTo(request: PeerRequest, reader: ArtifactReader): Promise<Uint8Array> {
  if (request.op === "have") return found(utf8Encode(JSON.stringify(reader.have(request.sha512))))
  if (request.op === "read") return found(await reader.read(request.sha512, request.start, request.length))
  const list = await reader.chunks(request.sha512)
  return found(list === undefined ? undefined : utf8Encode(formatChunkList(request.sha512, list)))
}

function found(body: Uint8Array | undefined): Uint8Array {
  if (body === undefined) return Uint8Array.of(ANSWER.absent)
  const answer = new Uint8Array(body.length + 1)
  answer[0] = ANSWER.found
  answer.set(body, 1)
  return answer
}
