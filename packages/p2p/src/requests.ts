/**
 * Questions to one peer, and answers to the questions of others (spec/peers.md, "Requests").
 *
 * @packageDocumentation
 */
import { type Connection, type Libp2p, type Stream } from "@libp2p/interface"
import { peerIdFromString } from "@libp2p/peer-id"
import { type Bytes, isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, PeerFault, PeerTransport, Timers } from "@vouchsafe/ports"
import { peerOf } from "./addresses.ts"
import { type Budget } from "./budget.ts"
import { readFrame, writeFrame } from "./frames.ts"
import { DIAL_TIMEOUT_MS, FRAME_BYTES_MAX, REQUEST_STREAMS_MAX, REQUESTS_RUNNING_MAX, SERVE_TIMEOUT_MS } from "./limits.ts"
import { createOverflow } from "./overflow.ts"
import { createTurns } from "./turns.ts"

/** What requests work with. */
export interface RequestsOptions {
  readonly libp2p: Libp2p
  readonly timers: Timers
  readonly budget: Budget
  readonly report: (peer: string, fault: PeerFault) => void
  /** What an answer failed with, for the log. */
  readonly onFailure: (protocol: string, peer: string, error: unknown) => void
}

/** @see PeerTransport */
export function createRequests(options: RequestsOptions): Pick<PeerTransport, "request" | "serve"> & { stop(): Promise<void> } {
  const { libp2p, timers } = options
  const served: string[] = []
  const overflow = createOverflow(options.report)
  const turns = createTurns(REQUESTS_RUNNING_MAX)
  return {
    async request(peer, protocol, body, { bytesMax, timeoutMs, signal }) {
      checkSizes(bytesMax, body.length)
      const deadline = openDeadline(timers, timeoutMs, signal)
      let end = (): void => undefined
      try {
        end = await turns.take(`${peer} ${protocol}`, deadline.signal)
        const connection = await connectionTo(libp2p, peer, deadline.signal)
        return await ask(connection, protocol, body, bytesMax, deadline.signal)
      } catch (error) {
        if (deadline.signal.aborted) throw new VouchsafeError("TIMEOUT", `peer ${peer} did not answer ${protocol} within ${timeoutMs} ms`, { cause: error })
        if (isVouchsafeError(error)) throw error
        throw new VouchsafeError("UPSTREAM_FAILED", `peer ${peer} answered ${protocol} with nothing`, { cause: error })
      } finally {
        end()
        deadline.end()
      }
    },
    serve(protocol, { bytesMax }, handle) {
      checkSizes(bytesMax, 0)
      served.push(protocol)
      const answer = (stream: Stream, connection: Connection): void => {
        const from = connection.remotePeer.toString()
        if (!options.budget.take(from)) {
          stream.abort(new Error("too many requests"))
          overflow(from)
          return
        }
        void reply({ stream, from, bytesMax, handle, timers }).catch((error: unknown) => {
          stream.abort(error instanceof Error ? error : new Error("failed"))
          options.onFailure(protocol, from, error)
        })
      }
      // Registering is a matter of a map; it rejects only for a protocol that is served already, which is the caller's mistake.
      void libp2p.handle(protocol, answer, { maxInboundStreams: REQUEST_STREAMS_MAX, maxOutboundStreams: REQUEST_STREAMS_MAX, runOnLimitedConnection: true })
        .catch((error: unknown) => options.onFailure(protocol, libp2p.peerId.toString(), error))
    },
    async stop() {
      await libp2p.unhandle(served.splice(0))
    },
  }
}

function checkSizes(bytesMax: number, length: number): void {
  if (!Number.isSafeInteger(bytesMax) || bytesMax < 0 || bytesMax > FRAME_BYTES_MAX || length > FRAME_BYTES_MAX) throw new RangeError(`a request has at most ${FRAME_BYTES_MAX} bytes, as has its answer`)
}

async function connectionTo(libp2p: Libp2p, peer: string, signal: AbortSignal): Promise<Connection> {
  try {
    const id = peerIdFromString(peer)
    const open = libp2p.getConnections(id).filter(({ status }) => status === "open")
    // One that has no limits, where there is one.
    const best = open.find(({ limits }) => limits === undefined) ?? open[0]
    if (best !== undefined) return best
    // By its addresses, not by its name: the library would ask the routing table, and wait for one.
    const { addresses } = await libp2p.peerStore.get(id)
    const full = addresses.map(({ multiaddr }) => (peerOf(multiaddr) === peer ? multiaddr : multiaddr.encapsulate(`/p2p/${peer}`)))
    return await libp2p.dial(full, { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]) })
  } catch (cause) {
    throw new VouchsafeError("UNREACHABLE", `peer ${peer} cannot be reached`, { cause })
  }
}

async function ask(connection: Connection, protocol: string, body: Bytes, bytesMax: number, signal: AbortSignal): Promise<Bytes> {
  const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true, maxOutboundStreams: REQUEST_STREAMS_MAX })
  const cut = (): void => stream.abort(new Error("timeout"))
  signal.addEventListener("abort", cut, { once: true })
  try {
    if (signal.aborted) cut()
    await writeFrame(stream, body, signal)
    const answer = await readFrame(stream, bytesMax)
    await stream.close({ signal })
    return answer
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error("failed"))
    throw error
  } finally {
    signal.removeEventListener("abort", cut)
  }
}

interface Reply {
  readonly stream: Stream
  readonly from: string
  readonly bytesMax: number
  readonly handle: (from: string, body: Bytes) => Promise<Bytes>
  readonly timers: Timers
}

async function reply({ stream, from, bytesMax, handle, timers }: Reply): Promise<void> {
  const deadline = openDeadline(timers, SERVE_TIMEOUT_MS, undefined)
  deadline.signal.addEventListener("abort", () => stream.abort(new Error("timeout")), { once: true })
  try {
    const body = await readFrame(stream, bytesMax)
    const answer = await handle(from, body)
    await writeFrame(stream, answer, deadline.signal)
    await stream.close({ signal: deadline.signal })
  } finally {
    deadline.end()
  }
}

/** A signal that comes after `ms`, or with the caller's own. */
function openDeadline(timers: Timers, ms: number, signal: AbortSignalLike | undefined): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const cancel = timers.after(ms, abort)
  if (signal?.aborted === true) abort()
  signal?.addEventListener("abort", abort)
  return {
    signal: controller.signal,
    end() {
      cancel()
      signal?.removeEventListener("abort", abort)
    },
  }
}
