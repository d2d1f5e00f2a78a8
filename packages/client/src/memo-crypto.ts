import { type Bytes, type Crypto, ED25519_PUBLIC_KEY_BYTES, ED25519_SIGNATURE_BYTES } from "@vouchsafe/core"
import { SIGNATURES_KEPT_MAX } from "./limits.ts"

const latin1 = (bytes: Bytes): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

/**
 * Remembers signatures that verified. A client sees one head many times: as an answer, in the state, in the cache, at each of many checks
 * in one process; checking its signatures is most of what a single package costs.
 *
 * Exact: key, signature and message are compared whole. Only successes are kept, so that wrong input cannot displace them for long.
 */
export function memoCrypto(crypto: Crypto): Crypto {
  const valid = new Set<string>()
  return {
    sha256: (data) => crypto.sha256(data),
    sha512: (data) => crypto.sha512(data),
    verifyEd25519(publicKey, message, signature) {
      // With these two lengths fixed, the three parts cannot run into each other.
      if (publicKey.length !== ED25519_PUBLIC_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return crypto.verifyEd25519(publicKey, message, signature)
      const key = latin1(publicKey) + latin1(signature) + latin1(message)
      if (valid.has(key)) return true
      if (!crypto.verifyEd25519(publicKey, message, signature)) return false
      const oldest = valid.values().next()
      if (valid.size >= SIGNATURES_KEPT_MAX && oldest.done !== true) valid.delete(oldest.value)
      valid.add(key)
      return true
    },
  }
}
