import { createHash } from "node:crypto"
import { promisify } from "node:util"
import * as zlib from "node:zlib"

const GZIP_LEVEL = 5
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
  /** The body for an Accept-Encoding header, and its Content-Encoding (undefined: none). */
  negotiate(acceptEncoding: string | undefined): Promise<{ readonly body: Buffer; readonly encoding: Exclude<Encoding, "identity"> | undefined }>
}

const gzip = promisify(zlib.gzip)
const gunzip = promisify(zlib.gunzip)
const BODY_KEPT_PLAIN_BYTES_MAX = 64 * 1024
// zstd came with Node 22.15; older ones serve gzip
const zstdCompress = typeof zlib.zstdCompress === "function" ? promisify(zlib.zstdCompress) : undefined

/** Prepares a text; compresses at once what is worth it. */
export async function encodeBody(text: string, contentType: string): Promise<EncodedBody> {
  const plain = Buffer.from(text)
  const etag = `"${createHash("sha256").update(plain).digest("hex").slice(0, ETAG_HEX_LENGTH)}"`
  if (plain.length < ENCODE_BYTES_MIN) {
    return { etag, contentType, bytesHeld: () => plain.length, negotiate: () => Promise.resolve({ body: plain, encoding: undefined }) }
  }
  const zipped = await gzip(plain, { level: GZIP_LEVEL })
  const keptPlain = plain.length <= BODY_KEPT_PLAIN_BYTES_MAX ? plain : undefined
  let zstd: Buffer | undefined
  return {
    etag, contentType,
    bytesHeld: () => zipped.length + (keptPlain?.length ?? 0) + (zstd?.length ?? 0),
    async negotiate(acceptEncoding) {
      const choice = chooseEncoding(acceptEncoding)
      if (choice === "gzip") return { body: zipped, encoding: "gzip" }
      if (choice === "identity") return { body: keptPlain ?? await gunzip(zipped), encoding: undefined }
      zstd ??= await (zstdCompress ?? gzip)(keptPlain ?? await gunzip(zipped))
      return { body: zstd, encoding: "zstd" }
    },
  }
}

/** gzip where it is taken, since it is at hand; zstd for who takes only that; else none. */
export function chooseEncoding(acceptEncoding: string | undefined): Encoding {
  if (acceptEncoding === undefined) return "identity"
  const taken = new Set<string>()
  for (const part of acceptEncoding.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((piece) => piece.trim())
    if (!parameters.some((parameter) => /^q=0(?:\.0{1,3})?$/.test(parameter))) taken.add(name)
  }
  if (taken.has("gzip") || taken.has("*")) return "gzip"
  return taken.has("zstd") && zstdCompress !== undefined ? "zstd" : "identity"
}
