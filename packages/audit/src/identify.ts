/**
 * Which package lies at a place: what its own package.json says, held against the lockfiles of the projects around it.
 *
 * @packageDocumentation
 */
import type { Lockfile, LockfileEntry } from "@vouchsafe/client/lockfile"
import { isVouchsafeError, npmPurl } from "@vouchsafe/core"
import { aliasOf } from "./discover.ts"
import { isKnownAs, isNamedAnother } from "./place-names.ts"
import type { Contents, Link, Place } from "./types.ts"

/** A lockfile, and the folder that it lies in, relative to the audited one. */
export interface ProjectLockfile {
  readonly folder: string
  readonly path: string
  readonly lockfile: Lockfile
}

/** What a place is. */
export interface Identified {
  readonly place: Place
  readonly contents: Contents
  readonly name: string
  readonly version: string
  /** `pkg:npm/…`; absent where it is no release of a registry, or cannot be one. */
  readonly purl?: string
  /** The lockfile's entry for it. */
  readonly entry?: LockfileEntry
  /** Some lockfile rules this place, and has no such entry. */
  readonly isExtraneous: boolean
  /** Why it cannot be what is looked up by its name. */
  readonly problem?: string
  readonly isYarn: boolean
  /** Paths that Yarn patches itself in this package; absent where it does not. */
  readonly patchedByYarn?: RegExp
}

/** What the patches that come with Yarn 4 change. A lockfile can ask for one of any package: of others there is none, and Yarn goes on. */
const YARN_PATCHES: ReadonlyMap<string, RegExp> = new Map([
  ["fsevents", /^(?:fsevents|vfs)\.js$/],
  ["resolve", /^lib\/normalize-options\.js$/],
  ["typescript", /^lib\/(?:_?tsc|_?tsserver|tsserverlibrary|typescript|typescriptServices|typingsInstaller)\.(?:js|d\.ts)$/],
])

type Known = ProjectLockfile & { readonly byName: ReadonlyMap<string, LockfileEntry[]>; readonly byPlace: ReadonlyMap<string, LockfileEntry> }

function knownFrom(lockfiles: readonly ProjectLockfile[]): readonly Known[] {
  return lockfiles.map((one) => ({ ...one, byName: groupedByName(one.lockfile), byPlace: new Map(one.lockfile.entries.map((entry) => [entry.where, entry])) }))
}

/** Those that rule a place, the nearest first. */
export function rulingOver<T extends Pick<ProjectLockfile, "folder">>(known: readonly T[], path: string): readonly T[] {
  return known.filter(({ folder }) => folder === "" || path.startsWith(`${folder}/`)).sort((a, b) => b.folder.length - a.folder.length)
}

/** What a package-lock, which knows places, has for one. */
function entryThere({ lockfile, folder, byPlace }: Known, path: string): LockfileEntry | undefined {
  return lockfile.format === "package-lock" ? byPlace.get(folder === "" ? path : path.slice(folder.length + 1)) : undefined
}

/** Links to a folder of the project in whose place a lockfile has a release: what lies there is no workspace of anybody's. */
export function linksInPlaceOfReleases(links: readonly Link[], lockfiles: readonly ProjectLockfile[]): readonly Link[] {
  const workspaces = links.filter(({ leads }) => leads === "workspace")
  const known = workspaces.length === 0 ? [] : knownFrom(lockfiles)
  return workspaces.filter(({ path }) => {
    const [nearest] = rulingOver(known, path)
    if (nearest === undefined) return false
    const there = entryThere(nearest, path)
    const entries = there !== undefined ? [there] : nearest.lockfile.format === "package-lock" ? [] : nearest.byName.get(aliasOf(path)) ?? []
    return entries.length > 0 && entries.every(isRelease)
  })
}

/** Finds entries of lockfiles for places. */
export function identifier(lockfiles: readonly ProjectLockfile[]): (place: Place, contents: Contents) => Identified {
  const known = knownFrom(lockfiles)
  return (place, contents) => {
    const ruling = rulingOver(known, place.path)
    const name = contents.name ?? place.alias
    const version = contents.version ?? ""
    const common = {
      place, contents, name, version, isYarn: ruling.some(({ lockfile }) => lockfile.format.startsWith("yarn")),
    }
    const patchedByYarn = ruling.some(({ byName }) => byName.get(name)?.some(({ kind, resolved }) => kind === "patch" && resolved?.includes("builtin<") === true) === true) ? YARN_PATCHES.get(name) : undefined
    const there = ruling.flatMap((one) => entryThere(one, place.path) ?? [])[0]
    const entry = there ?? ruling.flatMap(({ byName }) => byName.get(name) ?? []).sort((a, b) => rank(a) - rank(b)).find((candidate) => candidate.version === version || candidate.version === "")
    const problem = contents.problem === undefined ? problemOf(place, { name, version }, { there, entry, ruling }) : `cannot be read: ${contents.problem}`
    const purl = entry !== undefined && !isRelease(entry) ? undefined : purlOf(name, version)
    return { ...common, isExtraneous: ruling.length > 0 && entry === undefined, ...(purl === undefined ? {} : { purl }), ...(entry === undefined ? {} : { entry }), ...(patchedByYarn === undefined ? {} : { patchedByYarn }), ...(problem === undefined ? {} : { problem }) }
  }
}

function groupedByName({ entries }: Lockfile): ReadonlyMap<string, LockfileEntry[]> {
  const byName = new Map<string, LockfileEntry[]>()
  for (const entry of entries) {
    const known = byName.get(entry.name)
    if (known === undefined) byName.set(entry.name, [entry])
    else known.push(entry)
  }
  return byName
}

/** A release before what is made of it, and that before links: several entries can be of one name and version. */
function rank({ kind, version }: LockfileEntry): number {
  return kind === "registry" ? 0 : version === "" ? 2 : 1
}

/** A patched package is compared with the release that it is a patch of. */
export function isRelease({ kind }: LockfileEntry): boolean {
  return kind === "registry" || kind === "patch" || kind === "bundled"
}

function purlOf(name: string, version: string): string | undefined {
  try {
    return npmPurl(name, version)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

function problemOf(place: Place, found: { readonly name: string; readonly version: string }, { there, entry, ruling }: { readonly there: LockfileEntry | undefined; readonly entry: LockfileEntry | undefined; readonly ruling: readonly Known[] }): string | undefined {
  if (found.version === "" && entry?.kind !== "link" && entry?.kind !== "workspace") return "has no package.json with a name and a version"
  if (there !== undefined && isRelease(there) && (there.name !== found.name || there.version !== found.version)) {
    return `is ${found.name}@${found.version}, where the lockfile has ${there.name}@${there.version}`
  }
  if (ruling.length === 0 || there !== undefined) return undefined
  const isRenamed = place.alias !== "" && place.alias !== found.name
  if (isRenamed && entry === undefined) return `is ${found.name}@${found.version}, of which the lockfile knows nothing`
  if (entry !== undefined && !isRelease(entry)) return undefined
  if (isNamedAnother(place, found.name, found.version, entry !== undefined)) return `is ${found.name}@${found.version}, in the place of another package or version`
  if (!isRenamed || place.layout !== "hoisted") return undefined
  const wirings = ruling.flatMap(({ lockfile }) => lockfile.wiring?.() ?? [])
  if (wirings.length > 0 && !wirings.some((wiring) => isKnownAs(wiring, place.alias, found))) return `is ${found.name}@${found.version}, which the lockfile does not have under the name ${place.alias}`
  return undefined
}
