/**
 * The parts of `vouchsafe.json` that refine the rules for some requests: overrides, names bound to a registry, lists (packages/spec/policy.md).
 *
 * @packageDocumentation
 */
import { DAY_SECONDS } from "./calendar.ts"
import { ageMember, durationMember } from "./duration.ts"
import { patternsMember } from "./name-pattern.ts"
import { AGE_SECONDS_MAX, rulesMember, type RuleCode, type RuleSeverity } from "./policy-rules.ts"
import { OPERATOR } from "./roster.ts"
import type { ShapeReader } from "./shape.ts"
import { registryMember } from "./statement-text.ts"

/** How a project depends on a package. */
export const DEPENDENCY_KINDS = ["prod", "dev", "optional"] as const
export type DependencyKind = (typeof DEPENDENCY_KINDS)[number]

/** Other rules for the requests that match every condition given. Later ones win. */
export interface Override {
  readonly match?: readonly string[]
  /** Registry ids. */
  readonly registries?: readonly string[]
  readonly dependency?: readonly DependencyKind[]
  /** Paths of workspaces relative to the project's root, with `/`; `.` is the root. */
  readonly workspaces?: readonly string[]
  readonly rules: ReadonlyMap<RuleCode, RuleSeverity>
  readonly minimumAgeSeconds?: number
  readonly settleAgeSeconds?: number
}

/** Names that belong to one registry, and perhaps operators without whose word they are not installed. The first matching entry decides. */
export interface RegistryBinding {
  readonly match: readonly string[]
  readonly registry: string
  readonly attesters: readonly string[]
}

/** A list of known-malicious packages (packages/spec/lists.md). */
export interface ListSubscription {
  readonly name: string
  /** URL, or path relative to the policy's own file. */
  readonly source: string
  readonly maxAgeSeconds: number
}

export const OVERRIDES_MAX = 1_000
export const BINDINGS_MAX = 1_000
export const LISTS_MAX = 16
const REGISTRIES_MAX = 64
const WORKSPACES_MAX = 1_000
const ATTESTERS_MAX = 64
const PATH_LENGTH_MAX = 1_024
const DEFAULT_LIST_AGE_SECONDS = 7 * DAY_SECONDS
const LIST_AGE_SECONDS_MAX = 30 * DAY_SECONDS
const LIST_NAME = /^[a-z0-9][a-z0-9.-]{0,63}$/
/** One spelling: no empty, `.` or `..` segment, no slash at either end. */
const WORKSPACE = /^(?:\.|(?!\.{1,2}(?:\/|$))[^/\\]+(?:\/(?!\.{1,2}(?:\/|$))[^/\\]+)*)$/
const LIST_SOURCE = /^(?:https:\/\/\S+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]+)?\/\S*|(?![a-z][a-z0-9+.-]*:).+)$/i

export function overridesMember(value: unknown, at: string, read: ShapeReader): readonly Override[] {
  return read.array(value ?? [], at, OVERRIDES_MAX).map((entry, i): Override => {
    const here = `${at}[${i}]`
    const members = read.object(entry, here, [], ["match", "registries", "dependency", "workspaces", "rules", "minimumAge", "settleAge"])
    const { match, registries, dependency, workspaces, rules, minimumAge, settleAge } = members
    if (rules === undefined && minimumAge === undefined && settleAge === undefined) read.fail(here, "rules, minimumAge or settleAge", "none of them")
    return {
      ...(match === undefined ? {} : { match: patternsMember(match, `${here}.match`, read) }),
      ...(registries === undefined ? {} : { registries: some(registries, `${here}.registries`, REGISTRIES_MAX, read, (one, spot) => registryMember(one, spot, read)) }),
      ...(dependency === undefined ? {} : { dependency: some(dependency, `${here}.dependency`, DEPENDENCY_KINDS.length, read, (one, spot) => read.oneOf(one, spot, DEPENDENCY_KINDS)) }),
      ...(workspaces === undefined ? {} : { workspaces: some(workspaces, `${here}.workspaces`, WORKSPACES_MAX, read, (one, spot) => workspaceMember(one, spot, read)) }),
      rules: rulesMember(rules, `${here}.rules`, read),
      ...(minimumAge === undefined ? {} : { minimumAgeSeconds: ageMember(minimumAge, `${here}.minimumAge`, AGE_SECONDS_MAX, read) }),
      ...(settleAge === undefined ? {} : { settleAgeSeconds: durationMember(settleAge, `${here}.settleAge`, AGE_SECONDS_MAX, read) }),
    }
  })
}

function workspaceMember(value: unknown, at: string, read: ShapeReader): string {
  return read.pattern(read.string(value, at, PATH_LENGTH_MAX), at, WORKSPACE, 'a path such as "packages/web", or "." for the root')
}

export function bindingsMember(value: unknown, at: string, read: ShapeReader): readonly RegistryBinding[] {
  return read.array(value ?? [], at, BINDINGS_MAX).map((entry, i): RegistryBinding => {
    const here = `${at}[${i}]`
    const { match, registry, attesters } = read.object(entry, here, ["match", "registry"], ["attesters"])
    return {
      match: patternsMember(match, `${here}.match`, read),
      registry: registryMember(registry, `${here}.registry`, read),
      attesters: attesters === undefined ? [] : some(attesters, `${here}.attesters`, ATTESTERS_MAX, read, (one, spot) => read.pattern(one, spot, OPERATOR, "a name of a-z, 0-9 and hyphens")),
    }
  })
}

export function listsMember(value: unknown, at: string, read: ShapeReader): readonly ListSubscription[] {
  const lists = read.array(value ?? [], at, LISTS_MAX).map((entry, i): ListSubscription => {
    const here = `${at}[${i}]`
    const { name, source, maxAge } = read.object(entry, here, ["name", "source"], ["maxAge"])
    return {
      name: read.pattern(name, `${here}.name`, LIST_NAME, "a name of lower-case letters, digits, dots and dashes"),
      source: read.pattern(read.string(source, `${here}.source`, PATH_LENGTH_MAX), `${here}.source`, LIST_SOURCE, "an https URL, or a path beside vouchsafe.json"),
      maxAgeSeconds: maxAge === undefined ? DEFAULT_LIST_AGE_SECONDS : durationMember(maxAge, `${here}.maxAge`, LIST_AGE_SECONDS_MAX, read),
    }
  })
  for (const [i, { name }] of lists.entries()) if (lists.findIndex((other) => other.name === name) !== i) read.fail(`${at}[${i}].name`, "every list's name once", name)
  return lists
}

/** A list that says something: at least one item, each once. */
function some<T>(value: unknown, at: string, max: number, read: ShapeReader, item: (value: unknown, at: string) => T): readonly T[] {
  const items = read.array(value, at, max).map((one, i) => item(one, `${at}[${i}]`))
  if (items.length === 0) read.fail(at, "at least one item", "empty")
  return new Set(items).size === items.length ? items : read.fail(at, "every item once", "one again")
}
