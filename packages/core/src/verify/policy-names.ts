/**
 * The parts of `vouchsafe.json` that ask more of some packages: levels, publishers' keys, signers of commits
 * (packages/spec/policy.md).
 *
 * @packageDocumentation
 */
import { hexEncode } from "../bytes.ts"
import { isVouchsafeError } from "../errors.ts"
import { KEY_TYPE, parseVerifierKey, type VerifierKey } from "../vkey.ts"
import { DAY_SECONDS, dayMember } from "./calendar.ts"
import { OPENPGP_FINGERPRINT, SSH_FINGERPRINT } from "./facts.ts"
import { patternsMember } from "./name-pattern.ts"
import type { ShapeReader } from "./shape.ts"

export const LEVELS = ["provenance", "rebuilt"] as const
/** What is known about where an artifact comes from. */
export type Level = (typeof LEVELS)[number]

/** Entries of each of the three lists. */
export const NAMED_ENTRIES_MAX = 1_000
/** Keys of one entry. */
export const NAMED_KEYS_MAX = 64
const VKEY_LENGTH_MAX = 512
const SIGNER_KEY_LENGTH_MAX = 100
const OPENPGP_PREFIX = "openpgp:"

/** A level that names must reach. Every matching entry applies. */
export interface LevelRule {
  readonly match: readonly string[]
  readonly level: Level
}

/** A publisher's key, and the days on which its releases count. All Unix seconds, UTC. */
export interface PublisherKey {
  readonly key: VerifierKey
  /** First second of the first day. */
  readonly fromSeconds: number
  /** First second after the last day; Infinity for no end. */
  readonly endSeconds: number
}

/** Names whose releases these keys sign. The first matching entry decides. */
export interface PublisherRule {
  readonly match: readonly string[]
  readonly keys: readonly PublisherKey[]
  /** Distinct keys that must have signed. */
  readonly threshold: number
}

/** Names whose source commits one of these keys signs: `SHA256:…` or `openpgp:<fingerprint>`. The first matching entry decides. */
export interface SignerRule {
  readonly match: readonly string[]
  readonly keys: readonly string[]
}

export function levelsMember(value: unknown, at: string, read: ShapeReader): readonly LevelRule[] {
  return entries(value, at, read).map((entry, i) => {
    const members = read.object(entry, `${at}[${i}]`, ["match", "level"])
    return { match: patternsMember(members["match"], `${at}[${i}].match`, read), level: read.oneOf(members["level"], `${at}[${i}].level`, LEVELS) }
  })
}

export function publishersMember(value: unknown, at: string, read: ShapeReader): readonly PublisherRule[] {
  return entries(value, at, read).map((entry, i) => {
    const here = `${at}[${i}]`
    const members = read.object(entry, here, ["match", "keys"], ["threshold"])
    const keys = keyList(members["keys"], `${here}.keys`, read).map((key, k) => publisherKey(key, `${here}.keys[${k}]`, read))
    const distinct = new Set(keys.map(({ key }) => hexEncode(key.publicKey)))
    if (distinct.size !== keys.length) read.fail(`${here}.keys`, "every key once", `${keys.length - distinct.size} again`)
    return {
      match: patternsMember(members["match"], `${here}.match`, read), keys,
      threshold: members["threshold"] === undefined ? 1 : read.integer(members["threshold"], `${here}.threshold`, 1, keys.length),
    }
  })
}

function publisherKey(value: unknown, at: string, read: ShapeReader): PublisherKey {
  const members = read.object(value, at, ["key"], ["from", "until", "revoked"])
  const start = (member: string): number | undefined => (members[member] === undefined ? undefined : dayMember(members[member], `${at}.${member}`, read).startSeconds)
  const fromSeconds = start("from") ?? 0
  const until = start("until")
  const untilSeconds = until === undefined ? Number.POSITIVE_INFINITY : until + DAY_SECONDS
  if (untilSeconds <= fromSeconds) read.fail(`${at}.until`, "a day not before `from`", members["until"])
  return { key: verifierKey(members["key"], `${at}.key`, read), fromSeconds, endSeconds: Math.min(untilSeconds, start("revoked") ?? Number.POSITIVE_INFINITY) }
}

function verifierKey(value: unknown, at: string, read: ShapeReader): VerifierKey {
  const text = read.string(value, at, VKEY_LENGTH_MAX)
  try {
    const key = parseVerifierKey(text)
    return key.type === KEY_TYPE.ed25519 ? key : read.fail(at, "an Ed25519 note key", text)
  } catch (error) {
    if (!isVouchsafeError(error, "VKEY_MALFORMED")) throw error
    return read.fail(at, "a verifier key such as name+1a2b3c4d+AbCd…", text)
  }
}

export function signersMember(value: unknown, at: string, read: ShapeReader): readonly SignerRule[] {
  return entries(value, at, read).map((entry, i) => {
    const here = `${at}[${i}]`
    const members = read.object(entry, here, ["match", "keys"])
    return { match: patternsMember(members["match"], `${here}.match`, read), keys: keyList(members["keys"], `${here}.keys`, read).map((key, k) => signerKey(key, `${here}.keys[${k}]`, read)) }
  })
}

function signerKey(value: unknown, at: string, read: ShapeReader): string {
  const text = read.string(value, at, SIGNER_KEY_LENGTH_MAX)
  const isKey = text.startsWith(OPENPGP_PREFIX) ? OPENPGP_FINGERPRINT.test(text.slice(OPENPGP_PREFIX.length)) : SSH_FINGERPRINT.test(text)
  return isKey ? text : read.fail(at, '"SHA256:…" of an SSH key, or "openpgp:" and an upper-case fingerprint', text)
}

/** How `signers` names the key of a commit's signature. */
export function signerKeyOf(kind: "ssh" | "openpgp", key: string): string {
  return kind === "openpgp" ? `${OPENPGP_PREFIX}${key}` : key
}

function entries(value: unknown, at: string, read: ShapeReader): readonly unknown[] {
  return value === undefined ? [] : read.array(value, at, NAMED_ENTRIES_MAX)
}

function keyList(value: unknown, at: string, read: ShapeReader): readonly unknown[] {
  const keys = read.array(value, at, NAMED_KEYS_MAX)
  return keys.length === 0 ? read.fail(at, "at least one key", "empty") : keys
}
