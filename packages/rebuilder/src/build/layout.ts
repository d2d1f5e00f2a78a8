/**
 * What a build sees: its folders, its environment, its commands. All of it is made here, nothing is inherited.
 *
 * @packageDocumentation
 */
import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { SandboxMount } from "../sandbox/executor.ts"
import type { Toolchain } from "../toolchain/toolchain.ts"

/** Port inside on which the frozen view answers. */
export const VIEW_PORT = 4873
const REGISTRY = `http://127.0.0.1:${VIEW_PORT}/`
/** Places inside. Tools make `out` themselves: some refuse a folder that is there. */
export const INSIDE = {
  source: "/build/source", beside: "/build/beside", out: "/build/beside/package", packed: "/build/packed", tools: "/build/tools", home: "/build/home",
  commands: "/toolchain/bin", toolchain: "/toolchain/managers", node: "/toolchain/node",
} as const

/** Folders of the host for one build. */
export interface BuildFolders {
  readonly source: string
  readonly beside: string
  readonly packed: string
  readonly tools: string
  readonly home: string
  readonly commands: string
}

/** Makes the folders under `workspace`; `source` is there already. */
export async function makeFolders(workspace: string, source: string): Promise<BuildFolders> {
  const folder = async (name: string): Promise<string> => {
    const path = join(workspace, name)
    await mkdir(path)
    return path
  }
  return { source, beside: await folder("beside"), packed: await folder("packed"), tools: await folder("tools"), home: await folder("home"), commands: await folder("commands") }
}

/** Writes the commands that builds find on their PATH: node, and the managers of the recipe. */
export async function writeCommands(folder: string, toolchains: readonly Toolchain[]): Promise<void> {
  const write = async (name: string, line: string): Promise<void> => {
    await writeFile(join(folder, name), `#!/bin/sh\nexec ${line} "$@"\n`, { flag: "wx" })
    await chmod(join(folder, name), 0o755)
  }
  await write("node", INSIDE.node)
  for (const { manager, version, commands } of toolchains) {
    for (const [name, path] of Object.entries(commands)) await write(name, `${INSIDE.node} ${managerFile(manager, version, path)}`)
  }
}

/** A file of a manager as builds see it. */
export function managerFile(manager: string, version: string, path: string): string {
  return `${INSIDE.toolchain}/${manager}-${version}/${path}`
}

/** What of the host a build sees. The published tarball is in none of these folders. */
export function mountsOf(folders: BuildFolders, toolchains: readonly Toolchain[], nodePath: string): readonly SandboxMount[] {
  return [
    ...(["source", "beside", "packed", "tools", "home"] as const).map((name) => ({ host: folders[name], inside: INSIDE[name], writable: true })),
    { host: folders.commands, inside: INSIDE.commands, writable: false },
    { host: nodePath, inside: INSIDE.node, writable: false },
    ...toolchains.map(({ manager, version, folder }) => ({ host: folder, inside: managerFile(manager, version, "").replace(/\/$/, ""), writable: false })),
  ]
}

/** The whole environment of a build: every manager's way to be told the registry, to ask nobody, and to change nothing of itself. */
export function buildEnvironment(frozenAt: number): Readonly<Record<string, string>> {
  const npm = {
    registry: REGISTRY, audit: "false", fund: "false", update_notifier: "false", progress: "false", color: "false", loglevel: "warn", yes: "true",
    cache: `${INSIDE.home}/npm-cache`, store_dir: `${INSIDE.home}/pnpm-store`, manage_package_manager_versions: "false", package_manager_strict: "false", engine_strict: "false",
    verify_deps_before_run: "false", minimum_release_age: "0", fetch_retries: "1", fetch_retry_mintimeout: "1000", fetch_retry_maxtimeout: "2000", package_import_method: "copy",
  }
  return {
    PATH: `${INSIDE.commands}:/usr/local/bin:/usr/bin:/bin`, HOME: INSIDE.home, TMPDIR: "/tmp", LANG: "C.UTF-8", LC_ALL: "C.UTF-8", TZ: "UTC", CI: "true", NO_COLOR: "1",
    SOURCE_DATE_EPOCH: String(frozenAt),
    COREPACK_ENABLE_NETWORK: "0", COREPACK_ENABLE_STRICT: "0", COREPACK_ENABLE_PROJECT_SPEC: "0",
    YARN_IGNORE_PATH: "1", YARN_REGISTRY: REGISTRY, YARN_NPM_REGISTRY_SERVER: REGISTRY.replace(/\/$/, ""), YARN_UNSAFE_HTTP_WHITELIST: "127.0.0.1", YARN_ENABLE_TELEMETRY: "0",
    YARN_ENABLE_GLOBAL_CACHE: "1", YARN_GLOBAL_FOLDER: `${INSIDE.home}/yarn`, YARN_CACHE_FOLDER: `${INSIDE.home}/yarn-cache`, YARN_ENABLE_SCRIPTS: "0", YARN_ENABLE_HARDENED_MODE: "0", YARN_NPM_MINIMAL_AGE_GATE: "0",
    ...Object.fromEntries(Object.entries(npm).flatMap(([name, value]) => [[`npm_config_${name}`, value], [`pnpm_config_${name}`, value]])),
  }
}
