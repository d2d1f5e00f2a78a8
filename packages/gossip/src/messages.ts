/**
 * Messages (spec/gossip.md, "Messages"): canonical JSON, one spelling, every length bounded. Reading one believes nothing in it.
 *
 * @packageDocumentation
 */
import {
  artifactPurl, base64Decode, base64Encode, type Bytes, canonicalize, ENTRY_BYTES_MAX, isVouchsafeError, type JsonObject, parseCanonicalJson, shapeReader, type Signer,
  utf8Decode, utf8Encode, type VerifierKey, type Crypto,
} from "@vouchsafe/core"
import { ANNOUNCED_PURL_LENGTH_MAX, ANNOUNCED_PURLS_MAX, GOSSIP_CHECKPOINT_LENGTH_MAX, GOSSIP_MESSAGE_BYTES_MAX, GOSSIP_ORIGIN_LENGTH_MAX, INCLUSION_HASHES_MAX } from "./limits.ts"
import type { Announcement, GossipKind } from "./types.ts"

export const GOSSIP_FORMAT = "vouchsafe-gossip/v1"
/** First line of what a log signs when it announces statements; no checkpoint reads like it. */
export const STATEMENTS_CONTEXT = "vouchsafe-statements/v1"

/** Topic of each kind; nothing else travels on it. */
export const TOPICS: Readonly<Record<GossipKind, string>> = {
  head: "vouchsafe/v1/heads", statements: "vouchsafe/v1/statements", notice: "vouchsafe/v1/notices", misbehavior: "vouchsafe/v1/misbehavior",
}

export type GossipMessage =
  | { readonly kind: "head"; readonly origin: string; readonly checkpoint: string }
  /** `signature` is the log's over {@link announcedText}. */
  | ({ readonly kind: "statements"; readonly signature: Bytes } & Announcement)
  | { readonly kind: "notice"; readonly origin: string; readonly index: number; readonly entry: string; readonly proof: readonly Bytes[]; readonly checkpoint: string }
  /** A proof document. */
  | { readonly kind: "misbehavior"; readonly proof: string }

const read = shapeReader("REQUEST_MALFORMED", "gossip message")
const SIGNATURE_BYTES = 64
const HASH_BYTES = 32

/** What a log signs of an announcement: one line each of context, origin, size and purls. */
export function announcedText({ origin, size, purls }: Announcement): string {
  return [STATEMENTS_CONTEXT, origin, String(size), ...purls, ""].join("\n")
}

/** Signs an announcement with the log's key. */
export function signAnnouncement(signer: Signer, announcement: Announcement): GossipMessage {
  const { origin, size, purls } = announcement
  return { kind: "statements", origin, size, purls, signature: signer.sign(utf8Encode(announcedText(announcement))) }
}

/** True when the log of this key signed it. */
export function isAnnouncedBy(crypto: Crypto, key: VerifierKey, message: GossipMessage & { readonly kind: "statements" }): boolean {
  return crypto.verifyEd25519(key.publicKey, utf8Encode(announcedText(message)), message.signature)
}

/** Writes a message. */
export function formatMessage(message: GossipMessage): Bytes {
  const { kind } = message
  const members: JsonObject = kind === "statements" ? { ...message, signature: base64Encode(message.signature) }
    : kind === "notice" ? { ...message, proof: message.proof.map(base64Encode) }
      : { ...message }
  return utf8Encode(canonicalize({ format: GOSSIP_FORMAT, ...members }))
}

const MEMBERS: Readonly<Record<GossipKind, readonly string[]>> = {
  head: ["origin", "checkpoint"], statements: ["origin", "size", "purls", "signature"], notice: ["origin", "index", "entry", "proof", "checkpoint"], misbehavior: ["proof"],
}

/**
 * Reads a message of the topic of `kind`.
 * @throws VouchsafeError REQUEST_MALFORMED, JSON_NOT_CANONICAL, UTF8_MALFORMED.
 */
export function parseMessage(kind: GossipKind, bytes: Bytes): GossipMessage {
  if (bytes.length > GOSSIP_MESSAGE_BYTES_MAX) read.fail("document", `at most ${GOSSIP_MESSAGE_BYTES_MAX} bytes`, `${bytes.length} bytes`)
  const document = read.object(parseCanonicalJson(utf8Decode(bytes)), "document", ["format", "kind", ...MEMBERS[kind]])
  read.oneOf(document["format"], "format", [GOSSIP_FORMAT])
  read.oneOf(document["kind"], "kind", [kind])
  switch (kind) {
    case "head": return { kind, origin: originIn(document), checkpoint: checkpointIn(document) }
    case "statements": return {
      kind, origin: originIn(document), size: read.integer(document["size"], "size", 1, Number.MAX_SAFE_INTEGER), purls: purlsIn(document["purls"]),
      signature: bytesIn(document["signature"], "signature", SIGNATURE_BYTES),
    }
    case "notice": return {
      kind, origin: originIn(document), index: read.integer(document["index"], "index", 0, Number.MAX_SAFE_INTEGER), entry: read.string(document["entry"], "entry", ENTRY_BYTES_MAX),
      proof: read.array(document["proof"], "proof", INCLUSION_HASHES_MAX).map((hash, i) => bytesIn(hash, `proof[${i}]`, HASH_BYTES)), checkpoint: checkpointIn(document),
    }
    case "misbehavior": return { kind, proof: read.string(document["proof"], "proof", GOSSIP_MESSAGE_BYTES_MAX) }
  }
}

type Members = Readonly<Record<string, unknown>>

function originIn(document: Members): string {
  const origin = read.string(document["origin"], "origin", GOSSIP_ORIGIN_LENGTH_MAX)
  return origin === "" ? read.fail("origin", "a name", origin) : origin
}

function checkpointIn(document: Members): string {
  return read.string(document["checkpoint"], "checkpoint", GOSSIP_CHECKPOINT_LENGTH_MAX)
}

function purlsIn(value: unknown): string[] {
  const purls = read.array(value, "purls", ANNOUNCED_PURLS_MAX).map((purl, i) => artifactPurl(read.string(purl, `purls[${i}]`, ANNOUNCED_PURL_LENGTH_MAX), `purls[${i}]`, read))
  if (purls.length === 0 || new Set(purls).size !== purls.length) read.fail("purls", "at least one, and each once", value)
  return purls
}

function bytesIn(value: unknown, at: string, length: number): Bytes {
  try {
    const bytes = base64Decode(read.string(value, at, 4 * length))
    return bytes.length === length ? bytes : read.fail(at, `base64 of ${length} bytes`, `${bytes.length} bytes`)
  } catch (error) {
    if (!isVouchsafeError(error, "BASE64_MALFORMED")) throw error
    return read.fail(at, `base64 of ${length} bytes`, value)
  }
}
