import type { Lockfile } from "@vouchsafe/client/lockfile"
import { type Env, loadNpmConfig, npmBuiltInRegistry, type NpmRegistries, pnpmRegistries, type RegistryMap, registryLookup, yarnRegistries } from "@vouchsafe/client/node"
import { registryIdOf } from "@vouchsafe/core"
import { homedir } from "node:os"
import { join } from "node:path"
import { readIfPresent } from "../setup/files.ts"

/**
 * The registries that a lockfile's package manager would use in its folder.
 *
 * npm, Yarn 1: the npm configuration. pnpm: over it, what pnpm-workspace.yaml says. Yarn Berry does not read npm's files:
 * its own default is another name of npm's default, over it the person's and the project's .yarnrc.yml and its variable.
 */
export async function registriesOf(format: Lockfile["format"], dir: string, env: Env): Promise<NpmRegistries> {
  const npm = await loadNpmConfig({ dir, env })
  const map = format === "pnpm-lock" ? overlaid(npm, pnpmRegistries, [join(dir, "pnpm-workspace.yaml")]) : format === "yarn-berry" ? await berry(dir, env) : undefined
  return map === undefined ? npm : { ...npm, ...map, registryFor: registryLookup(map) }
}

async function berry(dir: string, env: Env): Promise<RegistryMap> {
  const builtIn = { default: await npmBuiltInRegistry(), scopes: {} }
  const map = overlaid(builtIn, yarnRegistries, [join(env["HOME"] ?? homedir(), ".yarnrc.yml"), join(dir, ".yarnrc.yml")])
  const variable = env["YARN_NPM_REGISTRY_SERVER"]
  return variable === undefined || variable === "" ? map : { ...map, default: registryIdOf(variable) }
}

function overlaid(base: RegistryMap, read: (text: string, base: RegistryMap) => RegistryMap, files: readonly string[]): RegistryMap {
  let map: RegistryMap = { default: base.default, scopes: base.scopes }
  for (const file of files) {
    const text = readIfPresent(file)
    if (text !== undefined) map = read(text, map)
  }
  return map
}
