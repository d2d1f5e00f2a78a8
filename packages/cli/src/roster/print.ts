/**
 * Repositories and proposals in words.
 *
 * @packageDocumentation
 */
import { escapeForDisplay, type Roster } from "@vouchsafe/core"
import { type Current, type Difference, formatTime, HOLDER, type Progress, type RoleKeys, type TufKeys } from "@vouchsafe/roster"

const SHOWN_DIGITS = 16

/** A repository as a document. */
export function repositoryDocument(genesis: string, current: Current, roster: Roster, nowMs: number): object {
  const { root, targets } = current
  return {
    genesis,
    root: { version: root.facts.version, keyholders: keysOf(root.facts.roles.root, root.facts.keys), threshold: root.facts.roles.root.threshold, online: keysOf(root.facts.roles.timestamp, root.facts.keys) },
    delegations: [...targets.facts.roles].map(([role, keys]) => ({ role, keys: keysOf(keys, targets.facts.keys), threshold: keys.threshold })),
    expiries: endsOf(current).map(([role, version, ms]) => ({ role, version, expires: formatTime(ms), over: nowMs >= ms })),
    roster: {
      version: roster.version, digest: roster.digest, threshold: roster.threshold, registries: roster.registries, warnings: roster.warnings,
      nodes: roster.nodes.map(({ operator, url, log, notices, witness }) => ({ operator, url, log: log.vkey, notices: notices.vkey, witness: witness.vkey })),
    },
    targets: [...current.texts.keys()],
  }
}

/** The same as lines. */
export function repositoryLines(genesis: string, current: Current, roster: Roster, nowMs: number): string[] {
  const { root, targets } = current
  const people = root.facts.roles.root
  return [
    `genesis ${genesis}`,
    `root ${root.facts.version}: ${people.threshold} of ${people.keyids.length} keyholders publish`,
    ...keysOf(people, root.facts.keys).map(({ holder, id }) => `  ${escapeForDisplay(holder)}  ${id.slice(0, SHOWN_DIGITS)}`),
    ...(2 * people.threshold <= people.keyids.length ? ["  two groups of keyholders that share nobody could publish: the threshold is no majority"] : []),
    ...keysOf(root.facts.roles.timestamp, root.facts.keys).map(({ holder, id }) => `online  ${escapeForDisplay(holder)}  ${id.slice(0, SHOWN_DIGITS)}`),
    ...[...targets.facts.roles].filter(([role]) => role !== "roster").map(([role, keys]) => `${role}: ${keys.threshold} of ${keysOf(keys, targets.facts.keys).map(({ holder }) => escapeForDisplay(holder)).join(", ")}`),
    ...endsOf(current).map(([role, version, ms]) => `${role} ${version} good until ${formatTime(ms)}${nowMs >= ms ? ", which is over" : ""}`),
    `roster version ${roster.version}, ${roster.threshold} of ${roster.operators.length} operators`,
    ...roster.nodes.map(({ operator, url }) => `  ${operator}  ${url}`),
    ...roster.registries.map((registry) => `  registry ${registry}`),
    ...roster.warnings.map((warning) => `  ${warning}`),
  ]
}

function keysOf({ keyids }: RoleKeys, keys: TufKeys): { readonly holder: string; readonly id: string }[] {
  return keyids.map((id) => ({ holder: keys[id]?.[HOLDER] ?? "?", id }))
}

function endsOf({ root, timestamp, snapshot, targets, delegated }: Current): (readonly [string, number, number])[] {
  return [root, timestamp, snapshot, targets, ...delegated.values()].map(({ role, facts }) => [role, facts.version, facts.expiresMs] as const)
}

const from = (value: string | number | null): string => (value === null ? "none" : String(value))

/** What a proposal changes, as lines. All of it is somebody's words. */
export function differenceLines(difference: Difference): string[] {
  const delta = (what: string, { added, removed }: { readonly added: readonly string[]; readonly removed: readonly string[] }): string[] => [
    ...added.map((one) => `  + ${what} ${one}`), ...removed.map((one) => `  - ${what} ${one}`),
  ]
  const { keyholders, online, roster } = difference
  return [
    difference.genesis === null ? "a new repository" : `genesis ${difference.genesis}`,
    ...difference.roles.map(({ role, versions, expires }) => `${role} ${from(versions[0])} → ${from(versions[1])}, good until ${expires}`),
    ...(keyholders === null ? [] : [`keyholders: threshold ${from(keyholders.threshold[0])} → ${from(keyholders.threshold[1])}`, ...delta("keyholder", keyholders)]),
    ...(online === null ? [] : delta("online key", online)),
    ...difference.delegations.flatMap((one) => [`${one.role}: threshold ${from(one.threshold[0])} → ${from(one.threshold[1])}`, ...delta("key", one)]),
    ...(roster === null || roster.versions[0] === roster.versions[1] ? [] : [
      `roster version ${from(roster.versions[0])} → ${from(roster.versions[1])}, operators that must count ${from(roster.threshold[0])} → ${from(roster.threshold[1])}`,
      ...delta("node", roster.nodes), ...roster.nodes.changed.map((one) => `  ~ node ${one}`), ...delta("registry", roster.registries), ...delta("policy", roster.policy),
    ]),
    ...difference.targets.map(({ path, sha256 }) => `${path} ${from(sha256[0]?.slice(0, SHOWN_DIGITS) ?? null)} → ${from(sha256[1]?.slice(0, SHOWN_DIGITS) ?? null)}`),
  ].map(escapeForDisplay)
}

/** Who signed, and who else could. */
export function progressLines(progress: readonly Progress[]): string[] {
  return progress.map(({ role, by, threshold, signed, missing, isMet }) => escapeForDisplay(
    `${isMet ? "enough" : "not yet"}: ${role} by ${by}: ${signed.length} of ${threshold} signed${signed.length > 0 ? ` (${signed.join(", ")})` : ""}${isMet || missing.length === 0 ? "" : `, could sign: ${missing.join(", ")}`}`,
  ))
}
