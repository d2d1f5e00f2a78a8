/**
 * What a proposal would make of a repository: the signed parts of the metadata that people sign, not yet signed.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { type Chain, currentOf, type Current } from "./chain.ts"
import { HOLDER, keyIdOf, type RoleKeys, sha256Hex, type TufKey, tufKeyOf, type TufKeys } from "./keys.ts"
import { LIFE_MS_DEFAULT, ROOT_RENEWED_BELOW_MS } from "./limits.ts"
import { formatTime, isSame } from "./metadata.ts"
import { DELEGATED, type DelegatedRole, kindOf, PATH_BY_ROLE, type PeoplesRole, roleOfTarget, ROSTER_TARGET } from "./profile.ts"

export const SPEC_VERSION = "1.0.31"

/** Signed parts by role. */
export type Staged = ReadonlyMap<PeoplesRole, Readonly<Record<string, unknown>>>

/** A repository's next state. */
export interface Draft {
  /** Hex SHA-256 of the first root; undefined while there is none. */
  readonly genesis: string | undefined
  /** What it changes; empty for a new repository. */
  readonly base: Chain
  readonly staged: Staged
  /** Texts of the targets that the staged metadata newly names, by path. */
  readonly targets: ReadonlyMap<string, string>
}

/** Keys of a role that is to have its own. */
export interface Signers {
  readonly keys: readonly TufKey[]
  readonly threshold: number
}

/** What is to change. */
export interface Changes {
  /** Texts of targets by path, `roster.json` among them. */
  readonly targets: ReadonlyMap<string, string>
  /** The keyholders from now on. */
  readonly keyholders?: Signers | undefined
  readonly onlineKey?: TufKey | undefined
  /** Other roles than the roster's, and who signs for them from now on. */
  readonly delegates?: ReadonlyMap<DelegatedRole, Signers> | undefined
  /** Takes a new end for everything that the keyholders sign. */
  readonly renew?: boolean | undefined
  /** Lives of what is staged, in ms. */
  readonly lifeMs?: number | undefined
  readonly rootLifeMs?: number | undefined
}

/** A new repository. @param given.onlineKey - signs snapshots and timestamps */
export function draftGenesis(given: { readonly keyholders: Signers; readonly onlineKey: TufKey } & Omit<Changes, "keyholders" | "onlineKey">, nowMs: number): Draft {
  if (!given.targets.has(ROSTER_TARGET)) throw new TypeError("a new repository needs a roster")
  const ends = endsOf(given, nowMs)
  const signers = new Map<DelegatedRole, Signers>(DELEGATED.map((role) => [role, (role === "roster" ? undefined : given.delegates?.get(role)) ?? given.keyholders]))
  const staged = new Map<PeoplesRole, Readonly<Record<string, unknown>>>([
    ["root", rootPart(1, ends.root, given.keyholders, given.onlineKey)],
    ["targets", targetsPart(1, ends.targets, signers)],
  ])
  for (const role of DELEGATED) if (given.targets.has(PATH_BY_ROLE[role])) staged.set(role, targetPart(role, 1, ends.targets, given.targets))
  return { genesis: undefined, base: new Map(), staged, targets: given.targets }
}

/** A change of a repository. @param base - a whole chain. @throws VouchsafeError USAGE when nothing would change. */
export function draftChange(genesis: string, base: Chain, changes: Changes, nowMs: number): Draft {
  const current = currentOf(base)
  const keyholders = changes.keyholders ?? signersOf(current.root.facts.roles.root, current.root.facts.keys)
  const isRotated = changes.keyholders !== undefined && !isSame(roleKeys(keyholders), current.root.facts.roles.root)
  const delegations = nextDelegations(current, keyholders, changes)
  const renewed = changes.renew === true || isRotated
  const touched = new Set([...changes.targets.keys()].filter((path) => changes.targets.get(path) !== current.texts.get(path)).map(roleNamed))
  const withRoot = isRotated || changes.onlineKey !== undefined || changes.rootLifeMs !== undefined
    || (changes.renew === true && current.root.facts.expiresMs - nowMs < ROOT_RENEWED_BELOW_MS)
  const withKeyholders = renewed || withRoot || touched.has("roster") || delegations.changed.size > 0
  const ends = endsOf(changes, nowMs)
  const staged = new Map<PeoplesRole, Readonly<Record<string, unknown>>>()
  if (withRoot) staged.set("root", rootPart(current.root.facts.version + 1, ends.root, keyholders, changes.onlineKey ?? onlineKeyOf(current)))
  if (withKeyholders) staged.set("targets", targetsPart(current.targets.facts.version + 1, ends.targets, delegations.signers))
  const texts = new Map([...current.texts, ...changes.targets])
  const before = versionsOf(current)
  for (const role of DELEGATED) {
    const isThere = before.has(role)
    const isRenewed = isThere && changes.renew === true && isSame(roleKeys(delegations.signers.get(role) as Signers), roleKeys(keyholders))
    const isStaged = role === "roster" ? withKeyholders : touched.has(role) || isRenewed || (isThere && delegations.changed.has(role))
    if (!isStaged) continue
    if (!texts.has(PATH_BY_ROLE[role])) throw new VouchsafeError("USAGE", `${PATH_BY_ROLE[role]} is not at hand, expected it with --target`)
    staged.set(role, targetPart(role, (before.get(role) ?? 0) + 1, ends.targets, texts))
  }
  if (staged.size === 0) throw new VouchsafeError("USAGE", "nothing would change", { hint: "say what: --add, --remove, --target, --add-keyholder, …, or --renew to take new ends" })
  const named = [...staged.keys()].flatMap((role) => (kindOf(role) === "targets" && role !== "targets" ? [PATH_BY_ROLE[role as DelegatedRole]] : []))
  return { genesis, base, staged, targets: new Map([...texts].filter(([path]) => named.includes(path))) }
}

/** Versions of what people signed; the snapshot names also what is over by now. */
export function versionsOf(current: Current): ReadonlyMap<PeoplesRole, number> {
  const roles = ["targets", ...DELEGATED] as const
  const named = roles.flatMap((role) => {
    const version = current.snapshot.facts.files.get(`${role}.json`)?.version
    return version === undefined ? [] : [[role, version] as const]
  })
  return new Map<PeoplesRole, number>([["root", current.root.facts.version], ...named])
}

function roleNamed(path: string): DelegatedRole {
  const role = roleOfTarget(path)
  if (role === undefined) throw new VouchsafeError("USAGE", `target is ${shown(path)}, expected one of ${Object.values(PATH_BY_ROLE).join(", ")}`)
  return role
}

/** Roles that had the keyholders' keys go on having them. */
function nextDelegations(current: Current, keyholders: Signers, { delegates }: Changes): { readonly signers: ReadonlyMap<DelegatedRole, Signers>; readonly changed: ReadonlySet<DelegatedRole> } {
  const { keys, roles } = current.targets.facts
  const before = current.root.facts.roles.root
  const changed = new Set<DelegatedRole>()
  const signers = new Map<DelegatedRole, Signers>()
  for (const role of DELEGATED) {
    const had = roles.get(role) as RoleKeys
    const said = role === "roster" ? undefined : delegates?.get(role)
    const next = said ?? (isSame(had, before) ? keyholders : signersOf(had, keys))
    signers.set(role, next)
    if (!isSame(had, roleKeys(next))) changed.add(role)
  }
  return { signers, changed }
}

function onlineKeyOf({ root }: Current): TufKey {
  return root.facts.keys[root.facts.roles.timestamp.keyids[0] as string] as TufKey
}

export function signersOf({ keyids, threshold }: RoleKeys, keys: TufKeys): Signers {
  return { keys: keyids.map((id) => keys[id] as TufKey), threshold }
}

function roleKeys({ keys, threshold }: Signers): RoleKeys {
  return { keyids: keys.map(keyIdOf), threshold }
}

/** Keyholders after some came and some went. @throws VouchsafeError USAGE for a name that is there twice, or not at all. */
export function changeKeyholders(now: Signers, change: { readonly add: readonly string[]; readonly remove: readonly string[]; readonly threshold: number | undefined }): Signers {
  for (const name of change.remove) {
    if (!now.keys.some((key) => key[HOLDER] === name)) throw new VouchsafeError("USAGE", `there is no keyholder ${shown(name)}, expected one of ${now.keys.map((key) => key[HOLDER]).join(", ")}`)
  }
  const keys = [...now.keys.filter((key) => !change.remove.includes(key[HOLDER])), ...change.add.map(tufKeyOf)]
  const twice = keys.find((key, i) => keys.findIndex((other) => other[HOLDER] === key[HOLDER] || keyIdOf(other) === keyIdOf(key)) !== i)
  if (twice !== undefined) throw new VouchsafeError("USAGE", `keyholder ${shown(twice[HOLDER])} is there already, expected each once`, { hint: "to give a keyholder a new key, remove the old one in the same proposal" })
  return { keys, threshold: change.threshold ?? now.threshold }
}

/** More than half, and never one alone. */
export function defaultThreshold(keyholders: number): number {
  return Math.max(2, Math.floor(keyholders / 2) + 1)
}

function endsOf({ lifeMs, rootLifeMs }: Pick<Changes, "lifeMs" | "rootLifeMs">, nowMs: number): { readonly root: string; readonly targets: string } {
  return { root: formatTime(nowMs + (rootLifeMs ?? LIFE_MS_DEFAULT.root)), targets: formatTime(nowMs + (lifeMs ?? LIFE_MS_DEFAULT.targets)) }
}

const common = (type: string, version: number, expires: string) => ({ _type: type, spec_version: SPEC_VERSION, version, expires })
const keysById = (keys: readonly TufKey[]): TufKeys => Object.fromEntries(keys.map((key) => [keyIdOf(key), key]))

function rootPart(version: number, expires: string, keyholders: Signers, onlineKey: TufKey): Readonly<Record<string, unknown>> {
  const people = roleKeys(keyholders)
  const online: RoleKeys = { keyids: [keyIdOf(onlineKey)], threshold: 1 }
  return {
    ...common("root", version, expires), consistent_snapshot: true, keys: keysById([...keyholders.keys, onlineKey]),
    roles: { root: people, timestamp: online, snapshot: online, targets: people },
  }
}

function targetsPart(version: number, expires: string, signers: ReadonlyMap<DelegatedRole, Signers>): Readonly<Record<string, unknown>> {
  const roles = [...signers].map(([name, one]) => ({ name, ...roleKeys(one), terminating: true, paths: [PATH_BY_ROLE[name]] }))
  return { ...common("targets", version, expires), targets: {}, delegations: { keys: keysById([...signers.values()].flatMap(({ keys }) => keys)), roles } }
}

function targetPart(role: DelegatedRole, version: number, expires: string, texts: ReadonlyMap<string, string>): Readonly<Record<string, unknown>> {
  const path = PATH_BY_ROLE[role]
  const text = texts.get(path)
  const targets = text === undefined ? {} : { [path]: { length: Buffer.byteLength(text), hashes: { sha256: sha256Hex(text) } } }
  return { ...common("targets", version, expires), targets }
}
