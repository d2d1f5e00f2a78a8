/**
 * The two primitives everything rests on, injectable: SHA-2 and Ed25519.
 *
 * `nobleCrypto` is the reference. A host may inject a faster one if it gives the same answer on every input, which
 * {@link isStrictEd25519Input} makes possible: implementations differ only on inputs that it refuses.
 *
 * @packageDocumentation
 */
import { etc, Point } from "@noble/ed25519"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import { type Bytes, concatBytes, equalBytes, hexDecode } from "./bytes.ts"

/** Hashes and signatures. Functions are synchronous, keep no reference to their arguments and never throw on byte strings. */
export interface Crypto {
  sha256(data: Bytes): Bytes
  sha512(data: Bytes): Bytes
  /** True iff {@link isStrictEd25519Input} holds and [S]B = R + [k]A without multiplying by the cofactor, R compared as bytes. */
  verifyEd25519(publicKey: Bytes, message: Bytes, signature: Bytes): boolean
}

export const ED25519_PUBLIC_KEY_BYTES = 32
export const ED25519_SIGNATURE_BYTES = 64

/** Group order L and field prime p, little-endian. */
const ORDER = hexDecode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
const PRIME = hexDecode(`ed${"ff".repeat(30)}7f`)

/**
 * y coordinates of the points of order 1, 2, 4 and 8, sign bit cleared. With the sign bit, and with the encodings of
 * y + p that the canonical check refuses, these are the 14 encodings which C2SP's CCTV lists.
 */
const LOW_ORDER_Y: readonly Bytes[] = [
  hexDecode("00".repeat(32)),
  hexDecode(`01${"00".repeat(31)}`),
  hexDecode(`ec${"ff".repeat(30)}7f`),
  hexDecode("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  hexDecode("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]

function isBelowLittleEndian(value: Bytes, limit: Bytes): boolean {
  for (let i = value.length - 1; i >= 0; i--) {
    const difference = (value[i] as number) - (limit[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

function isStrictPoint(encoded: Bytes): boolean {
  const y = Uint8Array.from(encoded)
  y[31] = (y[31] as number) & 0x7f
  return isBelowLittleEndian(y, PRIME) && !LOW_ORDER_Y.some((low) => equalBytes(low, y))
}

/**
 * The inputs on which Ed25519 implementations agree: right lengths, S below the group order, A and R canonically encoded
 * and not of low order. Every {@link Crypto} must refuse all others.
 */
export function isStrictEd25519Input(publicKey: Bytes, signature: Bytes): boolean {
  return publicKey.length === ED25519_PUBLIC_KEY_BYTES && signature.length === ED25519_SIGNATURE_BYTES &&
    isBelowLittleEndian(signature.subarray(32), ORDER) && isStrictPoint(publicKey) && isStrictPoint(signature.subarray(0, 32))
}

function littleEndian(bytes: Bytes): bigint {
  return BigInt(`0x${etc.bytesToHex(Uint8Array.from(bytes).reverse())}`)
}

/** undefined when the bytes are no point of the curve. */
function decodePoint(encoded: Bytes): Point | undefined {
  try {
    return Point.fromBytes(Uint8Array.from(encoded), false)
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

/** The reference implementation, on noble: pure JavaScript, runs anywhere. About 1 ms per signature. */
export const nobleCrypto: Crypto = {
  sha256: (data) => sha256(data),
  sha512: (data) => sha512(data),
  // noble's own verify multiplies by the cofactor and so accepts signatures that OpenSSL, Go and the public logs refuse;
  // the equation is therefore written out here on its points.
  verifyEd25519(publicKey, message, signature) {
    if (!isStrictEd25519Input(publicKey, signature)) return false
    const key = decodePoint(publicKey)
    if (key === undefined) return false
    const r = signature.subarray(0, 32)
    const order = Point.CURVE().n
    const k = etc.mod(littleEndian(sha512(concatBytes(r, publicKey, message))), order)
    const s = littleEndian(signature.subarray(32))
    const expected = Point.BASE.multiply(s, false).subtract(key.multiply(k, false))
    return equalBytes(expected.toBytes(), r)
  },
}
