/**
 * Hashes and signatures by Node's OpenSSL, about twelve times as fast as the reference implementation.
 *
 * Both refuse what `isStrictEd25519Input` refuses, and agree on everything else (test: all CCTV and Wycheproof cases).
 *
 * @packageDocumentation
 */
import * as openssl from "node:crypto"
import type { KeyObject } from "node:crypto"
import { type Bytes, type Crypto, isStrictEd25519Input } from "@vouchsafe/core"

/** Public keys kept ready for use; a roster of 40 nodes has 120. */
const KEYS_KEPT_MAX = 512
/** DER of a SubjectPublicKeyInfo for Ed25519, up to the 32 bytes of the key (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex")

type OneShot = (algorithm: string, data: Bytes, encoding: "buffer") => Buffer

/** One call into OpenSSL instead of three, where Node has it (20.12 and later). */
const oneShot = (openssl as { readonly hash?: OneShot }).hash

/** A hash function; without `fast`, the way of a Node that lacks the one-shot call. */
export function hashFunction(algorithm: "sha256" | "sha512", fast: OneShot | undefined = oneShot): (data: Bytes) => Bytes {
  if (fast === undefined) return (data) => openssl.createHash(algorithm).update(data).digest()
  return (data) => fast(algorithm, data, "buffer")
}

/** Names for files: the SHA-256 of a text's UTF-8, in hexadecimal. */
export function digestOf(text: string): string {
  return openssl.createHash("sha256").update(text, "utf8").digest("hex")
}

const keys = new Map<string, KeyObject | undefined>()

function keyObject(publicKey: Bytes): KeyObject | undefined {
  const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString("latin1")
  if (keys.has(name)) return keys.get(name)
  const made = makeKey(publicKey)
  const oldest = keys.keys().next()
  if (keys.size >= KEYS_KEPT_MAX && oldest.done !== true) keys.delete(oldest.value)
  keys.set(name, made)
  return made
}

/** undefined for bytes that OpenSSL takes for no key. */
function makeKey(publicKey: Bytes): KeyObject | undefined {
  try {
    return openssl.createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" })
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

/** The implementation to inject on the hot path. */
export const nodeCrypto: Crypto = {
  sha256: hashFunction("sha256"),
  sha512: hashFunction("sha512"),
  verifyEd25519(publicKey, message, signature) {
    if (!isStrictEd25519Input(publicKey, signature)) return false
    const key = keyObject(publicKey)
    return key !== undefined && openssl.verify(null, message, key, signature)
  },
}
