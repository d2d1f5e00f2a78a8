/**
 * ECDSA over P-256 with SHA-256, by Node's own crypto: the one verifier that registry signatures go through.
 *
 * @packageDocumentation
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto"

/** Bytes of a P-256 key as SubjectPublicKeyInfo with named curve and uncompressed point. */
const SPKI_BYTES = 91
const POINT_BYTES = 65
const KEY_TYPE = "ecdsa-sha2-nistp256"
const CURVE = "nistp256"

/** DER (ASN.1 SEQUENCE of two INTEGERs), or both numbers side by side as IEEE P1363 has it. */
export type EcdsaEncoding = "der" | "ieee-p1363"

/** Tells whether `signature` is one by `key` over `data`. Other encodings of the same numbers (long lengths, spare zeros, trailing bytes) are none. */
export function verifyEcdsaP256(key: KeyObject, data: Uint8Array, signature: Uint8Array, encoding: EcdsaEncoding = "der"): boolean {
  try {
    return verify("sha256", data, { key, dsaEncoding: encoding }, signature)
  } catch {
    // OpenSSL throws for some signatures that are no signatures, and answers false for others: both are refusals.
    return false
  }
}

/** Reads a P-256 public key, SubjectPublicKeyInfo in DER, in its one spelling. Undefined for anything else. */
export function readP256Key(spki: Uint8Array): KeyObject | undefined {
  if (spki.length !== SPKI_BYTES) return undefined
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" })
    const isP256 = key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1"
    return isP256 && key.export({ format: "der", type: "spki" }).equals(spki) ? key : undefined
  } catch {
    return undefined
  }
}

/** The id of a key as OpenSSH prints fingerprints: `SHA256:` and the unpadded base64 of the SHA-256 of its wire form (STANDARDS §11). */
export function keyIdOf(spki: Uint8Array): string {
  const point = spki.subarray(spki.length - POINT_BYTES)
  const hash = createHash("sha256")
  for (const part of [Buffer.from(KEY_TYPE), Buffer.from(CURVE), point]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    hash.update(length).update(part)
  }
  return `SHA256:${hash.digest("base64").replace(/=+$/, "")}`
}
