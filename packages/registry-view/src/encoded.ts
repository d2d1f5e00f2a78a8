import { createHash } from "node:crypto"
import { Readable } from "node:stream"
import { promisify } from "node:util"
import * as zlib from "node:zlib"

// the way is short: this is for memory, not for the network
const GZIP_LEVEL = 3
/** Bodies up to this size are compressed at once: the buffers die young, and a thread would cost more than it saves. */
const AT_ONCE_BYTES_MAX = 256 * 1024
/** Bodies shorter than this are sent as they are: compression would save less than one network packet. */
export const ENCODE_BYTES_MIN = 1024
const ETAG_HEX_LENGTH = 32

export type Encoding = "identity" | "gzip" | "zstd"

/**
 * One body ready to be sent in any encoding that a client takes, each encoding made once.
 * Keeps only the compressed bytes of large bodies: the plain ones are made again for the rare client that wants them.
 */
export interface EncodedBody {
  readonly etag: string
  readonly contentType: string
  /** Bytes of memory held now; grows when an encoding is first asked for. */
  bytesHeld(): number
  /** The body for an Accept-Encoding header; at once where it is at hand. */
  negotiate(acceptEncoding: string | undefined): Negotiated | Promise<Negotiated>
}

export interface Negotiated {
  readonly body: Buffer
  /** Content-Encoding; undefined: none. */
  readonly encoding: Exclude<Encoding, "identity"> | undefined
}

const gunzip = promisify(zlib.gunzip)
const BODY_KEPT_PLAIN_BYTES_MAX = 4 * 1024
// zstd came with Node 22.15; older ones serve gzip
const zstdCompress = typeof zlib.zstdCompress === "function" ? promisify(zlib.zstdCompress) : undefined

/** Prepares a body given in chunks; compresses at once what is worth it. */
export async function encodeBody(chunks: readonly Buffer[], contentType: string): Promise<EncodedBody> {
  const hash = createHash("sha256")
  let length = 0
  for (const chunk of chunks) { hash.update(chunk); length += chunk.length }
  const etag = `"${hash.digest("hex").slice(0, ETAG_HEX_LENGTH)}"`
  const keptPlain = length <= BODY_KEPT_PLAIN_BYTES_MAX ? Buffer.concat(chunks) : undefined
  if (keptPlain !== undefined && length < ENCODE_BYTES_MIN) {
    const only: Negotiated = { body: keptPlain, encoding: undefined }
    return { etag, contentType, bytesHeld: () => length, negotiate: () => only }
  }
  const zipped = exact(length <= AT_ONCE_BYTES_MAX ? zlib.gzipSync(keptPlain ?? Buffer.concat(chunks), { level: GZIP_LEVEL }) : await gzipChunks(chunks))
  const asGzip: Negotiated = { body: zipped, encoding: "gzip" }
  let zstd: Buffer | undefined
  return {
    etag, contentType,
    bytesHeld: () => zipped.length + (keptPlain?.length ?? 0) + (zstd?.length ?? 0),
    negotiate(acceptEncoding) {
      const choice = chooseEncoding(acceptEncoding)
      if (choice === "gzip") return asGzip
      if (choice === "identity" || zstdCompress === undefined) return keptPlain ? { body: keptPlain, encoding: undefined } : gunzip(zipped).then((body) => ({ body, encoding: undefined }))
      if (zstd) return { body: zstd, encoding: "zstd" }
      return (keptPlain ? zstdCompress(keptPlain) : gunzip(zipped).then(zstdCompress)).then((body) => ({ body: zstd = exact(body), encoding: "zstd" }))
    },
  }
}

/** The same bytes in memory of their own: zlib hands out pieces of larger blocks, which would stay alive whole. */
function exact(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function gzipChunks(chunks: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const zipped: Buffer[] = []
    const stream = zlib.createGzip({ level: GZIP_LEVEL })
    stream.on("data", (chunk: Buffer) => zipped.push(chunk)).on("error", reject).on("end", () => resolve(Buffer.concat(zipped)))
    Readable.from(chunks).on("error", reject).pipe(stream)
  })
}

/** gzip where it is taken, since it is at hand; zstd for who takes only that; else none. */
export function chooseEncoding(acceptEncoding: string | undefined): Encoding {
  if (acceptEncoding === undefined) return "identity"
  const known = chosen.get(acceptEncoding)
  if (known !== undefined) return known
  const choice = readAcceptEncoding(acceptEncoding)
  if (chosen.size >= CHOICES_KEPT_MAX) chosen.clear()
  chosen.set(acceptEncoding, choice)
  return choice
}

// a handful of clients sends the same header thousands of times
const chosen = new Map<string, Encoding>()
const CHOICES_KEPT_MAX = 64

function readAcceptEncoding(acceptEncoding: string): Encoding {
  const taken = new Set<string>()
  for (const part of acceptEncoding.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((piece) => piece.trim())
    if (!parameters.some((parameter) => /^q=0(?:\.0{1,3})?$/.test(parameter))) taken.add(name)
  }
  if (taken.has("gzip") || taken.has("*")) return "gzip"
  return taken.has("zstd") && zstdCompress !== undefined ? "zstd" : "identity"
}
