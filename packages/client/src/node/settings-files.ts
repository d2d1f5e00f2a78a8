/**
 * Registries that pnpm's and Yarn's own settings name, over those of the npm configuration.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, registryIdOf, VouchsafeError } from "@vouchsafe/core"
import type { RegistryMap } from "./registries.ts"

/** Longest settings file that is read, in UTF-16 units. */
const SETTINGS_LENGTH_MAX = 1_048_576
/** Aliases that one file may use before it is taken for an attempt to fill memory. */
const ALIASES_MAX = 100

/**
 * Registries that a `pnpm-workspace.yaml` sets (`registries: { default, "@scope" }`, or `registry`), over `base`.
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export async function pnpmRegistries(text: string, base: RegistryMap): Promise<RegistryMap> {
  const settings = await readYaml(text, "pnpm-workspace.yaml")
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
export async function yarnRegistries(text: string, base: RegistryMap): Promise<RegistryMap> {
  const settings = await readYaml(text, ".yarnrc.yml")
  const scopes: Record<string, string> = { ...base.scopes }
  for (const [scope, value] of Object.entries(members(settings["npmScopes"]))) {
    const url = members(value)["npmRegistryServer"]
    if (url !== undefined) scopes[`@${scope}`] = idOf(url, `.yarnrc.yml: npmScopes.${scope}.npmRegistryServer`)
  }
  const server = settings["npmRegistryServer"]
  return { default: server === undefined ? base.default : idOf(server, ".yarnrc.yml: npmRegistryServer"), scopes }
}

async function readYaml(text: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  if (text.length > SETTINGS_LENGTH_MAX) throw new VouchsafeError("CONFIG_MALFORMED", `${file} has ${text.length} characters, expected at most ${SETTINGS_LENGTH_MAX}`)
  // CommonJS, loaded late: in a bundle, as in Node, its default export is all that is sure to be there.
  const { default: { parse } } = await import("yaml") as unknown as { default: typeof import("yaml") }
  try {
    return members(parse(text, { maxAliasCount: ALIASES_MAX }))
  } catch (cause) {
    // By name: a bundle may hold another copy of the class.
    if (!(cause instanceof Error) || (cause.name !== "YAMLParseError" && cause.name !== "ReferenceError")) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `${file} is not valid YAML`, { cause })
  }
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
