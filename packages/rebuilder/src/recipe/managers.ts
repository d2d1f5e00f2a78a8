/**
 * Which package manager a source uses, and in which version: from the source and the packument alone, so that rebuilders agree.
 *
 * @packageDocumentation
 */
import { asObject, type ForeignObject, member } from "@vouchsafe/tarball"
import { EXACT_VERSION, type ManagerName, MANAGERS } from "./recipe.ts"

/** A source as far as choosing needs it: its tracked paths and the text of some. */
export interface SourceFiles {
  /** Tracked paths of files, with slashes. */
  readonly paths: ReadonlySet<string>
  /** Text of a tracked file; undefined where there is none, or it is too large. */
  read(path: string): string | undefined
}

/** What installs. */
export interface Workspace {
  readonly manager: ManagerName
  readonly version: string
  /** Folder of the lockfile, or of the package where there is none. */
  readonly directory: string
  readonly isFrozen: boolean
}

/** Used where nothing says which; a change of these changes recipes, so it is a change of the rules. */
export const DEFAULT_VERSIONS: Readonly<Record<ManagerName, string>> = { npm: "10.9.4", pnpm: "10.33.0", yarn: "1.22.22" }
/** npm before it does not run on the Node versions that rebuilders run. */
const NPM_MAJOR_MIN = 8
const LOCKFILES: readonly (readonly [string, ManagerName])[] = [
  ["pnpm-lock.yaml", "pnpm"], ["yarn.lock", "yarn"], ["npm-shrinkwrap.json", "npm"], ["package-lock.json", "npm"],
]
const PNPM_BY_LOCKFILE: readonly (readonly [RegExp, string])[] = [[/^lockfileVersion: '?5/m, "7.33.7"], [/^lockfileVersion: '?6/m, "8.15.9"], [/^lockfileVersion: '?9/m, "10.33.0"]]
const YARN_BY_METADATA: readonly (readonly [RegExp, string])[] = [[/^__metadata:\n {2}version: [4-5]$/m, "2.4.3"], [/^__metadata:\n {2}version: [67]$/m, "3.8.7"], [/^__metadata:\n {2}version: \d+$/m, "4.10.3"]]

/** The folders from `directory` up to the root. */
export function upwards(directory: string): readonly string[] {
  const parts = directory === "" ? [] : directory.split("/")
  return [...parts.map((_, index) => parts.slice(0, parts.length - index).join("/")), ""]
}

/** A path below a folder. */
export function below(directory: string, path: string): string {
  return directory === "" ? path : `${directory}/${path}`
}

/** A package.json of the source; undefined where there is none that parses. */
export function readPackageJson(source: SourceFiles, directory: string): ForeignObject | undefined {
  const text = source.read(below(directory, "package.json"))
  if (text === undefined) return undefined
  try {
    return asObject(JSON.parse(text.replace(/^\uFEFF/, "")))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Finds what installs the package in `directory`: the nearest lockfile upwards, with the version that `packageManager` or the lockfile names. */
export function findWorkspace(source: SourceFiles, directory: string): Workspace {
  const named = namedManager(source, directory)
  for (const folder of upwards(directory)) {
    const locks = LOCKFILES.filter(([file]) => source.paths.has(below(folder, file)))
    const lock = locks.find(([, manager]) => manager === named?.manager) ?? locks[0]
    if (lock === undefined) continue
    const [file, manager] = lock
    const version = named?.manager === manager ? named.version : lockfileVersion(source, folder, file, manager)
    return { manager, version, directory: folder, isFrozen: true }
  }
  const manager = named?.manager ?? "npm"
  return { manager, version: named?.version ?? DEFAULT_VERSIONS[manager], directory, isFrozen: false }
}

/** `packageManager` of the nearest package.json upwards that has it. */
function namedManager(source: SourceFiles, directory: string): { manager: ManagerName, version: string } | undefined {
  for (const folder of upwards(directory)) {
    const manifest = readPackageJson(source, folder)
    const value = manifest === undefined ? undefined : member(manifest, "packageManager")
    const [, name, version = ""] = typeof value === "string" ? /^(npm|pnpm|yarn)@([^+]+)(?:\+.*)?$/.exec(value) ?? [] : []
    const manager = MANAGERS.find((known) => known === name)
    if (manager !== undefined && EXACT_VERSION.test(version)) return { manager, version }
  }
  return undefined
}

function lockfileVersion(source: SourceFiles, folder: string, file: string, manager: ManagerName): string {
  const text = (source.read(below(folder, file)) ?? "").replaceAll("\r\n", "\n")
  if (manager === "pnpm") return PNPM_BY_LOCKFILE.find(([pattern]) => pattern.test(text))?.[1] ?? DEFAULT_VERSIONS.pnpm
  if (manager === "npm") return DEFAULT_VERSIONS.npm
  const checkedIn = /^yarnPath: "?\.yarn\/releases\/yarn-(\d+\.\d+\.\d+)\.cjs"?$/m.exec(source.read(below(folder, ".yarnrc.yml")) ?? "")?.[1]
  return checkedIn ?? YARN_BY_METADATA.find(([pattern]) => pattern.test(text))?.[1] ?? DEFAULT_VERSIONS.yarn
}

/** The npm that published, as the packument says; `otherwise` where it does not say or names one too old to run. */
export function npmVersionOf(manifest: ForeignObject | undefined, otherwise: string): string {
  const value = manifest === undefined ? undefined : member(manifest, "_npmVersion")
  if (typeof value !== "string" || !EXACT_VERSION.test(value) || value.includes("-") || Number.parseInt(value, 10) < NPM_MAJOR_MIN) return otherwise
  return value
}
