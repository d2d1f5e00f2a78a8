/**
 * `vouchsafe-recipe/v1`: how a package is made from its source, as data (packages/spec/rebuilding.md, "Recipes").
 *
 * The steps are a closed set and hold no file contents and no shell: a recipe can run what the source names, install what the
 * source asks for, and pack. It can bring nothing of its own (THREATS A10).
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { canonicalize, shown, VouchsafeError } from "@vouchsafe/core"
import { asObject, type ForeignObject, member } from "@vouchsafe/tarball"

export const RECIPE_FORMAT = "vouchsafe-recipe/v1"
/** Stands for a folder outside of the source that the tool makes, in arguments of tools and as the folder to pack. */
export const OUT_FOLDER = "{out}"

export const MANAGERS = ["npm", "pnpm", "yarn"] as const
export type ManagerName = (typeof MANAGERS)[number]

/** Programs that rewrite a package before it is packed. A new one is a reviewed line here: with free choice, a tool could carry contents. */
export const TOOLS = ["clean-publish", "clean-package", "pinst"] as const
export type ToolName = (typeof TOOLS)[number]

/** One step. `directory`: below the repository's root, empty for the root. */
export type RecipeStep =
  | { readonly install: { readonly manager: ManagerName, readonly directory: string, readonly frozen: boolean, readonly scripts: boolean } }
  | { readonly run: { readonly manager: ManagerName, readonly directory: string, readonly script: string } }
  | { readonly tool: { readonly name: ToolName, readonly version: string, readonly directory: string, readonly args: readonly string[] } }
  | { readonly pack: { readonly manager: ManagerName, readonly directory: string } }

/** A recipe. Its last step packs, and no other does. */
export interface Recipe {
  readonly format: typeof RECIPE_FORMAT
  /** Exact versions of the package managers that are there; npm always is. */
  readonly managers: Readonly<Partial<Record<ManagerName, string>>>
  readonly steps: readonly RecipeStep[]
}

export const RECIPE_STEPS_MAX = 16
export const RECIPE_ARGS_MAX = 16
const DIRECTORY_LENGTH_MAX = 256
const ARGUMENT = /^-{0,2}[A-Za-z0-9][A-Za-z0-9._/=-]{0,63}$/
const SCRIPT = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/
export const EXACT_VERSION = /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/
const VERSION_LENGTH_MAX = 64
const SEGMENT = /^[A-Za-z0-9@_][A-Za-z0-9@._+-]*$/

function malformed(why: string): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", `recipe: ${why}`)
}

/**
 * Reads a recipe strictly: what is not known is refused.
 * @throws VouchsafeError REQUEST_MALFORMED.
 */
export function parseRecipe(value: unknown): Recipe {
  const recipe = exactObject(value, "the recipe", ["format", "managers", "steps"])
  if (recipe["format"] !== RECIPE_FORMAT) throw malformed(`format is ${shownJson(recipe["format"])}, expected "${RECIPE_FORMAT}"`)
  const managers = managersOf(recipe["managers"])
  const steps = recipe["steps"]
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > RECIPE_STEPS_MAX) throw malformed(`steps are ${Array.isArray(steps) ? steps.length : shownJson(steps)}, expected 1 to ${RECIPE_STEPS_MAX} of them`)
  const parsed = steps.map((step, index) => stepOf(step, `step ${index + 1}`))
  for (const [index, step] of parsed.entries()) {
    const isLast = index === parsed.length - 1
    if ("pack" in step !== isLast) throw malformed(isLast ? "the last step does not pack" : `step ${index + 1} packs, expected only the last one to`)
    const manager = "tool" in step ? "npm" : "install" in step ? step.install.manager : "run" in step ? step.run.manager : step.pack.manager
    if (managers[manager] === undefined) throw malformed(`step ${index + 1} needs ${manager}, which managers does not list`)
  }
  return { format: RECIPE_FORMAT, managers, steps: parsed }
}

/** The document that a recipe's digest is of: canonical JSON. */
export function formatRecipe(recipe: Recipe): string {
  // canonicalize takes plain JSON; parsing leaves nothing else.
  return canonicalize(JSON.parse(JSON.stringify(parseRecipe(recipe))) as never)
}

/** Hex SHA-256 of {@link formatRecipe}: equal for rebuilders that did the same. */
export function recipeDigest(recipe: Recipe): string {
  return createHash("sha256").update(formatRecipe(recipe)).digest("hex")
}

function managersOf(value: unknown): Recipe["managers"] {
  const object = asObject(value)
  if (object === undefined) throw malformed(`managers is ${shownJson(value)}, expected an object of versions`)
  const found: Partial<Record<ManagerName, string>> = {}
  for (const [name, version] of Object.entries(object)) {
    if (!isOneOf(MANAGERS, name)) throw malformed(`managers lists ${shown(name)}, expected ${MANAGERS.join(", ")}`)
    found[name] = versionOf(version, `managers.${name}`)
  }
  if (found.npm === undefined) throw malformed("managers does not list npm, which every environment has")
  return found
}

function stepOf(value: unknown, at: string): RecipeStep {
  const object = asObject(value)
  const kinds = object === undefined ? [] : Object.keys(object)
  const [kind] = kinds
  if (object === undefined || kinds.length !== 1) throw malformed(`${at} is ${shownJson(value)}, expected one of install, run, tool, pack`)
  const inner = member(object, kind as string)
  switch (kind) {
    case "install": {
      const step = exactObject(inner, at, ["manager", "directory", "frozen", "scripts"])
      return { install: { manager: managerOf(step, at), directory: directoryOf(step, at), frozen: flagOf(step, "frozen", at), scripts: flagOf(step, "scripts", at) } }
    }
    case "run": {
      const step = exactObject(inner, at, ["manager", "directory", "script"])
      return { run: { manager: managerOf(step, at), directory: directoryOf(step, at), script: textOf(step, "script", SCRIPT, at) } }
    }
    case "tool": {
      const step = exactObject(inner, at, ["name", "version", "directory", "args"])
      const name = step["name"]
      if (!isOneOf(TOOLS, name)) throw malformed(`${at}: the tool ${shownJson(name)} is not one of ${TOOLS.join(", ")}`)
      return { tool: { name, version: versionOf(step["version"], `${at}: version`), directory: directoryOf(step, at), args: argumentsOf(step["args"], at) } }
    }
    case "pack": {
      const step = exactObject(inner, at, ["manager", "directory"])
      return { pack: { manager: managerOf(step, at), directory: step["directory"] === OUT_FOLDER ? OUT_FOLDER : directoryOf(step, at) } }
    }
    default: throw malformed(`${at} is ${shown(kind as string)}, expected install, run, tool or pack`)
  }
}

function argumentsOf(value: unknown, at: string): readonly string[] {
  if (!Array.isArray(value) || value.length > RECIPE_ARGS_MAX) throw malformed(`${at}: args is no list of at most ${RECIPE_ARGS_MAX}`)
  return value.map((argument: unknown) => {
    if (argument === OUT_FOLDER) return OUT_FOLDER
    if (typeof argument !== "string" || !ARGUMENT.test(argument) || argument.split(/[/=]/).includes("..")) throw malformed(`${at}: the argument ${shownJson(argument)} is no plain option or relative path`)
    return argument
  })
}

/** Whether a path below the repository's root is one that steps may run in. */
export function isRecipeDirectory(path: string): boolean {
  return path.length <= DIRECTORY_LENGTH_MAX && (path === "" || path.split("/").every((segment) => SEGMENT.test(segment)))
}

function directoryOf(step: ForeignObject, at: string): string {
  const value = step["directory"]
  if (typeof value !== "string" || !isRecipeDirectory(value)) throw malformed(`${at}: the directory ${shownJson(value)} is no folder below the root`)
  return value
}

function managerOf(step: ForeignObject, at: string): ManagerName {
  const value = step["manager"]
  if (!isOneOf(MANAGERS, value)) throw malformed(`${at}: the manager ${shownJson(value)} is not one of ${MANAGERS.join(", ")}`)
  return value
}

function versionOf(value: unknown, at: string): string {
  if (typeof value !== "string" || value.length > VERSION_LENGTH_MAX || !EXACT_VERSION.test(value)) throw malformed(`${at} is ${shownJson(value)}, expected an exact version`)
  return value
}

function flagOf(step: ForeignObject, name: string, at: string): boolean {
  const value = step[name]
  if (typeof value !== "boolean") throw malformed(`${at}: ${name} is ${shownJson(value)}, expected true or false`)
  return value
}

function textOf(step: ForeignObject, name: string, pattern: RegExp, at: string): string {
  const value = step[name]
  if (typeof value !== "string" || !pattern.test(value)) throw malformed(`${at}: ${name} is ${shownJson(value)}, expected a plain name`)
  return value
}

/** An object with exactly these members. */
function exactObject(value: unknown, at: string, names: readonly string[]): ForeignObject {
  const object = asObject(value)
  if (object === undefined) throw malformed(`${at} is ${shownJson(value)}, expected an object`)
  const found = Object.keys(object)
  const odd = found.find((name) => !names.includes(name)) ?? names.find((name) => !found.includes(name))
  if (odd !== undefined) throw malformed(`${at} ${found.includes(odd) ? "has" : "lacks"} the member ${shown(odd)}, expected ${names.join(", ")}`)
  return object
}

function isOneOf<const T extends string>(list: readonly T[], value: unknown): value is T {
  return list.some((item) => item === value)
}

function shownJson(value: unknown): string {
  return value === undefined ? "missing" : shown(typeof value === "string" ? value : JSON.stringify(value))
}
