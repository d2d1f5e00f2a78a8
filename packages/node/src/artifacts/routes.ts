/**
 * Tarballs by digest over HTTP (spec/artifacts.md, "HTTP").
 *
 * @packageDocumentation
 */
import { type ArtifactReader, type ArtifactStore, CHUNK_BYTES, formatChunkList, readDigests } from "@vouchsafe/artifacts"
import { HEX_SHA512, parseJson, shapeReader, VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { ADMIN, createBudget } from "../evidence/budget.ts"
import { type Answer, jsonAnswer, refusal, textAnswer } from "../http/answer.ts"
import type { Exchange, Route } from "../http/router.ts"
import { createSlots } from "../http/slots.ts"
import { attachment, IMMUTABLE, withJson } from "../routes/exchange.ts"
import type { ByteBudget } from "./budget.ts"
import { ANSWERS_CONCURRENT_MAX, ANSWERS_CONCURRENT_PER_ADDRESS_MAX, HAVE_BODY_BYTES_MAX, HAVE_GLOBAL, HAVE_PER_ADDRESS } from "./limits.ts"
import { readRange } from "./range.ts"

/** What the routes work with. */
export interface ArtifactRoutesOptions {
  readonly store: Pick<ArtifactStore, "reader" | "size">
  readonly budget: ByteBudget
  readonly clock: Clock
  /** Told of bytes that go out. */
  readonly onSent: (bytes: number) => void
}

const PREFIX = "/v1/artifact/"
const CHUNKS = "/chunks"
const HAVE_FORMAT = "vouchsafe-have/v1"
const read = shapeReader("REQUEST_MALFORMED", "who-has")

/** What only the node's own user fetched is answered on the admin socket and nowhere else (THREATS A8). */
const audienceOf = (from: string): "owner" | "everybody" => (from === ADMIN ? "owner" : "everybody")

/** @returns the routes of both listeners. */
export function artifactRoutes({ store, budget, clock, onSent }: ArtifactRoutesOptions): Route[] {
  const asked = createBudget(clock, HAVE_PER_ADDRESS, HAVE_GLOBAL)
  const slots = createSlots({ all: ANSWERS_CONCURRENT_MAX, perCaller: ANSWERS_CONCURRENT_PER_ADDRESS_MAX })
  const gone = (): Answer => refusal("NOT_FOUND", "this node has no such artifact, or does not give it to others", "ask another node")
  const limited = (waitMs: number): Answer => refusal("RATE_LIMITED", "this address, or all together, have had as much as there is for now", undefined, { "retry-after": String(Math.ceil(waitMs / 1000)) })

  const bytes = (exchange: Exchange, sha512: string, size: number): Answer => {
    const tag = `"${sha512}"`
    const { range, "if-range": ifRange, "if-none-match": ifNone } = exchange.request.headers
    const common = { "content-type": "application/octet-stream", "cache-control": IMMUTABLE, etag: tag, "accept-ranges": "bytes", ...attachment(true) }
    const isHead = exchange.request.method === "HEAD"
    if (ifNone === tag) return { status: 304, headers: common, body: new Uint8Array(), stream: nothing() }
    const part = ifRange !== undefined && ifRange !== tag ? { kind: "whole" as const } : readRange(range, size)
    if (part.kind === "unsatisfiable") return textAnswer(416, "", { "content-range": `bytes */${size}` })
    const { start, length } = part.kind === "part" ? part : { start: 0, length: size }
    const headers = { ...common, "content-length": String(length), ...(part.kind === "part" ? { "content-range": `bytes ${start}-${start + length - 1}/${size}` } : {}) }
    const status = part.kind === "part" ? 206 : 200
    if (!isHead && slots.refusal(exchange.from) !== undefined) return refusal("BUSY", "too many are being served", undefined, { "retry-after": "2" })
    const waitMs = budget.take(exchange.from, isHead ? 0 : length)
    if (waitMs > 0) return limited(waitMs)
    const stream = isHead ? nothing() : counted(pieces(store.reader(audienceOf(exchange.from)), { sha512, start, length }, onSent), () => slots.take(exchange.from))
    return { status, headers, body: new Uint8Array(), stream }
  }

  return [
    {
      path: PREFIX,
      async get(exchange) {
        const rest = exchange.path.slice(PREFIX.length)
        const isList = rest.endsWith(CHUNKS)
        const sha512 = isList ? rest.slice(0, -CHUNKS.length) : rest
        if (!HEX_SHA512.test(sha512)) return refusal("NOT_FOUND", "an artifact is named by 128 lower-case hex digits")
        const audience = audienceOf(exchange.from)
        const size = store.size(sha512, audience)
        if (size === undefined) return gone()
        if (!isList) return bytes(exchange, sha512, size)
        const waitMs = budget.take(exchange.from, 0)
        if (waitMs > 0) return limited(waitMs)
        const list = await store.reader(audience).chunks(sha512)
        return list === undefined ? gone() : textAnswer(200, formatChunkList(sha512, list), { "content-type": "application/json", "cache-control": IMMUTABLE })
      },
    },
    {
      path: "/v1/artifacts/have",
      post: withJson(HAVE_BODY_BYTES_MAX, async (text, { from }) => {
        if (asked.take(from) !== "granted") return limited(1_000)
        const document = read.object(parseJson("REQUEST_MALFORMED", "who-has", text), "document", ["format", "sha512"])
        read.oneOf(document["format"], "format", [HAVE_FORMAT])
        const digests = readDigests(document["sha512"], "sha512")
        return jsonAnswer(200, { format: HAVE_FORMAT, have: store.reader(audienceOf(from)).have(digests) })
      }),
    },
  ]
}

// eslint-disable-next-line require-yield -- a HEAD announces a length and has no body
async function* nothing(): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
}

/** Counts while it is read: one that nobody begins to read is not under way. */
async function* counted(stream: AsyncIterable<Uint8Array>, begin: () => () => void): AsyncGenerator<Uint8Array> {
  const end = begin()
  try {
    yield* stream
  } finally {
    end()
  }
}

/** Chunk by chunk, each hashed again. One that is damaged ends the connection before a whole answer was there. */
async function* pieces(reader: ArtifactReader, { sha512, start, length }: { readonly sha512: string; readonly start: number; readonly length: number }, onSent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (let at = start; at < start + length;) {
    const size = Math.min(start + length, (Math.floor(at / CHUNK_BYTES) + 1) * CHUNK_BYTES) - at
    const piece = await reader.read(sha512, at, size)
    if (piece === undefined) throw new VouchsafeError("NOT_FOUND", "an artifact was damaged or removed while it was sent")
    onSent(piece.length)
    yield piece
    at += size
  }
}
