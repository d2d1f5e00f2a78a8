/**
 * The keys whose signed requests may change a node over its public listener (spec/admin.md, [A2]).
 *
 * @packageDocumentation
 */
import { type Bytes, hexEncode, isVouchsafeError, KEY_TYPE, parseVerifierKey, shown, type VerifierKey, VouchsafeError } from "@vouchsafe/core"
import { createHash } from "node:crypto"

/** Most keys of one node's admins. */
const KEYS_MAX = 32

/** @throws VouchsafeError CONFIG_MALFORMED for what is no Ed25519 verifier key, a key under two names, or too many. */
export function checkAdminKeys(vkeys: readonly string[]): readonly string[] {
  const nameOfKey = new Map<string, string>()
  for (const vkey of vkeys) {
    const { name, type, publicKey } = parseKey(vkey)
    if (type !== KEY_TYPE.ed25519) throw malformed(`admin key ${shown(name)} has type ${type}, expected ${KEY_TYPE.ed25519} (Ed25519)`)
    const other = nameOfKey.get(keyIdOfAdmin(publicKey))
    if (other !== undefined && other !== name) throw malformed(`admin keys ${shown(other)} and ${shown(name)} are one key, expected a name each`)
    nameOfKey.set(keyIdOfAdmin(publicKey), name)
  }
  if (nameOfKey.size > KEYS_MAX) throw malformed(`admin keys are ${nameOfKey.size}, expected at most ${KEYS_MAX}`)
  return [...new Set(vkeys)]
}

/** `keyid` of a request's signature: the SHA-256 of the public key, lower-case hex. */
export function keyIdOfAdmin(publicKey: Bytes): string {
  return createHash("sha256").update(publicKey).digest("hex")
}

/**
 * Keys by their `keyid`.
 * @param own - the node's own keys and those of its publishers: one key, one job
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function adminKeysById(vkeys: readonly string[], own: readonly Bytes[]): ReadonlyMap<string, VerifierKey> {
  const others = new Set(own.map(hexEncode))
  const keys = vkeys.map(parseKey)
  for (const { name, publicKey } of keys) {
    if (others.has(hexEncode(publicKey))) throw malformed(`admin key ${shown(name)} signs something else for this node, expected a key of its own`, "`vouchsafe keys new FILE --name NAME` makes one")
  }
  return new Map(keys.map((key) => [keyIdOfAdmin(key.publicKey), key]))
}

function parseKey(vkey: string): VerifierKey {
  try {
    return parseVerifierKey(vkey)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw malformed(`admin key: ${cause.message}`, "`vouchsafe keys show FILE` prints the key of an admin", cause)
  }
}

function malformed(message: string, hint?: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", message, { hint, cause })
}
