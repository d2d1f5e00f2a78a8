/**
 * Reads TUF metadata strictly, before anything else looks at it: one spelling of times, Ed25519 only, nothing unknown, everything
 * bounded. Signatures are not judged here (spec/roster.md, "Metadata").
 *
 * @packageDocumentation
 */
import { HEX_SHA256, isVouchsafeError, type ShapeReader, shapeReader, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { HOLDER, readKeys, readRoleKeys, type RoleKeys, type TufKeys } from "./keys.ts"
import { KEYHOLDERS_MIN, LIFE_MS_MAX, ROOT_BYTES_MAX, SIGNATURES_MAX, SNAPSHOT_BYTES_MAX, TARGET_BYTES_MAX, TARGETS_BYTES_MAX, TIMESTAMP_BYTES_MAX } from "./limits.ts"
import { DELEGATED, type DelegatedRole, kindOf, PATH_BY_ROLE, type Role, TOP_LEVEL, type TopLevelRole } from "./profile.ts"

/** Length and digest of a file that another file names. */
export interface FileFacts {
  readonly length: number
  readonly sha256: string
}

interface Common {
  readonly version: number
  /** Milliseconds of Unix time. */
  readonly expiresMs: number
}

export interface RootFacts extends Common {
  readonly keys: TufKeys
  readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>
}

/** `files`: version and facts of each metadata file that is named. */
export interface MetaFacts extends Common {
  readonly files: ReadonlyMap<string, FileFacts & { readonly version: number }>
}

export interface DelegationsFacts extends Common {
  readonly keys: TufKeys
  readonly roles: ReadonlyMap<DelegatedRole, RoleKeys>
}

export interface TargetFacts extends Common {
  /** Absent where the role has no target yet. */
  readonly target: FileFacts | undefined
}

/** What a role's metadata says. */
export interface FactsByRole {
  readonly root: RootFacts
  readonly timestamp: MetaFacts
  readonly snapshot: MetaFacts
  readonly targets: DelegationsFacts
}

/** What metadata of a role says. */
export type FactsOf<R extends Role> = R extends TopLevelRole ? FactsByRole[R] : TargetFacts

/** Metadata that parses; `signatures` by key id, hex. */
export interface Document<R extends Role> {
  readonly role: R
  /** The signed part as it was read. */
  readonly signed: Readonly<Record<string, unknown>>
  readonly signatures: ReadonlyMap<string, string>
  readonly facts: FactsOf<R>
}

export const BYTES_MAX_BY_KIND: Readonly<Record<TopLevelRole, number>> = {
  root: ROOT_BYTES_MAX, timestamp: TIMESTAMP_BYTES_MAX, snapshot: SNAPSHOT_BYTES_MAX, targets: TARGETS_BYTES_MAX,
}

const EXPIRES = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const SPEC_VERSION = /^1\.0\.\d{1,3}$/
const SIGNATURE = /^[0-9a-f]{128}$/
const HEX = HEX_SHA256
const DAY_MS = 86_400_000

/** Reads a metadata file. @throws VouchsafeError ROSTER_REFUSED that names the file and the member. */
export function readMetadata<R extends Role>(role: R, bytes: Uint8Array | string): Document<R> {
  const name = `${role} metadata`
  const read = shapeReader("ROSTER_REFUSED", name)
  const bytesMax = BYTES_MAX_BY_KIND[kindOf(role)]
  const size = typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length
  if (size > bytesMax) read.fail("document", `at most ${bytesMax} bytes`, `${size} bytes`)
  const text = typeof bytes === "string" ? bytes : decode(bytes, read)
  const document = read.object(read.json(text, bytesMax), "document", ["signatures", "signed"])
  const signatures = new Map<string, string>()
  for (const [i, entry] of read.array(document["signatures"], "signatures", SIGNATURES_MAX).entries()) {
    const { keyid, sig } = read.object(entry, `signatures[${i}]`, ["keyid", "sig"])
    const id = read.pattern(keyid, `signatures[${i}].keyid`, HEX, "a key id")
    if (signatures.has(id)) read.fail("signatures", "one signature for each key", `${id.slice(0, 16)}… again`)
    signatures.set(id, read.pattern(sig, `signatures[${i}].sig`, SIGNATURE, "128 hexadecimal digits"))
  }
  return { role, signatures, ...readSigned(role, document["signed"]) }
}

/** Reads the part of metadata that is signed. @throws VouchsafeError ROSTER_REFUSED. */
export function readSigned<R extends Role>(role: R, value: unknown): Pick<Document<R>, "signed" | "facts"> {
  const read = shapeReader("ROSTER_REFUSED", `${role} metadata`)
  const kind = kindOf(role)
  const own = { root: ["keys", "roles", "consistent_snapshot"], timestamp: ["meta"], snapshot: ["meta"], targets: role === "targets" ? ["targets", "delegations"] : ["targets"] }[kind]
  const signed = read.object(value, "signed", ["_type", "spec_version", "version", "expires", ...own])
  read.oneOf(signed["_type"], "signed._type", [kind])
  read.pattern(signed["spec_version"], "signed.spec_version", SPEC_VERSION, "1.0.x")
  const common: Common = { version: read.integer(signed["version"], "signed.version", 1, Number.MAX_SAFE_INTEGER), expiresMs: readTime(signed["expires"], read) }
  const facts = kind === "root" ? readRoot(signed, common, read)
    : kind === "targets" ? role === "targets" ? readDelegations(signed, common, read) : readTarget(role as DelegatedRole, signed, common, read)
    : readMeta(kind, signed, common, read)
  return { signed, facts: facts as FactsOf<R> }
}

function decode(bytes: Uint8Array, read: ShapeReader): string {
  try {
    return utf8Decode(bytes)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return read.fail("document", "UTF-8", "other bytes")
  }
}

/** A time in the one spelling. A time that `Date` cannot read would be one that never comes. */
function readTime(value: unknown, read: ShapeReader): number {
  const text = read.pattern(value, "signed.expires", EXPIRES, "a time such as 2026-01-31T12:00:00Z")
  const ms = Date.parse(text)
  if (Number.isNaN(ms) || formatTime(ms) !== text) read.fail("signed.expires", "a time of the calendar", text)
  return ms
}

/** The one spelling of a time in metadata. @param ms - milliseconds of Unix time; parts of a second are left out. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z")
}

function readRoot(signed: Readonly<Record<string, unknown>>, common: Common, read: ShapeReader): RootFacts {
  if (signed["consistent_snapshot"] !== true) read.fail("signed.consistent_snapshot", "true", signed["consistent_snapshot"])
  const keys = readKeys(signed["keys"], "signed.keys", read)
  const roles = read.object(signed["roles"], "signed.roles", TOP_LEVEL)
  const facts = Object.fromEntries(TOP_LEVEL.map((role) => {
    const at = `signed.roles.${role}`
    return [role, readRoleKeys(read.object(roles[role], at, ["keyids", "threshold"]), at, keys, read)]
  })) as Record<TopLevelRole, RoleKeys>
  if (!isSame(facts.root, facts.targets)) read.fail("signed.roles.targets", "the keyholders and the threshold of the root", "others")
  if (facts.root.threshold < KEYHOLDERS_MIN) read.fail("signed.roles.root.threshold", `at least ${KEYHOLDERS_MIN}, so that nobody publishes alone`, facts.root.threshold)
  for (const role of ["snapshot", "timestamp"] as const) {
    const both = facts[role].keyids.find((id) => facts.root.keyids.includes(id))
    if (both !== undefined) read.fail(`signed.roles.${role}`, "keys of no keyholder: they are used online", keys[both]?.[HOLDER])
  }
  return { ...common, keys, roles: facts }
}

/** Whether the same keys sign, as many of them. */
export function isSame(a: RoleKeys, b: RoleKeys): boolean {
  return a.threshold === b.threshold && [...a.keyids].sort().join() === [...b.keyids].sort().join()
}

function readMeta(kind: "timestamp" | "snapshot", signed: Readonly<Record<string, unknown>>, common: Common, read: ShapeReader): MetaFacts {
  const required = kind === "timestamp" ? ["snapshot.json"] : ["targets.json", "roster.json"]
  const optional = kind === "timestamp" ? [] : DELEGATED.map((role) => `${role}.json`)
  const meta = read.object(signed["meta"], "signed.meta", required, optional)
  const files = Object.entries(meta).map(([name, value]) => {
    const at = `signed.meta.${name}`
    const file = read.object(value, at, ["version", "length", "hashes"])
    return [name, { version: read.integer(file["version"], `${at}.version`, 1, Number.MAX_SAFE_INTEGER), ...readFacts(file, at, TARGETS_BYTES_MAX, read) }] as const
  })
  return { ...common, files: new Map(files) }
}

function readFacts(file: Readonly<Record<string, unknown>>, at: string, bytesMax: number, read: ShapeReader): FileFacts {
  const hashes = read.object(file["hashes"], `${at}.hashes`, ["sha256"])
  return { length: read.integer(file["length"], `${at}.length`, 1, bytesMax), sha256: read.pattern(hashes["sha256"], `${at}.hashes.sha256`, HEX, "64 hexadecimal digits") }
}

function readDelegations(signed: Readonly<Record<string, unknown>>, common: Common, read: ShapeReader): DelegationsFacts {
  // The role hands every path on; a target of its own would stand before that of the role that answers for it.
  read.object(signed["targets"], "signed.targets", [])
  const delegations = read.object(signed["delegations"], "signed.delegations", ["keys", "roles"])
  const keys = readKeys(delegations["keys"], "signed.delegations.keys", read)
  const list = read.array(delegations["roles"], "signed.delegations.roles", DELEGATED.length)
  if (list.length !== DELEGATED.length) read.fail("signed.delegations.roles", DELEGATED.join(", "), `${list.length} roles`)
  const roles = new Map(list.map((value, i) => {
    const at = `signed.delegations.roles[${i}]`
    const role = read.object(value, at, ["name", "keyids", "threshold", "terminating", "paths"])
    const name = read.oneOf(role["name"], `${at}.name`, [DELEGATED[i] as DelegatedRole])
    if (role["terminating"] !== true) read.fail(`${at}.terminating`, "true", role["terminating"])
    const paths = read.array(role["paths"], `${at}.paths`, 1)
    read.oneOf(paths[0], `${at}.paths[0]`, [PATH_BY_ROLE[name]])
    return [name, readRoleKeys(role, at, keys, read)] as const
  }))
  return { ...common, keys, roles }
}

function readTarget(role: DelegatedRole, signed: Readonly<Record<string, unknown>>, common: Common, read: ShapeReader): TargetFacts {
  const path = PATH_BY_ROLE[role]
  const targets = read.object(signed["targets"], "signed.targets", role === "roster" ? [path] : [], [path])
  const value = targets[path]
  if (value === undefined) return { ...common, target: undefined }
  const at = `signed.targets.${path}`
  return { ...common, target: readFacts(read.object(value, at, ["length", "hashes"]), at, TARGET_BYTES_MAX, read) }
}

/** @throws VouchsafeError ROSTER_REFUSED for metadata that is to live longer than its role may. */
export function checkLife(role: Role, expiresMs: number, nowMs: number): void {
  const lifeMs = LIFE_MS_MAX[kindOf(role)]
  if (expiresMs - nowMs <= lifeMs) return
  throw new VouchsafeError("ROSTER_REFUSED", `${role} metadata expires in ${((expiresMs - nowMs) / DAY_MS).toFixed(1)} days by this machine's clock, expected at most ${lifeMs / DAY_MS}`, {
    hint: "check the clock; if it is right, whoever published must take a nearer end",
  })
}

/** @throws VouchsafeError ROSTER_EXPIRED for metadata whose end has come. */
export function checkNotOver(role: Role, expiresMs: number, nowMs: number): void {
  if (nowMs < expiresMs) return
  throw new VouchsafeError("ROSTER_EXPIRED", `${role} metadata expired at ${formatTime(expiresMs)}`, {
    hint: "check the clock; if it is right, the source is frozen or nobody renewed the roster: name another source, or ask the keyholders",
  })
}

/**
 * What holds between the root and the role that delegates.
 * @throws VouchsafeError ROSTER_REFUSED where the roster is not the keyholders' own.
 */
export function checkDelegations(root: RootFacts, targets: DelegationsFacts): void {
  const roster = targets.roles.get("roster")
  if (roster === undefined || !isSame(roster, root.roles.root)) {
    throw new VouchsafeError("ROSTER_REFUSED", "targets metadata: the roster is not signed by the keyholders of the root at their threshold")
  }
  // Ids are digests of keys, so equal ids are equal keys; who holds them must be said alike.
  for (const id of roster.keyids) {
    if (targets.keys[id]?.[HOLDER] !== root.keys[id]?.[HOLDER]) throw new VouchsafeError("ROSTER_REFUSED", `targets metadata: key ${id.slice(0, 16)}… has another holder than in the root`)
  }
  const online = [...root.roles.snapshot.keyids, ...root.roles.timestamp.keyids]
  for (const [role, { keyids }] of targets.roles) {
    if (keyids.some((id) => online.includes(id))) throw new VouchsafeError("ROSTER_REFUSED", `targets metadata: role ${role} is signed by a key that is used online`)
  }
}
