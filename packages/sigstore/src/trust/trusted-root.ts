/**
 * Sigstore's trusted root: certificate authorities, logs and timestamp authorities with the times in which they were valid.
 *
 * The library takes what is missing for unbounded or empty; here a root that leaves something out is refused.
 *
 * @packageDocumentation
 */
import { TrustedRoot } from "@sigstore/protobuf-specs"
import { base64Decode, isVouchsafeError, parseJson, VouchsafeError } from "@vouchsafe/core"
import { JSON_DEPTH_MAX, TRUSTED_AUTHORITIES_MAX, TRUSTED_ROOT_LENGTH_MAX } from "../limits.ts"

const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.trustedroot(?:\+json;version=0\.[12]|\.v0\.[12]\+json)$/
const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/
const LISTS = ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"] as const

type Members = Readonly<Record<string, unknown>>

function refuse(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("TRUST_ROOT_MALFORMED", `trusted root: ${why}`, { cause, hint: "take trusted_root.json from Sigstore's TUF repository, unchanged" })
}

/**
 * Reads `trusted_root.json`.
 * @throws VouchsafeError TRUST_ROOT_MALFORMED.
 */
export function parseTrustedRoot(text: string): TrustedRoot {
  if (text.length > TRUSTED_ROOT_LENGTH_MAX) throw refuse(`it has ${text.length} characters, expected at most ${TRUSTED_ROOT_LENGTH_MAX}`)
  const document = members(parseJson("TRUST_ROOT_MALFORMED", "trusted root", text), "$")
  if (!MEDIA_TYPE.test(String(document["mediaType"]))) throw refuse("$.mediaType is none of a trusted root 0.1 or 0.2")
  for (const list of LISTS) {
    for (const [i, item] of array(document[list], `$.${list}`).entries()) {
      const at = `$.${list}[${i}]`
      const authority = members(item, at)
      if (list === "tlogs" || list === "ctlogs") checkLog(authority, at)
      else checkAuthority(authority, at)
    }
  }
  if (array(document["tlogs"], "$.tlogs").length === 0) throw refuse("$.tlogs is empty, expected at least one transparency log")
  checkBytes(document, "$", 0)
  try {
    return TrustedRoot.fromJSON(document)
  } catch (cause) {
    throw refuse("it does not parse", cause)
  }
}

function checkLog(log: Members, at: string): void {
  text(log["baseUrl"], `${at}.baseUrl`)
  text(members(log["logId"], `${at}.logId`)["keyId"], `${at}.logId.keyId`)
  const key = members(log["publicKey"], `${at}.publicKey`)
  text(key["rawBytes"], `${at}.publicKey.rawBytes`)
  text(key["keyDetails"], `${at}.publicKey.keyDetails`)
  checkValidity(key["validFor"], `${at}.publicKey.validFor`)
}

function checkAuthority(authority: Members, at: string): void {
  const chain = array(members(authority["certChain"], `${at}.certChain`)["certificates"], `${at}.certChain.certificates`)
  if (chain.length === 0) throw refuse(`${at}.certChain.certificates is empty`)
  for (const [i, certificate] of chain.entries()) text(members(certificate, `${at}.certChain.certificates[${i}]`)["rawBytes"], `${at}.certChain.certificates[${i}].rawBytes`)
  checkValidity(authority["validFor"], `${at}.validFor`)
}

/** A missing start would make a key valid since ever: only the end may be open. */
function checkValidity(value: unknown, at: string): void {
  const { start, end } = members(value, at)
  const startMs = time(start, `${at}.start`)
  if (end !== undefined && end !== null && time(end, `${at}.end`) < startMs) throw refuse(`${at} ends before it starts`)
}

/** Every member that holds bytes holds them in strict base64; the library's decoder skips what it does not know. */
function checkBytes(value: unknown, at: string, depth: number): void {
  if (typeof value !== "object" || value === null) return
  if (depth > JSON_DEPTH_MAX) throw refuse(`${at} is nested deeper than ${JSON_DEPTH_MAX} levels`)
  for (const [key, member] of Object.entries(value)) {
    if ((key === "rawBytes" || key === "keyId") && typeof member === "string") {
      try {
        base64Decode(member)
      } catch (cause) {
        if (!isVouchsafeError(cause)) throw cause
        throw refuse(`${at}.${key}: ${cause.message}`, cause)
      }
    } else {
      checkBytes(member, `${at}.${key}`, depth + 1)
    }
  }
}

function members(value: unknown, at: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${at} is no object`)
  return value as Members
}

function array(value: unknown, at: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw refuse(`${at} is no array`)
  if (value.length > TRUSTED_AUTHORITIES_MAX) throw refuse(`${at} has ${value.length} members, expected at most ${TRUSTED_AUTHORITIES_MAX}`)
  return value
}

function text(value: unknown, at: string): string {
  if (typeof value !== "string" || value === "") throw refuse(`${at} is missing`)
  return value
}

function time(value: unknown, at: string): number {
  const ms = typeof value === "string" && ISO_TIME.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw refuse(`${at} is no time, expected one such as 2021-01-12T11:53:27Z`)
  return ms
}
