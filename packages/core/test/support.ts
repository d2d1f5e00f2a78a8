import { createPublicKey, hash, type KeyObject, verify } from "node:crypto"
import { readFileSync } from "node:fs"
import { sharedPath } from "@vouchsafe/config/shared"
import { expect } from "vitest"
import {
  type Bytes, type Crypto, type ErrorCode, hexDecode, isStrictEd25519Input, isVouchsafeError, leafHash, nodeHash, utf8Encode,
} from "../src/index.ts"

const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex")

function importKey(publicKey: Bytes): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([ED25519_SPKI_PREFIX, publicKey]), format: "der", type: "spki" })
  } catch {
    return undefined
  }
}

/** The same bytes as a Uint8Array proper, so that test comparisons do not see a Buffer. */
function plain({ buffer, byteOffset, length }: Buffer): Bytes {
  return new Uint8Array(buffer, byteOffset, length)
}

/** The injected implementation that hosts use, on OpenSSL. Must agree with nobleCrypto on every input. */
export const nodeCrypto: Crypto = {
  sha256: (data) => plain(hash("sha256", data, "buffer")),
  sha512: (data) => plain(hash("sha512", data, "buffer")),
  verifyEd25519(publicKey, message, signature) {
    if (!isStrictEd25519Input(publicKey, signature)) return false
    const key = importKey(publicKey)
    return key !== undefined && verify(null, message, key, signature)
  },
}

/** Reads a vector file. */
export function readVector(...parts: string[]): string {
  return readFileSync(sharedPath("vectors", ...parts), "utf8")
}

/** Reads a vector file as JSON of a shape the test knows. */
export function readVectorJson<T>(...parts: string[]): T {
  return JSON.parse(readVector(...parts)) as T
}

/** Runs every case and fails unless exactly `expected` ran: a missing or shortened file must not pass. */
export function runVectors<T>(suite: string, expected: number, cases: readonly T[], run: (item: T) => void): void {
  let passed = 0
  for (const item of cases) {
    run(item)
    passed++
  }
  console.log(`vectors: ${suite} ${passed} of ${expected}`)
  expect(passed, suite).toBe(expected)
}

/** Expects `act` to throw a VouchsafeError of this code whose message contains `says`. */
export function expectRefusal(act: () => unknown, code: ErrorCode, says = ""): void {
  expect(act).toThrow(expect.objectContaining({ name: "VouchsafeError", code, message: expect.stringContaining(says) }))
}

/** Runs `act`; passes when it returns or throws a VouchsafeError of one of these codes. */
export function allowOnly(act: () => unknown, ...codes: ErrorCode[]): void {
  try {
    act()
  } catch (error) {
    if (!isVouchsafeError(error) || !codes.includes(error.code)) throw error
  }
}

/** Leaf hashes of a tree whose entry i is the decimal text of i. */
export function decimalLeaves(size: number): Bytes[] {
  return Array.from({ length: size }, (_, i) => leafHash(nodeCrypto, utf8Encode(String(i))))
}

/** MTH as the standard writes it: recursive, slow, independent of the code under test. */
export function naiveRoot(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return nodeCrypto.sha256(new Uint8Array(0))
  if (leaves.length === 1) return leaves[0] as Bytes
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(nodeCrypto, naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)))
}

/** The 32 bytes of a hexadecimal hash. */
export const hex = hexDecode

/** Number of fast-check runs: more with SLOW=1. */
export const PROPERTY_RUNS = process.env["SLOW"] === "1" ? 5000 : 200

/** Every way to change one byte of a text in UTF-8 that these tests try: cut before it, drop it, bump it, flip its top bit. */
export function* mangledTexts(text: string): Generator<{ readonly how: string; readonly bytes: Uint8Array }> {
  const bytes = Buffer.from(text, "utf8")
  for (let i = 0; i < bytes.length; i++) {
    yield { how: `cut before byte ${i}`, bytes: bytes.subarray(0, i) }
    yield { how: `drop byte ${i}`, bytes: Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + 1)]) }
    for (const change of [1, 0x20, 0x80]) {
      const changed = Buffer.from(bytes)
      changed[i] = ((changed[i] as number) + change) % 256
      yield { how: `byte ${i} plus ${change}`, bytes: changed }
    }
  }
}
