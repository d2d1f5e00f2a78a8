/**
 * Whether a packument tells of the same package as the tarball: installers plan with the one and unpack the other (THREATS A11).
 *
 * Publishing tools rewrite much that is harmless, so both sides are brought into one form first, and of the scripts only those
 * are compared that an install runs.
 *
 * @packageDocumentation
 */
import { type ForeignObject, type Manifest, type PackageFacts, readManifest } from "@vouchsafe/tarball"

/** Members of a manifest that are compared. The order is that of the observation. */
export const COMPARED_MEMBERS = ["bin", "dependencies", "name", "optionalDependencies", "peerDependencies", "scripts", "version"] as const
export type ComparedMember = (typeof COMPARED_MEMBERS)[number]

const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"]
/** What npm runs, and writes into the packument, for a package with a gyp file and no install script of its own. */
const GYP_INSTALL = "node-gyp rebuild"

/** The members in which the packument's manifest differs from the tarball's, sorted; empty for honest packages. */
export function compareManifests(facts: PackageFacts, packumentManifest: ForeignObject, files: Iterable<string>): ComparedMember[] {
  const own = facts.manifest
  const claimed = readManifest(packumentManifest, files)
  const hasGyp = facts.gyp.some((path) => /^[^/]+\.gyp$/.test(path))
  return COMPARED_MEMBERS.filter((name) => {
    if (name === "name" || name === "version") return own[name] !== claimed[name]
    if (name === "scripts") return !sameMaps(installScripts(own, hasGyp), installScripts(claimed, hasGyp))
    if (name === "bin") return !sameMaps(own.bin, claimed.bin)
    return !sameMaps(normalRanges(own[name]), normalRanges(claimed[name]))
  })
}

/**
 * The scripts that an install runs. A gyp file implies one, which npm spells out in the packument. Where the gyp file itself was left out
 * of the tarball, npm still writes `gypfile` and the script: nothing will run, so nothing is claimed.
 */
function installScripts(manifest: Manifest, hasGyp: boolean): ReadonlyMap<string, string> {
  const scripts = new Map([...manifest.scripts].filter(([name]) => INSTALL_SCRIPTS.includes(name)))
  const builds = !scripts.has("install") && !scripts.has("preinstall") && hasGyp && manifest.gypfile !== false
  if (builds) scripts.set("install", GYP_INSTALL)
  else if (!hasGyp && manifest.gypfile === true && scripts.get("install") === GYP_INSTALL) scripts.delete("install")
  return scripts
}

function sameMaps(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
}

function normalRanges(dependencies: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...dependencies].map(([name, range]) => [name, normalRange(range)]))
}

const HOSTED = /^(?:(?:git\+)?(?:https?|ssh|git):\/\/(?:[^@/]+@)?|git@)(github|gitlab|bitbucket)\.(?:com|org)[/:]([^/#]+\/[^/#]+?)(?:\.git)?(#.*)?$/i
const SHORTCUT = /^(?:(github|gitlab|bitbucket):)?([^:@/\s#.][^:@/\s#]*\/[^:@/\s#]+?)(?:\.git)?(#.*)?$/i

/** A range or source in one spelling: npm rewrites the ways to name a repository on a known host when it publishes. */
function normalRange(range: string): string {
  const text = range.trim()
  const [, host, repository, commit = ""] = HOSTED.exec(text) ?? SHORTCUT.exec(text) ?? []
  return repository === undefined ? text : `${(host ?? "github").toLowerCase()}:${repository}${commit}`
}
