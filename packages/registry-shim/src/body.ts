import { promisify } from "node:util"
import { brotliDecompress, brotliDecompressSync, gunzip, gunzipSync } from "node:zlib"
import { VouchsafeError } from "@vouchsafe/core"
import type { UpstreamResponse } from "./upstream.ts"

/** What registries are asked to compress with. */
export const ACCEPT_ENCODING = "gzip, br"

interface Decoder { readonly atOnce: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer; readonly later: (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer> }
const GZIP: Decoder = { atOnce: gunzipSync, later: promisify(gunzip) }
const DECODERS: Readonly<Record<string, Decoder>> = { gzip: GZIP, "x-gzip": GZIP, br: { atOnce: brotliDecompressSync, later: promisify(brotliDecompress) } }
/** Packed bodies up to this size are unpacked at once: the buffers die young, and a thread would cost more than it saves. */
const AT_ONCE_BYTES_MAX = 32 * 1024

/**
 * Reads a whole body, and undoes its content encoding.
 *
 * @param admit - asked for room before much memory is used: with the announced length (undefined: none was) before reading, or with the packed
 *   length before unpacking; what it returns is called by the reader's owner, not here
 * @throws VouchsafeError UPSTREAM_FAILED when it is over `bytesMax`, cut, undecodable or in an encoding nobody asked for
 */
export async function readWhole(response: UpstreamResponse, bytesMax: number, admit?: (bytes: number | undefined, packed: boolean) => Promise<void>): Promise<Buffer> {
  const host = new URL(response.url).host
  const encoding = response.headers["content-encoding"]
  const decode = encoding === undefined || encoding === "identity" ? undefined : DECODERS[encoding]
  try {
    if (encoding !== undefined && encoding !== "identity" && decode === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `${host} answered in the encoding ${JSON.stringify(encoding).slice(0, 40)}, expected ${ACCEPT_ENCODING}`)
    if (decode === undefined) {
      const announced = Number(response.headers["content-length"])
      await admit?.(Number.isSafeInteger(announced) ? announced : undefined, false)
    }
    const raw = await collect(response, host, bytesMax)
    if (decode === undefined) return raw
    await admit?.(raw.length, true)
    return raw.length <= AT_ONCE_BYTES_MAX ? decode.atOnce(raw, { maxOutputLength: bytesMax }) : await decode.later(raw, { maxOutputLength: bytesMax })
  } catch (cause) {
    response.body.destroy()
    throw cause instanceof VouchsafeError ? cause : new VouchsafeError("UPSTREAM_FAILED", `answer of ${host} broke off: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

async function collect({ body }: UpstreamResponse, host: string, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new VouchsafeError("UPSTREAM_FAILED", `answer of ${host} is over ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  if (!body.complete) throw new VouchsafeError("UPSTREAM_FAILED", `answer of ${host} broke off after ${bytes} bytes`)
  return chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks)
}

/** Lets as many holders in as fit into `total`; more than that goes in alone. */
export interface Budget {
  acquire(weight: number): Promise<() => void>
}

export function createBudget(total: number): Budget {
  let used = 0
  const queue: { readonly weight: number; readonly enter: () => void }[] = []
  const admit = (): void => {
    for (let next = queue[0]; next !== undefined && (used === 0 || used + next.weight <= total); next = queue[0]) {
      queue.shift()
      used += next.weight
      next.enter()
    }
  }
  return {
    acquire: (weight) => new Promise((resolve) => {
      let released = false
      const release = (): void => {
        if (released) return
        released = true
        used -= weight
        admit()
      }
      queue.push({ weight, enter: () => resolve(release) })
      admit()
    }),
  }
}
