/**
 * Names that the policy binds to a registry, and to operators that must vouch for them (packages/spec/policy.md, "Registries").
 *
 * @packageDocumentation
 */
import { displayName } from "../format.ts"
import { matchesName } from "../name-pattern.ts"
import type { Policy } from "../policy.ts"
import type { RegistryBinding } from "../policy-scopes.ts"
import type { ArtifactRequest, Finding } from "../verdict.ts"
import { allowHint, type Demands } from "./context.ts"
import { weighFinding } from "./exceptions.ts"
import { nameOf, severityOf } from "./ruleset.ts"

/** The first entry of `registries` that covers a package name; undefined where none does. */
export function bindingOf(policy: Policy, name: string): RegistryBinding | undefined {
  return policy.registries.find(({ match }) => matchesName(match, name))
}

/**
 * Tells whether a name is refused since it belongs to another registry: then no node is asked about it (THREATS A8).
 * @param now - Unix seconds
 */
export function isMisplaced(policy: Policy, request: ArtifactRequest, now: number): boolean {
  const finding = policy.registries.length === 0 ? undefined : misplacement(request, bindingFor(policy, request.purl))
  return finding !== undefined && weighFinding(policy, now, request, finding)?.severity === "deny"
}

function bindingFor(policy: Policy, purl: string): RegistryBinding | undefined {
  const name = nameOf(purl)
  return name === undefined ? undefined : bindingOf(policy, name)
}

/** Dependency confusion: the name belongs to another registry than the one that it would come from. */
export function registryFindings(request: ArtifactRequest, { binding, rules }: Demands): Finding[] {
  const severity = severityOf(rules, "WRONG_REGISTRY")
  const finding = severity === "off" ? undefined : misplacement(request, binding)
  return finding === undefined || severity === "off" ? [] : [{ ...finding, severity }]
}

function misplacement(request: ArtifactRequest, binding: RegistryBinding | undefined): (Omit<Finding, "severity"> & { readonly code: "WRONG_REGISTRY" }) | undefined {
  if (binding === undefined || binding.registry === request.registry) return undefined
  return {
    code: "WRONG_REGISTRY", saidBy: [],
    message: `the policy says that ${displayName(request.purl)} belongs to another registry than the one it would be installed from`,
    expected: binding.registry, found: request.registry,
    hint: `set the registry of this name or scope in .npmrc or .yarnrc.yml; ${allowHint(request.purl, "WRONG_REGISTRY")}`,
  }
}
