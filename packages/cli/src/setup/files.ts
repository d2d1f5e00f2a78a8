import { VouchsafeError } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

const FILE_MODE = 0o644
const MODE_BITS = 0o777

/** A file that set-up writes, with what it must hold. */
export interface PlannedFile {
  /** Absolute. */
  readonly path: string
  readonly content: string | Uint8Array
  /** What it is for, for the person. */
  readonly why: string
  /**
   * Whose a file of that name is: `own` (nobody else writes there: replaced and removed whatever it holds), `shared`
   * (another one's is left alone), `edited` (`content` was made from what was there).
   */
  readonly place: "own" | "shared" | "edited"
}

/** What became of a planned file. */
export type FileState = "missing" | "ours" | "differs"

/** A file's text; undefined when there is no file of that name. */
export function readIfPresent(path: string): string | undefined {
  return bytesIfPresent(path)?.toString("utf8")
}

function bytesIfPresent(path: string): Buffer | undefined {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(path)
}

export function stateOf(file: PlannedFile): FileState {
  const found = bytesIfPresent(file.path)
  return found === undefined ? "missing" : found.equals(Buffer.from(file.content)) ? "ours" : "differs"
}

/**
 * Writes planned files, all or none: a file in the way that is not ours, or a link, stops set-up before anything is written.
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function writeFiles(root: string, files: readonly PlannedFile[]): string[] {
  for (const file of files) {
    refuseLinks(root, file.path)
    if (file.place === "shared" && stateOf(file) === "differs") {
      throw new VouchsafeError("CONFIG_MALFORMED", `${relative(root, file.path)} exists and is not what init would write`, {
        hint: "move it away, or keep it and set the project up by hand (see the README)",
      })
    }
  }
  return files.flatMap((file) => {
    if (stateOf(file) === "ours") return []
    mkdirSync(dirname(file.path), { recursive: true })
    replaceFile(file)
    return [file.path]
  })
}

/** Whole or not at all. A file that was there keeps its mode: it may hold secrets. */
function replaceFile({ path, content }: PlannedFile): void {
  const before = statSync(path, { throwIfNoEntry: false })
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`
  writeFileSync(temporary, content, { mode: FILE_MODE, flag: "wx" })
  chmodSync(temporary, before === undefined ? FILE_MODE : before.mode & MODE_BITS)
  renameSync(temporary, path)
}

/** Nothing is written through a symbolic link, which may lead out of the project. */
function refuseLinks(root: string, path: string): void {
  for (let place = path; place.length > root.length; place = dirname(place)) {
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      throw new VouchsafeError("CONFIG_MALFORMED", `${relative(root, place)} is a symbolic link, expected a file or folder of the project`, { hint: "put a file of its own in its place" })
    }
  }
}

/** Removes our own files and those that are still what set-up wrote, and folders that became empty. Gives what it removed and what it left. */
export function removeFiles(root: string, files: readonly PlannedFile[]): { removed: string[]; left: string[] } {
  const removed: string[] = []
  const left: string[] = []
  for (const file of files) {
    refuseLinks(root, file.path)
    const state = stateOf(file)
    if (state === "missing") continue
    if (state === "differs" && file.place !== "own") {
      left.push(file.path)
      continue
    }
    rmSync(file.path)
    removed.push(file.path)
    for (let folder = dirname(file.path); folder.startsWith(join(root, "/")) && readdirSync(folder).length === 0; folder = dirname(folder)) rmdirSync(folder)
  }
  return { removed, left }
}
