/** Whether anything of a version is on a machine. @packageDocumentation */
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { gunzipSync } from "node:zlib"

const BYTES_MAX = 16 * 1024 * 1024
const DEPTH_MAX = 40
const GZIP = 0x1f8b

/**
 * Files below `root` that hold these words, as they are or inside of a gzip stream: node_modules, stores by digest, archives and caches of
 * every manager. Yarn's archives are stored, not compressed.
 */
export function filesWith(root: string, words: readonly string[]): string[] {
  const needles = words.map((word) => Buffer.from(word))
  const found: string[] = []
  const walk = (folder: string, depth: number): void => {
    if (depth > DEPTH_MAX) throw new RangeError(`${folder} is deeper than ${DEPTH_MAX} folders`)
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path, depth + 1)
      else if (entry.isFile() && lstatSync(path).size <= BYTES_MAX) {
        const bytes = readFileSync(path)
        if (needles.some((needle) => bytes.includes(needle) || unzipped(bytes)?.includes(needle) === true)) found.push(relative(root, path))
      }
    }
  }
  walk(root, 0)
  return found
}

function unzipped(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 2 || bytes.readUInt16BE(0) !== GZIP) return undefined
  try {
    return gunzipSync(bytes, { maxOutputLength: BYTES_MAX })
  } catch (error) {
    // Only looks like gzip: then its bytes were searched as they are.
    if ((error as NodeJS.ErrnoException).code?.startsWith("Z_") === true || (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined
    throw error
  }
}
