import { readFileSync } from "node:fs"
import { hexDecode, hexEncode, nobleCrypto, utf8Encode } from "@vouchsafe/core"
import { sharedPath } from "@vouchsafe/config/shared"
import { describe, expect, test } from "vitest"
import { hashFunction, nodeCrypto } from "../../src/node/crypto.ts"
import { testSigner } from "../support/fake-log.ts"

describe("agrees with the reference implementation", () => {
  test("on all CCTV cases", () => {
    const cases = JSON.parse(readFileSync(sharedPath("vectors", "ed25519", "cctv-ed25519vectors.json"), "utf8")) as { number: number; key: string; sig: string; msg: string }[]
    let accepted = 0
    for (const { number, key, sig, msg } of cases) {
      const parts = [hexDecode(key), utf8Encode(msg), hexDecode(sig)] as const
      const answer = nodeCrypto.verifyEd25519(...parts)
      expect(answer, `case ${number}`).toBe(nobleCrypto.verifyEd25519(...parts))
      if (answer) accepted += 1
    }
    expect(cases.length).toBe(914)
    // Both refusing everything would agree as well.
    expect(accepted).toBeGreaterThan(0)
  })

  test("on all Wycheproof cases, and with their results", () => {
    const { testGroups } = JSON.parse(readFileSync(sharedPath("vectors", "ed25519", "wycheproof-ed25519_test.json"), "utf8")) as { testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[] }
    const cases = testGroups.flatMap(({ publicKey, tests }) => tests.map((row) => ({ ...row, pk: publicKey.pk })))
    for (const { tcId, pk, msg, sig, result } of cases) {
      expect(nodeCrypto.verifyEd25519(hexDecode(pk), hexDecode(msg), hexDecode(sig)), `case ${tcId}`).toBe(result === "valid")
    }
    expect(cases.length).toBe(151)
  })

  test.each([0, 1, 63, 64, 65, 1_000])("on hashes of %s bytes, with and without the one-shot call", (length) => {
    const data = Uint8Array.from({ length }, (_, i) => i & 255)
    for (const algorithm of ["sha256", "sha512"] as const) {
      const expected = hexEncode(nobleCrypto[algorithm](data))
      expect(hexEncode(nodeCrypto[algorithm](data))).toBe(expected)
      expect(hexEncode(hashFunction(algorithm, undefined)(data))).toBe(expected)
    }
  })
})

test.each([
  { name: "key too short", key: 31, signature: 64 }, { name: "key too long", key: 33, signature: 64 }, { name: "no key", key: 0, signature: 64 },
  { name: "signature too short", key: 32, signature: 63 }, { name: "signature too long", key: 32, signature: 65 }, { name: "no signature", key: 32, signature: 0 },
])("$name: false, not an exception", ({ key, signature }) => {
  expect(nodeCrypto.verifyEd25519(new Uint8Array(key).fill(9), Uint8Array.of(1), new Uint8Array(signature))).toBe(false)
})

test("more keys than are kept still verify, each under its own", () => {
  const signers = Array.from({ length: 600 }, (_, i) => testSigner("a", 1, i))
  const message = Uint8Array.of(1)
  const signatures = signers.map((signer) => signer.sign(message))
  for (let round = 0; round < 2; round++) {
    signers.forEach((signer, i) => {
      expect(nodeCrypto.verifyEd25519(signer.verifier.publicKey, message, signatures[i] as Uint8Array)).toBe(true)
      expect(nodeCrypto.verifyEd25519(signer.verifier.publicKey, message, signatures[(i + 1) % 600] as Uint8Array)).toBe(false)
    })
  }
})

test("a key whose buffer is changed afterwards is another key", () => {
  const signer = testSigner("a", 1, 1)
  const key = Uint8Array.from(signer.verifier.publicKey)
  const signature = signer.sign(Uint8Array.of(1))
  expect(nodeCrypto.verifyEd25519(key, Uint8Array.of(1), signature)).toBe(true)
  key[0] = (key[0] as number) ^ 1
  expect(nodeCrypto.verifyEd25519(key, Uint8Array.of(1), signature)).toBe(false)
})
