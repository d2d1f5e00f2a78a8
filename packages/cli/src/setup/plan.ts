import { POLICY_FORMAT, VouchsafeError } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { parseDocument, YAMLSeq } from "yaml"
import type { PlannedFile } from "./files.ts"
import { isYarnClassic, type Manager } from "./managers.ts"

export const POLICY_NAME = "vouchsafe.json"
export const ROSTER_NAME = "vouchsafe.roster.json"
const YARN_PLUGIN_PATH = ".yarn/plugins/@vouchsafe/yarn-plugin.cjs"
const YARN_PLUGIN_SPEC = "@vouchsafe/yarn-plugin"

/** The file of a package that comes with this one. */
function shipped(packageName: string, file: string): Buffer {
  try {
    return readFileSync(join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), file))
  } catch (cause) {
    throw new VouchsafeError("NOT_FOUND", `${packageName} with ${file} is not installed beside vouchsafe`, { cause, hint: "install vouchsafe again, with its dependencies" })
  }
}

/** The policy that a new project gets: everything at its default. */
export function policyFile(root: string): PlannedFile {
  return {
    path: join(root, POLICY_NAME), why: "the rules; everything at its default", edits: false,
    content: `${JSON.stringify({ format: POLICY_FORMAT, roster: `./${ROSTER_NAME}` }, null, 2)}\n`,
  }
}

export function rosterFile(root: string, content: string): PlannedFile {
  return { path: join(root, ROSTER_NAME), content, why: "who is trusted; review every change of it", edits: false }
}

/** The files that guard a manager's installs in this project. */
export function guardFiles(root: string, manager: Manager): PlannedFile[] {
  if (manager === "pnpm") {
    return [
      { path: join(root, ".pnpmfile.cjs"), content: shipped("pnpm-plugin-vouchsafe", "pnpmfile.cjs"), why: "pnpm's hook; tiny, never changes", edits: false },
      { path: join(root, ".vouchsafe/core.mjs"), content: shipped("pnpm-plugin-vouchsafe", "dist/core.mjs"), why: "the check that pnpm's hook loads", edits: false },
    ]
  }
  if (manager === "yarn" && !isYarnClassic(root)) {
    return [
      { path: join(root, YARN_PLUGIN_PATH), content: shipped("@vouchsafe/yarn-plugin", "dist/yarn-plugin.cjs"), why: "Yarn's plugin", edits: false },
      { path: join(root, ".yarnrc.yml"), content: withPlugin(readIfThere(join(root, ".yarnrc.yml"))), why: "names the plugin", edits: true },
    ]
  }
  return []
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : ""
}

interface PluginEntry {
  readonly path: string
  readonly spec: string
}

function isOurs(entry: unknown): boolean {
  return typeof entry === "object" && entry !== null && "path" in entry && entry.path === YARN_PLUGIN_PATH
}

/** A .yarnrc.yml with the plugin named, comments kept. */
export function withPlugin(text: string): string {
  const { document, plugins } = readPlugins(text)
  if (plugins.some(isOurs)) return text
  const entry: PluginEntry = { path: YARN_PLUGIN_PATH, spec: YARN_PLUGIN_SPEC }
  if (document.get("plugins") instanceof YAMLSeq) document.addIn(["plugins"], document.createNode(entry))
  else document.set("plugins", document.createNode([entry]))
  return document.toString()
}

/** A .yarnrc.yml without the plugin; undefined when nothing else is left in it. */
export function withoutPlugin(text: string): string | undefined {
  const { document, plugins } = readPlugins(text)
  const at = plugins.findIndex(isOurs)
  if (at < 0) return text
  if (plugins.length === 1) document.delete("plugins")
  else document.deleteIn(["plugins", at])
  const rest = document.toJS() as object | null
  return rest === null || Object.keys(rest).length === 0 ? undefined : document.toString()
}

function readPlugins(text: string): { document: ReturnType<typeof parseDocument>; plugins: readonly unknown[] } {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error !== undefined) throw new VouchsafeError("CONFIG_MALFORMED", `.yarnrc.yml cannot be read: ${error.message}`, { hint: "repair it first" })
  const settings = document.toJS() as { plugins?: unknown } | null
  const plugins = settings?.plugins ?? []
  if (!Array.isArray(plugins)) throw new VouchsafeError("CONFIG_MALFORMED", ".yarnrc.yml: plugins is no list, expected one")
  return { document, plugins }
}
