/**
 * What a version runs and depends on that the previous one did not.
 *
 * The previous version is known by this attester's own observation of its tarball, or else by its manifest in the packument, which says nothing of
 * bundled packages and of files. What it leaves open is not called new.
 *
 * @packageDocumentation
 */
import type { Observation } from "@vouchsafe/core"
import { asObject, type ForeignObject, member, type PackageFacts, readManifest } from "@vouchsafe/tarball"
import { DETAIL_LENGTH_MAX, LISTED_MAX } from "./limits.ts"

/** Characters of a dependency's name that a statement repeats. */
const NAME_LENGTH_MAX = 512

/** What is known of the previous version. */
export interface PreviousContents {
  readonly scripts: ReadonlyMap<string, string>
  /** Undefined: nobody looked into its tarball. */
  readonly gyp: ReadonlySet<string> | undefined
  /** It builds from a gyp file, or has an install script in whose place a gyp file would stand. */
  readonly builds: boolean
  /** It bundles packages whose scripts and files nobody looked at. */
  readonly hidesBundled: boolean
  /** All kinds together: range by name. */
  readonly dependencies: ReadonlyMap<string, string>
}

/** Dependencies of all kinds that an install resolves: peer dependencies too, since npm installs them. */
type Dependencies = Pick<Observation["package"], "dependencies" | "optionalDependencies" | "peerDependencies">

/** As this attester saw it. */
export function contentsOfObservation({ package: own }: Observation): PreviousContents {
  return { scripts: own.scripts, gyp: new Set(own.gyp), builds: own.gyp.some(isRootGyp), hidesBundled: false, dependencies: allOf(own) }
}

/** As its packument has it. */
export function contentsOfManifest(json: ForeignObject): PreviousContents {
  const manifest = readManifest(json, [])
  const bundles = [member(json, "bundleDependencies"), member(json, "bundledDependencies")]
  return {
    scripts: manifest.scripts, gyp: undefined,
    builds: member(json, "gypfile") === true || manifest.scripts.has("install") || manifest.scripts.has("preinstall"),
    hidesBundled: bundles.some((bundle) => bundle === true || (Array.isArray(bundle) && bundle.length > 0) || (asObject(bundle) !== undefined && Object.keys(bundle as object).length > 0)),
    dependencies: allOf(manifest),
  }
}

/** Lifecycle scripts that the previous version had not, sorted. */
export function addedScripts({ scripts }: PackageFacts, previous: PreviousContents): readonly string[] {
  return listed([...scripts.keys()].filter((name) => !previous.scripts.has(name) && !(name.includes("#") && previous.hidesBundled)))
}

const INSTALL_SCRIPT = /(?:^|#)(?:preinstall|install|postinstall)$/

/** Whether a script that runs at install is there as before and says something else. */
export function hasRewrittenScript({ scripts }: PackageFacts, previous: PreviousContents): boolean {
  return [...scripts].some(([name, command]) => INSTALL_SCRIPT.test(name) && previous.scripts.has(name) && previous.scripts.get(name) !== command)
}

/**
 * Gyp files that the previous version had not and that make managers build, sorted: those beside a package.json. Others are parts of such a
 * build, or of a package about builds.
 */
export function addedGyp({ gyp }: PackageFacts, previous: PreviousContents): readonly string[] {
  return listed(gyp.filter((path) => {
    if (!isRootGyp(path)) return false
    if (previous.gyp !== undefined) return !previous.gyp.has(path)
    return path.includes("/") ? !previous.hidesBundled : !previous.builds
  }))
}

/** `binding.gyp` of the package, or of a bundled one. */
function isRootGyp(path: string): boolean {
  return /^(?:(?:node_modules\/(?:@[^/]+\/)?[^/]+\/)+)?[^/]+\.gyp$/.test(path)
}

/** One dependency as it is written. */
export interface WrittenDependency {
  readonly name: string
  /** Name in the registry, which an alias hides. */
  readonly target: string
  readonly isExotic: boolean
}

/** Dependencies that the previous version had not, or had from elsewhere. By name, sorted. */
export function addedDependencies(facts: PackageFacts, previous: PreviousContents): readonly WrittenDependency[] {
  const all = allOf(facts.manifest)
  const added = [...all].filter(([name, range]) => {
    const before = previous.dependencies.get(name)
    if (before === undefined) return true
    const [now, then] = [writtenAs(name, range), writtenAs(name, before)]
    return now.target !== then.target || (now.isExotic && (!then.isExotic || sourceOf(range) !== sourceOf(before)))
  })
  const byName = new Map(added.map(([name, range]) => [name, writtenAs(name, range)]))
  return listed([...byName.keys()].filter((name) => name !== "" && name.length <= NAME_LENGTH_MAX)).map((name) => byName.get(name) as WrittenDependency)
}

const ALIAS = /^npm:((?:@[^/@]+\/)?[^@/]+)(?:@|$)/
/** Anything but a range, a tag, or nothing: with a colon before a source, a path, or `owner/name`. */
const EXOTIC = /^(?:[a-z][a-z0-9+.-]*:|[~.]{0,2}\/|[^@\s<>=~^|]+\/|[^\s@]+@[^\s@:]+:)/i

function writtenAs(name: string, range: string): WrittenDependency {
  const text = range.trim()
  const alias = ALIAS.exec(text)?.[1]
  return { name, target: alias ?? name, isExotic: alias === undefined && !text.startsWith("workspace:") && EXOTIC.test(text) }
}

/** Where it comes from, without the commit or tag. */
function sourceOf(range: string): string {
  // No pattern: a range is as long as a package.json, and whoever publishes writes it.
  return range.trim().split("#", 1)[0] as string
}

function allOf({ dependencies, optionalDependencies, peerDependencies }: Dependencies): ReadonlyMap<string, string> {
  return new Map([...peerDependencies, ...dependencies, ...optionalDependencies])
}

/** In order, each once, within what a statement may hold. */
export function listed(items: readonly string[]): readonly string[] {
  return [...new Set(items)].filter((item) => item.length <= DETAIL_LENGTH_MAX).sort().slice(0, LISTED_MAX)
}
