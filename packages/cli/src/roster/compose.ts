/**
 * The next roster out of the present one.
 *
 * @packageDocumentation
 */
import { nodeCrypto } from "@vouchsafe/client/node"
import { formatRoster, parseRoster, registryIdOf, type RosterNode, shown, VouchsafeError } from "@vouchsafe/core"

/** What is to be different. */
export interface RosterChange {
  /** New nodes, and new entries of operators that are there. */
  readonly add: readonly RosterNode[]
  readonly remove: readonly string[]
  readonly addRegistries: readonly string[]
  readonly removeRegistries: readonly string[]
  /** Operators that must count. */
  readonly quorum: number | undefined
}

export function isNoChange({ add, remove, addRegistries, removeRegistries, quorum }: RosterChange): boolean {
  return add.length + remove.length + addRegistries.length + removeRegistries.length === 0 && quorum === undefined
}

/** A first roster. @throws VouchsafeError ROSTER_MALFORMED. */
export function firstRoster({ add, addRegistries, quorum }: RosterChange): string {
  return checked(formatRoster(add, addRegistries.map(registryIdOf), quorum === undefined ? {} : { threshold: quorum }))
}

/**
 * The text of the next version.
 * @throws VouchsafeError USAGE for a name that is not there, or for a policy text of somebody's own, which cannot be put together again; ROSTER_MALFORMED.
 */
export function nextRoster(text: string, change: RosterChange): string {
  const before = parseRoster(nodeCrypto, text)
  const said = (JSON.parse(text) as { readonly threshold?: number }).threshold
  const more = (threshold: number | undefined, version: number) => ({ version, ...(threshold === undefined ? {} : { threshold }) })
  const policyOf = (roster: string): unknown => (JSON.parse(roster) as { readonly policy: unknown }).policy
  if (policyOf(formatRoster(before.nodes, before.registries)) !== policyOf(text)) {
    throw new VouchsafeError("USAGE", "the roster's policy text has lines of its own, which would be lost", { hint: "write the next roster.json by hand, and name it with --roster FILE" })
  }
  for (const operator of change.remove) {
    if (!before.operators.includes(operator)) throw new VouchsafeError("USAGE", `the roster has no operator ${shown(operator)}, expected one of ${before.operators.join(", ")}`)
  }
  const removed = change.removeRegistries.map(registryIdOf)
  for (const registry of removed) {
    if (!before.registries.includes(registry)) throw new VouchsafeError("USAGE", `the roster has no registry ${shown(registry)}, expected one of ${before.registries.join(", ")}`)
  }
  const added = new Map(change.add.map((node) => [node.operator, node]))
  const kept = before.nodes.filter(({ operator }) => !change.remove.includes(operator)).map((node) => added.get(node.operator) ?? node)
  const nodes = [...kept, ...change.add.filter((node) => !kept.includes(node))]
  const registries = [...new Set([...before.registries.filter((registry) => !removed.includes(registry)), ...change.addRegistries.map(registryIdOf)])]
  return checked(formatRoster(nodes, registries, more(change.quorum ?? said, before.version + 1)))
}

function checked(text: string): string {
  parseRoster(nodeCrypto, text)
  return text
}
