import { createHash, generateKeyPairSync, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import { type Bytes, concatBytes } from "@vouchsafe/core"
import { sharedPath } from "@vouchsafe/config/shared"
import { beforeAll, describe, expect, test } from "vitest"
import { parseSshPublicKeyText } from "../../src/git/ssh-key.ts"
import { sshString } from "../../src/git/ssh-wire.ts"
import { parseSshSignature, SSH_SIGNATURE_BEGIN, SSH_SIGNATURE_END, sshSignedData, verifySshSignature } from "../../src/git/sshsig.ts"
import { makeSshKey, sshKeygenVerifies, type SshKeyPair, sshSign, workFolder } from "./ssh-tools.ts"

const VECTORS = JSON.parse(readFileSync(sharedPath("vectors", "own", "sshsig-git.json"), "utf8")) as Record<string, string> & { message: string; armoredSignature: string; publicKeyLine: string }
const MESSAGE = Buffer.from(VECTORS.message)
const folder = workFolder("sshsig")

function armor(blob: Bytes): string {
  const lines = Buffer.from(blob).toString("base64").match(/.{1,70}/g) ?? []
  return `${SSH_SIGNATURE_BEGIN}\n${lines.join("\n")}\n${SSH_SIGNATURE_END}\n`
}

function blobOf(armored: string): Bytes {
  return Buffer.from(armored.split("\n").slice(1, -2).join(""), "base64")
}

function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

const KEY_BLOB = Buffer.from(VECTORS.publicKeyLine.split(" ")[1] ?? "", "base64")
const RAW = blobOf(VECTORS.armoredSignature).subarray(-64)
interface Parts { magic: string; version: number; key: Bytes; namespace: string; reserved: string; hash: string; algorithm: string; raw: Bytes; innerAfter: string; after: string }
const GOOD: Parts = { magic: "SSHSIG", version: 1, key: KEY_BLOB, namespace: "git", reserved: "", hash: "sha512", algorithm: "ssh-ed25519", raw: RAW, innerAfter: "", after: "" }
function build(changed: Partial<Parts>): string {
  const p = { ...GOOD, ...changed }
  const inner = concatBytes(sshString(p.algorithm), sshString(p.raw), Buffer.from(p.innerAfter))
  return armor(concatBytes(Buffer.from(p.magic), uint32(p.version), sshString(p.key), sshString(p.namespace), sshString(p.reserved), sshString(p.hash), sshString(inner), Buffer.from(p.after)))
}

test("vector: the message's signature verifies, over exactly the bytes that the vector says", () => {
  const answer = verifySshSignature(VECTORS.armoredSignature, MESSAGE, "git")
  expect(answer).toMatchObject({ ok: true, namespace: "git" })
  const parsed = parseSshSignature(VECTORS.armoredSignature)
  expect(Buffer.from(sshSignedData("git", parsed.hash, MESSAGE)).toString("hex")).toBe(VECTORS["signedDataHex"])
  expect(build({})).toBe(VECTORS.armoredSignature)
})

const ARMORED = VECTORS.armoredSignature
const DSA_BLOB = concatBytes(sshString("ssh-dss"), sshString("x"))
const CERT_BLOB = concatBytes(sshString("ssh-ed25519-cert-v01@openssh.com"), sshString("x"))
const RSA_WEAK = concatBytes(sshString("ssh-rsa"), sshString(Buffer.from([1, 0, 1])), sshString(Buffer.concat([Buffer.from([0]), Buffer.alloc(128, 0xff)])))
const RSA_EVEN = concatBytes(sshString("ssh-rsa"), sshString(Buffer.from([1, 0, 2])), sshString(Buffer.concat([Buffer.from([0]), Buffer.alloc(256, 0xff)])))
const RSA_ZEROS = concatBytes(sshString("ssh-rsa"), sshString(Buffer.from([0, 1, 0, 1])), sshString(Buffer.concat([Buffer.from([0]), Buffer.alloc(256, 0xff)])))
const RSA_NEGATIVE = concatBytes(sshString("ssh-rsa"), sshString(Buffer.from([1, 0, 1])), sshString(Buffer.alloc(256, 0xff)))
const RSA_KEY = concatBytes(sshString("ssh-rsa"), sshString(Buffer.from([1, 0, 1])), sshString(Buffer.concat([Buffer.from([0]), Buffer.alloc(256, 0xff)])))
const OFF_CURVE = concatBytes(sshString("ecdsa-sha2-nistp256"), sshString("nistp256"), sshString(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)])))
const OTHER_CURVE = concatBytes(sshString("ecdsa-sha2-nistp256"), sshString("nistp384"), sshString(Buffer.concat([Buffer.from([4]), Buffer.alloc(96, 7)])))

test.each([
  { name: "empty text", text: "", code: "SSH_MALFORMED", says: "the first line is" },
  { name: "text in front", text: `x\n${ARMORED}`, code: "SSH_MALFORMED", says: "the first line" },
  { name: "text after", text: `${ARMORED}x`, code: "SSH_MALFORMED", says: "the last line" },
  { name: "an empty line after", text: `${ARMORED}\n`, code: "SSH_MALFORMED", says: "the last line" },
  { name: "carriage returns", text: ARMORED.replaceAll("\n", "\r\n"), code: "SSH_MALFORMED", says: "the first line" },
  { name: "no end", text: ARMORED.slice(0, -30), code: "SSH_MALFORMED", says: "the last line" },
  { name: "an OpenPGP armor", text: ARMORED.replaceAll("SSH", "PGP"), code: "SSH_MALFORMED", says: "the first line" },
  { name: "no body", text: `${SSH_SIGNATURE_BEGIN}\n${SSH_SIGNATURE_END}\n`, code: "SSH_MALFORMED", says: "the last line" },
  { name: "an empty line in the body", text: ARMORED.replace("\n", "\n\n"), code: "SSH_MALFORMED", says: "empty or longer" },
  { name: "blanks in the body", text: ARMORED.replace("U1NI", "U1 NI"), code: "SSH_MALFORMED", says: "base64" },
  { name: "base64 with bits after the end", text: ARMORED.replace("gngM=", "gngN="), code: "SSH_MALFORMED", says: "bits set after" },
  { name: "too long", text: `${SSH_SIGNATURE_BEGIN}\n${"AAAA".repeat(5000)}\n${SSH_SIGNATURE_END}\n`, code: "SSH_MALFORMED", says: "expected at most 16384" },
  { name: "another preamble", text: build({ magic: "SSHSIH" }), code: "SSH_MALFORMED", says: "preamble" },
  { name: "version 0", text: build({ version: 0 }), code: "SSH_UNSUPPORTED", says: "version 0" },
  { name: "version 2", text: build({ version: 2 }), code: "SSH_UNSUPPORTED", says: "version 2" },
  { name: "a reserved field", text: build({ reserved: "x" }), code: "SSH_MALFORMED", says: "reserved" },
  { name: "an empty namespace", text: build({ namespace: "" }), code: "SSH_MALFORMED", says: "namespace is empty" },
  { name: "another namespace", text: build({ namespace: "file" }), code: "SSH_NAMESPACE", says: '"file"' },
  { name: "a namespace with a newline", text: build({ namespace: "git\n" }), code: "SSH_MALFORMED", says: "printable" },
  { name: "sha1", text: build({ hash: "sha1" }), code: "SSH_UNSUPPORTED", says: '"sha1"' },
  { name: "SHA512 in capitals", text: build({ hash: "SHA512" }), code: "SSH_UNSUPPORTED", says: '"SHA512"' },
  { name: "another hash than the one signed with", text: build({ hash: "sha256" }), code: "SSH_INVALID", says: "not one of the key" },
  { name: "bytes after the blob", text: build({ after: "x" }), code: "SSH_MALFORMED", says: "after its end" },
  { name: "bytes after the inner signature", text: build({ innerAfter: "x" }), code: "SSH_MALFORMED", says: "after its end" },
  { name: "a signature of 63 bytes", text: build({ raw: RAW.subarray(1) }), code: "SSH_INVALID", says: "not one" },
  { name: "a signature of 65 bytes", text: build({ raw: concatBytes(RAW, Buffer.from([0])) }), code: "SSH_INVALID", says: "not one" },
  { name: "an empty signature", text: build({ raw: new Uint8Array(0) }), code: "SSH_INVALID", says: "not one" },
  { name: "the algorithm of another kind of key", text: build({ algorithm: "rsa-sha2-512" }), code: "SSH_MALFORMED", says: '"rsa-sha2-512"' },
  { name: "a certificate", text: build({ key: CERT_BLOB }), code: "SSH_UNSUPPORTED", says: "certificate" },
  { name: "DSA", text: build({ key: DSA_BLOB }), code: "SSH_UNSUPPORTED", says: "ssh-dss" },
  { name: "RSA of 1024 bits", text: build({ key: RSA_WEAK }), code: "SSH_WEAK", says: "1024 bits" },
  { name: "RSA with an even exponent", text: build({ key: RSA_EVEN }), code: "SSH_WEAK", says: "exponent" },
  { name: "RSA with leading zeros", text: build({ key: RSA_ZEROS }), code: "SSH_MALFORMED", says: "leading zeros" },
  { name: "RSA with a negative modulus", text: build({ key: RSA_NEGATIVE }), code: "SSH_MALFORMED", says: "negative" },
  { name: "RSA with SHA-1", text: build({ key: RSA_KEY, algorithm: "ssh-rsa" }), code: "SSH_WEAK", says: "SHA-1" },
  { name: "a point off its curve", text: build({ key: OFF_CURVE, algorithm: "ecdsa-sha2-nistp256" }), code: "SSH_MALFORMED", says: "no point" },
  { name: "a curve other than the kind says", text: build({ key: OTHER_CURVE }), code: "SSH_MALFORMED", says: "expected nistp256" },
  { name: "a key of 31 bytes", text: build({ key: KEY_BLOB.subarray(0, -1) }), code: "SSH_MALFORMED", says: "wants 32 bytes" },
  { name: "bytes after the key", text: build({ key: concatBytes(KEY_BLOB, Buffer.from([0])) }), code: "SSH_MALFORMED", says: "after its end" },
])("refuses: $name", ({ text, code, says }) => {
  const answer = verifySshSignature(text, MESSAGE, "git")
  expect(answer).toMatchObject({ ok: false, code })
  expect(answer.ok ? "" : answer.detail).toContain(says)
})

test("every truncation and every bumped byte of the vector's blob is refused", () => {
  const blob = blobOf(ARMORED)
  let refused = 0
  for (let length = 0; length < blob.length; length++) if (!verifySshSignature(armor(blob.subarray(0, length)), MESSAGE, "git").ok) refused++
  for (let at = 0; at < blob.length; at++) {
    const bumped = Buffer.from(blob)
    bumped[at] = ((bumped[at] as number) + 1) & 0xff
    if (!verifySshSignature(armor(bumped), MESSAGE, "git").ok) refused++
  }
  expect(refused).toBe(2 * blob.length)
})

const KINDS = [
  { type: "ed25519", bits: undefined }, { type: "ecdsa", bits: 256 }, { type: "ecdsa", bits: 384 }, { type: "ecdsa", bits: 521 },
  { type: "rsa", bits: 2048 }, { type: "rsa", bits: 3072 },
] as const

describe.each(KINDS)("ssh-keygen and we agree: $type $bits", ({ type, bits }) => {
  let key: SshKeyPair
  beforeAll(() => {
    key = makeSshKey(folder, `${type}-${bits ?? 0}`, type, bits)
  })

  test("what it signs verifies, with its fingerprint, under both hashes; no other message does", () => {
    // More than one, because the numbers of ECDSA are of different lengths.
    for (let i = 0; i < 12; i++) {
      const message = Buffer.from(`message ${i}\n`)
      const armored = sshSign(key, message, "git", i % 2 === 0 ? "sha512" : "sha256")
      expect(verifySshSignature(armored, message, "git")).toMatchObject({ ok: true, key: { fingerprint: key.fingerprint } })
      expect(verifySshSignature(armored, Buffer.from(`message ${i + 1}\n`), "git")).toMatchObject({ ok: false, code: "SSH_INVALID", fingerprint: key.fingerprint })
    }
  })

  test("of its mutations none counts here that does not count there", () => {
    const message = Buffer.from("to mutate\n")
    const blob = blobOf(sshSign(key, message))
    const allowed = `dev@example.com ${key.line}\n`
    let seed = 7 * (bits ?? 1)
    const counted = { mine: 0, theirs: 0 }
    for (let i = 0; i < 40; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      const mutated = Buffer.from(blob)
      const at = seed % blob.length
      mutated[at] = (mutated[at] as number) ^ (1 << (seed >>> 16) % 8)
      const signature = armor(mutated)
      const mine = verifySshSignature(signature, message, "git").ok
      const theirs = sshKeygenVerifies(folder, { allowed, signature, message, identity: "dev@example.com" })
      if (mine) expect(theirs).toBe(true)
      counted.mine += mine ? 1 : 0
      counted.theirs += theirs ? 1 : 0
    }
    expect(counted.mine).toBe(0)
    expect(sshKeygenVerifies(folder, { allowed, signature: armor(blob), message, identity: "dev@example.com" })).toBe(true)
  })
})

test("a key in a security key: both kinds verify as ssh-keygen verifies them, and every part of what is signed counts", () => {
  const application = Buffer.from("ssh:")
  const kinds = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"] as const
  for (const kind of kinds) {
    const ed = kind.startsWith("sk-ssh")
    const { privateKey, publicKey } = ed ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" })
    const jwk = publicKey.export({ format: "jwk" })
    const point = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url")
    const keyBlob = ed
      ? concatBytes(sshString(kind), sshString(point(jwk.x)), sshString(application))
      : concatBytes(sshString(kind), sshString("nistp256"), sshString(Buffer.concat([Buffer.from([4]), point(jwk.x), point(jwk.y)])), sshString(application))
    const flagsAndCounter = Buffer.from([1, 0, 0, 0, 9])
    const digest = (bytes: Bytes): Buffer => createHash("sha256").update(bytes).digest()
    const signed = concatBytes(digest(application), flagsAndCounter, digest(sshSignedData("git", "sha512", MESSAGE)))
    const raw = ed ? sign(null, signed, privateKey) : ecdsaPair(sign("sha256", signed, { key: privateKey, dsaEncoding: "ieee-p1363" }))
    const inner = (after: Buffer): Bytes => concatBytes(sshString(kind), sshString(raw), after)
    const text = (after: Buffer): string => armor(concatBytes(Buffer.from("SSHSIG"), uint32(1), sshString(keyBlob), sshString("git"), sshString(""), sshString("sha512"), sshString(inner(after))))
    const allowed = `dev@example.com ${kind} ${Buffer.from(keyBlob).toString("base64")}\n`
    const theirs = (signature: string): boolean => sshKeygenVerifies(folder, { allowed, signature, message: MESSAGE, identity: "dev@example.com" })
    const good = text(flagsAndCounter)
    expect(verifySshSignature(good, MESSAGE, "git")).toMatchObject({ ok: true })
    expect(theirs(good)).toBe(true)
    for (const after of [Buffer.from([0, 0, 0, 0, 9]), Buffer.from([1, 0, 0, 0, 8]), flagsAndCounter.subarray(1), Buffer.concat([flagsAndCounter, Buffer.from([0])])]) {
      expect(verifySshSignature(text(after), MESSAGE, "git")).toMatchObject({ ok: false })
      expect(theirs(text(after))).toBe(false)
    }
  }
})

function ecdsaPair(joined: Buffer): Bytes {
  const number = (bytes: Buffer): Bytes => {
    let from = 0
    while (bytes[from] === 0) from++
    const digits = bytes.subarray(from)
    return sshString((digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits)
  }
  return concatBytes(number(joined.subarray(0, 32)), number(joined.subarray(32)))
}

test("a line's key must be of the kind that the line names", () => {
  const [type = "", base64 = ""] = VECTORS.publicKeyLine.split(" ")
  expect(parseSshPublicKeyText(type, base64).type).toBe("ssh-ed25519")
  expect(() => parseSshPublicKeyText("ssh-rsa", base64)).toThrow(expect.objectContaining({ code: "SSH_MALFORMED" }))
  expect(() => parseSshPublicKeyText(type, `${base64}=`)).toThrow(expect.objectContaining({ code: "SSH_MALFORMED" }))
})
