/**
 * Says why fewer operators than the threshold count, and names what would help most (ADR 0022).
 *
 * @packageDocumentation
 */
import type { ArtifactRequest, Finding, VerdictCode } from "../verdict.ts"
import { brief, type DecisionContext, type Demands, explainHint, list } from "./context.ts"
import type { RawFinding } from "./exceptions.ts"
import { lockShortfall } from "./locked.ts"
import { absentAttesters, type Shortfall, type Tally } from "./tally.ts"

/** The finding for too few operators; undefined when enough count, or when statement rules alone keep enough of them from counting and say so. */
export function shortfallFinding(context: DecisionContext, request: ArtifactRequest, demands: Demands, tally: Tally): RawFinding | undefined {
  const { threshold, roster } = context
  if (tally.counted.size >= threshold) return tally.isCarried ? undefined : absentFinding(request.purl, tally, absentAttesters(tally, demands))
  const by = (...kinds: Shortfall[]) => [...tally.missing].filter(([, missing]) => kinds.includes(missing.why)).map(([operator]) => operator)
  const withAll = (...kinds: Shortfall[]) => tally.counted.size + by(...kinds).length >= threshold
  if (withAll("rule")) return undefined
  const base = {
    severity: "deny" as const, saidBy: [...tally.missing.keys()].sort(),
    expected: `${threshold} of ${roster.operators.length} operators that vouch for sha512 ${request.sha512 ?? "(none)"}`,
    found: [...tally.missing].map(([operator, { detail }]) => `${operator} ${detail}`).join("; "),
  }
  const have = `${tally.counted.size} of the ${threshold} operators needed vouch for these bytes`
  const observed = new Set(tally.observed.values())
  if (observed.size > 0 && !observed.has(request.sha512 ?? "")) {
    return { ...base, isAboutBytes: true, code: "NOT_VOUCHED", message: `these are not the bytes that ${list(tally.observed.keys())} observed: you were given sha512 ${brief(request.sha512 ?? "")}, they saw ${[...observed].map(brief).join(", ")}`, hint: `do not install it: your registry, a mirror or a cache hands out other bytes than everybody gets; ${explainHint(request.purl)}` }
  }
  const refusal = firstRefusal(tally)
  if (refusal !== undefined && !withAll("pending", "unreachable")) {
    return { ...base, code: refusal, message: `${have}; ${list(by("refused"))} refused to attest it`, hint: explainHint(request.purl) }
  }
  if (by("pending").length > 0 && withAll("pending")) return { ...base, code: "PENDING", message: `${have}; ${list(by("pending"))} still observing`, hint: "try again in a moment" }
  const locked = lockShortfall(context, request, tally)
  if (locked !== undefined) return { ...base, ...locked, message: `${have}; ${locked.message}` }
  if (by("stale").length > 0 && withAll("pending", "stale")) return { ...base, code: "NOTICES_STALE", message: `${have}; withdrawals of ${list(by("stale"))} are not fresh`, hint: "check the connection to these nodes with `npx vouchsafe doctor`" }
  if (by("unreachable").length > 0 && withAll("pending", "stale", "unreachable")) return { ...base, code: "UNREACHABLE", message: `${have}; ${list(by("unreachable"))} not reached`, hint: "check the network, then `npx vouchsafe status`; nothing was installed" }
  if (by("invalid").length > 0 && withAll("pending", "stale", "unreachable", "invalid")) return { ...base, code: "PROOF_INVALID", message: `${have}; evidence of ${list(by("invalid"))} does not verify`, hint: "run `npx vouchsafe log verify` against these nodes" }
  return { ...base, code: "NOT_VOUCHED", message: have, hint: explainHint(request.purl) }
}

const CODE_BY_SHORTFALL: Readonly<Partial<Record<Shortfall, VerdictCode>>> = { pending: "PENDING", stale: "NOTICES_STALE", lock: "LOCK_STALE", unreachable: "UNREACHABLE", invalid: "PROOF_INVALID" }

/** Enough operators vouch for the bytes, but not those whose word the policy asks for; undefined where rules keep them from it, and say so. */
function absentFinding(purl: string, tally: Tally, absent: readonly string[]): Finding | undefined {
  if (absent.every((operator) => tally.missing.get(operator)?.why === "rule")) return undefined
  const [first] = absent.flatMap((operator) => tally.missing.get(operator)?.why ?? [])
  return {
    code: (first === undefined ? undefined : CODE_BY_SHORTFALL[first]) ?? "NOT_VOUCHED", severity: "deny", saidBy: [...absent].sort(),
    message: `the policy asks for the word of ${list(absent)} about this name`,
    expected: "a statement about these bytes of every operator that `registries` names",
    found: absent.map((operator) => `${operator} ${tally.missing.get(operator)?.detail ?? "is not in the roster"}`).join("; "),
    hint: explainHint(purl),
  }
}

/** A refusal of nodes that is a verdict code of its own. Unsigned, so it only explains why nothing vouches. */
function firstRefusal(tally: Tally): VerdictCode | undefined {
  for (const { why, detail } of tally.missing.values()) {
    if (why === "refused" && detail.startsWith("TARBALL_")) return "TARBALL_AMBIGUOUS"
  }
  return undefined
}
