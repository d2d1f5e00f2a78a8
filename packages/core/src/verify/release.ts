/**
 * Releases: what a publisher says under a key of its own, and the foreign entry that carries it in a log
 * (packages/spec/release.md).
 *
 * A foreign entry is nobody's word but the signer's. It counts only under a key that the policy names, never as the
 * attester's claim (THREATS A1).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "../base64.ts"
import { isWellFormed, utf8Decode, utf8Encode } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import { type Envelope, INTOTO_PAYLOAD_TYPE, preAuthEncode } from "../dsse.ts"
import { unlessRefused } from "../errors.ts"
import { canonicalize } from "../jcs.ts"
import { npmNameOf } from "../purl.ts"
import { parseForeignStatement, STATEMENT_TYPE } from "../statement.ts"
import { KEY_TYPE, type VerifierKey } from "../vkey.ts"
import { commitMember, factMember } from "./facts.ts"
import { type Members, readMembers, sha512Member } from "./members.ts"
import { shapeReader } from "./shape.ts"
import { artifactPurl, FOREIGN_TYPE, formatStatementText, type OwnStatement, parseOwnStatement, URL_LENGTH_MAX } from "./statement-text.ts"

export const RELEASE_TYPE = "https://in-toto.io/attestation/release/v0.2"
/** Older spelling of the same predicate; accepted, never written (STANDARDS §10). */
export const RELEASE_TYPE_V01 = "https://in-toto.io/attestation/release/v0.1"
/** Longest envelope in a foreign entry: bytes of its canonical JSON. */
export const FOREIGN_ENVELOPE_BYTES_MAX = 32_768

const KEY_HINT_LENGTH_MAX = 300
const FILE_NAME = /^[^/\\\s]{1,300}\.tgz$/
const SIGNATURE_LENGTH_MAX = 4_096

/** What a publisher says: these bytes are my release. */
export interface Release {
  readonly purl: string
  readonly sha512: string
  /** Where it was made from, as the publisher says. */
  readonly source?: { readonly repository: string; readonly commit: string }
}

/** A foreign entry, read but not checked: who signed it is known only after {@link openRelease}. */
export interface ForeignEntry {
  readonly purl: string
  readonly sha512: string
  /** Origin of the log that holds the entry. */
  readonly log: string
  readonly envelope: Envelope
  readonly release: Release
}

const read = shapeReader("STATEMENT_MALFORMED", "statement")

/** Hint in a DSSE envelope that names a note key: its name and its key id. */
export function keyHint(key: Pick<VerifierKey, "name" | "keyId">): string {
  return `${key.name}+${key.keyId}`
}

/** Writes the statement that a publisher signs. @throws VouchsafeError STATEMENT_MALFORMED, PURL_MALFORMED. */
export function formatRelease(release: Release): string {
  const { purl, sha512, source } = release
  const { name, version } = npmNameOf(purl)
  const text = canonicalize({
    _type: STATEMENT_TYPE, subject: [{ name: `${name.slice(name.indexOf("/") + 1)}-${version}.tgz`, digest: { sha512 } }], predicateType: RELEASE_TYPE,
    predicate: { purl, ...(source === undefined ? {} : { vouchsafe_source: { repository: source.repository, commit: source.commit } }) },
  })
  parseRelease(text)
  return text
}

/**
 * Reads a release statement, made by us or by others: unknown members are ignored, as in-toto asks, but what it is about must be plain.
 * @throws VouchsafeError STATEMENT_MALFORMED, PURL_MALFORMED.
 */
export function parseRelease(text: string): Release {
  const { subject: subjects, predicateType, predicate } = parseForeignStatement(text)
  read.oneOf(predicateType, "predicateType", [RELEASE_TYPE, RELEASE_TYPE_V01])
  const [subject] = subjects
  if (subject === undefined || subjects.length !== 1) return read.fail("subject", "exactly one", `${subjects.length} subjects`)
  read.pattern(subject.name, "subject[0].name", FILE_NAME, "the file name of a .tgz")
  const source = predicate["vouchsafe_source"]
  return {
    purl: artifactPurl(predicate["purl"], "predicate.purl", read),
    sha512: sha512Member(Object.hasOwn(subject.digest, "sha512") ? subject.digest["sha512"] : undefined, "subject[0].digest.sha512", read),
    ...(source === undefined ? {} : { source: readMembers(source, "predicate.vouchsafe_source", read, SOURCE) }),
  }
}

const SOURCE: Members<NonNullable<Release["source"]>> = { repository: /* @__PURE__ */ factMember(URL_LENGTH_MAX), commit: commitMember }

/**
 * Opens a release under one key.
 * @returns undefined when this key did not sign it; the envelope's key hint is not looked at
 * @throws VouchsafeError STATEMENT_MALFORMED, PURL_MALFORMED for what it signed that is no release; RangeError for a key that is no Ed25519 note key.
 */
export function openRelease(crypto: Crypto, envelope: Envelope, key: VerifierKey): Release | undefined {
  if (key.type !== KEY_TYPE.ed25519) throw new RangeError(`key ${key.name} is of type ${key.type}, expected an Ed25519 note key`)
  return isSignedBy(crypto, envelope, key) ? releaseIn(envelope) : undefined
}

/** Tells whether a key made one of an envelope's signatures. */
export function isSignedBy(crypto: Crypto, envelope: Envelope, key: Pick<VerifierKey, "publicKey">): boolean {
  const message = preAuthEncode(envelope.payloadType, envelope.payload)
  return envelope.signatures.some(({ signature }) => crypto.verifyEd25519(key.publicKey, message, signature))
}

function releaseIn(envelope: Envelope): Release {
  read.oneOf(envelope.payloadType, "payloadType", [INTOTO_PAYLOAD_TYPE])
  return parseRelease(unlessRefused(() => utf8Decode(envelope.payload)) ?? read.fail("payload", "UTF-8", "other bytes"))
}

/** Reads a foreign entry. Strict. Its subject is the one that the signed statement names. @throws VouchsafeError STATEMENT_MALFORMED, JSON_NOT_CANONICAL, PURL_MALFORMED. */
export function parseForeignEntry(text: string): ForeignEntry {
  return foreignEntryOf(parseOwnStatement(text, read))
}

/** Reads the predicate of an entry whose frame is read already. */
export function foreignEntryOf({ purl, sha512, predicateType, predicate: value }: OwnStatement): ForeignEntry {
  read.oneOf(predicateType, "predicateType", [FOREIGN_TYPE])
  const predicate = read.object(value, "predicate", ["kind", "log", "envelope"])
  read.oneOf(predicate["kind"], "predicate.kind", ["foreign"])
  const log = read.string(predicate["log"], "predicate.log", URL_LENGTH_MAX)
  const envelope = envelopeMember(predicate["envelope"])
  const release = releaseIn(envelope)
  if (release.purl !== purl || release.sha512 !== sha512) read.fail("subject[0]", `what the envelope is about, ${release.purl}`, purl)
  return { purl, sha512, log, envelope, release }
}

function envelopeMember(value: unknown): Envelope {
  const at = "predicate.envelope"
  const envelope = read.object(value, at, ["payload", "payloadType", "signatures"])
  const signatures = read.array(envelope["signatures"], `${at}.signatures`, 1)
  if (signatures.length !== 1) read.fail(`${at}.signatures`, "exactly one", "none")
  const signature = read.object(signatures[0], `${at}.signatures[0]`, ["keyid", "sig"])
  const payloadType = read.oneOf(envelope["payloadType"], `${at}.payloadType`, [INTOTO_PAYLOAD_TYPE])
  const keyId = read.string(signature["keyid"], `${at}.signatures[0].keyid`, KEY_HINT_LENGTH_MAX)
  const payload = read.string(envelope["payload"], `${at}.payload`, FOREIGN_ENVELOPE_BYTES_MAX)
  const sig = read.string(signature["sig"], `${at}.signatures[0].sig`, SIGNATURE_LENGTH_MAX)
  if (!isWellFormed(keyId)) read.fail(`${at}.signatures[0].keyid`, "well-formed text", "a lone surrogate")
  const size = utf8Encode(canonicalize({ payload, payloadType, signatures: [{ keyid: keyId, sig }] })).length
  if (size > FOREIGN_ENVELOPE_BYTES_MAX) read.fail(at, `at most ${FOREIGN_ENVELOPE_BYTES_MAX} bytes`, `${size} bytes`)
  return { payloadType, payload: bytesMember(payload, `${at}.payload`), signatures: [{ ...(keyId === "" ? {} : { keyId }), signature: bytesMember(sig, `${at}.signatures[0].sig`) }] }
}

function bytesMember(text: string, at: string): Uint8Array {
  return unlessRefused(() => base64Decode(text)) ?? read.fail(at, "base64 in its one spelling", text)
}

/**
 * Writes the entry that carries somebody's release in the log `log`. Whether its signer may is for the caller to check.
 * @throws VouchsafeError STATEMENT_MALFORMED, PURL_MALFORMED for an envelope that holds no release, or is too large.
 */
export function formatForeignEntry(log: string, envelope: Envelope): string {
  const { purl, sha512 } = releaseIn(envelope)
  const text = formatStatementText(purl, sha512, FOREIGN_TYPE, {
    kind: "foreign", log,
    envelope: {
      payload: base64Encode(envelope.payload), payloadType: envelope.payloadType,
      signatures: envelope.signatures.map(({ keyId, signature }) => ({ keyid: keyId ?? "", sig: base64Encode(signature) })),
    },
  })
  parseForeignEntry(text)
  return text
}
