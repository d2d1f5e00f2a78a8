import { VERDICT_CODES, type ArtifactRequest, type Finding, type Policy, type RuleCode, type Severity, type Verdict } from "@vouchsafe/core"

/** What an address or a lockfile gives away by itself, without evidence (THREATS A6). */
export interface LocalFinding {
  readonly code: RuleCode
  /** `name@…` as the package manager writes it. */
  readonly id: string
  readonly message: string
  readonly expected?: string
  readonly found?: string
  /** There when it names a version of a registry. */
  readonly request?: ArtifactRequest
}

const HINTS: Readonly<Partial<Record<RuleCode, string>>> = {
  EXOTIC_SOURCE: "use a published version; or, for all such sources, set the rule EXOTIC_SOURCE in vouchsafe.json",
  WRONG_REGISTRY: "check who changed the lockfile; after a change of registry, write the lockfile anew",
}

/**
 * Takes a finding as the policy takes it: rule, preset, exceptions.
 *
 * @param now - Unix seconds
 * @returns undefined when the rule is off
 */
export function weigh(finding: LocalFinding, policy: Policy, now: number): Finding | undefined {
  const rule = policy.rules.get(finding.code) ?? "deny"
  if (rule === "off") return undefined
  const exception = policy.exceptions.find(({ purl, code, sha512, untilSeconds }) =>
    purl === finding.request?.purl && code === finding.code && now < untilSeconds && (sha512 === undefined || sha512 === finding.request.sha512))
  const severity: Severity = rule === "warn" || policy.preset === "observe" || exception !== undefined ? "warn" : "deny"
  const { code, message, expected, found } = finding
  const hint = HINTS[code]
  return {
    code, severity, saidBy: [],
    message: exception === undefined ? message : `${message} (allowed until ${exception.until} by ${exception.owner}: ${exception.reason})`,
    ...(expected === undefined ? {} : { expected }), ...(found === undefined ? {} : { found }), ...(hint === undefined ? {} : { hint }),
  }
}

/** The verdict on something that no evidence can be asked for. */
export function localVerdict(id: string, findings: readonly Finding[]): Verdict {
  const common = { purl: id, registry: "", claims: [], findings, labels: [] }
  const [gravest] = findings.filter(({ severity }) => severity === "deny").sort((a, b) => VERDICT_CODES.indexOf(a.code) - VERDICT_CODES.indexOf(b.code))
  return gravest === undefined ? { ...common, ok: true } : { ...common, ok: false, code: gravest.code }
}
