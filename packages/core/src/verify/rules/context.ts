/**
 * What the families of rules share: the checked evidence, and what the policy asks of one package.
 *
 * @packageDocumentation
 */
import type { Crypto } from "../../crypto.ts"
import { unlessRefused } from "../../errors.ts"
import { npmNameOf } from "../../purl.ts"
import type { LogView } from "../log-view.ts"
import { matchesName } from "../name-pattern.ts"
import type { NoticeIndex } from "../notices.ts"
import type { Policy } from "../policy.ts"
import type { RuleCode, RuleSeverity } from "../policy-rules.ts"
import type { Level, PublisherRule, SignerRule } from "../policy-names.ts"
import type { Roster } from "../roster.ts"
import type { ArtifactRequest } from "../verdict.ts"

/** What all requests of one verification share. */
export interface DecisionContext {
  readonly crypto: Crypto
  readonly roster: Roster
  readonly policy: Policy
  readonly now: number
  readonly threshold: number
  readonly views: readonly LogView[]
  readonly notices: NoticeIndex
}

/** What the policy asks of a package beyond its bytes. */
export interface Demands {
  readonly levels: ReadonlySet<Level>
  readonly publisher: PublisherRule | undefined
  readonly signer: SignerRule | undefined
}

const NO_DEMANDS: Demands = { levels: new Set(), publisher: undefined, signer: undefined }

/** Looks the package's name up in the policy's lists: every level applies, the first entry of the others. */
export function demandsOn(policy: Policy, request: ArtifactRequest): Demands {
  const { levels, publishers, signers } = policy
  if (levels.length === 0 && publishers.length === 0 && signers.length === 0) return NO_DEMANDS
  const name = nameOf(request.purl)
  // Without a name nothing can vouch for it either: entries are about named packages only.
  if (name === undefined) return NO_DEMANDS
  const covers = (rule: { readonly match: readonly string[] }): boolean => matchesName(rule.match, name)
  return { levels: new Set(levels.filter(covers).map(({ level }) => level)), publisher: publishers.find(covers), signer: signers.find(covers) }
}

function nameOf(purl: string): string | undefined {
  return unlessRefused(() => npmNameOf(purl).name)
}

export function severityOf(policy: Policy, code: RuleCode): RuleSeverity {
  return policy.rules.get(code) ?? "deny"
}

/** Operators that must agree on a rebuild. */
export function rebuildersNeeded({ policy, roster }: Pick<DecisionContext, "policy" | "roster">): number {
  return policy.rebuilders ?? Math.min(2, roster.operators.length)
}

export const HINT_EXPLAIN = "run `vouchsafe explain` on it for everything the network knows"

export function brief(digest: string): string {
  return digest === "" ? "(none)" : `${digest.slice(0, 12)}…`
}

export function list(operators: Iterable<string>): string {
  const names = [...operators].sort()
  return names.length === 0 ? "nobody" : names.join(", ")
}

export function operatorsText(count: number): string {
  return count === 1 ? "1 operator" : `${count} operators`
}
