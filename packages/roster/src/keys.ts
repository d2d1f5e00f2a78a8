/**
 * Keys as TUF metadata has them: Ed25519 only, named by the SHA-256 of their canonical form, each with its holder's name.
 *
 * @packageDocumentation
 */
import { canonicalize, hexEncode, isKeyName, isVouchsafeError, KEY_TYPE, parseVerifierKey, type ShapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { createHash } from "node:crypto"
import { KEYS_MAX } from "./limits.ts"

/** Who holds the key. TUF lets keys have further members; this one makes two keys of one person visible. */
export const HOLDER = "x-vouchsafe-holder"

/** A key in metadata. */
export interface TufKey {
  readonly keytype: "ed25519"
  readonly scheme: "ed25519"
  readonly keyval: { readonly public: string }
  readonly [HOLDER]: string
}

/** Keys by their ids. */
export type TufKeys = Readonly<Record<string, TufKey>>

const PUBLIC = /^[0-9a-f]{64}$/
const KEY_ID = /^[0-9a-f]{64}$/

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex")
}

/** TUF's key id: the hash of what the key is, without its holder's name. */
export function keyIdOf(key: Pick<TufKey, "keytype" | "scheme" | "keyval">): string {
  return sha256Hex(canonicalize({ keytype: key.keytype, scheme: key.scheme, keyval: { public: key.keyval.public } }))
}

/** A key from its text form, as `keys show` prints it. @throws VouchsafeError USAGE. */
export function tufKeyOf(vkey: string): TufKey {
  try {
    const { name, type, publicKey } = parseVerifierKey(vkey)
    if (type === KEY_TYPE.ed25519) return { keytype: "ed25519", scheme: "ed25519", keyval: { public: hexEncode(publicKey) }, [HOLDER]: name }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
  }
  throw new VouchsafeError("USAGE", `key is ${shown(vkey)}, expected the public half of an Ed25519 key`, { hint: "make one with `vouchsafe keys new FILE --name NAME`, see its public half with `vouchsafe keys show FILE`" })
}

/** Reads the `keys` of metadata. Every key and every holder stands there once: who counts signatures must not count a person twice. */
export function readKeys(value: unknown, at: string, read: ShapeReader): TufKeys {
  const members = read.object(value, at, [], value !== null && typeof value === "object" ? Object.keys(value) : [])
  const entries = Object.entries(members)
  if (entries.length > KEYS_MAX) read.fail(at, `at most ${KEYS_MAX} keys`, `${entries.length} keys`)
  const keys: Record<string, TufKey> = Object.create(null) as Record<string, TufKey>
  for (const [id, raw] of entries) keys[id] = readKey(id, raw, `${at}.${id.slice(0, 8)}`, read)
  // Ids are digests of keys, so each key stands once as it is.
  requireOnce(Object.values(keys).map((key) => key[HOLDER]), `${at}: holder`, read)
  return keys
}

function readKey(id: string, raw: unknown, at: string, read: ShapeReader): TufKey {
  read.pattern(id, at, KEY_ID, "a key id of 64 hexadecimal digits")
  const key = read.object(raw, at, ["keytype", "scheme", "keyval", HOLDER])
  const keyval = read.object(key["keyval"], `${at}.keyval`, ["public"])
  const holder = read.string(key[HOLDER], `${at}.${HOLDER}`, 255)
  if (!isKeyName(holder)) read.fail(`${at}.${HOLDER}`, "a key's name", holder)
  const found: TufKey = {
    keytype: read.oneOf(key["keytype"], `${at}.keytype`, ["ed25519"]), scheme: read.oneOf(key["scheme"], `${at}.scheme`, ["ed25519"]),
    keyval: { public: read.pattern(keyval["public"], `${at}.keyval.public`, PUBLIC, "64 hexadecimal digits") }, [HOLDER]: holder,
  }
  const expected = keyIdOf(found)
  return id === expected ? found : read.fail(at, `the id ${expected.slice(0, 16)}… that its key has`, id)
}

function requireOnce(values: readonly string[], what: string, read: ShapeReader): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i)
  if (twice !== undefined) read.fail(what, "each one once", `${twice} again`)
}

/** Which keys sign for a role, and how many must. */
export interface RoleKeys {
  readonly keyids: readonly string[]
  readonly threshold: number
}

/** Reads `keyids` and `threshold`, which can be reached and counts no id twice. */
export function readRoleKeys(members: Readonly<Record<string, unknown>>, at: string, keys: TufKeys, read: ShapeReader): RoleKeys {
  const keyids = read.array(members["keyids"], `${at}.keyids`, KEYS_MAX).map((id, i) => read.pattern(id, `${at}.keyids[${i}]`, KEY_ID, "a key id"))
  requireOnce(keyids, `${at}.keyids`, read)
  for (const id of keyids) if (!Object.hasOwn(keys, id)) read.fail(`${at}.keyids`, "ids of keys that are there", id)
  if (keyids.length === 0) read.fail(`${at}.keyids`, "at least one key", "empty")
  return { keyids, threshold: read.integer(members["threshold"], `${at}.threshold`, 1, keyids.length) }
}
