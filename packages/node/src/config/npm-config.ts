/**
 * What the person's npm configuration says about registries: which is the default, and which credentials go where.
 *
 * @packageDocumentation
 */
import { registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { dirname, resolve } from "node:path"

/** The npm configuration, as far as a node uses it. */
export interface NpmConfig {
  /** Registry id of the default registry. */
  readonly defaultRegistry: string
  /** Value for the `authorization` header of requests under this registry id; undefined where none is configured. */
  authorizationFor(registry: string): string | undefined
  /** Every secret that was read, for the logger to leave out. */
  readonly secrets: readonly string[]
}

interface Loaded {
  load(): Promise<unknown>
  get(key: string): unknown
}

interface ConfigDefinitions {
  readonly definitions: unknown
  readonly shorthands: unknown
  readonly flatten: unknown
}

type ConfigClass = new (options: ConfigDefinitions & { cwd: string; argv: string[]; warn: boolean; env: NodeJS.ProcessEnv; npmPath: string }) => Loaded

/**
 * Reads the npm configuration of this machine and user, not of the folder where the node was started: a daemon observes
 * for many projects.
 *
 * @param cwd - a folder of the node's own
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export async function loadNpmConfig(cwd: string, env: NodeJS.ProcessEnv): Promise<NpmConfig> {
  const config = await readConfig(cwd, env)
  const defaultRegistry = registryIdOf(String(config.get("registry")))
  const secrets = new Set<string>()
  const authorizationFor = (registry: string): string | undefined => {
    for (const prefix of prefixesOf(registry)) {
      const found = authorizationUnder(config, prefix, secrets)
      if (found !== undefined) return found
    }
    return undefined
  }
  return {
    defaultRegistry,
    authorizationFor,
    get secrets() {
      return [...secrets]
    },
  }
}

async function readConfig(cwd: string, env: NodeJS.ProcessEnv): Promise<Loaded> {
  // Loaded late: most starts name a roster and registries, and need none of this.
  // @ts-ignore -- the package has no types
  const { default: Config } = (await import("@npmcli/config")) as { default: ConfigClass }
  // @ts-ignore -- the package has no types
  const { default: options } = (await import("@npmcli/config/lib/definitions/index.js")) as { default: ConfigDefinitions }
  const { definitions, shorthands, flatten } = options
  const npmPath = resolve(dirname(process.execPath), "../lib/node_modules/npm")
  const config = new Config({ definitions, shorthands, flatten, cwd, argv: [], warn: false, env: { ...env }, npmPath })
  try {
    await config.load()
  } catch (cause) {
    throw new VouchsafeError("CONFIG_MALFORMED", "the npm configuration cannot be read", { hint: "check `npm config list`", cause })
  }
  return config
}

/** `//host/a/b/`, `//host/a/`, `//host/` for one registry id: npm's keys, the most specific first. */
function prefixesOf(registry: string): string[] {
  const prefixes: string[] = []
  let prefix = registry.slice(registry.indexOf("//"))
  while (prefix.length > 2) {
    prefixes.push(prefix)
    prefix = prefix.slice(0, prefix.lastIndexOf("/", prefix.length - 2) + 1)
  }
  return prefixes
}

function authorizationUnder(config: Loaded, prefix: string, secrets: Set<string>): string | undefined {
  const read = (key: string): string | undefined => {
    const value = config.get(`${prefix}:${key}`)
    return typeof value === "string" && value !== "" ? value : undefined
  }
  const token = read("_authToken")
  if (token !== undefined) {
    secrets.add(token)
    return `Bearer ${token}`
  }
  const user = read("username")
  const password = read("_password")
  const basic = user !== undefined && password !== undefined
    ? Buffer.from(`${user}:${Buffer.from(password, "base64").toString("utf8")}`, "utf8").toString("base64")
    : read("_auth")
  if (basic === undefined) return undefined
  secrets.add(basic)
  const [, ...plain] = Buffer.from(basic, "base64").toString("utf8").split(":")
  secrets.add(plain.join(":"))
  if (password !== undefined) secrets.add(password)
  return `Basic ${basic}`
}
