/**
 * Whether each package manager's guard is in force in a folder, and what would switch it off (THREATS A5; CLIENTS).
 *
 * @packageDocumentation
 */
import type { Env, NpmRegistries } from "@vouchsafe/client/node"
import { existsSync } from "node:fs"
import { join, relative } from "node:path"
import { type Finding } from "./finding.ts"
import { readIfPresent, stateOf } from "./files.ts"
import { findManagers, hasConfigDependency, isYarnClassic, type Manager, namedManager, pnpmSettings } from "./managers.ts"
import { guardFiles, type Shipped, shipped } from "./plan.ts"
import { knowsHook } from "./pnpm-lock.ts"
import { namesPlugin } from "./yarnrc.ts"

const HOOK = ".pnpmfile.cjs"
const REPAIR = "run `vouchsafe init`; if it was changed on purpose, move it away first"

/** Looks at the guards of every package manager in use in `root`. */
export function checkGuards(root: string, npm: Pick<NpmRegistries, "raw">, env: Env, read: Shipped = shipped): Finding[] {
  return findManagers(root).flatMap((manager) => {
    if (manager === "pnpm") return [...pnpmGuard(root, read), ...pnpmBypasses(root, npm, env), ...pnpmChecksum(root)]
    if (manager === "yarn" && !isYarnClassic(root)) return yarnGuard(root, env, read)
    if (manager === "yarn") return [{ check: "yarn guard", state: "problem", detail: "Yarn 1 has no plugins: nothing guards its installs", hint: "use Yarn 4, npm or pnpm" }]
    return [{ check: "npm guard", state: "warning", detail: "npm has no hooks: only installs through the shim are guarded", hint: "install with `vouchsafe run -- npm …`" }]
  })
}

function pnpmGuard(root: string, read: Shipped): Finding[] {
  if (hasConfigDependency(root)) return [{ check: "pnpm guard", state: "ok", detail: "the config dependency pnpm-plugin-vouchsafe is named in pnpm-workspace.yaml" }]
  return fileFindings(root, "pnpm", read)
}

function fileFindings(root: string, manager: Manager, read: Shipped): Finding[] {
  return guardFiles(root, manager, read).map((file): Finding => {
    const check = `${manager} guard`
    const name = relative(root, file.path)
    const state = stateOf(file)
    if (state === "ours") return { check, state: "ok", detail: file.place === "edited" ? `${name} names the plugin` : `${name} is the one of this release` }
    const detail = state === "missing" ? `${name} is missing` : file.place === "edited" ? `${name} does not name the plugin` : `${name} is not the one of this release`
    return { check, state: "problem", detail, hint: REPAIR }
  })
}

/** Settings that make pnpm pass the guard by (seen with pnpm 10, 11 and 12), wherever they are set. */
function pnpmBypasses(root: string, npm: Pick<NpmRegistries, "raw">, env: Env): Finding[] {
  const settings = pnpmSettings(root) ?? {}
  const problem = (detail: string, hint: string): Finding => ({ check: "pnpm guard", state: "problem", detail, hint })
  const findings: Finding[] = []
  for (const [place, value] of [["pnpm-workspace.yaml: ignorePnpmfile", settings["ignorePnpmfile"]], [".npmrc: ignore-pnpmfile", npm.raw("ignore-pnpmfile")], ["PNPM_CONFIG_IGNORE_PNPMFILE", env["PNPM_CONFIG_IGNORE_PNPMFILE"]]] as const) {
    if (isSet(value)) findings.push(problem(`${place} makes pnpm skip the guard`, "remove that setting"))
  }
  if (hasConfigDependency(root)) return findings
  for (const [place, value] of [["pnpm-workspace.yaml: pnpmfile", settings["pnpmfile"]], [".npmrc: pnpmfile", npm.raw("pnpmfile")], ["PNPM_CONFIG_PNPMFILE", env["PNPM_CONFIG_PNPMFILE"]]] as const) {
    if (value !== undefined && value !== null && value !== "" && !namesHook(value)) findings.push(problem(`${place} names other files than ${HOOK}, so pnpm does not load the guard`, `add ${HOOK} to it, or remove it`))
  }
  if (existsSync(join(root, ".pnpmfile.mjs"))) findings.push(problem(".pnpmfile.mjs is there: pnpm 11 and 12 load it instead of the guard", "use the config dependency: pnpm add --config pnpm-plugin-vouchsafe"))
  return findings
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== "" && value !== "false"
}

function namesHook(value: unknown): boolean {
  return (Array.isArray(value) ? value : [value]).some((name) => name === HOOK || name === `./${HOOK}`)
}

function pnpmChecksum(root: string): Finding[] {
  const lockfile = readIfPresent(join(root, "pnpm-lock.yaml"))
  if (lockfile === undefined || knowsHook(lockfile)) return []
  return [{ check: "pnpm guard", state: "warning", detail: "pnpm-lock.yaml does not know the hook: frozen installs fail", hint: "run `pnpm install --lockfile-only` once and commit it" }]
}

function yarnGuard(root: string, env: Env, read: Shipped): Finding[] {
  const findings = fileFindings(root, "yarn", read)
  const other = env["YARN_RC_FILENAME"]
  if (other !== undefined && other !== "" && other !== ".yarnrc.yml" && !namesPlugin(readIfPresent(join(root, other)) ?? "")) {
    findings.push({ check: "yarn guard", state: "problem", detail: `YARN_RC_FILENAME makes Yarn read ${other}, which does not name the plugin`, hint: "unset it" })
  }
  const named = namedManager(root)
  if (named?.name === "yarn" && named.major < 4) {
    findings.push({ check: "yarn guard", state: "warning", detail: `package.json asks for Yarn ${named.major}, and the plugin is made for Yarn 4`, hint: "install with `vouchsafe run -- yarn …`, or use Yarn 4" })
  }
  return findings
}
