/**
 * SSHSIG: signatures of SSH keys over files, here over git objects (STANDARDS §15).
 *
 * Own code rather than `ssh-keygen -Y verify`: the same answer on every machine, also where OpenSSH is not installed, and
 * nothing foreign is handed to a program outside of a sandbox. Checked against ssh-keygen in tests. What is stricter here:
 * the armor and its base64 have one spelling, the reserved field is empty, RSA keys have 2048 bits and more.
 *
 * @packageDocumentation
 */
import { createHash, verify } from "node:crypto"
import { type Bytes, concatBytes, equalBytes, shown } from "@vouchsafe/core"
import { decodeBase64, parseSshPublicKey, type SshPublicKey } from "./ssh-key.ts"
import { sshReader, SshRefusal, type SshReader, type SshRefusalCode, sshString } from "./ssh-wire.ts"

/** First and last line of the armor. */
export const SSH_SIGNATURE_BEGIN = "-----BEGIN SSH SIGNATURE-----"
export const SSH_SIGNATURE_END = "-----END SSH SIGNATURE-----"
/** The namespace in which git signs commits and tags. */
export const GIT_NAMESPACE = "git"
/** Characters of an armored signature: the longest RSA key and signature take some 6,000. */
export const SSH_SIGNATURE_LENGTH_MAX = 16_384

const MAGIC = Buffer.from("SSHSIG", "latin1")
const VERSION = 1
const LINE_LENGTH_MAX = 76
const ED25519_SIGNATURE_BYTES = 64

/** An SSHSIG blob, taken apart. Nothing in it is verified yet. */
export interface SshSignature {
  readonly key: SshPublicKey
  readonly namespace: string
  readonly hash: "sha256" | "sha512"
  /** Name of the signature's algorithm: `ssh-ed25519`, `rsa-sha2-512`, … */
  readonly algorithm: string
  /** What follows the algorithm's name. */
  readonly signature: Bytes
}

/** What became of a signature. `key` is known as soon as the blob could be read. */
export type SshVerification =
  | { readonly ok: true; readonly key: SshPublicKey; readonly namespace: string }
  | { readonly ok: false; readonly code: SshRefusalCode; readonly detail: string; readonly fingerprint: string | null }

/**
 * Reads an armored signature, as git and `ssh-keygen -Y sign` write it.
 * @throws SshRefusal
 */
export function parseSshSignature(armored: string): SshSignature {
  if (armored.length > SSH_SIGNATURE_LENGTH_MAX) throw malformed(`the signature has ${armored.length} characters, expected at most ${SSH_SIGNATURE_LENGTH_MAX}`)
  const lines = armored.split("\n")
  // git cuts the last newline of a header's value off in some commits, so it may be missing.
  if (lines.at(-1) === "") lines.pop()
  if (lines[0] !== SSH_SIGNATURE_BEGIN) throw malformed(`the first line is ${shown(lines[0] ?? "")}, expected ${SSH_SIGNATURE_BEGIN}`)
  if (lines.length < 3 || lines.at(-1) !== SSH_SIGNATURE_END) throw malformed(`the last line is ${shown(lines.at(-1) ?? "")}, expected ${SSH_SIGNATURE_END}`)
  const body = lines.slice(1, -1)
  if (body.some((line) => line.length === 0 || line.length > LINE_LENGTH_MAX)) throw malformed(`a line is empty or longer than ${LINE_LENGTH_MAX} characters`)
  return parseSshSignatureBlob(decodeBase64(body.join(""), "the signature"))
}

/**
 * Reads the blob inside the armor.
 * @throws SshRefusal
 */
export function parseSshSignatureBlob(blob: Bytes): SshSignature {
  const reader = sshReader(blob)
  if (!equalBytes(reader.take(MAGIC.length, "the preamble"), MAGIC)) throw malformed("the preamble is not SSHSIG")
  const version = reader.uint32("the version")
  if (version !== VERSION) throw new SshRefusal("SSH_UNSUPPORTED", `the signature has version ${version}, expected ${VERSION}`)
  const keyBlob = reader.string("the public key")
  const namespace = reader.name("the namespace")
  if (namespace === "") throw malformed("the namespace is empty")
  const reserved = reader.string("the reserved field")
  if (reserved.length > 0) throw malformed(`the reserved field has ${reserved.length} bytes, expected none`)
  const hash = reader.name("the hash's name")
  if (hash !== "sha256" && hash !== "sha512") throw new SshRefusal("SSH_UNSUPPORTED", `the hash is ${shown(hash)}, expected sha256 or sha512`)
  const inner = reader.string("the signature proper")
  reader.end("the signature")
  const key = parseSshPublicKey(keyBlob)
  const innerReader = sshReader(inner)
  const algorithm = innerReader.name("the signature's algorithm")
  checkAlgorithm(algorithm, key)
  const signature = inner.subarray(4 + algorithm.length)
  return { key, namespace, hash, algorithm, signature }
}

function checkAlgorithm(algorithm: string, key: SshPublicKey): void {
  if (key.algorithm === "rsa") {
    if (algorithm === "ssh-rsa") throw new SshRefusal("SSH_WEAK", "the signature is made with SHA-1 (ssh-rsa), expected rsa-sha2-256 or rsa-sha2-512")
    if (algorithm === "rsa-sha2-256" || algorithm === "rsa-sha2-512") return
  } else if (algorithm === key.type) return
  throw malformed(`the signature's algorithm is ${shown(algorithm)}, which no key of the kind ${shown(key.type)} makes`)
}

/**
 * Verifies an armored signature over `message` in `namespace`.
 * That the key is anybody's in particular is {@link findSigner}'s part.
 */
export function verifySshSignature(armored: string, message: Bytes, namespace: string): SshVerification {
  let fingerprint: string | null = null
  try {
    const parsed = parseSshSignature(armored)
    fingerprint = parsed.key.fingerprint
    if (parsed.namespace !== namespace) {
      throw new SshRefusal("SSH_NAMESPACE", `the signature is for the namespace ${shown(parsed.namespace)}, expected ${shown(namespace)}`)
    }
    if (!verifiesRaw(parsed, sshSignedData(parsed.namespace, parsed.hash, message))) {
      throw new SshRefusal("SSH_INVALID", `the signature is not one of the key ${fingerprint} over these bytes`)
    }
    return { ok: true, key: parsed.key, namespace: parsed.namespace }
  } catch (error) {
    if (!(error instanceof SshRefusal)) throw error
    return { ok: false, code: error.code, detail: error.message, fingerprint }
  }
}

/** The bytes that are signed: not the message but its digest, with what the digest is for. */
export function sshSignedData(namespace: string, hash: "sha256" | "sha512", message: Bytes): Bytes {
  return concatBytes(MAGIC, sshString(namespace), sshString(""), sshString(hash), sshString(createHash(hash).update(message).digest()))
}

function verifiesRaw({ key, algorithm, signature }: SshSignature, data: Bytes): boolean {
  const reader = sshReader(signature)
  const raw = reader.string("the signature's bytes")
  const signed = key.application === undefined ? data : securityKeyData(key.application, reader, data)
  reader.end("the signature's bytes")
  if (key.algorithm === "ed25519") return raw.length === ED25519_SIGNATURE_BYTES && verify(null, signed, key.key, raw)
  if (key.algorithm === "rsa") return raw.length === key.modulusBytes && verify(algorithm === "rsa-sha2-512" ? "sha512" : "sha256", signed, key.key, raw)
  const curve = key.curve
  if (curve === undefined) throw new TypeError("an ecdsa key without a curve")
  const joined = joinEcdsa(raw, curve.bytes)
  return joined !== undefined && verify(curve.hash, signed, { key: key.key, dsaEncoding: "ieee-p1363" }, joined)
}

/** A security key signs digests and its own counter: sha256(application) || flags || counter || sha256(data). */
function securityKeyData(application: Bytes, reader: SshReader, data: Bytes): Bytes {
  const flagsAndCounter = reader.take(5, "the security key's flags and counter")
  return concatBytes(createHash("sha256").update(application).digest(), flagsAndCounter, createHash("sha256").update(data).digest())
}

/** Two numbers, r and s, as the fixed-length pair that node:crypto takes; undefined where one is too long for the curve. */
function joinEcdsa(raw: Bytes, coordinateBytes: number): Bytes | undefined {
  const reader = sshReader(raw)
  const pair = [reader.number("r"), reader.number("s")]
  reader.end("the signature's pair")
  if (pair.some((number) => number.length > coordinateBytes)) return undefined
  return concatBytes(...pair.flatMap((number) => [new Uint8Array(coordinateBytes - number.length), number]))
}

function malformed(message: string): SshRefusal {
  return new SshRefusal("SSH_MALFORMED", message)
}
