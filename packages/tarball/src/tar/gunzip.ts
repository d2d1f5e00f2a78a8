/**
 * Inflates exactly one gzip member (RFC 1952) that spans the whole input.
 *
 * Written out over raw deflate because zlib's own gunzip reads on into a second member, and stops silently before other
 * trailing bytes: where one reader sees a file and the next one does not, a tarball is ambiguous.
 *
 * @packageDocumentation
 */
import { crc32, createInflateRaw, type InflateRaw } from "node:zlib"
import { GZIP_HEADER_BYTES_MAX } from "../limits.ts"
import { ambiguous, hostile } from "../refusal.ts"

/** Takes a .tgz piece by piece. Each method rejects with TARBALL_AMBIGUOUS, TARBALL_HOSTILE or what `onData` threw. */
export interface Gunzip {
  /** Resolves when `bytes` are inflated and handed on. One call at a time. */
  write(bytes: Uint8Array): Promise<void>
  /** Checks that the member ended where the input ended, with the right checksum and length. */
  end(): Promise<void>
  /** Frees the inflater; needed after a rejection or when abandoned. */
  destroy(): void
}

const OUTPUT_BYTES = 64 * 1024
const FIXED_HEADER_BYTES = 10
const TRAILER_BYTES = 8
const FLAG_HEADER_CRC = 2
const FLAG_EXTRA = 4
const FLAG_NAME = 8
const FLAG_COMMENT = 16
const FLAGS_RESERVED = 0xe0
const TWO_TO_32 = 4_294_967_296
const NOTHING: Uint8Array = new Uint8Array(0)

/** `onData` gets every inflated piece, in order, and must not keep it. */
export function createGunzip(onData: (bytes: Uint8Array) => void): Gunzip {
  let part: "header" | "deflate" | "trailer" = "header"
  let held: Uint8Array = NOTHING
  let checksum = 0
  let size = 0
  let failure: unknown

  const inflater: InflateRaw = createInflateRaw({ chunkSize: OUTPUT_BYTES })
  const fail = (error: unknown): void => {
    failure ??= error
    inflater.destroy()
  }
  inflater.on("error", (error) => fail(hostile(`the gzip stream is damaged: ${error.message}`, error)))
  inflater.on("data", (piece: Buffer) => {
    if (failure !== undefined) return
    try {
      checksum = crc32(piece, checksum)
      size += piece.length
      onData(piece)
    } catch (error) {
      fail(error)
    }
  })
  const inflate = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      // A destroyed stream calls back with its own error; the first failure says more.
      const closed = (): void => reject(failure ?? hostile("the gzip stream ended early"))
      inflater.once("close", closed)
      inflater.write(bytes, (error) => {
        inflater.off("close", closed)
        if (failure !== undefined || error) reject(failure ?? error)
        else resolve()
      })
    })

  return {
    async write(bytes) {
      if (failure !== undefined) throw failure
      let rest = bytes
      if (part === "header") {
        const start = held.length === 0 ? rest : Buffer.concat([held, rest])
        const headerBytes = gzipHeaderLength(start)
        if (headerBytes === undefined) {
          held = new Uint8Array(start)
          return
        }
        rest = start.subarray(headerBytes)
        held = NOTHING
        part = "deflate"
      }
      if (part === "deflate" && rest.length > 0) {
        const before = inflater.bytesWritten
        await inflate(rest)
        // The inflater leaves what follows the last deflate block untouched.
        const consumed = inflater.bytesWritten - before
        if (consumed === rest.length) return
        rest = rest.subarray(consumed)
        part = "trailer"
      }
      if (part !== "trailer") return
      if (held.length + rest.length > TRAILER_BYTES) throw ambiguous("data follows the end of the gzip member, expected the file to end there")
      held = Buffer.concat([held, rest])
    },
    async end() {
      if (failure !== undefined) throw failure
      if (part !== "trailer" || held.length !== TRAILER_BYTES) throw hostile("the gzip stream is cut off, expected it whole")
      if (!inflater.readableEnded) await new Promise<void>((resolve) => inflater.once("end", resolve).once("close", resolve))
      if (failure !== undefined) throw failure
      const trailer = new DataView(held.buffer, held.byteOffset, held.byteLength)
      if (trailer.getUint32(0, true) !== checksum) throw hostile("the gzip checksum does not fit the content")
      if (trailer.getUint32(4, true) !== size % TWO_TO_32) throw hostile("the gzip length does not fit the content")
      inflater.destroy()
    },
    destroy() {
      inflater.destroy()
    },
  }
}

/** Length of the member's header, undefined while it is not complete. */
function gzipHeaderLength(bytes: Uint8Array): number | undefined {
  const [first, second, method, flags = 0] = bytes
  if ((first !== undefined && first !== 0x1f) || (second !== undefined && second !== 0x8b)) throw hostile("it is no gzip file")
  if (bytes.length < FIXED_HEADER_BYTES) return undefined
  if (method !== 8 || (flags & FLAGS_RESERVED) !== 0) throw hostile("the gzip header has an unknown method or flag")
  let end: number | undefined = FIXED_HEADER_BYTES
  if ((flags & FLAG_EXTRA) !== 0) end = bytes.length < end + 2 ? undefined : end + 2 + (bytes[end] as number) + 256 * (bytes[end + 1] as number)
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) if ((flags & flag) !== 0 && end !== undefined) end = afterZero(bytes, end)
  if ((flags & FLAG_HEADER_CRC) !== 0 && end !== undefined) end += 2
  if (end === undefined || end > bytes.length) {
    if (bytes.length > GZIP_HEADER_BYTES_MAX || (end ?? 0) > GZIP_HEADER_BYTES_MAX) throw hostile(`the gzip header is longer than ${GZIP_HEADER_BYTES_MAX} bytes`)
    return undefined
  }
  if ((flags & FLAG_HEADER_CRC) !== 0) {
    const stored = (bytes[end - 2] as number) + 256 * (bytes[end - 1] as number)
    if (stored !== crc32(bytes.subarray(0, end - 2)) % 65_536) throw hostile("the checksum of the gzip header does not fit")
  }
  return end
}

function afterZero(bytes: Uint8Array, from: number): number | undefined {
  const at = bytes.indexOf(0, from)
  return at < 0 ? undefined : at + 1
}
