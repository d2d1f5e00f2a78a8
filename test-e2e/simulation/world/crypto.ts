import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto"
import { type Crypto, isStrictEd25519Input, type Signer, utf8Encode, verifierKeyOf } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex")
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex")
const REMEMBERED_MAX = 100_000

/** A signer whose key follows from its name and a seed. */
export function signerOf(name: string, type: 1 | 4, seed: string): Signer {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, fastCrypto.sha256(utf8Encode(`${seed}/${name}`))]), format: "der", type: "pkcs8" })
  const spki = createPublicKey(key).export({ format: "der", type: "spki" })
  return { verifier: verifierKeyOf(name, type, Uint8Array.from(spki.subarray(-32))), sign: (message) => Uint8Array.from(sign(null, message, key)) }
}

/** OpenSSL's, and each signature checked once for the whole world: whether it verifies depends on nobody who asks. */
export function worldCrypto(): Crypto {
  const known = new Map<string, boolean>()
  const keys = new Map<string, KeyObject>()
  const keyOf = (publicKey: Uint8Array): KeyObject => {
    const name = latin1(publicKey)
    const key = keys.get(name) ?? createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" })
    keys.set(name, key)
    return key
  }
  const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
  return {
    sha256: fastCrypto.sha256,
    sha512: fastCrypto.sha512,
    verifyEd25519(publicKey, message, signature) {
      const name = `${latin1(publicKey)} ${latin1(signature)} ${latin1(message)}`
      const found = known.get(name)
      if (found !== undefined) return found
      const isValid = isStrictEd25519Input(publicKey, signature) && verify(null, message, keyOf(publicKey), signature)
      if (known.size > REMEMBERED_MAX) known.clear()
      known.set(name, isValid)
      return isValid
    },
  }
}
