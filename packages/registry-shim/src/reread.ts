/**
 * Cached tarballs, hashed again whenever they are read: the disk is not trusted.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { open, readFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"

const CHUNK_BYTES = 64 * 1024

/** A whole file, if it still has its digest. */
export async function readSmall(path: string, sha512: string): Promise<Buffer | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
  return createHash("sha512").update(bytes).digest("hex") === sha512 ? bytes : undefined
}

/**
 * Sends a file whose headers are out already, hashing on the way. The last chunk leaves only when the digest is right;
 * otherwise it is kept back and the caller cuts the connection, so that no client ever holds a complete answer.
 *
 * @param file.size - the length that was announced; the file may have changed since it was looked up
 * @returns whether the digest was right
 */
export async function streamVerified(response: ServerResponse, file: { readonly path: string; readonly size: number; readonly sha512: string }): Promise<boolean> {
  const hash = createHash("sha512")
  const handle = await open(file.path, "r")
  try {
    let held: Buffer | undefined
    let left = file.size
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length)
      if (bytesRead === 0) break
      const read = chunk.subarray(0, bytesRead)
      left -= bytesRead
      hash.update(read)
      if (held && !await write(response, held)) return true // the client has gone: nothing more is delivered
      held = read
    }
    if (left > 0 || hash.digest("hex") !== file.sha512) return false
    response.end(held)
    return true
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    await handle.close()
  }
}

/** Waits for a slow client; false when it has gone. */
function write(response: ServerResponse, chunk: Buffer): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(false)
  if (response.write(chunk)) return Promise.resolve(true)
  return new Promise((resolve) => {
    const done = (open: boolean) => (): void => {
      response.off("drain", onDrain).off("close", onClose)
      resolve(open)
    }
    const onDrain = done(true)
    const onClose = done(false)
    response.on("drain", onDrain).on("close", onClose)
  })
}
