/**
 * Where packages lie below a folder. Links are looked at and never followed.
 *
 * @packageDocumentation
 */
import { type Dirent, existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs"
import { basename, join, relative, sep } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import { DEPTH_MAX, ENTRIES_MAX } from "./limits.ts"
import type { Discovery, Layout, Link, Place } from "./types.ts"

const MODULES = "node_modules"
/** In which pnpm, Yarn with `nodeLinker: pnpm`, npm with `install-strategy=linked`, Bun and Deno keep packages that links lead to. */
const VIRTUAL_STORES = new Set([".pnpm", ".store", ".bun", ".deno"])
/** The folder of one package in Yarn's. */
const YARN_PACKAGE = "package"
/** pnpm's config dependencies: each under its own name. */
const CONFIG_DEPENDENCIES = ".pnpm-config"
/** What holds no packages that programs load, and may be huge. */
const SKIPPED = new Set([".git", ".hg", ".svn"])

interface Search {
  readonly root: string
  readonly realRoot: string
  readonly places: Map<string, Place>
  readonly links: { readonly path: string; readonly at: string }[]
  readonly strays: string[]
  readonly others: string[]
  readonly projects: Set<string>
  /** Every node_modules and folder of archives that was listed, each once. */
  readonly listed: Set<string>
  entries: number
}

/**
 * Finds every package below `root`: in node_modules of any layout, in Yarn's archives and unplugged folders.
 * @throws VouchsafeError DISK for a folder that cannot be listed, or too many of them.
 */
export function discover(root: string): Discovery {
  const search: Search = { root, realRoot: realpathSync(root), places: new Map(), links: [], strays: [], others: [], projects: new Set(), listed: new Set(), entries: 0 }
  if (basename(search.realRoot) === MODULES) modules(search, "", 0, "hoisted")
  else walk(search, "", 0)
  const links: Link[] = []
  // A link into a place where no package was looked for shows one more; it may have links of its own.
  for (let i = 0; i < search.links.length; i++) links.push(follow(search, search.links[i] as Search["links"][number]))
  return { places: [...search.places.values()], links, strays: search.strays, others: search.others, projects: [...search.projects] }
}

function list(search: Search, path: string, depth: number): Dirent[] {
  if (depth > DEPTH_MAX) throw new VouchsafeError("DISK", `${path} lies deeper than ${DEPTH_MAX} folders`, { hint: "audit a folder further in" })
  const entries = readdirSync(join(search.root, path), { withFileTypes: true })
  search.entries += entries.length
  if (search.entries > ENTRIES_MAX) throw new VouchsafeError("DISK", `the folder has more than ${ENTRIES_MAX} entries`, { hint: "audit a folder further in" })
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function below(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`
}

/** A folder that is no package: of a project, or of a container's image. */
function walk(search: Search, path: string, depth: number): void {
  for (const entry of list(search, path, depth)) {
    if (entry.isFile()) continue
    const inside = below(path, entry.name)
    const holdsPackages = entry.name === MODULES || isCache(inside)
    // Programs load through such a link as through a folder.
    if (entry.isSymbolicLink() && holdsPackages) {
      search.links.push({ path: inside, at: inside })
      search.projects.add(isCache(inside) ? projectOf(inside) : path)
    }
    if (!entry.isDirectory() || SKIPPED.has(entry.name)) continue
    if (entry.name === MODULES) {
      search.projects.add(path)
      modules(search, inside, depth + 1, "hoisted")
    } else if (holdsPackages) archives(search, inside, depth + 1)
    else walk(search, inside, depth + 1)
  }
}

function isCache(path: string): boolean {
  return path === ".yarn/cache" || path.endsWith("/.yarn/cache")
}

function projectOf(cache: string): string {
  return cache.replace(/\/?\.yarn\/cache$/, "")
}

/** False where this folder was listed before. */
function isFirst(search: Search, path: string): boolean {
  if (search.listed.has(path)) return false
  search.listed.add(path)
  return true
}

function archives(search: Search, path: string, depth: number): void {
  if (!isFirst(search, path)) return
  search.projects.add(projectOf(path))
  for (const entry of list(search, path, depth)) {
    const inside = below(path, entry.name)
    if (entry.isFile() && entry.name.endsWith(".zip")) search.places.set(inside, { path: inside, layout: "archive", alias: "" })
    else if (entry.isSymbolicLink() && entry.name.endsWith(".zip")) search.links.push({ path: inside, at: inside })
    else if (!entry.name.startsWith(".")) search.others.push(inside)
  }
}

/** A node_modules. `owner` is the package that it lies in. */
function modules(search: Search, path: string, depth: number, layout: Layout, owner?: string): void {
  if (!isFirst(search, path)) return
  for (const entry of list(search, path, depth)) {
    const inside = below(path, entry.name)
    if (entry.isSymbolicLink()) search.links.push({ path: inside, at: inside })
    else if (VIRTUAL_STORES.has(entry.name) && entry.isDirectory()) virtualStore(search, inside, depth + 1)
    else if (entry.name === CONFIG_DEPENDENCIES && entry.isDirectory()) configDependencies(search, inside, depth + 1)
    else if (entry.name.startsWith(".")) search.others.push(inside)
    else if (!entry.isDirectory()) search.strays.push(inside)
    else if (entry.name.startsWith("@")) {
      for (const scoped of list(search, inside, depth + 1)) {
        const at = below(inside, scoped.name)
        if (scoped.isSymbolicLink()) search.links.push({ path: at, at })
        else if (scoped.isDirectory()) found(search, { path: at, layout, alias: `${entry.name}/${scoped.name}`, ...(owner === undefined ? {} : { owner }) }, depth + 2)
        else search.strays.push(at)
      }
    } else found(search, { path: inside, layout, alias: entry.name, ...(owner === undefined ? {} : { owner }) }, depth + 1)
  }
}

function found(search: Search, place: Place, depth: number): void {
  if (search.places.has(place.path)) return
  search.places.set(place.path, place)
  const own = `${place.path}/${MODULES}`
  if (isFolder(join(search.root, own))) modules(search, own, depth + 1, place.layout, place.path)
}

/** pnpm's `node_modules/.pnpm` and its like: a node_modules for each package and set of peers, and one of links. */
function virtualStore(search: Search, path: string, depth: number): void {
  for (const entry of list(search, path, depth)) {
    const inside = below(path, entry.name)
    if (entry.isSymbolicLink()) search.links.push({ path: inside, at: inside })
    else if (!entry.isDirectory()) search.others.push(inside)
    else if (entry.name === MODULES) modules(search, inside, depth + 1, "isolated")
    else {
      const [holdsModules, holdsPackage] = [MODULES, YARN_PACKAGE].map((name) => isFolder(join(search.root, inside, name)))
      if (holdsModules) modules(search, `${inside}/${MODULES}`, depth + 2, "isolated")
      if (holdsPackage) found(search, { path: `${inside}/${YARN_PACKAGE}`, layout: "isolated", alias: "" }, depth + 2)
      // npm's has a folder for each scope
      if (!holdsModules && !holdsPackage && entry.name.startsWith("@")) virtualStore(search, inside, depth + 1)
    }
  }
}

/** Folders up to pnpm 10; later links into pnpm's own store, which is outside. */
function configDependencies(search: Search, path: string, depth: number): void {
  for (const entry of list(search, path, depth)) {
    const inside = below(path, entry.name)
    if (entry.isDirectory() && entry.name.startsWith("@") && !existsSync(join(search.root, inside, "package.json"))) configDependencies(search, inside, depth + 1)
    else if (entry.isDirectory()) found(search, { path: inside, layout: "isolated", alias: inside.slice(inside.indexOf(`${CONFIG_DEPENDENCIES}/`) + CONFIG_DEPENDENCIES.length + 1) }, depth + 1)
    else search.others.push(inside)
  }
}

function follow(search: Search, { path }: Search["links"][number]): Link {
  const absolute = join(search.root, path)
  let real: string
  try {
    real = realpathSync.native(absolute)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { path, target: readlinkSync(absolute), leads: "nowhere" }
    throw error
  }
  const way = relative(search.realRoot, real)
  if (way === ".." || way.startsWith(`..${sep}`) || way === real) return { path, target: readlinkSync(absolute), leads: "outside" }
  const target = way.split(sep).join("/")
  if (path === MODULES || path.endsWith(`/${MODULES}`) || isCache(path)) {
    if (isFolder(real)) (isCache(path) ? archives(search, target, 0) : modules(search, target, 0, "hoisted"))
    return { path, target, leads: "package" }
  }
  if (basename(search.realRoot) !== MODULES && !target.split("/").includes(MODULES)) return { path, target, leads: "workspace" }
  const alias = aliasOf(path)
  // Yarn's own isolated layout keeps packages in a folder of another name.
  if (!search.places.has(target) && isFolder(real)) found(search, { path: target, layout: "isolated", alias }, 0)
  return { path, target, leads: "package" }
}

/** The name that programs load what lies at a path by; empty where they cannot. */
export function aliasOf(path: string): string {
  return /(?:^|(?:^|\/)node_modules\/)((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1] ?? ""
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
