/**
 * Which rules hold for which request: the policy's own, refined by its overrides, and never weaker than any layer's (packages/spec/policy.md, "Overrides").
 *
 * @packageDocumentation
 */
import { unlessRefused } from "../../errors.ts"
import { npmNameOf } from "../../purl.ts"
import { matchesName } from "../name-pattern.ts"
import type { Policy } from "../policy.ts"
import { RULE_CODES, type RuleCode, type RuleSeverity } from "../policy-rules.ts"
import type { Override } from "../policy-scopes.ts"
import type { ArtifactRequest } from "../verdict.ts"

/** What one request is judged by. */
export interface Ruleset {
  readonly severities: ReadonlyMap<RuleCode, RuleSeverity>
  readonly minimumAgeSeconds: number
  readonly settleAgeSeconds: number
}

const STRICTNESS: Readonly<Record<RuleSeverity, number>> = { off: 0, warn: 1, deny: 2 }

export function stricterSeverity(one: RuleSeverity, other: RuleSeverity): RuleSeverity {
  return STRICTNESS[one] >= STRICTNESS[other] ? one : other
}

/** Gives the ruleset of each request. Requests that the same overrides match share one. */
export function rulesetsOf(policy: Policy): (request: ArtifactRequest) => Ruleset {
  const layers = policy.layers?.map(rulesetsOf)
  if (layers !== undefined) return (request) => layers.map((rulesetOf) => rulesetOf(request)).reduce(strictest)
  const base: Ruleset = { severities: policy.rules, minimumAgeSeconds: policy.minimumAgeSeconds, settleAgeSeconds: policy.settleAgeSeconds }
  const { overrides } = policy
  if (overrides.length === 0) return () => base
  const known = new Map<string, Ruleset>()
  return (request) => {
    const matching = overrides.filter((override) => covers(override, request))
    if (matching.length === 0) return base
    const key = matching.map((override) => overrides.indexOf(override)).join()
    const ruleset = known.get(key) ?? matching.reduce(overridden, base)
    known.set(key, ruleset)
    return ruleset
  }
}

/** The rules of one request. For many, take {@link rulesetsOf} once. */
export function rulesetFor(policy: Policy, request: ArtifactRequest): Ruleset {
  return rulesetsOf(policy)(request)
}

export function severityOf({ severities }: Pick<Ruleset, "severities">, code: RuleCode): RuleSeverity {
  return severities.get(code) ?? "deny"
}

/** Package name of a purl; undefined for one that names no npm package. */
export function nameOf(purl: string): string | undefined {
  return unlessRefused(() => npmNameOf(purl).name)
}

function covers({ match, registries, dependency, workspaces }: Override, request: ArtifactRequest): boolean {
  if (registries?.includes(request.registry) === false) return false
  if (dependency?.includes(request.dependency ?? "prod") === false) return false
  if (workspaces !== undefined && (request.workspace === undefined || !workspaces.includes(request.workspace))) return false
  if (match === undefined) return true
  const name = nameOf(request.purl)
  return name !== undefined && matchesName(match, name)
}

function overridden(rules: Ruleset, override: Override): Ruleset {
  return {
    severities: override.rules.size === 0 ? rules.severities : new Map([...rules.severities, ...override.rules]),
    minimumAgeSeconds: override.minimumAgeSeconds ?? rules.minimumAgeSeconds,
    settleAgeSeconds: override.settleAgeSeconds ?? rules.settleAgeSeconds,
  }
}

function strictest(one: Ruleset, other: Ruleset): Ruleset {
  if (one === other) return one
  return {
    severities: new Map(RULE_CODES.map((code) => [code, stricterSeverity(severityOf(one, code), severityOf(other, code))])),
    minimumAgeSeconds: Math.max(one.minimumAgeSeconds, other.minimumAgeSeconds),
    settleAgeSeconds: Math.max(one.settleAgeSeconds, other.settleAgeSeconds),
  }
}
