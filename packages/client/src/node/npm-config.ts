/**
 * What the person's npm configuration says about registries (THREATS A8).
 *
 * Read by npm's own reader, from the same places and with the same precedence: environment, project, user, global and built-in files, and
 * npm's own default registry, which this project never names.
 *
 * @packageDocumentation
 */
import { existsSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { systemCode } from "./files.ts"
import type { Env } from "./paths.ts"
import { credentialsUnder, type Credentials, registryLookup } from "./registries.ts"

/** Registries by scope, and what may be sent to them. */
export interface NpmRegistries {
  /** Registry id for names without a scope, and for scopes without a registry of their own. */
  readonly default: string
  /** Registry id by scope, `@` included. */
  readonly scopes: Readonly<Record<string, string>>
  /** Registry id that a package name belongs to. */
  registryFor(name: string): string
  /** The header for a URL under a configured registry: scheme, host, port and path prefix must match. undefined for any other URL. */
  credentialsFor(url: string): Credentials | undefined
  /** Where npm looks for the user's file. */
  readonly userConfigPath: string
  /** Any other setting, as npm reads it. */
  raw(key: string): unknown
}

/** The part of npm's configuration object that is used. */
interface Loaded {
  load(): Promise<unknown>
  get(key: string): unknown
  readonly list: readonly Readonly<Record<string, unknown>>[]
}

const SCOPE_KEY = /^(@[^/:\s]+):registry$/i

/**
 * Loads the npm configuration for a folder. Reads files only; runs nothing and changes no environment.
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export async function loadNpmConfig(where: { readonly dir: string; readonly env: Env }): Promise<NpmRegistries> {
  const config = await readConfig(where.dir, where.env)
  const scopes: Record<string, string> = {}
  // `list` goes from the strongest source to the weakest, each inheriting from the next.
  for (const key of allKeys(config)) {
    const scope = SCOPE_KEY.exec(key)?.[1]
    const url = scope === undefined ? undefined : config.get(key)
    if (scope !== undefined && typeof url === "string" && url !== "") scopes[scope] = registryId(url, key)
  }
  const fallback = registryId(String(config.get("registry")), "registry")
  const registries = [fallback, ...Object.values(scopes)]
  const read = (key: string): string | undefined => {
    const value = config.get(key)
    return typeof value === "string" && value !== "" ? value : undefined
  }
  return {
    default: fallback,
    scopes,
    registryFor: registryLookup({ default: fallback, scopes }),
    credentialsFor: (url) => credentialsUnder(registries, url, read),
    userConfigPath: String(config.get("userconfig")),
    raw: (key) => config.get(key),
  }
}

function registryId(url: string, key: string): string {
  try {
    return registryIdOf(url)
  } catch (cause) {
    if (!(cause instanceof VouchsafeError)) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `npm configuration: ${key} is no registry URL of the form scheme://host[:port]/path/ without credentials or query`, {
      cause, details: { key }, hint: `check \`npm config get ${key}\``,
    })
  }
}

function allKeys(config: Loaded): Set<string> {
  const keys = new Set<string>()
  for (const source of config.list) for (const key of Object.keys(source)) keys.add(key)
  return keys
}

/** npm's own reader with npm's own definitions; it publishes no types. */
interface Reader {
  readonly Config: new (options: object) => Loaded
  readonly npm: Readonly<Record<"definitions" | "shorthands" | "flatten" | "nerfDarts", unknown>>
}

/** 90 kB of definitions and a dozen packages: loaded only by those who ask. */
async function loadReader(): Promise<Reader> {
  const [reader, definitions] = await Promise.all([
    // @ts-ignore -- no types are published; another package of the workspace may declare some
    import("@npmcli/config") as Promise<{ default: Reader["Config"] }>,
    // @ts-ignore -- as above
    import("@npmcli/config/lib/definitions/index.js") as Promise<{ default: Reader["npm"] }>,
  ])
  return { Config: reader.default, npm: definitions.default }
}

async function readConfig(dir: string, env: Env): Promise<Loaded> {
  const { Config, npm } = await loadReader()
  // load() writes into the environment that it is given.
  const ownEnv = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const config = new Config({
    definitions: npm.definitions, shorthands: npm.shorthands, flatten: npm.flatten, nerfDarts: npm.nerfDarts,
    npmPath: npmPathOf(env), argv: [], cwd: dir, env: ownEnv, warn: false,
  })
  try {
    await config.load()
  } catch (cause) {
    const why = cause instanceof Error ? cause.name : "unknown error"
    throw new VouchsafeError("CONFIG_MALFORMED", `npm configuration for ${dir} cannot be read (${systemCode(cause) ?? why})`, { cause, hint: "check `npm config list`" })
  }
  return config
}

/**
 * The folder of the person's npm, whose `npmrc` holds the built-in settings that distributions ship. Found where Node installs it, or
 * through the variable that npm sets for the scripts it runs. A folder that does not exist has no built-in settings.
 */
function npmPathOf(env: Env): string {
  const running = env["npm_execpath"]
  if (running !== undefined && basename(running) === "npm-cli.js") return dirname(dirname(running))
  const prefix = process.platform === "win32" ? dirname(process.execPath) : join(dirname(dirname(process.execPath)), "lib")
  const shipped = join(prefix, "node_modules", "npm")
  const shared = join(dirname(prefix), "share", "nodejs", "npm")
  return !existsSync(shipped) && existsSync(shared) ? shared : shipped
}
