/**
 * Files read into memory that is used again and again: a thousand look-ups in a large log are a thousand bundles of some hundred kilobytes each, of
 * which one entry is wanted.
 *
 * @packageDocumentation
 */
import { close, open, read } from "node:fs"
import type { Bytes } from "@vouchsafe/core"

/** A file that is as large or larger is read into memory of its own. Most bundles are below. */
const LENT_BYTES_MAX = 1024 * 1024
/** Pieces of memory kept for the next file. */
const LENT_PIECES_MAX = 8

/** Hands a file's bytes to `use`. They are valid until it returns. */
export type LendFile = <T>(file: string, use: (bytes: Bytes) => T) => Promise<{ readonly used: T } | "large">

/** Makes a lender; rejects with Node's own errors. */
export function createLender(): LendFile {
  const pieces: Buffer[] = []
  return async (file, use) => {
    const piece = pieces.pop() ?? Buffer.allocUnsafeSlow(LENT_BYTES_MAX)
    try {
      const length = await readInto(file, piece)
      return length === piece.length ? "large" : { used: use(new Uint8Array(piece.buffer, 0, length)) }
    } finally {
      if (pieces.length < LENT_PIECES_MAX) pieces.push(piece)
    }
  }
}

/**
 * Fills `piece` from the file's beginning; resolves to the bytes that were there. One read: on a file it is short only at the end, and whoever uses
 * the bytes checks that they are whole. The plain calls: the promises of a handle cost more than the reading.
 */
function readInto(file: string, piece: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    open(file, "r", (openError, descriptor) => {
      if (openError !== null) return reject(openError)
      read(descriptor, piece, 0, piece.length, 0, (readError, count) => {
        close(descriptor, (closeError) => {
          const error = readError ?? closeError
          if (error === null || error === undefined) resolve(count)
          else reject(error)
        })
      })
    })
  })
}
