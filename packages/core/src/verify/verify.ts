/**
 * Decides whether packages may be installed.
 *
 * Pure and synchronous: the same evidence, policy and time give the same verdicts on any machine, for ever.
 * Follows packages/spec/verify.md; the checks run in that document's order.
 *
 * Not checked here: that the bytes on disk are the ones whose digest is asked for (the package manager or the shim does
 * that), nor that a log shows others the same history (heads kept by the client, witnesses).
 *
 * @packageDocumentation
 */
import type { ArtifactFacts } from "./artifact-facts.ts"
import { decide } from "./decide.ts"
import { headChecker } from "./head.ts"
import type { MaliciousList, VerifyInput } from "./input.ts"
import { type LogView, viewLog } from "./log-view.ts"
import { indexNotices } from "./notices.ts"
import { aboveFloor } from "./lock/floor.ts"
import type { Policy } from "./policy.ts"
import { lockAgesOf, lockProblems } from "./rules/locked.ts"
import { staleViews } from "./rules/tally.ts"
import { rulesetsOf } from "./rules/ruleset.ts"
import type { ArtifactRequest, Finding, Verdict } from "./verdict.ts"

const NO_PINS: ReadonlyMap<string, ArtifactFacts> = new Map()

/**
 * Judges requests over gathered evidence, in the order of the requests. Wrong evidence never throws: it counts for
 * nothing and is named. Evidence of logs that the roster does not have is ignored.
 *
 * @throws TypeError when the input is not of its type; nothing else.
 */
export function verify(input: VerifyInput): Verdict[] {
  const { crypto, roster, policy, now, requests, evidence, pins = NO_PINS, lock } = input
  if (!Number.isSafeInteger(now) || now < 0) throw new TypeError(`now is ${now}, expected Unix seconds`)
  const lists = subscribedLists(policy, input.lists ?? [])
  const heads = headChecker(crypto, roster, now)
  const views = roster.nodes.map((node) => {
    const own = evidence.find((log) => log.origin === node.log.name && log.operator === node.operator)
    return aboveFloor(crypto, viewLog(crypto, heads, node, own), own, lock?.notices.get(node.notices.name))
  })
  const ahead = Math.max(lock?.aheadTime ?? 0, ...views.map((view) => view.aheadTime))
  if (ahead > 0) return requests.map((request) => clockBehind(request, ahead - now, roster.singleOperator))
  const notices = indexNotices(views.filter((view) => view.notices !== undefined && view.misbehavior === undefined)
    .map((view) => ({ operator: view.node.operator, entries: view.notices?.entries ?? [] })))
  const threshold = Math.max(roster.threshold, policy.threshold ?? 0)
  const shared = [...views.flatMap(nodeFindings), ...lockProblems(lock)]
  const timeSeconds = Math.max(lock?.newestTime ?? 0, ...views.map((view) => view.newestTime))
  const context = { crypto, roster, policy, now, timeSeconds, threshold, views, notices, rulesetOf: rulesetsOf(policy), lists, pins, lock, lockAges: lockAgesOf(policy), stale: staleViews({ now, policy }, views) }
  return requests.map((request) => {
    const verdict = decide(context, request)
    return shared.length === 0 ? verdict : { ...verdict, findings: [...verdict.findings, ...shared] }
  })
}

/** The lists at hand, and for each that the policy names and nobody read one that refuses everything. */
function subscribedLists(policy: Policy, given: readonly MaliciousList[]): readonly MaliciousList[] {
  const missing = policy.lists.filter(({ name }) => !given.some((list) => list.name === name))
  return missing.length === 0 ? given : [...given, ...missing.map(({ name }): MaliciousList => ({ name, find: () => undefined, problem: `the list ${name} was not read` }))]
}

/** What is wrong with a node, whatever is asked: shown with every verdict, so that the liar is named. */
function nodeFindings(view: LogView): Finding[] {
  const operator = view.node.operator
  const findings: Finding[] = []
  if (view.misbehavior !== undefined) {
    findings.push({ code: "LOG_MISBEHAVED", severity: "warn", saidBy: [operator], message: `the log of ${operator} misbehaved and no longer counts: ${view.misbehavior}`, hint: "run `npx vouchsafe log verify` and tell the roster's keyholders" })
  }
  if (view.problems[0] !== undefined) {
    findings.push({ code: "PROOF_INVALID", severity: "warn", saidBy: [operator], message: `evidence of ${operator} does not verify: ${view.problems[0]}` })
  }
  return findings
}

function clockBehind(request: ArtifactRequest, seconds: number, singleOperator: boolean): Verdict {
  return {
    ok: false, code: "CLOCK_BEHIND", purl: request.purl, registry: request.registry, ...(request.sha512 === undefined ? {} : { sha512: request.sha512 }), claims: [], labels: singleOperator ? ["single-operator"] : [],
    findings: [{
      code: "CLOCK_BEHIND", severity: "deny", saidBy: [],
      message: `this machine's clock is ${seconds} s behind the time that the witnesses signed`,
      hint: "set the clock, then try again",
    }],
  }
}
