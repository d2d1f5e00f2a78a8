import type { Readable } from "node:stream"
import { createBrotliDecompress, createGunzip } from "node:zlib"
import { VouchsafeError } from "@vouchsafe/core"
import type { UpstreamResponse } from "./upstream.ts"

/** What registries are asked to compress with. */
export const ACCEPT_ENCODING = "gzip, br"

/** The body without its content encoding. @throws VouchsafeError UPSTREAM_FAILED for an encoding nobody asked for. */
export function decoded(response: UpstreamResponse): Readable {
  const encoding = response.headers["content-encoding"]
  if (encoding === undefined || encoding === "identity") return response.body
  const decoder = encoding === "gzip" || encoding === "x-gzip" ? createGunzip() : encoding === "br" ? createBrotliDecompress() : undefined
  if (decoder === undefined) {
    response.body.destroy()
    throw new VouchsafeError("UPSTREAM_FAILED", `${new URL(response.url).host} answered in the encoding ${JSON.stringify(encoding).slice(0, 40)}, expected ${ACCEPT_ENCODING}`)
  }
  // an error of either stream ends the other, so that no reader waits for ever
  response.body.on("error", (error) => decoder.destroy(error))
  response.body.on("close", () => { if (!response.body.complete) decoder.destroy(new VouchsafeError("UPSTREAM_FAILED", `${new URL(response.url).host} closed the connection early`)) })
  decoder.on("error", () => response.body.destroy())
  return response.body.pipe(decoder)
}

/** Reads a whole decoded body. @throws VouchsafeError UPSTREAM_FAILED when it is over `bytesMax`, cut or undecodable. */
export async function readWhole(response: UpstreamResponse, bytesMax: number): Promise<Buffer> {
  const host = new URL(response.url).host
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of decoded(response)) {
      bytes += (chunk as Buffer).length
      if (bytes > bytesMax) throw new VouchsafeError("UPSTREAM_FAILED", `answer of ${host} is over ${bytesMax} bytes`)
      chunks.push(chunk as Buffer)
    }
  } catch (cause) {
    response.body.destroy()
    throw cause instanceof VouchsafeError ? cause : new VouchsafeError("UPSTREAM_FAILED", `answer of ${host} broke off: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  if (!response.body.complete) throw new VouchsafeError("UPSTREAM_FAILED", `answer of ${host} broke off after ${bytes} bytes`)
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
