import { loadNpmConfig } from "@vouchsafe/client/node"
import { type FakeRegistry, startRegistry } from "@vouchsafe/testkit/registry"
import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { removeFolder, ROOT, temporaryFolder } from "../support/folders.ts"
import type { Family, Manager } from "../support/managers.ts"
import { type Ran, run } from "../support/process.ts"
import { node24 } from "../support/runtimes.ts"

/** The command line as it is built; what a person gets from the registry is the same file. */
const CLI = join(ROOT, "packages/cli/bin/vouchsafe.js")
const APP = fileURLToPath(new URL("./app/", import.meta.url))
export const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
/** File that the install script of a tampered package writes into the project. */
export const MARKER = "vouchsafe-tampered"

/** A copy of the app in a folder of its own, with caches of its own, for one package manager. */
export interface Project {
  readonly family: Family
  readonly dir: string
  readonly own: string
  /** Runs a command in it. */
  run(argv: readonly string[]): Promise<Ran>
  has(path: string): boolean
  read(path: string): string
}

export interface World {
  readonly registry: FakeRegistry
  readonly networkFolder: string
  readonly roster: string
  project(name: string, family: Family): Project
  /** `vouchsafe …` in a project. */
  vouchsafe(project: Project, ...args: string[]): Promise<Ran>
  /** The package manager's own install, guarded the way its family is. */
  install(project: Project, ...more: string[]): Promise<Ran>
  network(...args: string[]): Promise<Ran>
  /** A `vouchsafe …` that goes on by itself, as what `network up` starts does. */
  begin(...args: string[]): ChildProcess
  end(): Promise<void>
}

/** A registry on loopback that passes the person's own registry through, and room for projects and a network. */
export async function openWorld(managers: Readonly<Record<Family, Manager>>): Promise<World> {
  const folder = temporaryFolder("demo")
  const networkFolder = join(folder, "network")
  const { default: upstream } = await loadNpmConfig({ dir: folder, env: process.env })
  const registry = await startRegistry({ upstream })
  const runtime = node24()
  const project = (name: string, family: Family): Project => {
    const dir = join(folder, name)
    const own = join(folder, `${name}-own`)
    mkdirSync(join(own, "home"), { recursive: true })
    cpSync(APP, dir, { recursive: true })
    configure(dir, registry.url, family)
    const env = environmentOf(own, [managers[family].binDir, runtime.binDir])
    return {
      family, dir, own,
      run: (argv) => run(argv, { cwd: dir, env }),
      has: (path) => existsSync(join(dir, path)),
      read: (path) => readFileSync(join(dir, path), "utf8"),
    }
  }
  const operators = project("operators", "npm")
  const vouchsafe = (at: Project, ...args: string[]): Promise<Ran> => at.run(["node", CLI, ...args])
  const network = (...args: string[]): Promise<Ran> => vouchsafe(operators, "network", ...args, "--data", networkFolder)
  return {
    registry, networkFolder, project, vouchsafe, network,
    begin(...args) {
      const child = spawn(join(runtime.binDir, "node"), [CLI, ...args], { cwd: operators.dir, env: environmentOf(operators.own, [runtime.binDir]), stdio: ["ignore", "pipe", "ignore"], detached: true })
      child.unref()
      return child
    },
    roster: join(networkFolder, "vouchsafe.roster.json"),
    install: (at, ...more) => at.family === "npm" ? vouchsafe(at, "run", "--", "npm", "install", ...more) : at.run([at.family, more.length === 0 ? "install" : "add", ...more]),
    async end() {
      if (existsSync(join(networkFolder, "network.json"))) await network("down")
      await registry.close()
      removeFolder(folder)
    },
  }
}

function configure(dir: string, registry: string, family: Family): void {
  if (family !== "yarn") writeFileSync(join(dir, ".npmrc"), `registry=${registry}\n`)
  else writeFileSync(join(dir, ".yarnrc.yml"), `npmRegistryServer: "${registry}"\nunsafeHttpWhitelist:\n  - 127.0.0.1\nnodeLinker: node-modules\nenableGlobalCache: false\nenableTelemetry: false\n`)
  // An empty lockfile makes the folder a Yarn project of its own; the name says whose it is.
  if (family === "yarn") writeFileSync(join(dir, "yarn.lock"), "")
  if (family === "pnpm") writeFileSync(join(dir, "pnpm-workspace.yaml"), `packages: []\n# ${basename(dir)}\nmanagePackageManagerVersions: false\ndangerouslyAllowAllBuilds: true\n`)
}

function environmentOf(own: string, path: readonly string[]): Record<string, string> {
  return {
    PATH: [...path, process.env["PATH"] ?? ""].join(":"), HOME: join(own, "home"), VOUCHSAFE_HOME: join(own, "vouchsafe"), NO_COLOR: "1",
    npm_config_cache: join(own, "npm-cache"), npm_config_store_dir: join(own, "pnpm-store"), npm_config_audit: "false", npm_config_fund: "false", npm_config_update_notifier: "false",
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
  }
}
