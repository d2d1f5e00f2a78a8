/**
 * Environment and arguments that lead a package manager to the shim. What is set here was tried with npm 10 to 12, pnpm 10 to 12 and
 * Yarn 4; packages/spec/shim.md has the table.
 *
 * @packageDocumentation
 */
import { join } from "node:path"
import type { GuardedCommand } from "./command.ts"
import type { ShimAddress } from "./npmrc.ts"

export interface EnvironmentOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly command: GuardedCommand
  readonly shim: ShimAddress
  readonly scopes: readonly string[]
  /** Folder of this run, removed at its end. */
  readonly runDir: string
  /** The configuration written by `runNpmrc`. */
  readonly userConfig: string
  /** Where npm keeps its logs without us: they outlive the run. */
  readonly logsDir: string | undefined
  /** How Yarn is guarded: by its plugin, which also sees warm caches, or by the shim where plugins do not work. */
  readonly yarn: "plugin" | "shim" | undefined
  /** Path of Yarn's plugin, where that guards it. */
  readonly yarnPlugin: string | undefined
  /** What npm starts in place of git. */
  readonly git: string | undefined
  /** The person's `noproxy` of npm's configuration. */
  readonly noProxy?: unknown
}

/** Variables of the person's environment that would outvote ours, in any spelling. */
const OUTVOTES = /^(?:(?:npm|pnpm)_config_(?:registry|registries|@.+:registry|userconfig|npmrc_auth_file|replace[-_]registry[-_]host|prefer[-_]o(?:n|ff)line|offline|cache|cache[-_]dir|logs[-_]dir|no[-_]?proxy|\/\/.*)|no_proxy|bun_config_(?:registry|token))$/i

const GIT = /^npm_config_git$/i

/** The shim's own addresses. */
const LOOPBACK = ["127.0.0.1", "localhost", "::1"]

/**
 * Hosts that no proxy is asked for. A proxy, of a project's file or of the company, would stand between the client and the shim: it would see
 * the token, and could answer in the shim's place.
 */
function withoutProxy(env: EnvironmentOptions["env"], configured: unknown): string {
  const words = [...LOOPBACK, ...Array.isArray(configured) ? configured : [configured], env["NO_PROXY"], env["no_proxy"]]
  return [...new Set(words.flatMap((text) => String(text ?? "").split(",")).map((host) => host.trim()).filter((host) => host !== ""))].join(",")
}

/** The person's environment, as `spawn` wants it. */
export function inherited(env: EnvironmentOptions["env"]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** The environment for the command. */
export function runEnvironment({ env, command, shim, scopes, runDir, userConfig, logsDir, yarn, yarnPlugin, git, noProxy }: EnvironmentOptions): Record<string, string> {
  const result = Object.fromEntries(Object.entries(inherited(env)).filter(([name]) => !OUTVOTES.test(name) && !(git !== undefined && GIT.test(name))))
  const npm: Record<string, string> = {
    userconfig: userConfig, registry: shim.url, replace_registry_host: "always", prefer_online: "true",
    // packuments name this run's port, and npx keeps whole installs: neither may be met again
    cache: join(runDir, "npm-cache"),
    // npm warns of what it does not know
    ...(command.manager === "pnpm" ? { cache_dir: join(runDir, "pnpm-cache") } : {}),
    ...(logsDir === undefined ? {} : { logs_dir: logsDir }),
    ...(git === undefined ? {} : { git }),
  }
  for (const [key, value] of Object.entries(npm)) result[`npm_config_${key}`] = value
  const direct = withoutProxy(env, noProxy)
  // the first for npm and pnpm 10, the second for pnpm 12, the others for everybody else
  for (const name of ["npm_config_noproxy", "PNPM_CONFIG_NO_PROXY", "NO_PROXY", "no_proxy"]) result[name] = direct
  for (const scope of scopes) result[`npm_config_${scope}:registry`] = shim.url
  Object.assign(result, { PNPM_CONFIG_REGISTRY: shim.url, PNPM_CONFIG_NPMRC_AUTH_FILE: userConfig, PNPM_CONFIG_CACHE_DIR: join(runDir, "pnpm-cache") })
  Object.assign(result, { BUN_CONFIG_REGISTRY: shim.url, BUN_CONFIG_TOKEN: shim.token })
  if (command.manager === "pnpm" && (command.isElsewhere || command.isGlobal)) {
    // no lockfile was checked for these, so nothing may come from a store that was filled without us
    result["npm_config_store_dir"] = join(runDir, "pnpm-store")
    result["PNPM_CONFIG_STORE_DIR"] = join(runDir, "pnpm-store")
  }
  if (yarn === "shim") {
    Object.assign(result, {
      YARN_NPM_REGISTRY_SERVER: shim.url.replace(/\/$/, ""), YARN_UNSAFE_HTTP_WHITELIST: "127.0.0.1", YARN_NPM_AUTH_TOKEN: shim.token, YARN_NPM_ALWAYS_AUTH: "true",
      YARN_GLOBAL_FOLDER: join(runDir, "yarn"),
    })
  }
  if (yarnPlugin !== undefined) result["YARN_PLUGINS"] = env["YARN_PLUGINS"] === undefined || env["YARN_PLUGINS"] === "" ? yarnPlugin : `${env["YARN_PLUGINS"]};${yarnPlugin}`
  return result
}

/** The command's arguments, with those that no variable can stand for. */
export function runArguments({ manager, args }: GuardedCommand, scopes: readonly string[], shim: ShimAddress): string[] {
  if (manager !== "pnpm") return [...args]
  // pnpm 11 and 12 take a scope's registry from the project's files before the environment, pnpm 10 `noProxy`
  return [...scopes.map((scope) => `--config.${scope}:registry=${shim.url}`), `--config.no-proxy=${LOOPBACK.join(",")}`, ...args]
}
