import { existsSync } from "node:fs"
import { join, relative } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say } from "../output.ts"
import { bringUpToDate } from "../roster/up-to-date.ts"
import { removeProject } from "../setup/remove.ts"
import { setUpProject } from "../setup/set-up.ts"
import type { Register } from "./types.ts"

interface InitFlags {
  readonly roster?: string
  readonly remove?: boolean
  readonly json?: boolean
}

/** `init`: sets a project up, with the least that guards it; `--remove` undoes it. */
export const registerInit: Register = (program, io, done) => {
  program.command("init").description("guard this project: write its policy and the hook of each package manager found")
    .option("--roster <file|url>", "who is trusted: a roster file, or a node's URL (default: the node on this machine)")
    .option("--remove", "undo it").option("--json", "one JSON document on stdout")
    .action(async (flags: InitFlags) => {
      if (flags.remove === true) remove(io, flags.json === true)
      else await setUp(io, flags)
      done(EXIT.done)
    })
}

async function setUp(io: CliIo, flags: InitFlags): Promise<void> {
  // What init runs may ask the guards, which ask the roster.
  if (existsSync(join(io.cwd, "vouchsafe.json"))) await bringUpToDate(io, io.cwd)
  const { managers, written, notes } = await setUpProject(io, flags.roster)
  const shown = written.map((file) => ({ path: relative(io.cwd, file.path), why: file.why }))
  if (flags.json === true) {
    printJson(io, { managers, written: shown, notes })
    return
  }
  printLines(io, [shown.length === 0 ? "nothing to write: this project is set up" : "wrote", ...shown.map((file) => `  ${file.path}  ${file.why}`)])
  for (const note of notes) say(io, note)
}

function remove(io: CliIo, json: boolean): void {
  const { removed, edited, left, notes } = removeProject(io.cwd)
  const names = (paths: readonly string[]): string[] => paths.map((path) => relative(io.cwd, path))
  if (json) {
    printJson(io, { removed: names(removed), edited: names(edited), left: names(left), notes })
    return
  }
  const lines = [...names(removed).map((path) => `removed ${path}`), ...names(edited).map((path) => `edited ${path}`), ...names(left).map((path) => `left ${path}: it was changed since`)]
  printLines(io, lines.length === 0 ? ["nothing to remove: this project is not set up"] : lines)
  for (const note of notes) say(io, note)
}
