/**
 * Reads a package's folder: runs in workers, so it needs little but Node's own modules.
 *
 * @packageDocumentation
 */
import { hash } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs"
import { FILE_BYTES_MAX, PACKAGE_FILES_MAX, PACKAGE_JSON_BYTES_MAX } from "./limits.ts"
import { summaryOf } from "./summary.ts"
import type { Contents, DiskFile } from "./types.ts"

const MODULES = "node_modules"
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)

let buffer = Buffer.allocUnsafe(1_048_576)

/** The bytes of a regular file, valid until the next call, and whether anybody may execute it. */
function read(path: string): { readonly bytes: Buffer; readonly executable: boolean } {
  const fd = openSync(path, FLAGS)
  try {
    const { size, mode } = fstatSync(fd)
    if (size > FILE_BYTES_MAX) throw new RangeError(`has ${size} bytes, expected at most ${FILE_BYTES_MAX}`)
    if (size >= buffer.length) buffer = Buffer.allocUnsafe(size + 1)
    let length = 0
    // More is always asked for than the file had: where no more came, that was its end.
    do {
      const count = readSync(fd, buffer, length, buffer.length - length, null)
      if (count === 0) break
      length += count
      if (length === buffer.length) throw new RangeError("grew while it was read")
    } while (length !== size)
    return { bytes: buffer.subarray(0, length), executable: (mode & 0o111) !== 0 }
  } finally {
    closeSync(fd)
  }
}

/** Reads everything in a package's folder but its own node_modules, which holds other packages. Never throws. */
export function readFolder(folder: string): Contents {
  const files: DiskFile[] = []
  const specials: string[] = []
  let identity: Pick<Contents, "name" | "version"> = { name: null, version: null }
  const pending = [""]
  try {
    for (let inside = pending.pop(); inside !== undefined; inside = pending.pop()) {
      for (const entry of readdirSync(folder + (inside === "" ? "" : `/${inside}`), { withFileTypes: true })) {
        const path = inside === "" ? entry.name : `${inside}/${entry.name}`
        if (entry.isDirectory()) {
          if (path !== MODULES) pending.push(path)
        } else if (!entry.isFile()) specials.push(path)
        else {
          if (files.length >= PACKAGE_FILES_MAX) throw new RangeError(`has more than ${PACKAGE_FILES_MAX} files`)
          const { bytes, executable } = read(`${folder}/${path}`)
          files.push({ path, size: bytes.length, executable, sha256: hash("sha256", bytes, "hex") })
          if (path === "package.json") identity = identityOf(bytes)
        }
      }
    }
    return { ...identity, files, summary: summaryOf(files), specials }
  } catch (error) {
    return { ...identity, files, summary: summaryOf(files), specials, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Name and version as npm reads them: byte order mark skipped, broken UTF-8 replaced, a leading `v` or `=` left out. */
export function identityOf(bytes: Uint8Array): Pick<Contents, "name" | "version"> {
  const none = { name: null, version: null }
  if (bytes.length > PACKAGE_JSON_BYTES_MAX) return none
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const { name, version } = (typeof document === "object" && document !== null ? document : {}) as { name?: unknown; version?: unknown }
    return { name: typeof name === "string" ? name.trim() : null, version: typeof version === "string" ? version.trim().replace(/^[v=]+/, "") : null }
  } catch (error) {
    if (error instanceof SyntaxError) return none
    throw error
  }
}
