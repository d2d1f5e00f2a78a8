/**
 * Recorded lockfiles of well-known repositories, and how many entries each has by another way of counting than our readers': the raw document,
 * read by a general parser.
 *
 * package-lock: every key of `packages` but the root's own. pnpm-lock: every key of `packages`, and every `link:` version of an importer;
 * importers themselves are folders of the project. Yarn: every block but `__metadata`.
 */
import { parseLockfile, type Lockfile } from "@vouchsafe/client/lockfile"
import { sharedPath } from "@vouchsafe/config/shared"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"

const NAMES: ReadonlySet<string> = new Set(["package-lock.json", "pnpm-lock.yaml", "yarn.lock"])

export interface RecordedLockfile {
  /** `package-lock-v3/mochajs__mocha`. */
  readonly project: string
  readonly lockfile: Lockfile
  /** Keys that the manager's document has, sorted. */
  readonly keys: readonly string[]
}

/** All of them. */
export function recordedLockfiles(): readonly RecordedLockfile[] {
  const root = sharedPath("data", "lockfiles")
  return readdirSync(root).sort().flatMap((kind) => readdirSync(join(root, kind)).sort().map((repository) => {
    const file = readdirSync(join(root, kind, repository)).find((name) => NAMES.has(name))
    if (file === undefined) throw new Error(`${kind}/${repository} has no lockfile that is known`)
    const text = readFileSync(join(root, kind, repository, file), "utf8")
    return { project: `${kind}/${repository}`, lockfile: parseLockfile(file, text), keys: keysOf(file, text).sort() }
  }))
}

interface PnpmImporter extends Readonly<Record<string, Readonly<Record<string, { readonly version?: string }>>>> {}

function keysOf(file: string, text: string): string[] {
  const document = (file.endsWith(".json") ? JSON.parse(text) : parse(text)) as Readonly<Record<string, unknown>>
  if (file === "yarn.lock") return Object.keys(document).filter((key) => key !== "__metadata")
  const packages = Object.keys(document["packages"] as object).filter((key) => key !== "")
  if (file === "package-lock.json") return packages
  const importers = Object.entries(document["importers"] as Readonly<Record<string, PnpmImporter>>)
  const links = importers.flatMap(([path, groups]) => Object.values(groups).flatMap((group) =>
    Object.entries(group).flatMap(([name, { version }]) => (version?.startsWith("link:") === true ? [`${path}: ${name}`] : []))))
  return [...packages, ...links]
}
