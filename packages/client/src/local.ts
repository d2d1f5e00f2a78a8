import { type ArtifactRequest, type Finding, npmPurl, type Policy, type RuleCode, unlessRefused, VERDICT_CODES, type Verdict, weighFinding } from "@vouchsafe/core"

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
  const { code, message, expected, found, request, id } = finding
  const hint = HINTS[code]
  return weighFinding(policy, now, request ?? { purl: unnamedVersion(id), registry: "" }, {
    code, message, saidBy: [], ...(expected === undefined ? {} : { expected }), ...(found === undefined ? {} : { found }), ...(hint === undefined ? {} : { hint }),
  })
}

/** What overrides by name look at, where there is a name but no version of a registry; no exception is ever about it. */
function unnamedVersion(id: string): string {
  const name = id.slice(0, Math.max(0, id.indexOf("@", 1)))
  return unlessRefused(() => npmPurl(name, "0")) ?? id
}

/** The verdict on something that no evidence can be asked for. */
export function localVerdict(id: string, findings: readonly Finding[]): Verdict {
  const common = { purl: id, registry: "", claims: [], findings, labels: [] }
  const [gravest] = findings.filter(({ severity }) => severity === "deny").sort((a, b) => VERDICT_CODES.indexOf(a.code) - VERDICT_CODES.indexOf(b.code))
  return gravest === undefined ? { ...common, ok: true } : { ...common, ok: false, code: gravest.code }
}
