/**
 * Where the entries of an archive end up when a package manager unpacks it, and whether two of them end up in one place.
 *
 * @packageDocumentation
 */
import { shown, utf8Encode } from "@vouchsafe/core"
import type { TarballLimits } from "../limits.ts"
import { ambiguous, hostile, tooLarge } from "../refusal.ts"
import type { TarEntry } from "./reader.ts"

const DRIVE = /^[A-Za-z]:/
const PLAIN_ASCII = /^[ -~]*$/

/**
 * The path below the package's folder: the first component is stripped, whatever it is, as npm, pnpm and Yarn do.
 * Empty for a directory that is the package's folder itself.
 * @throws VouchsafeError TARBALL_HOSTILE for paths that may lead out of the folder, TARBALL_AMBIGUOUS for those that managers unpack
 *   to different places, TARBALL_TOO_LARGE.
 */
export function unpackedPath(entry: TarEntry, limits: TarballLimits): string {
  const { path } = entry
  const bytes = utf8Encode(path).length
  if (bytes > limits.pathBytesMax) throw tooLarge(`a path has ${bytes} bytes, expected at most ${limits.pathBytesMax}`)
  if (/[\0\n]/.test(path)) throw hostile(`the path ${shown(path)} holds a NUL or a newline`)
  if (path.includes("\\")) throw hostile(`the path ${shown(path)} holds a backslash, which is a separator on Windows`)
  if (path.startsWith("/")) throw hostile(`the path ${shown(path)} is absolute`)
  const [first = "", ...rest] = path.split("/")
  if (first === ".." || rest.includes("..")) throw hostile(`the path ${shown(path)} leads upwards`)
  if (first === ".") throw ambiguous(`the path ${shown(path)} starts with a dot, and managers strip different parts of it`)
  const parts = rest.filter((part) => part !== "" && part !== ".")
  const unpacked = parts.join("/")
  if (DRIVE.test(first) || DRIVE.test(unpacked)) throw hostile(`the path ${shown(path)} names a drive`)
  if (parts.length > limits.pathDepthMax) throw tooLarge(`a path has ${parts.length} parts, expected at most ${limits.pathDepthMax}`)
  if (entry.type !== "directory" && (parts.length === 0 || parts.at(-1) !== rest.at(-1))) throw ambiguous(`the path ${shown(path)} lies in no folder, and only some managers unpack it`)
  return unpacked
}

/**
 * Symbolic links: npm and pnpm leave them out, Yarn makes them. One that points to a file of the same package adds nothing on any side
 * and is left out here too. All others are refused.
 */
export function checkLink(path: string, target: string): void {
  const parts = target.split("/")
  const upwards = parts.findIndex((part) => part !== "..")
  const below = upwards < 0 ? [] : parts.slice(upwards)
  const depth = path.split("/").length - 1
  if (/[\0\n\\]/.test(target) || target.startsWith("/") || DRIVE.test(target)) throw hostile(`the link ${shown(path)} points to ${shown(target)}, expected a relative path`)
  if (parts.length - below.length > depth || below.includes("..")) throw hostile(`the link ${shown(path)} points to ${shown(target)}, expected a place inside the package`)
  const name = path.split("/").at(-1) as string
  if (name.toLowerCase() === "package.json" || isGypFile(name) || /(?:^|\/)node_modules(?:\/|$)/i.test(path)) {
    throw ambiguous(`the link ${shown(path)} is a fact that only some managers unpack`)
  }
}

/** True for the files that make npm build native code. */
export function isGypFile(path: string): boolean {
  return /\.gypi?$/i.test(path)
}

interface Place {
  /** `folder` until a file or link is unpacked there. */
  occupant: "folder" | "file"
  /** Spelling of the file or link. */
  path: string
  readonly isLink: boolean
  readonly below: Map<string, Place>
}

/** Remembers what is unpacked where, on a disk that folds case and Unicode forms as macOS and Windows do. */
export interface PathIndex {
  /**
   * `again` for a file of exactly this path: the caller must see that it is the same file.
   * @throws VouchsafeError TARBALL_AMBIGUOUS when something else is or must be in this place.
   */
  add(path: string, type: TarEntry["type"]): "new" | "again"
}

/** @see PathIndex */
export function createPathIndex(limits: TarballLimits): PathIndex {
  const root: Place = { occupant: "folder", path: "", isLink: false, below: new Map() }
  let folders = 0
  return {
    add(path, type) {
      if (path === "") return "new"
      let place = root
      const parts = path.split("/")
      for (const [depth, part] of parts.entries()) {
        if (place.occupant === "file") throw ambiguous(`${shown(place.path)} is a file and a folder, the folder of ${shown(path)}`)
        const key = folded(part)
        const isLeaf = depth === parts.length - 1 && type !== "directory"
        const known = place.below.get(key)
        if (isLeaf && known !== undefined) {
          if (type === "file" && known.occupant === "file" && known.path === path && !known.isLink) return "again"
          throw ambiguous(known.occupant === "folder" ? `${shown(path)} is a file and a folder` : `${shown(path)} and ${shown(known.path)} unpack to one place`)
        }
        if (known === undefined && !isLeaf) folders += 1
        if (folders > limits.foldersMax) throw tooLarge(`it has more than ${limits.foldersMax} folders`)
        const next: Place = known ?? { occupant: isLeaf ? "file" : "folder", path: isLeaf ? path : "", isLink: type === "symlink", below: new Map() }
        place.below.set(key, next)
        place = next
      }
      if (type === "directory" && place.occupant === "file") throw ambiguous(`${shown(place.path)} is a file and a folder`)
      return "new"
    },
  }
}

/** One key for all names that some disk takes for the same. Windows drops dots and spaces at the end. */
function folded(part: string): string {
  let end = part.length
  while (end > 0 && (part[end - 1] === "." || part[end - 1] === " ")) end -= 1
  const spelled = end === 0 ? part : part.slice(0, end)
  if (PLAIN_ASCII.test(spelled)) return spelled.toUpperCase()
  return spelled.normalize("NFD").toLowerCase().toUpperCase().normalize("NFD")
}
