import { lstatSync, readdirSync } from "node:fs"
import { join, relative } from "node:path"

/** Deeper trees are no package manager's. */
const DEPTH_MAX = 40

/**
 * Everything below `root` that belongs to a package: what lies in a folder of its name, and archives named after it. Links are not
 * followed and count as something; an empty folder does not. Paths relative to `root`.
 *
 * @param except - folders to leave out, relative to `root`
 */
export function findPackage(root: string, name: string, except: readonly string[] = []): string[] {
  const found: string[] = []
  // zz-evil, zz-evil@1.0.0, zz-evil-npm-1.0.0-abc.zip, zz-evil-1.0.0.tgz; never zz-evil-cousin
  const own = new RegExp(`^${name.replace("/", "[+-]")}(?:$|@|-npm-|-\\d+\\.\\d)`)
  const walk = (folder: string, depth: number, isInside: boolean): void => {
    if (depth > DEPTH_MAX) throw new RangeError(`${folder} is deeper than ${DEPTH_MAX} folders`)
    for (const entry of readdirSync(folder)) {
      const path = join(folder, entry)
      const way = relative(root, path)
      if (except.includes(way)) continue
      const belongs = isInside || own.test(entry)
      if (lstatSync(path).isDirectory()) walk(path, depth + 1, belongs)
      else if (belongs) found.push(way)
    }
  }
  walk(root, 0, false)
  return found
}
