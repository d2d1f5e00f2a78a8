import { createHash } from "node:crypto"
import { posix } from "node:path"
import { executablesOf, h1, type Crypto, type HashedFile } from "@vouchsafe/core"
import { ppath, type PackageFs, type PortablePath } from "./yarn.ts"

/** What an archive holds, in the two values that attesters state about a tarball (packages/spec/observation.md). */
export interface Contents {
  /** Hash over the paths and contents of all files. */
  readonly h1: string
  /** Executable files, and the hex SHA-256 over their sorted paths, each with a line feed. Absent where only a lock speaks: its lines have `h1` alone. */
  readonly executables?: { readonly count: number, readonly sha256: string }
  /** Of an archive: no file is executable but those that the package itself names as commands. */
  readonly isPlain?: boolean
}

/** Files of one archive. The largest package known has some 60,000. */
const FILES_MAX = 200_000
const EXECUTE = 0o111
const MANIFEST = "package.json"

/**
 * Hashes an archive as an attester hashes a tarball.
 *
 * @param prefixPath - folder of the archive that holds the package; a file elsewhere makes the result undefined
 * @returns undefined for what no attested tarball yields: links, devices, files beside the package, too many files
 */
export function contentsOf(packageFs: PackageFs, prefixPath: PortablePath, crypto: Crypto): Contents | undefined {
  const root = "/" as PortablePath
  const prefix = `${ppath.resolve(root, prefixPath)}/`
  const files: HashedFile[] = []
  const executables = new Set<string>()
  const commands = new Set<string>()
  const folders: PortablePath[] = [root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of packageFs.readdirSync(folder)) {
      const path = ppath.join(folder, name)
      const stats = packageFs.lstatSync(path)
      if (stats.isDirectory()) {
        folders.push(path)
        continue
      }
      if (!stats.isFile() || !path.startsWith(prefix) || files.length === FILES_MAX) return undefined
      const inside = path.slice(prefix.length)
      const bytes = packageFs.readFileSync(path)
      files.push({ path: inside, sha256: createHash("sha256").update(bytes).digest("hex") })
      if ((stats.mode & EXECUTE) !== 0) executables.add(inside)
      if (inside === MANIFEST) for (const command of commandsOf(bytes)) commands.add(command)
    }
  }
  const present = files.map(({ path }) => path).filter((path) => executables.has(path) || commands.has(path))
  return { h1: h1(crypto, files), isPlain: present.every((path) => commands.has(path)), executables: executablesOf(crypto, present) }
}

/**
 * Files that a package names as commands: attesters count them as executable, since managers make them so. Only the two
 * spellings that packages use; with another one, the archive is compared with one made anew.
 */
function commandsOf(manifest: Uint8Array): readonly string[] {
  const bin = binOf(manifest)
  const targets = typeof bin === "object" && bin !== null ? Object.values(bin) : [bin]
  return targets.flatMap((target) => (typeof target === "string" ? [posix.join("/", target).slice(1)] : []))
}

function binOf(manifest: Uint8Array): unknown {
  try {
    return (JSON.parse(new TextDecoder().decode(manifest)) as { readonly bin?: unknown } | null)?.bin
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}

export function isSameContents(a: Contents, b: Contents): boolean {
  if (a.h1 !== b.h1) return false
  // The commands stand in package.json, which `h1` covers: where nothing else is executable, the lock says it all.
  if (a.executables === undefined || b.executables === undefined) return a.isPlain === true || b.isPlain === true
  return a.executables.count === b.executables.count && a.executables.sha256 === b.executables.sha256
}
