/**
 * What npm makes of a package.json, wherever it stands: in a tarball, in a bundled package, in a packument.
 *
 * @packageDocumentation
 */
import { isWellFormed, shown } from "@vouchsafe/core"
import { posix } from "node:path"
import { ambiguous, hostile } from "../refusal.ts"
import { findDuplicateKeys } from "./duplicate-keys.ts"
import { asObject, type ForeignObject, member } from "./json.ts"

/** Scripts that a manager may run because a package is installed. `prepare` runs for git dependencies only. */
export const LIFECYCLE_SCRIPTS = ["preinstall", "install", "postinstall", "prepare"] as const

/** A package.json in the one form that two spellings of the same facts share. */
export interface Manifest {
  /** Empty when there is none. */
  readonly name: string
  readonly version: string
  /** Lifecycle scripts only. */
  readonly scripts: ReadonlyMap<string, string>
  /** Without those that are optional too: npm lets `optionalDependencies` win. */
  readonly dependencies: ReadonlyMap<string, string>
  readonly optionalDependencies: ReadonlyMap<string, string>
  readonly peerDependencies: ReadonlyMap<string, string>
  /** Command to path. */
  readonly bin: ReadonlyMap<string, string>
  /** False only where the package says so: then gyp files are no reason to build. */
  readonly gypfile: boolean | undefined
  /** `repository`, or its `url`, as the package writes it; null where it names none. */
  readonly repository: string | null
}

/** Members whose repetition with another value would give readers different facts. */
const DECISIVE = new Set([
  "name", "version", "scripts", "dependencies", "optionalDependencies", "peerDependencies", "bin", "directories", "gypfile", "bundleDependencies", "bundledDependencies",
])
/** Objects in objects of the root hold no facts. */
const DUPLICATE_DEPTH = 2

/**
 * Parses the bytes of a package.json as npm does: a byte order mark is skipped, broken UTF-8 replaced.
 * @throws VouchsafeError TARBALL_HOSTILE where it is no JSON object, TARBALL_AMBIGUOUS where a decisive member is repeated with another value.
 */
export function parsePackageJson(bytes: Uint8Array, path: string): ForeignObject {
  const text = new TextDecoder("utf-8").decode(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw hostile(`${shown(path)} does not parse as JSON`, cause)
  }
  const object = asObject(value)
  if (object === undefined) throw hostile(`${shown(path)} is no JSON object`)
  const [duplicate] = findDuplicateKeys(text, DUPLICATE_DEPTH).filter(([root = ""]) => DECISIVE.has(root))
  if (duplicate !== undefined) throw ambiguous(`${shown(path)} says ${shown(duplicate.join("."))} twice, each time something else`)
  return object
}

/**
 * Brings a package.json into its one form.
 * @param files - unpacked paths, needed to spell out `directories.bin`
 */
export function readManifest(json: ForeignObject, files: Iterable<string>): Manifest {
  const name = textOf(member(json, "name")).trim()
  const optionalDependencies = dependencyMap(member(json, "optionalDependencies"))
  const dependencies = new Map([...dependencyMap(member(json, "dependencies"))].filter(([key]) => !optionalDependencies.has(key)))
  const gypfile = member(json, "gypfile")
  return {
    name,
    version: textOf(member(json, "version")).trim().replace(/^[=v]+\s*/, ""),
    scripts: lifecycleScripts(json),
    dependencies,
    optionalDependencies,
    peerDependencies: dependencyMap(member(json, "peerDependencies")),
    bin: binMap(json, name, files),
    gypfile: typeof gypfile === "boolean" ? gypfile : undefined,
    repository: repositoryOf(json),
  }
}

function repositoryOf(json: ForeignObject): string | null {
  const repository = member(json, "repository")
  const url = textOf(typeof repository === "string" ? repository : member(asObject(repository) ?? {}, "url")).trim()
  return url === "" ? null : url
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : ""
}

/** Scripts by name; what is no text is no script. */
export function lifecycleScripts(json: ForeignObject): ReadonlyMap<string, string> {
  const scripts = asObject(member(json, "scripts")) ?? {}
  const found = new Map<string, string>()
  for (const name of LIFECYCLE_SCRIPTS) {
    const command = member(scripts, name)
    if (typeof command === "string") found.set(name, wellFormed(command))
  }
  return found
}

/** Dependencies as objects, and in the two spellings of npm's first years: a list of `name@range`, or one text of them. */
function dependencyMap(value: unknown): ReadonlyMap<string, string> {
  const object = asObject(value)
  if (object !== undefined) {
    const entries = Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === "string")
    return new Map(entries.map(([name, range]) => [wellFormed(name), wellFormed(range)]))
  }
  const items = typeof value === "string" ? value.trim().split(/[\s,]+/) : Array.isArray(value) ? value.filter((item) => typeof item === "string") : []
  const found = new Map<string, string>()
  for (const item of items) {
    const [, name = "", range = ""] = /^\s*(@?[^@\s><=]*)@?(.*)$/s.exec(wellFormed(item)) ?? []
    if (name !== "") found.set(name, range.trim())
  }
  return found
}

/** Commands as npm links them: names without folders, targets relative to the package and inside it. */
function binMap(json: ForeignObject, name: string, files: Iterable<string>): ReadonlyMap<string, string> {
  const bin = member(json, "bin")
  const pairs: [string, unknown][] = []
  if (typeof bin === "string") pairs.push([name, bin])
  else if (Array.isArray(bin)) for (const target of bin) pairs.push([typeof target === "string" ? posix.basename(target) : "", target])
  else if (asObject(bin) !== undefined) pairs.push(...Object.entries(bin as ForeignObject))
  else {
    const folder = member(asObject(member(json, "directories")) ?? {}, "bin")
    const prefix = typeof folder === "string" ? `${inside(folder)}/` : undefined
    if (prefix !== undefined) for (const path of files) if (path.startsWith(prefix) && !path.slice(prefix.length).startsWith(".")) pairs.push([posix.basename(path), path])
  }
  const found = new Map<string, string>()
  for (const [command, target] of pairs) {
    const base = posix.basename(inside(command))
    if (typeof target === "string" && base !== "" && inside(target) !== "") found.set(wellFormed(base), wellFormed(inside(target)))
  }
  return found
}

/** A path as npm secures it: slashes only, no way upwards, relative. */
function inside(path: string): string {
  const joined = posix.join("/", path.replace(/[\\:]/g, "/")).slice(1)
  return joined.endsWith("/") ? joined.slice(0, -1) : joined
}

function wellFormed(text: string): string {
  if (!isWellFormed(text)) throw hostile(`a manifest holds the text ${shown(text)} with a lone surrogate`)
  return text
}
