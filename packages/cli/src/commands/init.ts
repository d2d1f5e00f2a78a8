import { existsSync, readFileSync, rmSync } from "node:fs"
import { join, relative } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say } from "../output.ts"
import { type PlannedFile, removeFiles, writeFiles } from "../setup/files.ts"
import { findManagers, isYarnClassic, type Manager } from "../setup/managers.ts"
import { guardFiles, policyFile, ROSTER_NAME, rosterFile, withoutPlugin } from "../setup/plan.ts"
import { refreshPnpmLock } from "../setup/pnpm-lock.ts"
import { readRoster } from "../setup/roster-source.ts"
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
      done(flags.remove === true ? remove(io, flags) : await setUp(io, flags))
    })
}

async function setUp(io: CliIo, flags: InitFlags): Promise<number> {
  const root = io.cwd
  const managers = findManagers(root)
  const files: PlannedFile[] = []
  const notes: string[] = []
  if (!existsSync(join(root, ROSTER_NAME)) || flags.roster !== undefined) {
    const { text, roster, from } = await readRoster(root, flags.roster)
    files.push(rosterFile(root, text))
    notes.push(`trusting ${roster.threshold} of ${roster.operators.length} operators (${roster.operators.join(", ")}), as ${from} says: make sure that this is who you mean`)
    for (const warning of roster.warnings) notes.push(`warning: ${warning}`)
  }
  const policy = policyFile(root)
  if (!existsSync(policy.path)) files.push(policy)
  for (const manager of managers) files.push(...guardFiles(root, manager))
  const written = writeFiles(root, files)
  if (managers.includes("pnpm")) notes.push(...await refreshPnpmLock(io, root))
  notes.push(...managers.map((manager) => nextStep(root, manager)))
  const shown = files.filter((file) => written.includes(file.path)).map((file) => ({ path: relative(root, file.path), why: file.why }))
  if (flags.json === true) printJson(io, { managers, written: shown, notes })
  else {
    printLines(io, [shown.length === 0 ? "nothing to write: this project is set up" : "wrote", ...shown.map((file) => `  ${file.path}  ${file.why}`)])
    for (const note of notes) say(io, note)
  }
  return EXIT.done
}

function nextStep(root: string, manager: Manager): string {
  if (manager === "pnpm") return "pnpm: installs are guarded; commit the files. `pnpm dlx` and `--ignore-pnpmfile` are not: use `vouchsafe run -- pnpm dlx …`"
  if (manager === "yarn" && !isYarnClassic(root)) return "yarn: installs are guarded; commit the files"
  return `${manager}: has no hooks; install with \`npx vouchsafe run -- ${manager === "npm" ? "npm ci" : "yarn install"}\``
}

function remove(io: CliIo, flags: InitFlags): number {
  const root = io.cwd
  const yarnrc = join(root, ".yarnrc.yml")
  const edited: string[] = []
  const hadPlugin = existsSync(yarnrc) && withoutPlugin(readFileSync(yarnrc, "utf8")) !== readFileSync(yarnrc, "utf8")
  if (hadPlugin) {
    const rest = withoutPlugin(readFileSync(yarnrc, "utf8"))
    if (rest === undefined) rmSync(yarnrc)
    else writeFiles(root, [{ path: yarnrc, content: rest, why: "", edits: true }])
    edited.push(yarnrc)
  }
  const roster = join(root, ROSTER_NAME)
  const files = [policyFile(root), ...(existsSync(roster) ? [rosterFile(root, readFileSync(roster, "utf8"))] : []),
    ...guardFiles(root, "pnpm"), ...guardFiles(root, "yarn").filter((file) => !file.edits)]
  const { removed, left } = removeFiles(root, files)
  const names = (paths: readonly string[]): string[] => paths.map((path) => relative(root, path))
  if (flags.json === true) printJson(io, { removed: names([...edited, ...removed]), left: names(left) })
  else {
    printLines(io, [...names([...edited, ...removed]).map((path) => `removed ${path}`), ...names(left).map((path) => `left ${path}: it was changed since`)])
    if (existsSync(join(root, "pnpm-lock.yaml"))) say(io, "pnpm: run `pnpm install` once, so that the lockfile forgets the hook")
  }
  return EXIT.done
}
