import { LOCK_NAME, nodeCrypto } from "@vouchsafe/client/node"
import { parsePolicy, parseRoster, type Roster, VouchsafeError } from "@vouchsafe/core"
import { existsSync } from "node:fs"
import { join, relative } from "node:path"
import type { CliIo } from "../io.ts"
import { usage } from "../usage.ts"
import { type PlannedFile, readIfPresent, writeFiles } from "./files.ts"
import { findManagers, hasConfigDependency, isYarnClassic, type Manager, namedManager, workspaceAbove } from "./managers.ts"
import { guardFiles, namesSchema, policyFile, POLICY_NAME, rosterFile, rosterPath, schemaFile, type Shipped, shipped } from "./plan.ts"
import { refreshPnpmLock } from "./pnpm-lock.ts"
import { readRoster } from "./roster-source.ts"

export interface SetUp {
  readonly managers: readonly Manager[]
  readonly written: readonly PlannedFile[]
  /** What the person should know or do next. */
  readonly notes: readonly string[]
}

/**
 * Writes what guards the project in `io.cwd`: all or nothing.
 * @throws VouchsafeError USAGE, CONFIG_MALFORMED, ROSTER_MALFORMED, and of reading a roster.
 */
export async function setUpProject(io: CliIo, rosterSource: string | undefined, read: Shipped = shipped): Promise<SetUp> {
  const root = io.cwd
  const above = workspaceAbove(root)
  if (above !== undefined) throw usage(`this folder is part of the workspace ${above}, where package managers look for hooks`, `run vouchsafe init in ${above}`)
  refuseOtherPnpmfile(root)
  const managers = findManagers(root)
  const policyText = readIfPresent(join(root, POLICY_NAME))
  if (policyText !== undefined) parsePolicy(policyText)
  const { roster, file, from } = await planRoster(root, rosterSource)
  const files = [...(file === undefined ? [] : [file]), ...(policyText === undefined ? [policyFile(root)] : []), ...(policyText === undefined || namesSchema(policyText) ? [schemaFile(root)] : []), ...managers.flatMap((manager) => guardFiles(root, manager, read))]
  const paths = new Set(writeFiles(root, files))
  const trust = `trusting ${roster.threshold} of ${roster.operators.length} operators (${roster.operators.join(", ")})`
  const notes = file === undefined ? [] : [`${trust}, as ${from} says: make sure that this is who you mean`]
  notes.push(...roster.warnings.map((warning) => `warning: ${warning}`))
  if (managers.includes("pnpm")) notes.push(...await refreshPnpmLock(io, root, paths.has(join(root, ".pnpmfile.cjs"))))
  notes.push(...managers.map((manager) => nextStep(root, manager)))
  if (managers.length > 0 && !existsSync(join(root, LOCK_NAME))) notes.push("optional: `npx vouchsafe lock` writes vouchsafe.lock; with it, installs and `vouchsafe check` need no network, and a change shows who made the code")
  return { managers, written: files.filter((planned) => paths.has(planned.path)), notes }
}

/** pnpm 11 and 12 load .pnpmfile.mjs instead of .pnpmfile.cjs when both are there, and say nothing. */
function refuseOtherPnpmfile(root: string): void {
  if (!existsSync(join(root, ".pnpmfile.mjs"))) return
  throw new VouchsafeError("CONFIG_MALFORMED", ".pnpmfile.mjs exists: pnpm 11 and 12 would load it instead of the guard", {
    hint: "add the guard as a config dependency: pnpm add --config pnpm-plugin-vouchsafe",
  })
}

/** The roster that the project has, or the one that is to be written. */
async function planRoster(root: string, source: string | undefined): Promise<{ roster: Roster; file?: PlannedFile; from: string }> {
  const path = rosterPath(root)
  const present = readIfPresent(path)
  if (source === undefined && present !== undefined) return { roster: parseRoster(nodeCrypto, present), from: relative(root, path) }
  if (relative(root, path).startsWith("..")) {
    throw new VouchsafeError("CONFIG_MALFORMED", `${POLICY_NAME} names a roster outside this folder, ${path}`, { hint: "put the roster there by hand" })
  }
  const { text, roster, from } = await readRoster(root, source)
  return { roster, from, file: rosterFile(path, text) }
}

function nextStep(root: string, manager: Manager): string {
  if (manager === "pnpm") {
    const guarded = hasConfigDependency(root) ? "pnpm: the config dependency guards installs" : "pnpm: installs are guarded; commit the files"
    return `${guarded}. \`pnpm dlx\` and \`--ignore-pnpmfile\` are not: use \`vouchsafe run -- pnpm dlx …\``
  }
  if (manager === "yarn" && !isYarnClassic(root)) {
    const named = namedManager(root)
    const tooOld = named?.name === "yarn" && named.major < 4 ? "; the plugin is made for Yarn 4, so use `vouchsafe run -- yarn …`" : ""
    return `yarn: installs are guarded; commit the files, .yarn/plugins too${tooOld}`
  }
  if (manager === "yarn") return "yarn: Yarn 1 has no plugins, and nothing here guards its installs: use Yarn 4, npm or pnpm"
  return "npm: has no hooks; install with `npx vouchsafe run -- npm ci`"
}
