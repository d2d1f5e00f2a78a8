import { createPublicKey, hash, verify } from "node:crypto"
import { type Bytes, type Crypto, isStrictEd25519Input } from "@vouchsafe/core"

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex")

// Plain arrays, as every other implementation gives them: a Buffer compares unequal to one in assertions.
const plain = (buffer: Uint8Array): Bytes => Uint8Array.from(buffer)

/** Node's own SHA-2 and Ed25519: tests that hash much take this one. Needs Node 20.12. */
export const fastCrypto: Crypto = {
  sha256: (data) => plain(hash("sha256", data, "buffer")),
  sha512: (data) => plain(hash("sha512", data, "buffer")),
  verifyEd25519: (publicKey, message, signature) => isStrictEd25519Input(publicKey, signature) &&
    verify(null, message, createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" }), signature),
}
