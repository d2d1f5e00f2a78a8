/**
 * What speaks against an artifact whoever vouches for it: conflicts of digests and withdrawals (DESIGN §3 step 4).
 *
 * @packageDocumentation
 */
import { shown, unlessRefused } from "../../errors.ts"
import { npmNameOf, npmPurl } from "../../purl.ts"
import { type ActiveNotice, noticesOf } from "../notices.ts"
import type { ArtifactRequest, Finding } from "../verdict.ts"
import { brief, type DecisionContext, type Demands, explainHint, list } from "./context.ts"
import { severityOf } from "./ruleset.ts"

/** Operators were served different bytes: one disagreeing operator warns, two deny; `strict` denies at one. */
export function conflictFindings(context: DecisionContext, request: ArtifactRequest, { rules }: Demands, observed: ReadonlyMap<string, string>): Finding[] {
  const rule = severityOf(rules, "DIGEST_CONFLICT")
  if (request.sha512 === undefined || rule === "off") return []
  const disagreeing = new Set<string>()
  if (new Set(observed.values()).size > 1) {
    for (const [operator, sha512] of observed) if (sha512 !== request.sha512) disagreeing.add(operator)
  }
  for (const notice of noticesOf(context.notices, request)) {
    if (notice.notice === "conflict" && (notice.sha512 === request.sha512 || notice.other === request.sha512)) disagreeing.add(notice.operator)
  }
  if (disagreeing.size === 0) return []
  const deniesAt = context.policy.preset === "strict" ? 1 : 2
  const agreeing = [...observed].filter(([, sha512]) => sha512 === request.sha512).map(([operator]) => operator)
  return [{
    code: "DIGEST_CONFLICT", saidBy: [...disagreeing].sort(),
    severity: rule === "deny" && disagreeing.size >= deniesAt ? "deny" : "warn",
    message: `operators were served different bytes for this version: ${list(disagreeing)} against ${list(agreeing)}`,
    expected: `sha512 ${request.sha512}`,
    found: [...observed].filter(([operator]) => disagreeing.has(operator)).map(([operator, sha512]) => `${operator}: ${sha512}`).join("; "),
    hint: `somebody is served something else: the registry, the network between, or an operator that lies; ${explainHint(request.purl)}`,
  }]
}

/** Withdrawals of these bytes by operators, and by the lists that the policy subscribes to. */
export function withdrawalFindings(context: DecisionContext, request: ArtifactRequest): Finding[] {
  const findings: Finding[] = []
  const withdrawals = noticesOf(context.notices, request).filter((notice) =>
    notice.notice === "withdrawal" && (request.sha512 === undefined || notice.sha512 === request.sha512))
  if (withdrawals.length > 0) {
    const operators = new Set(withdrawals.map((notice) => notice.operator))
    findings.push({
      code: "WITHDRAWN", severity: isWithdrawnBy(withdrawals) ? "deny" : "warn", saidBy: [...operators].sort(),
      message: `withdrawn by ${list(operators)}: ${reasons(withdrawals)}`,
      expected: "a version that nobody withdrew", found: `${withdrawals.length === 1 ? "a withdrawal" : `${withdrawals.length} withdrawals`} of sha512 ${brief(withdrawals[0]?.sha512 ?? "")}`,
      hint: `install another version; ${explainHint(request.purl)}`,
    })
  }
  const named = context.lists.length === 0 ? undefined : unlessRefused(() => npmNameOf(request.purl))
  for (const malicious of context.lists) {
    const { name: list, problem } = malicious
    const found = problem === undefined && named !== undefined ? malicious.find(named.name, named.version) : undefined
    if (found !== undefined) findings.push({
      code: "WITHDRAWN", severity: "deny", saidBy: [list], message: `the list ${list} of known-malicious packages names it: ${shown(found.id)}`,
      expected: "a version that no list of the policy names", found: found.id,
      hint: `install another version; ${explainHint(request.purl)}`,
    })
    if (problem !== undefined) findings.push({
      code: "NOTICES_STALE", severity: "deny", saidBy: [list], message: problem, expected: `the list ${list}, whole and fresh`, found: "none that can be used",
      hint: "`npx vouchsafe lists update` fetches it",
    })
  }
  return findings
}

/**
 * Tells whether a version of the package that a request is about was withdrawn so that a rule may go easier on the one after it: by a list of the
 * policy, or by as many operators as the threshold. One is enough to refuse a version, and must not be enough to let another pass.
 */
export function isVersionWithdrawn(context: DecisionContext, request: ArtifactRequest, version: string): boolean {
  const other = unlessRefused(() => {
    const { name } = npmNameOf(request.purl)
    return { name, purl: npmPurl(name, version) }
  })
  if (other === undefined) return false
  const notices = noticesOf(context.notices, { purl: other.purl, registry: request.registry }).filter(({ notice }) => notice === "withdrawal")
  return new Set(notices.map(({ operator }) => operator)).size >= context.threshold || context.lists.some((list) => list.problem === undefined && list.find(other.name, version) !== undefined)
}

/** One operator's withdrawal is enough; of one that floods, a second's is needed (THREATS A3). */
function isWithdrawnBy(withdrawals: readonly ActiveNotice[]): boolean {
  return withdrawals.some((notice) => !notice.flooded) || new Set(withdrawals.map((notice) => notice.operator)).size >= 2
}

function reasons(notices: readonly ActiveNotice[]): string {
  return [...new Set(notices.map((notice) => shown(notice.reason)))].join("; ")
}
