import { VouchsafeError } from "@vouchsafe/core"
import { parseDocument, YAMLSeq } from "yaml"

/** Where Yarn keeps a project's plugins. */
export const YARN_PLUGIN_PATH = ".yarn/plugins/@vouchsafe/yarn-plugin.cjs"
const YARN_PLUGIN_SPEC = "@vouchsafe/yarn-plugin"
/** What is added where no plugin is named yet; taken away as it stands, so that nothing else in the file ever changes. */
const BLOCK = `plugins:\n  - path: ${YARN_PLUGIN_PATH}\n    spec: "${YARN_PLUGIN_SPEC}"\n`
const DUMP = { lineWidth: 0 } as const

/** A .yarnrc.yml with the plugin named, and all else as it was. @throws VouchsafeError CONFIG_MALFORMED. */
export function withPlugin(text: string): string {
  const { document, plugins, isMap } = readPlugins(text)
  if (plugins.some(isOurs)) return text
  if (isMap && !document.has("plugins")) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${text === "" ? "" : "\n"}${BLOCK}`
  const entry = { path: YARN_PLUGIN_PATH, spec: YARN_PLUGIN_SPEC }
  if (document.get("plugins") instanceof YAMLSeq) document.addIn(["plugins"], document.createNode(entry))
  else document.set("plugins", document.createNode([entry]))
  return document.toString(DUMP)
}

/** A .yarnrc.yml without the plugin; undefined when nothing else is left in it. @throws VouchsafeError CONFIG_MALFORMED. */
export function withoutPlugin(text: string): string | undefined {
  const { document, plugins } = readPlugins(text)
  const at = plugins.findIndex(isOurs)
  if (at < 0) return text
  if (text === BLOCK) return undefined
  if (text.endsWith(`\n\n${BLOCK}`)) return text.slice(0, -BLOCK.length - 1)
  if (plugins.length === 1) document.delete("plugins")
  else document.deleteIn(["plugins", at])
  const rest = document.toJS() as object | null
  return rest === null || Object.keys(rest).length === 0 ? undefined : document.toString(DUMP)
}

/** Tells whether a .yarnrc.yml names the plugin. @throws VouchsafeError CONFIG_MALFORMED. */
export function namesPlugin(text: string): boolean {
  return readPlugins(text).plugins.some(isOurs)
}

/** Yarn takes an entry as a path alone too. */
function isOurs(entry: unknown): boolean {
  const path = typeof entry === "object" && entry !== null && "path" in entry ? entry.path : entry
  return path === YARN_PLUGIN_PATH || path === `./${YARN_PLUGIN_PATH}`
}

function readPlugins(text: string): { document: ReturnType<typeof parseDocument>; plugins: readonly unknown[]; isMap: boolean } {
  const document = parseDocument(text)
  const [error] = document.errors
  const malformed = (why: string): VouchsafeError => new VouchsafeError("CONFIG_MALFORMED", `.yarnrc.yml ${why}`, { hint: "repair it first" })
  if (error !== undefined) throw malformed(`cannot be read: ${error.message.split("\n", 1)[0] ?? ""}`)
  const settings: unknown = document.toJS()
  if (settings === null || settings === undefined) return { document, plugins: [], isMap: true }
  if (typeof settings !== "object" || Array.isArray(settings)) throw malformed("holds no settings, expected a map")
  const plugins = (settings as { plugins?: unknown }).plugins ?? []
  if (!Array.isArray(plugins)) throw malformed("has plugins that are no list")
  // Only a map of lines can get more lines at its end.
  return { document, plugins, isMap: !text.trimStart().startsWith("{") }
}
