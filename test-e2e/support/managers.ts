import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { cacheFolder } from "./folders.ts"
import { installInCache } from "./npm-install.ts"

export type Family = "npm" | "pnpm" | "yarn"
export type ManagerId = "npm10" | "npm11" | "npm12" | "pnpm10" | "pnpm11" | "pnpm12" | "yarn4"

/** One version of a package manager, ready to run. */
export interface Manager {
  readonly id: ManagerId
  readonly family: Family
  readonly version: string
  /** Folder with its commands and nothing else, for the PATH. */
  readonly binDir: string
}

interface Recipe {
  readonly family: Family
  readonly version: string
  readonly package: string
  /** Commands by name: the file below node_modules, and whether Node runs it. */
  readonly commands: Readonly<Record<string, { readonly file: string; readonly native?: boolean }>>
}

const npm = (version: string): Recipe => ({
  family: "npm", version, package: "npm", commands: { npm: { file: "npm/bin/npm-cli.js" }, npx: { file: "npm/bin/npx-cli.js" } },
})
const pnpm = (version: string): Recipe => ({ family: "pnpm", version, package: "pnpm", commands: { pnpm: { file: "pnpm/bin/pnpm.cjs" } } })

/** The versions of CLIENTS.md: what was tried there by hand is tried here by machine. */
const RECIPES: Readonly<Record<ManagerId, Recipe>> = {
  npm10: npm("10.9.9"),
  npm11: npm("11.21.2"),
  npm12: npm("12.2.0"),
  pnpm10: pnpm("10.34.9"),
  pnpm11: { ...pnpm("11.28.11"), commands: { pnpm: { file: "pnpm/bin/pnpm.mjs" } } },
  // A native program in a package of its own for each platform.
  pnpm12: { ...pnpm("12.21.0"), commands: { pnpm: { file: `@pnpm/exe.${process.platform}-${process.arch}/pnpm`, native: true } } },
  yarn4: { family: "yarn", version: "4.18.1", package: "@yarnpkg/cli-dist", commands: { yarn: { file: "@yarnpkg/cli-dist/bin/yarn.js" } } },
}

export const MANAGER_IDS = Object.keys(RECIPES) as readonly ManagerId[]

export function familyOf(id: ManagerId): Family {
  return RECIPES[id].family
}

/** Installs a package manager into the cache folder, unless it is there. */
export async function getManager(id: ManagerId): Promise<Manager> {
  const { family, version, package: name, commands } = RECIPES[id]
  const folder = await installInCache(name, version)
  const binDir = cacheFolder("managers", id)
  for (const [command, { file, native }] of Object.entries(commands)) {
    const path = join(folder, "node_modules", file)
    // `node` is the PATH's: the same manager runs with each Node that is tested.
    const script = native === true ? `#!/bin/sh\nexec "${path}" "$@"\n` : `#!/bin/sh\nexec node "${path}" "$@"\n`
    writeAtomic(join(binDir, command), script)
  }
  return { id, family, version, binDir }
}

function writeAtomic(path: string, text: string): void {
  const fresh = mkdtempSync(join(cacheFolder("tmp"), "bin-"))
  writeFileSync(join(fresh, basename(path)), text, { mode: 0o755 })
  renameSync(join(fresh, basename(path)), path)
  rmSync(fresh, { recursive: true })
}
