import { findManagers, isYarnClassic, type Manager } from "./managers.ts"
import { guardFiles, POLICY_NAME } from "./plan.ts"
import { stateOf } from "./files.ts"
import { httpTransport, nodeCrypto, type Project, systemClock } from "@vouchsafe/client/node"
import { CLOCK_SKEW_SECONDS_MAX, headChecker, isVouchsafeError, type RosterNode, shown } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { parse } from "yaml"
import { readHead } from "../logs/read.ts"

/** One thing that was looked at. */
export interface Finding {
  readonly check: string
  readonly state: "ok" | "warning" | "problem" | "unreachable"
  readonly detail: string
  readonly hint?: string
}

/** Settings that make pnpm skip its pnpmfile (seen: CLIENTS, THREATS A5). */
const PNPM_BYPASSES = ["ignorePnpmfile", "ignore-pnpmfile", "pnpmfile", "globalPnpmfile"]

/** Whether each package manager's guard is in force in this folder. */
export function checkGuards(project: Project): Finding[] {
  const root = dirname(project.configPath)
  return findManagers(root).flatMap((manager) => checkGuard(root, manager))
}

function checkGuard(root: string, manager: Manager): Finding[] {
  const files = guardFiles(root, manager)
  if (files.length === 0) {
    const why = manager === "yarn" && isYarnClassic(root) ? "Yarn 1 has no plugins" : "npm has no hooks"
    return [{ check: `${manager} guard`, state: "warning", detail: `${why}: only installs through the shim are guarded`, hint: `install with \`vouchsafe run -- ${manager} …\`` }]
  }
  if (manager === "pnpm" && hasConfigDependency(root)) {
    return [{ check: "pnpm guard", state: "ok", detail: "the config dependency pnpm-plugin-vouchsafe is named in pnpm-workspace.yaml" }, ...pnpmBypasses(root)]
  }
  const findings = files.map((file): Finding => {
    const name = relative(root, file.path)
    const state = stateOf(file)
    if (state === "ours") return { check: `${manager} guard`, state: "ok", detail: `${name} is the one of this release` }
    return { check: `${manager} guard`, state: "problem", detail: state === "missing" ? `${name} is missing` : `${name} is not the one of this release`, hint: "run `vouchsafe init`; if it was changed on purpose, move it away first" }
  })
  return manager === "pnpm" ? [...findings, ...pnpmBypasses(root)] : findings
}

function hasConfigDependency(root: string): boolean {
  const settings = readYaml(join(root, "pnpm-workspace.yaml"))
  const dependencies = settings?.["configDependencies"]
  return typeof dependencies === "object" && dependencies !== null && Object.hasOwn(dependencies, "pnpm-plugin-vouchsafe")
}

function pnpmBypasses(root: string): Finding[] {
  const settings = readYaml(join(root, "pnpm-workspace.yaml")) ?? {}
  const npmrc = existsSync(join(root, ".npmrc")) ? readFileSync(join(root, ".npmrc"), "utf8") : ""
  const named = PNPM_BYPASSES.filter((key) => Object.hasOwn(settings, key) || new RegExp(`^\\s*${key}\\s*=`, "m").test(npmrc))
  return named.map((key) => ({ check: "pnpm guard", state: "problem", detail: `the setting ${key} makes pnpm skip the guard`, hint: "remove it from pnpm-workspace.yaml or .npmrc" }))
}

function readYaml(path: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(path)) return undefined
  const value: unknown = parse(readFileSync(path, "utf8"))
  return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : undefined
}

/** Whether policy, roster and registries fit together. */
export function checkTrust(project: Project): Finding[] {
  const { roster, registries } = project
  const findings: Finding[] = [{ check: POLICY_NAME, state: "ok", detail: `${project.policy.preset}, threshold ${Math.max(roster.threshold, project.policy.threshold ?? 0)} of ${roster.operators.length} operators` }]
  if (project.policy.preset === "observe") findings.push({ check: POLICY_NAME, state: "warning", detail: "the preset observe reports and never blocks" })
  if (roster.singleOperator) findings.push({ check: "roster", state: "warning", detail: "a single operator: its word is all there is" })
  for (const warning of roster.warnings) findings.push({ check: "roster", state: "warning", detail: warning })
  for (const registry of new Set([registries.default, ...Object.values(registries.scopes)])) {
    if (!roster.registries.includes(registry)) {
      findings.push({ check: "registries", state: "problem", detail: `no node of the roster observes ${registry}, which your npm configuration names`, hint: "packages from it will be refused" })
    }
  }
  return findings
}

/** Asks every node of the roster for its heads: reachable, cosigned, fresh. */
export async function checkNodes(project: Project): Promise<Finding[]> {
  const transport = httpTransport()
  const now = Math.floor(systemClock.nowMs() / 1000)
  const heads = headChecker(nodeCrypto, project.roster, now)
  const check = async (node: RosterNode): Promise<Finding> => {
    const about = `node of ${node.operator}`
    try {
      const { signed } = await readHead(nodeCrypto, transport, { url: `${node.url}notices/`, key: node.notices })
      const result = heads.check(node, node.notices, signed)
      if (!result.ok) return { check: about, state: "problem", detail: shown(result.message), hint: result.reason === "ahead" ? "set this machine's clock" : "its operator should look at its witnesses" }
      const age = now - result.head.timeSeconds
      if (age > project.policy.maxNoticeAgeSeconds) return { check: about, state: "problem", detail: `its withdrawals are ${age} s old`, hint: "its operator should look at its witnesses" }
      return { check: about, state: "ok", detail: `answers; its withdrawals were cosigned ${Math.max(0, age)} s ago` }
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return { check: about, state: "unreachable", detail: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
    }
  }
  try {
    const nodes = await Promise.all(project.roster.nodes.map(check))
    const reached = nodes.filter((finding) => finding.state === "ok").length
    const enough = reached >= project.roster.threshold
    return [...nodes, { check: "quorum", state: enough ? "ok" : "problem", detail: `${reached} of ${nodes.length} nodes can vouch, ${project.roster.threshold} are needed; clocks may differ by ${CLOCK_SKEW_SECONDS_MAX} s` }]
  } finally {
    transport.close()
  }
}
