/**
 * HTTP Message Signatures (RFC 9421) in the one profile of spec/admin.md: read as text, in one spelling, from headers as they were sent.
 *
 * @packageDocumentation
 */
import { base64Decode, type Bytes, ED25519_SIGNATURE_BYTES, isVouchsafeError, utf8Encode } from "@vouchsafe/core"

/** What a request's headers claim. Nothing of it is proven. */
export interface ReadSignature {
  readonly created: number
  readonly expires: number
  readonly nonce: string
  /** SHA-256 of the public key, lower-case hex. */
  readonly keyId: string
  readonly signature: Bytes
  /** SHA-256 that the body must have. */
  readonly digest: Bytes
  /** Values that the signature base repeats. */
  readonly contentDigest: string
  readonly parameters: string
}

const COMPONENTS = '("@method" "@target-uri" "content-digest" "content-type")'
const CONTENT_TYPE = "application/json"
const DIGEST_BYTES = 32
const DECIMAL = "(0|[1-9][0-9]{0,14})"
const INPUT = new RegExp(`^vouchsafe=(\\("@method" "@target-uri" "content-digest" "content-type"\\);created=${DECIMAL};expires=${DECIMAL};nonce="([A-Za-z0-9_-]{22,64})";keyid="([0-9a-f]{64})";alg="ed25519";tag="vouchsafe-admin")$`)
const SIGNATURE = /^vouchsafe=:([A-Za-z0-9+/]{86}==):$/
const DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/

/** What a node asks for: the value of `Accept-Signature`. */
export const ACCEPT_SIGNATURE = `vouchsafe=${COMPONENTS};created;expires;nonce;keyid;alg="ed25519";tag="vouchsafe-admin"`

/** All values of a header, as sent. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? "")
  }
  return values
}

/** Whether a request carries anything of a signature. */
export function claimsSignature(rawHeaders: readonly string[]): boolean {
  return ["signature", "signature-input"].some((name) => headerValues(rawHeaders, name).length > 0)
}

/** Reads the headers ([A3] to [A5]). @returns why they are not as the profile wants them, as text. */
export function readSignature(rawHeaders: readonly string[]): ReadSignature | string {
  const found: Record<string, string> = {}
  for (const name of ["signature-input", "signature", "content-digest", "content-type"]) {
    const values = headerValues(rawHeaders, name)
    if (values.length !== 1) return `${values.length} ${name} headers, expected exactly one`
    found[name] = values[0] as string
  }
  if (headerValues(rawHeaders, "authorization").length > 0) return "a signature and an Authorization header, expected one of them"
  const input = INPUT.exec(found["signature-input"] as string)
  if (input === null) return `signature-input is not in the one spelling of this node, expected vouchsafe=${COMPONENTS};created=…;expires=…;nonce="…";keyid="…";alg="ed25519";tag="vouchsafe-admin"`
  const signature = exactBytes(SIGNATURE.exec(found["signature"] as string)?.[1], ED25519_SIGNATURE_BYTES)
  if (signature === undefined) return "signature is unreadable, expected vouchsafe=:BASE64: of 64 bytes"
  const contentDigest = found["content-digest"] as string
  const digest = exactBytes(DIGEST.exec(contentDigest)?.[1], DIGEST_BYTES)
  if (digest === undefined) return "content-digest is unreadable, expected sha-256=:BASE64: of 32 bytes"
  if (found["content-type"] !== CONTENT_TYPE) return `content-type is not ${CONTENT_TYPE} alone`
  const [, parameters = "", created, expires, nonce = "", keyId = ""] = input
  return { created: Number(created), expires: Number(expires), nonce, keyId, signature, digest, contentDigest, parameters }
}

/** The bytes that are signed (RFC 9421, section 2.5). */
export function signatureBase(method: string, targetUri: string, { contentDigest, parameters }: Pick<ReadSignature, "contentDigest" | "parameters">): Bytes {
  return utf8Encode([
    `"@method": ${method}`, `"@target-uri": ${targetUri}`, `"content-digest": ${contentDigest}`, `"content-type": ${CONTENT_TYPE}`, `"@signature-params": ${parameters}`,
  ].join("\n"))
}

/** Base64 in its one spelling. */
function exactBytes(text: string | undefined, length: number): Bytes | undefined {
  if (text === undefined) return undefined
  try {
    const bytes = base64Decode(text)
    return bytes.length === length ? bytes : undefined
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}
