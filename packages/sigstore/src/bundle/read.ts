/**
 * Reads a Sigstore bundle (0.1 to 0.3) strictly, before any cryptography: the library's parser skips what it does not know, takes loose base64
 * and fills in what is missing.
 *
 * @packageDocumentation
 */
import { type Bundle, bundleFromJSON } from "@sigstore/bundle"
import { base64Decode, isVouchsafeError } from "@vouchsafe/core"
import { isBounded, type Members, memberAt, memberOf, membersOf } from "../json.ts"
import { BUNDLE_LENGTH_MAX, CERTIFICATES_MAX, PROOF_HASHES_MAX, TIMESTAMPS_MAX, TLOG_ENTRIES_MAX } from "../limits.ts"

/** Media types of the four spellings of the three versions. */
export const BUNDLE_MEDIA_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.3",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
])

/** A bundle, or what is wrong with it. */
export type ReadBundle = { readonly ok: true; readonly bundle: Bundle } | { readonly ok: false; readonly fault: "MALFORMED" | "MEDIA_TYPE_UNKNOWN"; readonly detail: string }

class Malformed extends Error {}

/** Lines, an empty line, signature lines, and nothing behind them. */
const SIGNED_NOTE = /^(?:[^\n]+\n){3,64}\n(?:\u2014 [^ \n]+ [A-Za-z0-9+/=]+\n){1,64}$/
const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/

/** Reads a bundle from foreign JSON. Never throws. */
export function readBundle(value: unknown): ReadBundle {
  if (!isBounded(value, BUNDLE_LENGTH_MAX)) return { ok: false, fault: "MALFORMED", detail: `bundle is over its bounds (${BUNDLE_LENGTH_MAX} characters)` }
  const mediaType = memberOf(value, "mediaType")
  if (typeof mediaType !== "string" || !BUNDLE_MEDIA_TYPES.has(mediaType)) return { ok: false, fault: "MEDIA_TYPE_UNKNOWN", detail: "mediaType is none of a Sigstore bundle 0.1 to 0.3" }
  try {
    checkShape(value)
    return { ok: true, bundle: bundleFromJSON(value) }
  } catch (error) {
    // The library's parser throws errors of many kinds, TypeError among them: whatever it does not take is no bundle.
    return { ok: false, fault: "MALFORMED", detail: error instanceof Error ? error.message : "it does not parse" }
  }
}

function checkShape(value: unknown): void {
  const bundle = only(value, "bundle", ["mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"])
  const material = only(bundle["verificationMaterial"], "verificationMaterial", ["certificate", "publicKey", "x509CertificateChain", "tlogEntries", "timestampVerificationData"])
  exactlyOne(bundle, ["dsseEnvelope", "messageSignature"])
  exactlyOne(material, ["certificate", "publicKey", "x509CertificateChain"])
  if (material["certificate"] !== undefined) bytes(memberOf(material["certificate"], "rawBytes"), "certificate.rawBytes")
  if (material["publicKey"] !== undefined) text(memberOf(material["publicKey"], "hint"), "publicKey.hint")
  if (material["x509CertificateChain"] !== undefined) {
    const chain = list(memberOf(material["x509CertificateChain"], "certificates"), "x509CertificateChain.certificates", CERTIFICATES_MAX)
    for (const certificate of chain) bytes(memberOf(certificate, "rawBytes"), "x509CertificateChain.certificates[].rawBytes")
  }
  for (const entry of list(material["tlogEntries"] ?? [], "tlogEntries", TLOG_ENTRIES_MAX)) checkLogEntry(entry)
  const timestamps = memberAt(material["timestampVerificationData"] ?? undefined, "rfc3161Timestamps")
  for (const timestamp of list(timestamps ?? [], "rfc3161Timestamps", TIMESTAMPS_MAX)) bytes(memberOf(timestamp, "signedTimestamp"), "signedTimestamp")
  if (bundle["dsseEnvelope"] !== undefined) checkEnvelope(bundle["dsseEnvelope"])
  if (bundle["messageSignature"] !== undefined) {
    bytes(memberOf(bundle["messageSignature"], "signature"), "messageSignature.signature")
    bytes(memberAt(bundle["messageSignature"], "messageDigest", "digest"), "messageSignature.messageDigest.digest")
  }
}

function checkEnvelope(value: unknown): void {
  const envelope = only(value, "dsseEnvelope", ["payload", "payloadType", "signatures"])
  bytes(envelope["payload"], "dsseEnvelope.payload")
  text(envelope["payloadType"], "dsseEnvelope.payloadType")
  const signatures = list(envelope["signatures"], "dsseEnvelope.signatures", 1)
  if (signatures.length !== 1) throw new Malformed("dsseEnvelope.signatures is empty, expected one signature")
  bytes(memberOf(signatures[0], "sig"), "dsseEnvelope.signatures[0].sig")
  const keyid = memberOf(signatures[0], "keyid")
  if (keyid !== undefined && keyid !== null && typeof keyid !== "string") throw new Malformed("dsseEnvelope.signatures[0].keyid is no text")
}

function checkLogEntry(entry: unknown): void {
  const at = "tlogEntries[]"
  const members = only(entry, at, ["logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"])
  decimal(members["logIndex"] ?? "0", `${at}.logIndex`)
  decimal(members["integratedTime"] ?? "0", `${at}.integratedTime`)
  bytes(memberOf(members["logId"], "keyId"), `${at}.logId.keyId`)
  bytes(members["canonicalizedBody"], `${at}.canonicalizedBody`)
  if (present(members["inclusionPromise"])) bytes(memberOf(members["inclusionPromise"], "signedEntryTimestamp"), `${at}.inclusionPromise.signedEntryTimestamp`)
  if (present(members["inclusionProof"])) checkProof(members["inclusionProof"], `${at}.inclusionProof`)
}

/** The library proves inclusion under the checkpoint's root and size, and does not look at the proof's own: they must be the same. */
function checkProof(value: unknown, at: string): void {
  const proof = only(value, at, ["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"])
  decimal(proof["logIndex"] ?? "0", `${at}.logIndex`)
  for (const hash of list(proof["hashes"] ?? [], `${at}.hashes`, PROOF_HASHES_MAX)) bytes(hash, `${at}.hashes[]`)
  const envelope = text(memberOf(proof["checkpoint"], "envelope"), `${at}.checkpoint.envelope`)
  if (!SIGNED_NOTE.test(envelope)) throw new Malformed(`${at}.checkpoint.envelope is no signed note`)
  const lines = envelope.split("\n")
  if (decimal(proof["treeSize"], `${at}.treeSize`) !== lines[1]) throw new Malformed(`${at}.treeSize is not the checkpoint's`)
  if (bytes(proof["rootHash"], `${at}.rootHash`) !== lines[2]) throw new Malformed(`${at}.rootHash is not the checkpoint's`)
}

/** Members that are null are as good as absent: some writers print the empty choices of the format. */
function present(value: unknown): boolean {
  return value !== undefined && value !== null
}

function exactlyOne(members: Members, keys: readonly string[]): void {
  const found = keys.filter((key) => present(members[key]))
  if (found.length !== 1) throw new Malformed(`${found.length} of ${keys.join(", ")} are there, expected one`)
}

function only(value: unknown, at: string, keys: readonly string[]): Members {
  const members = membersOf(value)
  if (members === undefined) throw new Malformed(`${at} is no object`)
  const kept: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(members)) {
    // Members of formats to come are ignored, as protobuf has it; nothing reads them.
    if (keys.includes(key) && present(member)) kept[key] = member
  }
  return kept
}

function list(value: unknown, at: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed(`${at} is no array`)
  if (value.length > max) throw new Malformed(`${at} has ${value.length} members, expected at most ${max}`)
  return value
}

function text(value: unknown, at: string): string {
  if (typeof value !== "string" || value === "") throw new Malformed(`${at} is no text`)
  return value
}

function decimal(value: unknown, at: string): string {
  if (typeof value !== "string" || !DECIMAL.test(value)) throw new Malformed(`${at} is no decimal number in a text`)
  return value
}

function bytes(value: unknown, at: string): string {
  const encoded = text(value, at)
  try {
    base64Decode(encoded)
    return encoded
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new Malformed(`${at}: ${error.message}`)
  }
}
