/**
 * The keys of one registry, in either form in which they are published: what a registry answers at `/-/npm/v1/keys`, and the target of
 * Sigstore's TUF repository.
 *
 * @packageDocumentation
 */
import { base64Decode, isVouchsafeError, parseJson, shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import type { KeyObject } from "node:crypto"
import { keyIdOf, readP256Key } from "../ecdsa.ts"
import { FACT_LENGTH_MAX, REGISTRY_KEYS_LENGTH_MAX, REGISTRY_KEYS_MAX } from "../limits.ts"

/** What a key may sign. The registry's own form does not say: then both. */
export type KeyUsage = "signatures" | "attestations"

/** A key of a registry. */
export interface RegistryKey {
  /** `SHA256:…`, computed from the key. */
  readonly keyid: string
  readonly key: KeyObject
  readonly usages: ReadonlySet<KeyUsage>
  /** Milliseconds of Unix time; undefined: none. The first instant is in, the last is out. */
  readonly fromMs: number | undefined
  readonly untilMs: number | undefined
}

/** All keys of a registry: old ones stay, for what they signed while they were valid. */
export interface RegistryKeys {
  /** The key with this id that may be used so. */
  find(keyid: string, usage: KeyUsage): RegistryKey | undefined
  readonly all: readonly RegistryKey[]
}

const CODE = "REGISTRY_KEYS_MALFORMED"
const DOCUMENT = "registry keys"
const read = shapeReader(CODE, DOCUMENT)
const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/
const USAGES = { "npm:signatures": "signatures", "npm:attestations": "attestations" } as const

/**
 * Reads a registry's keys. Each key's id is recomputed: a file cannot say that one key is another.
 * @throws VouchsafeError REGISTRY_KEYS_MALFORMED.
 */
export function parseRegistryKeys(text: string): RegistryKeys {
  if (text.length > REGISTRY_KEYS_LENGTH_MAX) throw new VouchsafeError(CODE, `${DOCUMENT}: ${text.length} characters, expected at most ${REGISTRY_KEYS_LENGTH_MAX}`)
  const document = read.object(parseJson(CODE, DOCUMENT, text), "$", ["keys"])
  const listed = read.array(document["keys"], "$.keys", REGISTRY_KEYS_MAX)
  if (listed.length === 0) read.fail("$.keys", "at least one key", listed)
  const all = listed.map((value, i) => parseKey(value, `$.keys[${i}]`))
  for (const [i, key] of all.entries()) {
    const twin = all.findIndex((other) => other.keyid === key.keyid && [...other.usages].some((usage) => key.usages.has(usage)))
    if (twin !== i) read.fail(`$.keys[${i}]`, "each key once for each usage", key.keyid)
  }
  return { all, find: (keyid, usage) => all.find((key) => key.keyid === keyid && key.usages.has(usage)) }
}

function parseKey(value: unknown, at: string): RegistryKey {
  const isTufForm = typeof value === "object" && value !== null && Object.hasOwn(value, "publicKey")
  return isTufForm ? parseTufForm(value, at) : parseRegistryForm(value, at)
}

function parseTufForm(value: unknown, at: string): RegistryKey {
  const entry = read.object(value, at, ["keyId", "keyUsage", "publicKey"])
  const usage = read.oneOf(entry["keyUsage"], `${at}.keyUsage`, ["npm:signatures", "npm:attestations"] as const)
  const publicKey = read.object(entry["publicKey"], `${at}.publicKey`, ["rawBytes", "keyDetails", "validFor"])
  read.oneOf(publicKey["keyDetails"], `${at}.publicKey.keyDetails`, ["PKIX_ECDSA_P256_SHA_256"])
  const validFor = read.object(publicKey["validFor"], `${at}.publicKey.validFor`, ["start"], ["end"])
  const end = validFor["end"]
  return {
    ...checkKey(publicKey["rawBytes"], entry["keyId"], at),
    usages: new Set([USAGES[usage]]),
    fromMs: time(validFor["start"], `${at}.publicKey.validFor.start`),
    untilMs: end === undefined ? undefined : time(end, `${at}.publicKey.validFor.end`),
  }
}

function parseRegistryForm(value: unknown, at: string): RegistryKey {
  const entry = read.object(value, at, ["keyid", "keytype", "scheme", "key"], ["expires"])
  read.oneOf(entry["keytype"], `${at}.keytype`, ["ecdsa-sha2-nistp256"])
  read.oneOf(entry["scheme"], `${at}.scheme`, ["ecdsa-sha2-nistp256"])
  const expires = entry["expires"] ?? null
  return {
    ...checkKey(entry["key"], entry["keyid"], at),
    usages: new Set<KeyUsage>(["signatures", "attestations"]),
    fromMs: undefined,
    untilMs: expires === null ? undefined : time(expires, `${at}.expires`),
  }
}

function checkKey(value: unknown, named: unknown, at: string): { readonly keyid: string; readonly key: KeyObject } {
  const keyid = read.string(named, `${at}.keyid`, FACT_LENGTH_MAX)
  const spki = decode(read.string(value, `${at}.key`, FACT_LENGTH_MAX), `${at}.key`)
  const key = readP256Key(spki)
  if (key === undefined) return read.fail(`${at}.key`, "a P-256 public key as SubjectPublicKeyInfo", value)
  const computed = keyIdOf(spki)
  if (computed !== keyid) throw new VouchsafeError(CODE, `${DOCUMENT}: ${at} is named ${shown(keyid)}, but its key has the id ${computed}`)
  return { keyid, key }
}

function decode(text: string, at: string): Uint8Array {
  try {
    return base64Decode(text)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError(CODE, `${DOCUMENT}: ${at}: ${cause.message}`, { cause })
  }
}

function time(value: unknown, at: string): number {
  const ms = Date.parse(read.pattern(value, at, ISO_TIME, "a time such as 2025-01-29T00:00:00.000Z"))
  return Number.isNaN(ms) ? read.fail(at, "a time that exists", value) : ms
}
