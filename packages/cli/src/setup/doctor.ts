import { type Env, httpTransport, nodeCrypto, type Project, readList, systemClock } from "@vouchsafe/client/node"
import { CLOCK_SKEW_SECONDS_MAX, type HeadChecker, headChecker, isVouchsafeError, type RosterNode } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"
import { standing } from "../allow/exceptions.ts"
import { readHead } from "../logs/read.ts"
import type { Finding } from "./finding.ts"
import { POLICY_NAME } from "./plan.ts"

/** Whether policy, roster and the registries of the project's package managers fit together. */
export function checkTrust({ roster, policy }: Pick<Project, "roster" | "policy">, registries: Iterable<string>, now: number): Finding[] {
  const threshold = Math.max(roster.threshold, policy.threshold ?? 0)
  const findings: Finding[] = [{ check: POLICY_NAME, state: "ok", detail: `${policy.preset}, threshold ${threshold} of ${roster.operators.length} operators` }]
  if (threshold > roster.operators.length) findings.push({ check: POLICY_NAME, state: "problem", detail: `threshold ${threshold}, and the roster has ${roster.operators.length} operators: nothing can be allowed`, hint: "lower it, or add operators to the roster" })
  if (policy.preset === "observe") findings.push({ check: POLICY_NAME, state: "warning", detail: "the preset observe reports and never blocks" })
  for (const [code, severity] of policy.rules) if (severity !== "deny" && policy.preset !== "observe") findings.push({ check: POLICY_NAME, state: "warning", detail: `the rule ${code} is set to ${severity}` })
  for (const { purl, code, until, daysLeft, state } of standing(policy, now)) {
    const over = state === "ended"
    const left = state === "ends soon" ? `, ${daysLeft} ${daysLeft === 1 ? "day" : "days"} left` : ""
    findings.push({ check: POLICY_NAME, state: state === "holds" ? "ok" : "warning", detail: `exception for ${purl}, ${code}, ${over ? "ended" : "until"} ${until}${left}`, ...(state === "holds" ? {} : { hint: over ? "remove it, or set another day" : "it is refused again then: set another day, or install another version" }) })
  }
  if (roster.singleOperator) findings.push({ check: "roster", state: "warning", detail: "a single operator: its word is all there is" })
  for (const warning of roster.warnings) findings.push({ check: "roster", state: "warning", detail: warning })
  for (const registry of new Set(registries)) {
    if (!roster.registries.includes(registry)) {
      findings.push({ check: "registries", state: "problem", detail: `no node of the roster observes ${registry}, which your configuration names`, hint: "packages from it will be refused" })
    }
  }
  return findings
}

/** Whether every list of known-malicious packages is at hand and fresh, and what stands above the project's policy. */
export function checkAround({ policy, floors }: Pick<Project, "policy" | "floors">, env: Env, now: number): Finding[] {
  const lists = policy.lists.map((subscription): Finding => {
    const { list, problem } = readList(env, subscription, now)
    return problem === undefined ? { check: "lists", state: "ok", detail: `${subscription.name}: ${list?.lines ?? 0} entries, fetched ${now - (list?.fetched ?? now)} s ago` } : { check: "lists", state: "problem", detail: `${problem}: everything is refused`, hint: "run `vouchsafe lists update`" }
  })
  return [...floors.map((floor): Finding => ({ check: "floor", state: "ok", detail: `${floor} is in force` })), ...lists]
}

/** Asks every node of the roster for its head of notices: reachable, cosigned, fresh. */
export async function checkNodes(project: Pick<Project, "roster" | "policy">, transport: HttpTransport = httpTransport(), now: number = Math.floor(systemClock.nowMs() / 1_000)): Promise<Finding[]> {
  const heads = headChecker(nodeCrypto, project.roster, now)
  const nodes = await Promise.all(project.roster.nodes.map((node) => checkNode(project, node, heads, transport, now)))
  const reached = nodes.filter((finding) => finding.state === "ok").length
  const needed = Math.max(project.roster.threshold, project.policy.threshold ?? 0)
  return [...nodes, { check: "quorum", state: reached >= needed ? "ok" : "problem", detail: `${reached} of ${nodes.length} nodes can vouch, ${needed} are needed; clocks may differ by ${CLOCK_SKEW_SECONDS_MAX} s` }]
}

async function checkNode({ policy }: Pick<Project, "policy">, node: RosterNode, heads: HeadChecker, transport: HttpTransport, now: number): Promise<Finding> {
  const check = `node of ${node.operator}`
  const hint = "its operator should look at its witnesses"
  try {
    const { signed } = await readHead(nodeCrypto, transport, { url: `${node.url}notices/`, key: node.notices })
    const result = heads.check(node, node.notices, signed)
    if (!result.ok) return { check, state: "problem", detail: result.message, hint: result.reason === "ahead" ? "set this machine's clock" : hint }
    const age = now - result.head.timeSeconds
    if (age > policy.maxNoticeAgeSeconds) return { check, state: "problem", detail: `its withdrawals are ${age} s old, expected at most ${policy.maxNoticeAgeSeconds} s`, hint }
    return { check, state: "ok", detail: `answers; its withdrawals were cosigned ${Math.max(0, age)} s ago` }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    const isReached = error.kind === "input"
    return { check, state: isReached ? "problem" : "unreachable", detail: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
  }
}
