/**
 * What speaks against an artifact whoever vouches for it: conflicts of digests and withdrawals (DESIGN §3 step 4).
 *
 * @packageDocumentation
 */
import { shown } from "../../errors.ts"
import { type ActiveNotice, noticesOf } from "../notices.ts"
import type { ArtifactRequest, Finding } from "../verdict.ts"
import { type DecisionContext, list, severityOf } from "./context.ts"

/** Operators were served different bytes: one disagreeing operator warns, two deny; `strict` denies at one. */
export function conflictFindings(context: DecisionContext, request: ArtifactRequest, observed: ReadonlyMap<string, string>): Finding[] {
  const rule = severityOf(context.policy, "DIGEST_CONFLICT")
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
    hint: "somebody is served something else: the registry, the network between, or an operator that lies",
  }]
}

export function withdrawalFindings(context: DecisionContext, request: ArtifactRequest): Finding[] {
  const withdrawals = noticesOf(context.notices, request).filter((notice) =>
    notice.notice === "withdrawal" && (request.sha512 === undefined || notice.sha512 === request.sha512))
  if (withdrawals.length === 0) return []
  const operators = new Set(withdrawals.map((notice) => notice.operator))
  const denies = operators.size >= 2 || withdrawals.some((notice) => !notice.flooded)
  return [{
    code: "WITHDRAWN", severity: denies ? "deny" : "warn", saidBy: [...operators].sort(),
    message: `withdrawn by ${list(operators)}: ${reasons(withdrawals)}`,
    hint: "install another version; the operator can say more",
  }]
}

function reasons(notices: readonly ActiveNotice[]): string {
  return [...new Set(notices.map((notice) => shown(notice.reason)))].join("; ")
}
