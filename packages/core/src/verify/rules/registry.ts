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
import { nameOf, severityOf } from "./ruleset.ts"

/** The first entry of `registries` that covers a package name; undefined where none does. */
export function bindingOf(policy: Policy, name: string): RegistryBinding | undefined {
  return policy.registries.find(({ match }) => matchesName(match, name))
}

/** Tells whether the policy says that this name belongs to another registry: then no node of the roster is asked about it (THREATS A8). */
export function isMisplaced(policy: Policy, { purl, registry }: Pick<ArtifactRequest, "purl" | "registry">): boolean {
  if (policy.registries.length === 0) return false
  const name = nameOf(purl)
  const binding = name === undefined ? undefined : bindingOf(policy, name)
  return binding !== undefined && binding.registry !== registry
}

/** Dependency confusion: the name belongs to another registry than the one that it would come from. */
export function registryFindings(request: ArtifactRequest, { binding, rules }: Demands): Finding[] {
  const severity = severityOf(rules, "WRONG_REGISTRY")
  if (binding === undefined || binding.registry === request.registry || severity === "off") return []
  return [{
    code: "WRONG_REGISTRY", severity, saidBy: [],
    message: `the policy says that ${displayName(request.purl)} belongs to another registry than the one it would be installed from`,
    expected: binding.registry, found: request.registry,
    hint: `set the registry of this name or scope in .npmrc or .yarnrc.yml; ${allowHint(request.purl, "WRONG_REGISTRY")}`,
  }]
}
