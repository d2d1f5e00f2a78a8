/**
 * Who must sign what, who did, and metadata put together from both.
 *
 * @packageDocumentation
 */
import { type Crypto, hexDecode, hexEncode, parseRoster, type Signer, VouchsafeError } from "@vouchsafe/core"
import { Metadata, MetadataKind, Signature } from "@tufjs/models"
import { currentOf } from "./chain.ts"
import { type Draft, versionsOf } from "./draft.ts"
import { HOLDER, keyIdOf, type RoleKeys, sha256Hex, tufKeyOf, type TufKeys } from "./keys.ts"
import { checkDelegations, checkLife, checkNotOver, type DelegationsFacts, readSigned, type RootFacts, type TargetFacts } from "./metadata.ts"
import { DELEGATED, type DelegatedRole, kindOf, PATH_BY_ROLE, type PeoplesRole, type Role, ROSTER_TARGET } from "./profile.ts"
import { requireForward } from "./store.ts"

/** Signatures (hex) by role, of each key by its id. */
export type Signatures = ReadonlyMap<string, ReadonlyMap<PeoplesRole, string>>

/** The bytes that are signed: OLPC canonical JSON, as TUF says. */
export function bytesToSign(role: Role, signed: Readonly<Record<string, unknown>>): Uint8Array {
  let bytes: Uint8Array | undefined
  metadataOf(role, signed).sign((data) => {
    bytes = data
    return new Signature({ keyID: "0", sig: "0" })
  })
  return bytes as Uint8Array
}

function metadataOf(role: Role, signed: Readonly<Record<string, unknown>>): { sign(signer: (data: Buffer) => Signature): void } {
  const document = { signed, signatures: [] } as unknown as Parameters<typeof Metadata.fromJSON>[1]
  switch (kindOf(role)) {
    case "root": return Metadata.fromJSON(MetadataKind.Root, document)
    case "timestamp": return Metadata.fromJSON(MetadataKind.Timestamp, document)
    case "snapshot": return Metadata.fromJSON(MetadataKind.Snapshot, document)
    default: return Metadata.fromJSON(MetadataKind.Targets, document)
  }
}

/** Metadata as it is published. @param signatures - hex by key id */
export function formatMetadata(signed: Readonly<Record<string, unknown>>, signatures: ReadonlyMap<string, string>): string {
  return JSON.stringify({ signatures: [...signatures].sort().map(([keyid, sig]) => ({ keyid, sig })), signed })
}

/** Metadata signed by one key. */
export function signedBy(role: Role, signed: Readonly<Record<string, unknown>>, signer: Signer): string {
  return formatMetadata(signed, new Map([[keyIdOf(tufKeyOf(signer.verifier.vkey)), hexEncode(signer.sign(bytesToSign(role, signed)))]]))
}

/** One signature set that a proposal needs. A changed root needs two: of the keyholders before, and of those after. */
export interface Requirement {
  readonly role: PeoplesRole
  readonly by: "keyholders" | "keyholders before" | "own keys"
  readonly keys: RoleKeys
  readonly holders: TufKeys
}

/** What a checked draft says. */
interface DraftFacts {
  readonly root: RootFacts
  readonly rootBefore: RootFacts | undefined
  readonly targets: DelegationsFacts
}

/**
 * Judges a draft as followers will judge its result, but for signatures.
 * @throws VouchsafeError ROSTER_REFUSED, ROSTER_EXPIRED, ROSTER_MALFORMED.
 */
export function checkDraft(crypto: Crypto, draft: Draft, nowMs: number): readonly Requirement[] {
  const current = draft.base.size === 0 ? undefined : currentOf(draft.base)
  const before = current === undefined ? undefined : versionsOf(current)
  for (const [role, signed] of draft.staged) {
    const { facts } = readSigned<Role>(role, signed)
    const expected = (before?.get(role) ?? 0) + 1
    if (facts.version !== expected) throw new VouchsafeError("ROSTER_REFUSED", `proposal: ${role} has version ${facts.version}, expected ${expected}`)
    checkLife(role, facts.expiresMs, nowMs)
    checkNotOver(role, facts.expiresMs, nowMs)
    if (role !== "root" && role !== "targets") checkTarget(crypto, role, facts as TargetFacts, draft, current?.texts.get(ROSTER_TARGET))
  }
  const stagedOf = <R extends PeoplesRole>(role: R) => (draft.staged.has(role) ? readSigned(role, draft.staged.get(role)).facts : undefined)
  const root = stagedOf("root") ?? current?.root.facts
  const targets = stagedOf("targets") ?? current?.targets.facts
  if (root === undefined || targets === undefined) throw new VouchsafeError("ROSTER_REFUSED", "proposal: a new repository needs root and targets")
  checkDelegations(root, targets)
  return requirementsOf(draft, { root, targets, rootBefore: current?.root.facts })
}

function checkTarget(crypto: Crypto, role: DelegatedRole, { target }: TargetFacts, { targets }: Draft, rosterBefore: string | undefined): void {
  const text = targets.get(PATH_BY_ROLE[role])
  if (target === undefined && text === undefined) return
  if (text === undefined || target === undefined || target.sha256 !== sha256Hex(text) || target.length !== Buffer.byteLength(text)) {
    throw new VouchsafeError("ROSTER_REFUSED", `proposal: ${PATH_BY_ROLE[role]} is not the file that its metadata names`)
  }
  if (role === "roster") requireForward(rosterBefore === undefined ? undefined : parseRoster(crypto, rosterBefore), parseRoster(crypto, text))
  else if (role !== "sigstore" && role !== "names") requireJson(role, text)
}

function requireJson(role: DelegatedRole, text: string): void {
  try {
    JSON.parse(text)
  } catch (cause) {
    throw new VouchsafeError("ROSTER_REFUSED", `proposal: ${PATH_BY_ROLE[role]} is not JSON`, { cause })
  }
}

function requirementsOf({ staged }: Draft, { root, rootBefore, targets }: DraftFacts): readonly Requirement[] {
  const requirements: Requirement[] = []
  if (staged.has("root")) {
    requirements.push({ role: "root", by: "keyholders", keys: root.roles.root, holders: root.keys })
    if (rootBefore !== undefined) requirements.push({ role: "root", by: "keyholders before", keys: rootBefore.roles.root, holders: rootBefore.keys })
  }
  if (staged.has("targets")) requirements.push({ role: "targets", by: "keyholders", keys: root.roles.targets, holders: root.keys })
  for (const role of DELEGATED) {
    if (staged.has(role)) requirements.push({ role, by: role === "roster" ? "keyholders" : "own keys", keys: targets.roles.get(role) as RoleKeys, holders: targets.keys })
  }
  return requirements
}

/** How far one requirement is met. */
export interface Progress {
  readonly role: PeoplesRole
  readonly by: Requirement["by"]
  readonly threshold: number
  /** Holders whose signatures hold. */
  readonly signed: readonly string[]
  readonly missing: readonly string[]
  readonly isMet: boolean
}

/** Counts the signatures that hold. One that does not hold counts for nothing. */
export function progressOf(crypto: Crypto, draft: Draft, requirements: readonly Requirement[], signatures: Signatures): readonly Progress[] {
  return requirements.map(({ role, by, keys, holders }) => {
    const bytes = bytesToSign(role, draft.staged.get(role) as Readonly<Record<string, unknown>>)
    const hasSigned = (id: string): boolean => {
      const sig = signatures.get(id)?.get(role)
      return sig !== undefined && crypto.verifyEd25519(hexDecode(holders[id]?.keyval.public ?? ""), bytes, hexDecode(sig))
    }
    const name = (id: string): string => holders[id]?.[HOLDER] ?? id
    const signed = keys.keyids.filter(hasSigned)
    return { role, by, threshold: keys.threshold, signed: signed.map(name), missing: keys.keyids.filter((id) => !signed.includes(id)).map(name), isMet: signed.length >= keys.threshold }
  })
}

/** Signs everything that a key may sign. @throws VouchsafeError USAGE for a key that has nothing to sign. */
export function signDraft(draft: Draft, requirements: readonly Requirement[], signer: Signer): { readonly keyid: string; readonly signatures: ReadonlyMap<PeoplesRole, string> } {
  const keyid = keyIdOf(tufKeyOf(signer.verifier.vkey))
  const roles = new Set(requirements.filter(({ keys }) => keys.keyids.includes(keyid)).map(({ role }) => role))
  if (roles.size === 0) {
    const names = [...new Set(requirements.flatMap(({ keys, holders }) => keys.keyids.map((id) => holders[id]?.[HOLDER] ?? id)))]
    throw new VouchsafeError("USAGE", `key ${signer.verifier.name} has nothing to sign here, expected one of ${names.join(", ")}`)
  }
  return { keyid, signatures: new Map([...roles].map((role) => [role, hexEncode(signer.sign(bytesToSign(role, draft.staged.get(role) as Readonly<Record<string, unknown>>)))])) }
}
