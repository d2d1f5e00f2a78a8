/**
 * The commands of each step of a recipe: the closed set, spelt out for each manager and its versions.
 *
 * @packageDocumentation
 */
import { OUT_FOLDER, type Recipe, type RecipeStep } from "../recipe/recipe.ts"
import { INSIDE } from "./layout.ts"

/** One command inside. */
export interface StepCommand {
  /** For people. */
  readonly name: string
  readonly argv: readonly string[]
  readonly cwd: string
}

const YARN_BERRY_MAJOR = 2
/** What npm since 7 can be told; older ones are never chosen. */
const PACKED_NAME = "package.tgz"

/** The commands of a step, in order. */
export function commandsOfStep(step: RecipeStep, managers: Recipe["managers"]): readonly StepCommand[] {
  if ("install" in step) return [installCommand(step.install, isBerry(managers))]
  if ("run" in step) return [{ name: `${step.run.manager} run ${step.run.script}`, argv: [step.run.manager, "run", step.run.script], cwd: folderOf(step.run.directory) }]
  if ("tool" in step) return toolCommands(step.tool)
  return [packCommand(step.pack, isBerry(managers))]
}

/** The folder inside that a step's directory means. */
export function folderOf(directory: string): string {
  return directory === OUT_FOLDER ? INSIDE.out : directory === "" ? INSIDE.source : `${INSIDE.source}/${directory}`
}

function isBerry(managers: Recipe["managers"]): boolean {
  return Number.parseInt(managers.yarn ?? "0", 10) >= YARN_BERRY_MAJOR
}

function installCommand({ manager, directory, frozen, scripts }: Extract<RecipeStep, { install: unknown }>["install"], berry: boolean): StepCommand {
  const quiet = scripts ? [] : ["--ignore-scripts"]
  const argv = {
    npm: frozen ? ["npm", "ci", ...quiet] : ["npm", "install", "--no-package-lock", ...quiet],
    pnpm: ["pnpm", "install", frozen ? "--frozen-lockfile" : "--no-frozen-lockfile", ...quiet],
    // Berry runs no scripts by the environment; a step that wants them says so there.
    yarn: berry ? ["yarn", "install", ...(frozen ? ["--immutable"] : ["--no-immutable"])] : ["yarn", "install", "--non-interactive", ...(frozen ? ["--frozen-lockfile"] : ["--no-lockfile"]), ...quiet],
  }[manager]
  return { name: argv.join(" "), argv: berry && manager === "yarn" && scripts ? ["env", "YARN_ENABLE_SCRIPTS=1", ...argv] : argv, cwd: folderOf(directory) }
}

function toolCommands({ name, version, directory, args }: Extract<RecipeStep, { tool: unknown }>["tool"]): readonly StepCommand[] {
  const given = args.map((argument) => argument === OUT_FOLDER ? INSIDE.out : argument)
  return [
    { name: `install ${name}@${version}`, argv: ["npm", "install", "--ignore-scripts", "--no-save", "--no-package-lock", "--prefix", INSIDE.tools, `${name}@${version}`], cwd: INSIDE.tools },
    { name: [name, ...args].join(" "), argv: [`${INSIDE.tools}/node_modules/.bin/${name}`, ...given], cwd: folderOf(directory) },
  ]
}

function packCommand({ manager, directory }: Extract<RecipeStep, { pack: unknown }>["pack"], berry: boolean): StepCommand {
  const argv = {
    npm: ["npm", "pack", "--ignore-scripts", "--pack-destination", INSIDE.packed],
    pnpm: ["pnpm", "--config.ignore-scripts=true", "pack", "--pack-destination", INSIDE.packed],
    yarn: berry ? ["yarn", "pack", "--out", `${INSIDE.packed}/${PACKED_NAME}`] : ["yarn", "--ignore-scripts", "pack", "--filename", `${INSIDE.packed}/${PACKED_NAME}`],
  }[manager]
  return { name: `${manager} pack`, argv, cwd: folderOf(directory) }
}
