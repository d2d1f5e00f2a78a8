/**
 * What a proposal changes, as facts for people and programs: whoever signs reads this first.
 *
 * @packageDocumentation
 */
import { type Crypto, parseRoster, type Roster } from "@vouchsafe/core"
import { currentOf } from "./chain.ts"
import { type Draft, versionsOf } from "./draft.ts"
import { HOLDER, keyIdOf, type RoleKeys, sha256Hex, type TufKeys } from "./keys.ts"
import { formatTime, readSigned } from "./metadata.ts"
import { type Role, ROSTER_TARGET } from "./profile.ts"

/** Added and removed names. */
export interface Delta {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

/** A value before and after. */
export type Step<T> = readonly [T | null, T | null]

export interface Difference {
  readonly genesis: string | null
  readonly roles: readonly { readonly role: string; readonly versions: Step<number>; readonly expires: string }[]
  readonly keyholders: (Delta & { readonly threshold: Step<number> }) | null
  readonly online: Delta | null
  readonly delegations: readonly ({ readonly role: string; readonly threshold: Step<number> } & Delta)[]
  readonly roster: {
    readonly versions: Step<number>
    readonly threshold: Step<number>
    /** Operators with all that is said about them. */
    readonly nodes: Delta & { readonly changed: readonly string[] }
    readonly registries: Delta
    /** Lines of the policy text: quorum and groups among them. */
    readonly policy: Delta
  } | null
  readonly targets: readonly { readonly path: string; readonly sha256: Step<string> }[]
}

/** Compares a draft with what it starts from. */
export function differenceOf(crypto: Crypto, draft: Draft): Difference {
  const current = draft.base.size === 0 ? undefined : currentOf(draft.base)
  const before = current === undefined ? undefined : versionsOf(current)
  const staged = <R extends "root" | "targets">(role: R) => (draft.staged.has(role) ? readSigned(role, draft.staged.get(role)).facts : undefined)
  const [root, targets] = [staged("root"), staged("targets")]
  const rosterText = draft.targets.get(ROSTER_TARGET)
  const rosterBefore = current?.texts.get(ROSTER_TARGET)
  return {
    genesis: draft.genesis ?? null,
    roles: [...draft.staged].map(([role, signed]) => {
      const { version, expiresMs } = readSigned<Role>(role, signed).facts
      return { role, versions: [before?.get(role) ?? null, version], expires: formatTime(expiresMs) }
    }),
    keyholders: root === undefined ? null : { ...keysDelta(current?.root.facts.roles.root, current?.root.facts.keys, root.roles.root, root.keys), threshold: [current?.root.facts.roles.root.threshold ?? null, root.roles.root.threshold] },
    online: root === undefined ? null : keysDelta(current?.root.facts.roles.timestamp, current?.root.facts.keys, root.roles.timestamp, root.keys),
    delegations: targets === undefined ? [] : [...targets.roles].flatMap(([role, keys]) => {
      const had = current?.targets.facts.roles.get(role)
      const delta = keysDelta(had, current?.targets.facts.keys, keys, targets.keys)
      return delta.added.length + delta.removed.length === 0 && had?.threshold === keys.threshold ? [] : [{ role, ...delta, threshold: [had?.threshold ?? null, keys.threshold] as const }]
    }),
    roster: rosterText === undefined ? null : rosterDelta(rosterBefore === undefined ? undefined : parseRoster(crypto, rosterBefore), parseRoster(crypto, rosterText), rosterBefore, rosterText),
    targets: [...draft.targets].flatMap(([path, text]) => {
      const had = current?.texts.get(path)
      return had === text ? [] : [{ path, sha256: [had === undefined ? null : sha256Hex(had), sha256Hex(text)] as const }]
    }),
  }
}

function keysDelta(before: RoleKeys | undefined, keysBefore: TufKeys | undefined, after: RoleKeys, keysAfter: TufKeys): Delta {
  const names = ({ keyids }: RoleKeys, keys: TufKeys): string[] => keyids.map((id) => `${keys[id]?.[HOLDER] ?? ""} ${(keys[id] === undefined ? id : keyIdOf(keys[id])).slice(0, 16)}`)
  return delta(before === undefined || keysBefore === undefined ? [] : names(before, keysBefore), names(after, keysAfter))
}

function delta(before: readonly string[], after: readonly string[]): Delta {
  return { added: after.filter((one) => !before.includes(one)), removed: before.filter((one) => !after.includes(one)) }
}

function rosterDelta(before: Roster | undefined, after: Roster, textBefore: string | undefined, textAfter: string): NonNullable<Difference["roster"]> {
  const described = (roster: Roster | undefined): Map<string, string> => new Map((roster?.nodes ?? []).map((node) => [node.operator, `${node.operator} ${node.url} ${node.log.vkey} ${node.notices.vkey} ${node.witness.vkey}${(node.retired ?? []).map(({ log, size }) => ` retired ${log.vkey} at ${size}`).join("")}`]))
  const [was, is] = [described(before), described(after)]
  const both = [...is.keys()].filter((operator) => was.has(operator))
  return {
    versions: [before?.version ?? null, after.version],
    threshold: [before?.threshold ?? null, after.threshold],
    nodes: {
      added: [...is].flatMap(([operator, text]) => (was.has(operator) ? [] : [text])),
      removed: [...was].flatMap(([operator, text]) => (is.has(operator) ? [] : [text])),
      changed: both.flatMap((operator) => (was.get(operator) === is.get(operator) ? [] : [`${was.get(operator) ?? ""} → ${is.get(operator) ?? ""}`])),
    },
    registries: delta(before?.registries ?? [], after.registries),
    policy: delta(policyLines(textBefore), policyLines(textAfter)),
  }
}

function policyLines(text: string | undefined): string[] {
  if (text === undefined) return []
  const { policy } = JSON.parse(text) as { readonly policy: string }
  return policy.split("\n").filter((line) => line !== "")
}
