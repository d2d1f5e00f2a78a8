/**
 * One request and one answer on a stream: each is its length in four bytes, then so many bytes (spec/peers.md, "Requests").
 *
 * The length is what tells a whole answer from one that a relay cut short: a stream that ends early looks like one that ended.
 *
 * @packageDocumentation
 */
import type { Stream } from "@libp2p/interface"
import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import { FRAME_BYTES_MAX } from "./limits.ts"

const LENGTH_BYTES = 4
/** Bytes handed to the stream at once; a multiplexer splits larger ones anyway. */
const CHUNK_BYTES = 64 * 1024

/**
 * Reads one frame. A length above `bytesMax` is refused before any of it is read.
 * @throws VouchsafeError UPSTREAM_FAILED for a frame that is too large or ends early; what the stream throws when it is cut.
 */
export async function readFrame(stream: Stream, bytesMax: number): Promise<Bytes> {
  const head = new Uint8Array(LENGTH_BYTES)
  let have = 0
  let body: Uint8Array | undefined
  let filled = 0
  for await (const piece of stream) {
    let bytes = piece instanceof Uint8Array ? piece : piece.subarray()
    if (body === undefined) {
      const wanted = bytes.subarray(0, LENGTH_BYTES - have)
      head.set(wanted, have)
      have += wanted.length
      bytes = bytes.subarray(wanted.length)
      if (have < LENGTH_BYTES) continue
      const length = new DataView(head.buffer).getUint32(0)
      if (length > Math.min(bytesMax, FRAME_BYTES_MAX)) throw new VouchsafeError("UPSTREAM_FAILED", `peer announces ${length} bytes, expected at most ${bytesMax}`)
      body = new Uint8Array(length)
    }
    if (filled + bytes.length > body.length) throw new VouchsafeError("UPSTREAM_FAILED", `peer sends more than the ${body.length} bytes that it announced`)
    body.set(bytes, filled)
    filled += bytes.length
    if (filled === body.length) return body
  }
  throw new VouchsafeError("UPSTREAM_FAILED", body === undefined ? "peer ends the stream without an answer" : `peer's bytes end after ${filled} of ${body.length}`)
}

/** Writes one frame as fast as the other side reads. @throws what the stream throws. */
export async function writeFrame(stream: Stream, body: Bytes, signal: AbortSignal): Promise<void> {
  const head = new Uint8Array(LENGTH_BYTES)
  new DataView(head.buffer).setUint32(0, body.length)
  let pieces = stream.send(head)
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    if (!pieces) await stream.onDrain({ signal })
    pieces = stream.send(body.subarray(at, at + CHUNK_BYTES))
  }
}
