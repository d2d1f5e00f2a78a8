import type { IncomingMessage } from "node:http"
import type { Readable } from "node:stream"
import { VouchsafeError } from "@vouchsafe/core"

/** Reads a whole body, decompressed, of at most `maxBytes`. Whoever calls destroys the message when this rejects. */
export async function readBody(incoming: IncomingMessage, maxBytes: number, host: string): Promise<Uint8Array> {
  const announced = Number(incoming.headers["content-length"] ?? 0)
  if (announced > maxBytes) throw tooLarge(host, maxBytes)
  const encoding = (incoming.headers["content-encoding"] ?? "identity").trim().toLowerCase()
  if (encoding === "identity" || encoding === "") return collect(incoming, maxBytes, host)
  if (encoding !== "gzip") {
    throw new VouchsafeError("UPSTREAM_FAILED", `${host}: answer is encoded as ${JSON.stringify(encoding.slice(0, 40))}, expected gzip or nothing`)
  }
  return collect(await gunzipped(incoming), maxBytes, host)
}

async function gunzipped(incoming: IncomingMessage): Promise<Readable> {
  const zlib = process.getBuiltinModule?.("node:zlib") ?? await import("node:zlib")
  const gunzip = zlib.createGunzip()
  // pipe() forwards data but neither errors nor a connection that ends early.
  incoming.on("error", (error) => gunzip.destroy(error))
  incoming.on("aborted", () => gunzip.destroy(new Error("connection cut")))
  return incoming.pipe(gunzip)
}

function collect(stream: Readable, maxBytes: number, host: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let length = 0
    stream.on("data", (chunk: Uint8Array) => {
      length += chunk.length
      if (length > maxBytes) {
        // In this order: destroying looks like a cut connection to the listeners below.
        reject(tooLarge(host, maxBytes))
        stream.destroy()
        return
      }
      chunks.push(chunk)
    })
    stream.on("end", () => resolve(Buffer.concat(chunks)))
    stream.on("error", (cause: NodeJS.ErrnoException) => reject(unreadable(host, cause)))
    stream.on("aborted", () => reject(new VouchsafeError("UNREACHABLE", `${host}: the connection was cut in the middle of an answer`)))
  })
}

function unreadable(host: string, cause: NodeJS.ErrnoException): VouchsafeError {
  if (cause.code?.startsWith("Z_") === true) return new VouchsafeError("UPSTREAM_FAILED", `${host}: answer is not valid gzip (${cause.code})`, { cause })
  return new VouchsafeError("UNREACHABLE", `${host}: the connection was cut in the middle of an answer (${cause.code ?? "no code"})`, { cause })
}

function tooLarge(host: string, maxBytes: number): VouchsafeError {
  return new VouchsafeError("UPSTREAM_FAILED", `${host}: answer is larger than ${maxBytes} bytes`, { details: { maxBytes } })
}
