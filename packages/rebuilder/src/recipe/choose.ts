/**
 * Chooses a recipe (packages/spec/rebuilding.md, "Choice"): one, and the same wherever the same source, packument and published bytes are looked at.
 *
 * @packageDocumentation
 */
import { asObject, type ForeignObject, member } from "@vouchsafe/tarball"
import { entryPaths } from "../compare/classify.ts"
import { below, DEFAULT_VERSIONS, findWorkspace, npmVersionOf, readPackageJson, type SourceFiles, type Workspace } from "./managers.ts"
import { type ManagerName, OUT_FOLDER, parseRecipe, type Recipe, RECIPE_FORMAT, type RecipeStep } from "./recipe.ts"

/** What a choice depends on. */
export interface ChoiceInput {
  readonly source: SourceFiles
  /** Folder of the package, empty for the root. */
  readonly directory: string
  /** The version's manifest in the packument. */
  readonly manifest: ForeignObject | undefined
  /** Who wrote the published tarball, where its headers show it. */
  readonly packer: ManagerName | undefined
}

/** Scripts that build, in the order in which they are looked for where `prepack` does not do it. */
const BUILD_SCRIPTS = ["build", "compile", "bundle", "prepare", "prepublishOnly", "prepublish"] as const
/** What such a script must not do for it to be run: tests and releases need what a build does not. */
const NO_BUILD = /\b(?:husky|lefthook|simple-git-hooks|publish|release|patch-package|git)\b/
/** Words of a `prepack` that builds by itself. */
const BUILDS = /\b(?:build|compile|bundle|tsc|rollup|tsup|unbuild|esbuild|vite)\b/

/** @throws VouchsafeError REQUEST_MALFORMED where the source names something that no recipe can hold. */
export function chooseRecipe(input: ChoiceInput): Recipe {
  const { source, directory } = input
  const packageJson = readPackageJson(source, directory)
  const workspace = findWorkspace(source, directory)
  const npm = npmVersionOf(input.manifest, workspace.manager === "npm" ? workspace.version : DEFAULT_VERSIONS.npm)
  const scripts = scriptsToRun(packageJson, source, directory)
  const cleaner = cleanerOf(packageJson)
  const packer = input.packer ?? (input.manifest !== undefined && member(input.manifest, "_npmVersion") !== undefined ? "npm" : workspace.manager)
  const managers: Partial<Record<ManagerName, string>> = { npm }
  if (scripts.length > 0 && workspace.manager !== "npm") managers[workspace.manager] = workspace.version
  if (managers[packer] === undefined) managers[packer] = workspace.manager === packer ? workspace.version : DEFAULT_VERSIONS[packer]
  const steps: RecipeStep[] = [...buildSteps(workspace, directory, scripts)]
  if (cleaner !== undefined) steps.push({ tool: { name: "clean-publish", version: cleaner, directory, args: ["--without-publish", "--temp-dir", OUT_FOLDER] } })
  steps.push({ pack: { manager: packer, directory: cleaner === undefined ? directory : OUT_FOLDER } })
  return parseRecipe({ format: RECIPE_FORMAT, managers, steps })
}

function buildSteps(workspace: Workspace, directory: string, scripts: readonly string[]): readonly RecipeStep[] {
  if (scripts.length === 0) return []
  const { manager } = workspace
  return [
    { install: { manager, directory: workspace.directory, frozen: workspace.isFrozen, scripts: false } },
    ...scripts.map((script): RecipeStep => ({ run: { manager, directory, script } })),
  ]
}

/**
 * `prepack` always, as every manager runs it; a build script where an entry of package.json is not in the source.
 * What is all in the source is packed as it is.
 */
function scriptsToRun(packageJson: ForeignObject | undefined, source: SourceFiles, directory: string): readonly string[] {
  const scripts = asObject(packageJson === undefined ? undefined : member(packageJson, "scripts")) ?? {}
  const command = (name: string): string | undefined => {
    const value = member(scripts, name)
    return typeof value === "string" && value.trim() !== "" && !NO_BUILD.test(value) ? value : undefined
  }
  const prepack = command("prepack")
  const chosen: string[] = []
  if (hasMissingEntry(packageJson, source, directory) && (prepack === undefined || !BUILDS.test(prepack))) {
    const build = BUILD_SCRIPTS.find((name) => command(name) !== undefined)
    if (build !== undefined) chosen.push(build)
  }
  if (prepack !== undefined) chosen.push("prepack")
  return chosen
}

/** Whether package.json leads to a file that the source does not hold, as it is or by one of the endings that Node adds. */
function hasMissingEntry(packageJson: ForeignObject | undefined, source: SourceFiles, directory: string): boolean {
  const folders = (path: string): boolean => [...source.paths].some((known) => known.startsWith(`${path}/`))
  return [...entryPaths(packageJson)].some((path) => {
    const full = below(directory, path)
    return !["", ".js", ".json", ".cjs", ".mjs", ".d.ts", "/index.js"].some((ending) => source.paths.has(`${full}${ending}`)) && !folders(full)
  })
}

/**
 * The lowest version of clean-publish that the source asks for; undefined where it does not use it. The lowest, because
 * it follows from the source alone and not from the day of the rebuild.
 */
function cleanerOf(packageJson: ForeignObject | undefined): string | undefined {
  if (packageJson === undefined) return undefined
  const scripts = Object.values(asObject(member(packageJson, "scripts")) ?? {}).filter((command) => typeof command === "string")
  const isUsed = member(packageJson, "clean-publish") !== undefined || scripts.some((command) => /\bclean-publish\b/.test(command))
  const range = member(asObject(member(packageJson, "devDependencies")) ?? {}, "clean-publish")
  return isUsed && typeof range === "string" ? /^[\^~]?v?(\d+\.\d+\.\d+)$/.exec(range)?.[1] : undefined
}
