import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import type { Manager } from "./managers.ts"
import type { Runtime } from "./runtimes.ts"

/** A person's account: a home of its own, with every cache, store and configuration below it. */
export interface Sandbox {
  readonly dir: string
  readonly home: string
  /** The whole environment of a command: nothing of this process's own gets in. */
  env(given: { readonly runtime: Runtime; readonly manager?: Manager; readonly path?: readonly string[]; readonly more?: Readonly<Record<string, string>> }): Record<string, string>
  /** Makes a project's folder. Text as it stands, anything else as JSON. */
  project(name: string, files: Readonly<Record<string, unknown>>): string
  /** Removes everything that package managers keep for later: the next install is a cold one. */
  forgetCaches(): void
}

/** Set in every sandbox: where npm's and pnpm's fixtures leave their mark (see fixtures.ts). */
export const MARKER_VARIABLE = "VOUCHSAFE_E2E_MARKER"

export interface SandboxOptions {
  /** The person's registry, as `~/.npmrc` and `~/.yarnrc.yml` name it. */
  readonly registry: string
  /** Further lines of `~/.npmrc`. */
  readonly npmrc?: readonly string[]
  /** Further lines of `~/.yarnrc.yml`. */
  readonly yarnrc?: readonly string[]
  /** The network's nodes run with this Node where the client's own is too old. */
  readonly nodeRuntime?: Runtime
}

export function createSandbox(dir: string, { registry, npmrc = [], yarnrc = [], nodeRuntime }: SandboxOptions): Sandbox {
  const home = join(dir, "home")
  const folders = { XDG_CACHE_HOME: ".cache", XDG_CONFIG_HOME: ".config", XDG_DATA_HOME: ".local/share", XDG_STATE_HOME: ".local/state" }
  for (const folder of Object.values(folders)) mkdirSync(join(home, folder), { recursive: true })
  for (const folder of ["run", "tmp"]) mkdirSync(join(dir, folder))
  chmodSync(join(dir, "run"), 0o700)
  writeFileSync(join(home, ".npmrc"), [`registry=${registry}`, "audit=false", "fund=false", "update-notifier=false", ...npmrc, ""].join("\n"), { mode: 0o600 })
  const lines = [`npmRegistryServer: ${JSON.stringify(registry)}`, "unsafeHttpWhitelist: [127.0.0.1]", "enableTelemetry: false", "enableGlobalCache: false", "nodeLinker: node-modules", "enableScripts: true"]
  writeFileSync(join(home, ".yarnrc.yml"), [...lines, ...yarnrc, ""].join("\n"))
  return {
    dir, home,
    env: ({ runtime, manager, path = [], more = {} }) => ({
      PATH: [...path, ...(manager === undefined ? [] : [manager.binDir]), runtime.binDir, "/usr/bin", "/bin"].join(delimiter),
      HOME: home, USER: "tester", SHELL: "/bin/sh", LANG: "C.UTF-8", TMPDIR: join(dir, "tmp"), XDG_RUNTIME_DIR: join(dir, "run"),
      ...Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, join(home, folder)])),
      NO_COLOR: "1", [MARKER_VARIABLE]: join(dir, "marker"),
      ...(nodeRuntime === undefined ? {} : { VOUCHSAFE_NODE_RUNTIME: nodeRuntime.node }),
      ...more,
    }),
    project(name, files) {
      const folder = join(dir, name)
      mkdirSync(folder, { recursive: true })
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(join(folder, path, ".."), { recursive: true })
        writeFileSync(join(folder, path), typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`)
      }
      return folder
    },
    forgetCaches() {
      for (const kept of [".cache", ".local/share", ".npm", ".yarn"]) rmSync(join(home, kept), { recursive: true, force: true })
      for (const kept of readdirSync(join(dir, "tmp"))) rmSync(join(dir, "tmp", kept), { recursive: true, force: true })
      for (const folder of Object.values(folders)) mkdirSync(join(home, folder), { recursive: true })
    },
  }
}
