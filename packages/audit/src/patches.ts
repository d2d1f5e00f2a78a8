/**
 * Patches that a project keeps, and what a package was before them.
 *
 * @packageDocumentation
 */
import { hash } from "node:crypto"
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { PATCH_BYTES_MAX, PATCHES_MAX } from "./limits.ts"
import { type FilePatch, parsePatch, takeBack } from "./patch.ts"
import type { DiskFile } from "./types.ts"

/** A patch of the project: its file, relative to the audited folder, and what it changes. */
export interface ProjectPatch {
  readonly path: string
  readonly files: readonly FilePatch[]
}

/** Where patch-package and pnpm, and Yarn, keep patches. */
const FOLDERS = ["patches", ".yarn/patches"]

/** Patches of the projects below `root`. What is no patch is left out: it explains nothing. */
export function readPatches(root: string, projects: readonly string[]): ProjectPatch[] {
  const found: ProjectPatch[] = []
  for (const folder of projects.flatMap((project) => FOLDERS.map((name) => (project === "" ? name : `${project}/${name}`)))) {
    if (lstatSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory() !== true) continue
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".patch") || found.length >= PATCHES_MAX) continue
      const path = join(entry.parentPath, entry.name)
      if (lstatSync(path).size > PATCH_BYTES_MAX) continue
      const files = parsePatch(readFileSync(path, "latin1"))
      if (files !== undefined) found.push({ path: path.slice(root.length + 1).replaceAll("\\", "/"), files })
    }
  }
  return found
}

/** Patches whose file is named after a package: `@scope+name+1.0.0.patch`, `@scope__name@1.0.0.patch`, `@scope-name-npm-1.0.0-….patch`, or without version. */
export function patchesFor(patches: readonly ProjectPatch[], name: string): ProjectPatch[] {
  const spelled = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace("/", "(?:/|\\+|__|-)")
  const named = new RegExp(`(?:^|[/+])${spelled}(?:[@+-]v?\\d|-npm-|-patch-|\\.patch$|@npm)`)
  return patches.filter(({ path }) => named.test(path))
}

/** What one file was: null where there was none. */
export interface TakenBack {
  readonly path: string
  readonly before: { readonly sha256: string; readonly size: number } | null
  readonly by: string
}

/**
 * What a package's files were before its patches.
 * @param read - bytes of a file of the package as one character each; undefined where there is none
 */
export function takeBackPatches(patches: readonly ProjectPatch[], name: string, read: (path: string) => string | undefined): TakenBack[] {
  const texts = new Map<string, { text: string | null; by: string }>()
  const textOf = (path: string): string | undefined => {
    const known = texts.get(path)
    return known === undefined ? read(path) : known.text ?? undefined
  }
  // The last one was applied last.
  for (const { path: by, files } of [...patches].sort((a, b) => (a.path < b.path ? 1 : -1))) {
    for (const file of files) {
      const [before, after] = [insideOf(file.before, name), insideOf(file.after, name)]
      const text = after === null ? "" : textOf(after)
      const restored = text === undefined ? undefined : takeBack(file, text)
      if (restored === undefined) continue
      if (after !== null && after !== before) texts.set(after, { text: null, by })
      if (before !== null) texts.set(before, { text: restored, by })
    }
  }
  return [...texts].map(([path, { text, by }]) => ({ path, by, before: text === null ? null : { sha256: hash("sha256", Buffer.from(text, "latin1"), "hex"), size: text.length } }))
}

/** Files that have to be read to take patches of a package back. */
export function filesOf(patches: readonly ProjectPatch[], name: string): ReadonlySet<string> {
  return new Set(patches.flatMap(({ files }) => files.flatMap(({ after }) => insideOf(after, name) ?? [])))
}

/** patch-package writes paths from the project's root. */
function insideOf(path: string | null, name: string): string | null {
  if (path === null) return null
  const prefix = `node_modules/${name}/`
  const at = path.lastIndexOf(prefix)
  return at < 0 ? path : path.slice(at + prefix.length)
}

/** The files of a package with what its patches did taken back. */
export function withoutPatches(files: readonly DiskFile[], taken: readonly TakenBack[]): DiskFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  for (const { path, before } of taken) {
    if (before === null) byPath.delete(path)
    else byPath.set(path, { path, executable: byPath.get(path)?.executable ?? false, ...before })
  }
  return [...byPath.values()]
}
