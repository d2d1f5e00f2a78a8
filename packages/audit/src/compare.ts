/**
 * A package on disk against what was attested.
 *
 * @packageDocumentation
 */
import type { Manifest } from "./manifest.ts"
import { type TakenBack, withoutPatches } from "./patches.ts"
import { hashesOf } from "./summary.ts"
import type { Attested, Differences, DiskFile, Equality, Hashes, Known } from "./types.ts"

/** What a place holds, with what may explain that it is not what was attested. */
export interface Held {
  readonly files: readonly DiskFile[]
  /** Of the files; absent where they have none. */
  readonly hashes: Hashes | undefined
  /** Links and other things that no tarball brings. */
  readonly specials: readonly string[]
  /** Files as they were before the project's patches. */
  readonly taken: readonly TakenBack[]
  /** Yarn leaves out what is bundled. */
  readonly isYarn: boolean
  /** Paths of this package that Yarn patches itself. */
  readonly patchedByYarn?: RegExp | undefined
}

export interface Comparison {
  readonly equality: Equality
  readonly known: readonly Known[]
  /** Absent where they cannot be named. */
  readonly differences?: Differences
}

/** Compares by the content hash alone; undefined where only the file manifest can tell. */
export function compareHashes(held: Held, attested: Attested): Comparison | undefined {
  if (held.specials.length > 0) return undefined
  return isAsAttested(held.hashes, attested) ? { equality: "equal", known: [] } : compareChanged(held, attested)
}

/** The same for files with what npm and the project's patches did to them taken back. */
function compareChanged({ files, taken }: Held, attested: Attested): Comparison | undefined {
  const ways = [renamedBack(files)]
  if (taken.length > 0) {
    const unpatched = withoutPatches(files, taken)
    const patches = taken.map(({ path, by }): Known => ({ path, reason: "patch", by }))
    const renamed = renamedBack(unpatched)
    ways.push({ files: unpatched, known: patches }, { files: renamed.files, known: [...patches, ...renamed.known] })
  }
  const way = ways.find(({ files: back, known }) => known.length > 0 && isAsAttested(hashesOf(back), attested))
  return way === undefined ? undefined : { equality: "explained", known: way.known }
}

/** A lock says nothing of what may be executed. */
function isAsAttested(hashes: Hashes | undefined, { h1, executables }: Attested): boolean {
  return hashes !== undefined && hashes.h1 === h1 && (executables === undefined || (hashes.executables.count === executables.count && hashes.executables.sha256 === executables.sha256))
}

/** npm writes a `.gitignore` as `.npmignore`, where there is none. */
function renamedBack(files: readonly DiskFile[]): { readonly files: readonly DiskFile[]; readonly known: readonly Known[] } {
  const paths = new Set(files.map(({ path }) => path))
  const known: Known[] = []
  const back = files.map((file) => {
    const path = file.path.replace(/(^|\/)\.npmignore$/, "$1.gitignore")
    if (path === file.path || paths.has(path)) return file
    known.push({ path: file.path, reason: "renamed" })
    return { ...file, path }
  })
  return { files: back, known }
}

/** Compares file by file. */
export function compareFiles(held: Held, attested: Attested, manifest: Manifest, copies: ReadonlyMap<string, string>): Comparison {
  const known: Known[] = []
  const differences = { changed: [] as string[], added: [...held.specials], missing: [] as string[], mode: [] as string[] }
  const onDisk = new Map(held.files.map((file) => [file.path, file]))
  const taken = new Map(held.taken.map((one) => [one.path, one]))
  for (const file of held.files) {
    const expected = manifest.get(file.path)
    const isSame = expected?.sha256 === file.sha256
    const reason = isSame ? undefined : whyOther(file, expected, { held, attested, manifest, taken, copies })
    if (reason !== undefined) known.push(reason)
    else if (expected === undefined) differences.added.push(file.path)
    else if (!isSame) differences.changed.push(file.path)
    if (expected === undefined || expected.executable === file.executable) continue
    // Who links no commands makes no file executable: nothing is gained by that.
    if (expected.executable) known.push({ path: file.path, reason: "mode" })
    else differences.mode.push(file.path)
  }
  for (const expected of manifest.values()) {
    if (onDisk.has(expected.path)) continue
    const reason = whyMissing(expected, { held, manifest, onDisk, taken })
    if (reason === undefined) differences.missing.push(expected.path)
    else known.push(reason)
  }
  const isOff = Object.values(differences).some((paths) => paths.length > 0)
  return { equality: isOff ? "differs" : known.length > 0 ? "explained" : "equal", known, ...(isOff ? { differences } : {}) }
}

interface Reasons {
  readonly held: Held
  readonly manifest: Manifest
  readonly taken: ReadonlyMap<string, TakenBack>
}

function whyOther(file: DiskFile, expected: DiskFile | undefined, { held, attested, manifest, taken, copies }: Reasons & { readonly attested: Attested; readonly copies: ReadonlyMap<string, string> }): Known | undefined {
  const { path } = file
  const back = taken.get(path)
  if (back !== undefined && (expected === undefined ? back.before === null : back.before?.sha256 === expected.sha256)) return { path, reason: "patch", by: back.by }
  if (expected === undefined) {
    const original = path.replace(/(^|\/)\.npmignore$/, "$1.gitignore")
    if (original !== path && manifest.get(original)?.sha256 === file.sha256) return { path, reason: "renamed" }
    if (attested.runsScripts) return { path, reason: "script" }
  } else if (attested.runsScripts) {
    // esbuild and others put the binary of another package in place of their own command.
    const by = copies.get(file.sha256)
    if (by !== undefined) return { path, reason: "copy", by }
  }
  return held.patchedByYarn?.test(path) === true ? { path, reason: "yarn" } : undefined
}

function whyMissing({ path, sha256 }: DiskFile, { held, manifest, onDisk, taken }: Reasons & { readonly onDisk: ReadonlyMap<string, DiskFile> }): Known | undefined {
  const back = taken.get(path)
  if (back?.before?.sha256 === sha256) return { path, reason: "patch", by: back.by }
  const ignore = path.replace(/(^|\/)\.gitignore$/, "$1.npmignore")
  if (ignore !== path && (manifest.has(ignore) || onDisk.get(ignore)?.sha256 === sha256)) return { path, reason: "renamed" }
  return held.isYarn && path.startsWith("node_modules/") ? { path, reason: "bundled" } : undefined
}
