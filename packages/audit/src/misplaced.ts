/**
 * Links that lead to another package than the lockfile has under their name. Such a package may be attested and locked,
 * and still is not what programs are to load there.
 *
 * @packageDocumentation
 */
import { type Wired, wiredTo, type Wiring } from "@vouchsafe/client/lockfile"
import { aliasOf } from "./discover.ts"
import { type Identified, isRelease, type ProjectLockfile, rulingOver } from "./identify.ts"
import { isKnownAs } from "./place-names.ts"
import type { Link } from "./types.ts"

/** A link, and what it should lead to; `expected` is empty where the lockfile has nothing under its name. */
export interface Misplaced {
  readonly path: string
  readonly target: string
  readonly is: Wired
  readonly expected: readonly Wired[]
}

/** Tells which links lead to another package than the nearest lockfile says that knows links. */
export function misplacedLinks(links: readonly Link[], found: readonly Identified[], lockfiles: readonly ProjectLockfile[]): Misplaced[] {
  const toPackages = links.filter(({ leads }) => leads === "package")
  if (toPackages.length === 0) return []
  const byPath = new Map(found.map((one) => [one.place.path, one]))
  const byFolder = new Map(found.map((one) => [folderOf(one.place.path), one]))
  const wirings = new Map(lockfiles.map((one) => [one, one.lockfile.wiring?.()]))
  return toPackages.flatMap(({ path, target }) => {
    const [one, alias] = [byPath.get(target), aliasOf(path)]
    const nearest = rulingOver(lockfiles, path).find((lockfile) => wirings.get(lockfile) !== undefined)
    const wiring = nearest === undefined ? undefined : wirings.get(nearest)
    // what does not belong at the link's target is named there
    if (one?.entry === undefined || one.problem !== undefined || nearest === undefined || wiring === undefined || alias === "" || !isRelease(one.entry)) return []
    const is = wiredTo(one.entry)
    const expected = waysFrom(wiring, nearest.folder, path, byFolder)?.get(alias)
    if (expected === undefined ? isKnownAs(wiring, alias, one) : expected.has(is)) return []
    return [{ path, target, is, expected: [...expected ?? []] }]
  })
}

/** What the project, or the package, whose node_modules holds a link finds under each name. */
function waysFrom({ links }: Wiring, root: string, path: string, byFolder: ReadonlyMap<string, Identified>): ReadonlyMap<string, ReadonlySet<Wired>> | undefined {
  if (links === undefined) return undefined
  const folder = folderOf(path)
  const from = byFolder.get(folder)
  // pnpm puts a package and the links that it sees into one node_modules of the virtual store
  if (folder.includes("/.pnpm/") || folder.startsWith("node_modules/.pnpm/")) return from?.entry === undefined ? undefined : links.packages.get(wiredTo(from.entry))
  const project = folder.replace(/\/?node_modules$/, "")
  return links.importers.get(project === root ? "." : root === "" ? project : project.slice(root.length + 1))
}

/** The node_modules in which something lies. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("node_modules") + "node_modules".length)
}
