/**
 * Registries that pnpm's and Yarn's own settings name, over those of the npm configuration.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { readManagerYaml } from "./manager-yaml.ts"
import type { RegistryMap } from "./registries.ts"

/**
 * Registries that a `pnpm-workspace.yaml` sets (`registries: { default, "@scope" }`, or `registry`), over `base`.
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function pnpmRegistries(text: string, base: RegistryMap): RegistryMap {
  const settings = members(readManagerYaml(text, "pnpm-workspace.yaml", { merge: true }))
  const listed = members(settings["registries"])
  const single = settings["registry"]
  const scopes: Record<string, string> = { ...base.scopes }
  for (const [scope, url] of Object.entries(listed)) if (scope.startsWith("@")) scopes[scope] = idOf(url, `pnpm-workspace.yaml: registries.${scope}`)
  const main = listed["default"] ?? single
  return { default: main === undefined ? base.default : idOf(main, "pnpm-workspace.yaml: registries.default"), scopes }
}

/**
 * Registries that a `.yarnrc.yml` sets (`npmRegistryServer`, `npmScopes.<scope>.npmRegistryServer`), over `base`. Yarn writes scopes without `@`.
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function yarnRegistries(text: string, base: RegistryMap): RegistryMap {
  const settings = members(readManagerYaml(text, ".yarnrc.yml", { merge: false }))
  const scopes: Record<string, string> = { ...base.scopes }
  for (const [scope, value] of Object.entries(members(settings["npmScopes"]))) {
    const url = members(value)["npmRegistryServer"]
    if (url !== undefined) scopes[`@${scope}`] = idOf(url, `.yarnrc.yml: npmScopes.${scope}.npmRegistryServer`)
  }
  const server = settings["npmRegistryServer"]
  return { default: server === undefined ? base.default : idOf(server, ".yarnrc.yml: npmRegistryServer"), scopes }
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : {}
}

function idOf(value: unknown, at: string): string {
  if (typeof value !== "string") throw new VouchsafeError("CONFIG_MALFORMED", `${at} is no text, expected a registry URL`)
  try {
    return registryIdOf(value)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `${at} is no registry URL without credentials or query`, { cause })
  }
}
