import { expect, test } from "vitest"
import { SIGNATURES_KEPT_MAX } from "../src/limits.ts"
import { memoCrypto } from "../src/memo-crypto.ts"
import { nodeCrypto } from "../src/node/crypto.ts"
import { testSigner } from "./support/fake-log.ts"

const signer = testSigner("a", 1, 1)
const message = Uint8Array.of(1, 2, 3)
const key = signer.verifier.publicKey

function counted() {
  const calls: number[] = []
  const crypto = memoCrypto({ ...nodeCrypto, verifyEd25519: (...parts) => (calls.push(1), nodeCrypto.verifyEd25519(...parts)) })
  return { crypto, calls }
}

test("a signature that verified is not checked again", () => {
  const { crypto, calls } = counted()
  const signature = signer.sign(message)
  expect([crypto.verifyEd25519(key, message, signature), crypto.verifyEd25519(key, Uint8Array.from(message), Uint8Array.from(signature))]).toEqual([true, true])
  expect(calls.length).toBe(1)
})

test("every flipped bit of key, message or signature is checked, and refused", () => {
  const { crypto } = counted()
  const signature = signer.sign(message)
  crypto.verifyEd25519(key, message, signature)
  for (const [name, bytes] of Object.entries({ key, message, signature })) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes, (byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      const parts = { key, message, signature, [name]: flipped }
      expect(crypto.verifyEd25519(parts.key, parts.message, parts.signature), `${name} bit ${bit}`).toBe(false)
    }
  }
})

test("bytes cannot move between the parts", () => {
  const { crypto } = counted()
  const signature = signer.sign(message)
  crypto.verifyEd25519(key, message, signature)
  expect(crypto.verifyEd25519(key, message.subarray(1), Uint8Array.of(...signature, 1))).toBe(false)
  expect(crypto.verifyEd25519(key.subarray(0, 31), message, Uint8Array.of(key[31] as number, ...signature))).toBe(false)
})

test("failures are not kept, and successes only so many", () => {
  const { crypto, calls } = counted()
  const wrong = new Uint8Array(64)
  crypto.verifyEd25519(key, message, wrong)
  crypto.verifyEd25519(key, message, wrong)
  expect(calls.length).toBe(2)
  const first = signer.sign(message)
  for (let i = 0; i <= SIGNATURES_KEPT_MAX; i++) {
    const text = Uint8Array.of(1, 2, 3, i & 255, i >> 8)
    crypto.verifyEd25519(key, text, signer.sign(text))
  }
  const before = calls.length
  crypto.verifyEd25519(key, message, first)
  expect(calls.length).toBe(before + 1)
})
