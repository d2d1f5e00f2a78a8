/**
 * SSH public keys: from their wire form to something that node:crypto verifies with.
 *
 * Taken: ssh-ed25519, ecdsa-sha2-nistp256/384/521, ssh-rsa of 2048 bits and more, and the two kinds that live in security
 * keys (sk-…). Not taken, and said so: certificates, DSA, and kinds made up later.
 *
 * @packageDocumentation
 */
import { createHash, createPublicKey, type KeyObject } from "node:crypto"
import { base64Decode, type Bytes, equalBytes, isVouchsafeError, shown } from "@vouchsafe/core"
import { sshReader, SshRefusal, type SshReader } from "./ssh-wire.ts"

/** Bits of the shortest RSA modulus that counts. */
export const RSA_BITS_MIN = 2048
/** Bytes of a public key's blob: RSA of 16,384 bits, with room. */
export const SSH_KEY_BYTES_MAX = 8192
/** Bytes of an RSA exponent; OpenSSL takes no longer ones for long moduli either. */
const RSA_EXPONENT_BYTES_MAX = 8

/** The curve of an ECDSA key: its SSH name, its JOSE name, the bytes of a coordinate, the hash of its signatures. */
export interface SshCurve {
  readonly name: string
  readonly jose: string
  readonly bytes: number
  readonly hash: "sha256" | "sha384" | "sha512"
}

const CURVES: readonly SshCurve[] = [
  { name: "nistp256", jose: "P-256", bytes: 32, hash: "sha256" },
  { name: "nistp384", jose: "P-384", bytes: 48, hash: "sha384" },
  { name: "nistp521", jose: "P-521", bytes: 66, hash: "sha512" },
]

const ED25519_BYTES = 32
const POINT_UNCOMPRESSED = 0x04

/** A public key. */
export interface SshPublicKey {
  /** Name of the kind, as in the blob: `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string
  readonly algorithm: "ed25519" | "ecdsa" | "rsa"
  readonly curve: SshCurve | undefined
  /** Of a key in a security key: what it was made for, part of what is signed. */
  readonly application: Bytes | undefined
  /** Bytes of the RSA modulus, which is also the length of a signature; 0 for others. */
  readonly modulusBytes: number
  readonly key: KeyObject
  readonly blob: Bytes
  /** `SHA256:` and the digest of the blob in base64 without padding, as ssh-keygen shows it. */
  readonly fingerprint: string
}

/** The fingerprint that ssh-keygen shows for a key's blob. */
export function sshFingerprint(blob: Bytes): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`
}

/**
 * Reads a public key's blob.
 * @throws SshRefusal SSH_MALFORMED, SSH_UNSUPPORTED or SSH_WEAK.
 */
export function parseSshPublicKey(blob: Bytes): SshPublicKey {
  if (blob.length > SSH_KEY_BYTES_MAX) throw new SshRefusal("SSH_MALFORMED", `the key has ${blob.length} bytes, expected at most ${SSH_KEY_BYTES_MAX}`)
  const reader = sshReader(blob)
  const type = reader.name("the kind of key")
  const parsed = parseByType(type, reader)
  reader.end("the key")
  return { curve: undefined, application: undefined, modulusBytes: 0, ...parsed, type, blob, fingerprint: sshFingerprint(blob) }
}

type Parsed = Pick<SshPublicKey, "algorithm" | "key"> & Partial<Pick<SshPublicKey, "curve" | "application" | "modulusBytes">>

function parseByType(type: string, reader: SshReader): Parsed {
  if (type === "ssh-ed25519") return parseEd25519(reader)
  if (type === "ssh-rsa") return parseRsa(reader)
  if (type === "sk-ssh-ed25519@openssh.com") return { ...parseEd25519(reader), application: reader.string("the key's application") }
  if (type === "sk-ecdsa-sha2-nistp256@openssh.com") return { ...parseEcdsa("nistp256", reader), application: reader.string("the key's application") }
  const curve = /^ecdsa-sha2-(nistp\d+)$/.exec(type)?.[1]
  if (curve !== undefined) return parseEcdsa(curve, reader)
  throw new SshRefusal("SSH_UNSUPPORTED", `keys of the kind ${shown(type)} are not judged here, expected ed25519, ecdsa or rsa, without certificate`)
}

function parseEd25519(reader: SshReader): Parsed {
  const point = reader.string("the key's point")
  if (point.length !== ED25519_BYTES) throw new SshRefusal("SSH_MALFORMED", `the key's point has ${point.length} bytes, expected ${ED25519_BYTES}`)
  return { algorithm: "ed25519", key: fromJwk({ kty: "OKP", crv: "Ed25519", x: base64Url(point) }) }
}

function parseEcdsa(name: string, reader: SshReader): Parsed {
  const curve = CURVES.find((candidate) => candidate.name === name)
  if (curve === undefined) throw new SshRefusal("SSH_UNSUPPORTED", `keys on the curve ${shown(name)} are not judged here`)
  const inner = reader.name("the key's curve")
  if (inner !== name) throw new SshRefusal("SSH_MALFORMED", `the key's curve is ${shown(inner)}, expected ${name} as its kind says`)
  const point = reader.string("the key's point")
  if (point.length !== 1 + 2 * curve.bytes || point[0] !== POINT_UNCOMPRESSED) {
    throw new SshRefusal("SSH_MALFORMED", `the key's point is not the uncompressed form of ${1 + 2 * curve.bytes} bytes`)
  }
  const [x, y] = [point.subarray(1, 1 + curve.bytes), point.subarray(1 + curve.bytes)]
  return { algorithm: "ecdsa", curve, key: fromJwk({ kty: "EC", crv: curve.jose, x: base64Url(x), y: base64Url(y) }) }
}

function parseRsa(reader: SshReader): Parsed {
  const exponent = reader.number("the key's exponent")
  const modulus = reader.number("the key's modulus")
  const odd = ((exponent.at(-1) ?? 0) & 1) === 1
  if (!odd || exponent.length > RSA_EXPONENT_BYTES_MAX || (exponent.length === 1 && (exponent[0] as number) < 3)) {
    throw new SshRefusal("SSH_WEAK", "the key's exponent is even, 1 or too long")
  }
  const bits = modulus.length * 8 - Math.clz32(modulus[0] as number) + 24
  if (bits < RSA_BITS_MIN) throw new SshRefusal("SSH_WEAK", `the key has ${bits} bits, expected at least ${RSA_BITS_MIN}`)
  return { algorithm: "rsa", modulusBytes: modulus.length, key: fromJwk({ kty: "RSA", n: base64Url(modulus), e: base64Url(exponent) }) }
}

function fromJwk(key: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key, format: "jwk" })
  } catch (cause) {
    throw new SshRefusal("SSH_MALFORMED", `the key is no point of its curve: ${cause instanceof Error ? cause.message : "refused"}`)
  }
}

function base64Url(bytes: Bytes): string {
  return Buffer.from(bytes).toString("base64url")
}

/**
 * Reads `keytype base64` as lines of allowed_signers and .pub files have it.
 * The blob must be of the kind that the line names.
 * @throws SshRefusal as {@link parseSshPublicKey}.
 */
export function parseSshPublicKeyText(type: string, base64: string): SshPublicKey {
  const blob = decodeBase64(base64, "the key")
  const named = sshReader(blob).name("the kind of key")
  if (named !== type) throw new SshRefusal("SSH_MALFORMED", `the key is of the kind ${shown(named)}, expected ${shown(type)} as the line says`)
  return parseSshPublicKey(blob)
}

/** Base64 in its one spelling. @throws SshRefusal SSH_MALFORMED. */
export function decodeBase64(text: string, what: string): Bytes {
  try {
    return base64Decode(text)
  } catch (cause) {
    if (!isVouchsafeError(cause, "BASE64_MALFORMED")) throw cause
    throw new SshRefusal("SSH_MALFORMED", `${what}: ${cause.message}`)
  }
}

/** Tells whether two keys are one: the same bytes. */
export function sameSshKey(a: SshPublicKey, b: SshPublicKey): boolean {
  return equalBytes(a.blob, b.blob)
}
