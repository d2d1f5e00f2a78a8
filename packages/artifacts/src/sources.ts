/**
 * Who may have an artifact: a node over HTTP, a peer over the overlay. What any of them says is checked by whoever downloads.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, Clock, HttpTransport, PeerTransport } from "@vouchsafe/ports"
import { type ChunkList, parseChunkList } from "./chunks.ts"
import { CHUNK_LIST_BYTES_MAX, DOWNLOAD_LIMITS, PEER_ANSWER_BYTES_MAX, SOURCE_PAUSE_MS } from "./limits.ts"
import { ANSWER, ARTIFACT_PROTOCOL } from "./peer-protocol.ts"

/** A place that may have artifacts. Rejections are VouchsafeErrors: UNREACHABLE, TIMEOUT, UPSTREAM_FAILED. */
export interface ChunkSource {
  /** For people and reports: an operator, a peer. Two sources of one download have two names. */
  readonly name: string
  /** Undefined: it has it not. */
  chunks(sha512: string, signal: AbortSignalLike): Promise<ChunkList | undefined>
  /** Exactly `length` bytes from `start` on. */
  read(sha512: string, start: number, length: number, signal: AbortSignalLike): Promise<Uint8Array>
}

export interface HttpSourceOptions {
  readonly name: string
  /** Of the node, with a trailing slash. */
  readonly url: string
  readonly transport: HttpTransport
  /** The admin socket of the person's own node. */
  readonly socketPath?: string
}

/** A node by its address. */
export function httpSource({ name, url, transport, socketPath }: HttpSourceOptions): ChunkSource {
  const get = (path: string, maxBytes: number, timeoutMs: number, headers: Record<string, string>, signal: AbortSignalLike) =>
    transport.request({ method: "GET", url: `${url}v1/artifact/${path}`, headers, timeoutMs, maxBytes, signal, ...(socketPath === undefined ? {} : { socketPath }) })
  return {
    name,
    async chunks(sha512, signal) {
      const { status, body } = await get(`${sha512}/chunks`, CHUNK_LIST_BYTES_MAX, DOWNLOAD_LIMITS.listMs, {}, signal)
      if (status === 404) return undefined
      if (status !== 200) throw answered(name, status)
      return parseChunkList(utf8Decode(body), sha512)
    },
    async read(sha512, start, length, signal) {
      const headers = { range: `bytes=${start}-${start + length - 1}`, "accept-encoding": "identity" }
      const { status, body } = await get(sha512, length, DOWNLOAD_LIMITS.chunkMs, headers, signal)
      if (status !== 206) throw answered(name, status)
      return body
    },
  }
}

/** A peer that has no address of its own. */
export function peerSource(peers: Pick<PeerTransport, "request">, peer: string, name = peer): ChunkSource {
  const ask = async (request: object, timeoutMs: number, signal: AbortSignalLike): Promise<Uint8Array | undefined> => {
    const answer = await peers.request(peer, ARTIFACT_PROTOCOL, utf8Encode(JSON.stringify(request)), { bytesMax: PEER_ANSWER_BYTES_MAX, timeoutMs, signal })
    if (answer[0] === ANSWER.absent) return undefined
    if (answer[0] !== ANSWER.found) throw new VouchsafeError("UPSTREAM_FAILED", answer[0] === ANSWER.busy ? `${name} is busy` : `${name} answered what is no answer`)
    return answer.subarray(1)
  }
  return {
    name,
    async chunks(sha512, signal) {
      const body = await ask({ op: "chunks", sha512 }, DOWNLOAD_LIMITS.listMs, signal)
      return body === undefined ? undefined : parseChunkList(utf8Decode(body), sha512)
    },
    async read(sha512, start, length, signal) {
      const body = await ask({ op: "read", sha512, start, length }, DOWNLOAD_LIMITS.chunkMs, signal)
      if (body === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `${name} no longer has it`)
      return body
    },
  }
}

function answered(name: string, status: number): VouchsafeError {
  return new VouchsafeError("UPSTREAM_FAILED", `${name} answered ${status}`)
}

/** Remembers across downloads who is dead and who lied. */
export interface SourceBook {
  /** The same source, which answers at once while it is taken for dead, and never after it lied. */
  remember(source: ChunkSource): ChunkSource
  lied(name: string): void
  /** How many lied. */
  liars(): number
}

/** Names remembered; sources come from the roster and from connected peers, which are few. */
const NAMES_MAX = 10_000

export function createSourceBook(clock: Clock): SourceBook {
  const deadUntilMs = new Map<string, number>()
  const liars = new Set<string>()
  const guarded = async <T>(name: string, action: () => Promise<T>, signal: AbortSignalLike): Promise<T> => {
    if (liars.has(name)) throw new VouchsafeError("UPSTREAM_FAILED", `${name} lied before`)
    if ((deadUntilMs.get(name) ?? 0) > clock.nowMs()) throw new VouchsafeError("UNREACHABLE", `${name} did not answer a moment ago`)
    try {
      return await action()
    } catch (error) {
      // Whoever was told to stop is not dead.
      if (!signal.aborted && (isVouchsafeError(error, "UNREACHABLE") || isVouchsafeError(error, "TIMEOUT"))) {
        if (deadUntilMs.size >= NAMES_MAX) deadUntilMs.clear()
        deadUntilMs.set(name, clock.nowMs() + SOURCE_PAUSE_MS)
      }
      throw error
    }
  }
  return {
    remember: (source) => ({
      name: source.name,
      chunks: (sha512, signal) => guarded(source.name, () => source.chunks(sha512, signal), signal),
      read: (sha512, start, length, signal) => guarded(source.name, () => source.read(sha512, start, length, signal), signal),
    }),
    lied(name) {
      if (liars.size < NAMES_MAX) liars.add(name)
    },
    liars: () => liars.size,
  }
}
