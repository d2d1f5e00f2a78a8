import { VouchsafeError } from "@vouchsafe/core"
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

const FILE_MODE = 0o644

/** A file that set-up writes, with what it must hold. */
export interface PlannedFile {
  /** Absolute. */
  readonly path: string
  readonly content: string | Uint8Array
  /** What it is for, for the person. */
  readonly why: string
  /** Whether somebody else's file of that name may be changed: `content` was made from it. */
  readonly edits: boolean
}

/** What became of a planned file. */
export type FileState = "missing" | "ours" | "differs"

export function stateOf(file: PlannedFile): FileState {
  if (!existsSync(file.path)) return "missing"
  return readFileSync(file.path).equals(Buffer.from(file.content)) ? "ours" : "differs"
}

/** Writes planned files, all or none: a file in the way that is not ours stops set-up before anything is written. */
export function writeFiles(root: string, files: readonly PlannedFile[]): string[] {
  for (const file of files) {
    refuseLinks(root, file.path)
    if (!file.edits && stateOf(file) === "differs") {
      throw new VouchsafeError("CONFIG_MALFORMED", `${relative(root, file.path)} exists and is not what init would write`, {
        hint: "move it away, or keep it and set the project up by hand (see the README)",
      })
    }
  }
  return files.flatMap((file) => {
    if (stateOf(file) === "ours") return []
    mkdirSync(dirname(file.path), { recursive: true })
    const temporary = `${file.path}.vouchsafe-tmp`
    writeFileSync(temporary, file.content, { mode: FILE_MODE })
    chmodSync(temporary, FILE_MODE)
    renameSync(temporary, file.path)
    return [file.path]
  })
}

/** Nothing is written through a symbolic link that leads out of the project. */
function refuseLinks(root: string, path: string): void {
  for (let place = path; place.length > root.length; place = dirname(place)) {
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      throw new VouchsafeError("CONFIG_MALFORMED", `${relative(root, place)} is a symbolic link, expected a file or folder of the project`)
    }
  }
}

/** Removes files that are still what set-up wrote, and folders that became empty. Gives what it removed and what it left. */
export function removeFiles(root: string, files: readonly PlannedFile[]): { removed: string[]; left: string[] } {
  const removed: string[] = []
  const left: string[] = []
  for (const file of files) {
    const state = stateOf(file)
    if (state === "differs") left.push(file.path)
    if (state !== "ours") continue
    rmSync(file.path)
    removed.push(file.path)
    for (let folder = dirname(file.path); folder !== root && folder.startsWith(join(root, "/")) && readdirSync(folder).length === 0; folder = dirname(folder)) rmdirSync(folder)
  }
  return { removed, left }
}
