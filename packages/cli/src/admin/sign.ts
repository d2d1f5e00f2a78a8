/**
 * Signs an admin request: HTTP Message Signatures (RFC 9421) in the one profile that nodes take (packages/spec/admin.md).
 *
 * @packageDocumentation
 */
import { base64Encode, hexEncode, type Signer, utf8Encode } from "@vouchsafe/core"
import { createHash, randomBytes } from "node:crypto"

/** Seconds for which a request is good: a slow line, and no more. */
const GOOD_SECONDS = 30
const NONCE_BYTES = 24
const COMPONENTS = '("@method" "@target-uri" "content-digest" "content-type")'
const CONTENT_TYPE = "application/json"

/** What is signed, and when. */
export interface AdminRequest {
  /** The node's URL as its roster has it, and the path. */
  readonly targetUri: string
  readonly body: string
  readonly nowSeconds: number
  /** At least 128 random bits in base64url; a test gives its own. */
  readonly nonce?: string
}

/** @returns the headers of a POST. */
export function signAdminRequest(signer: Signer, { targetUri, body, nowSeconds, nonce = randomBytes(NONCE_BYTES).toString("base64url") }: AdminRequest): Readonly<Record<string, string>> {
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`
  const keyId = hexEncode(Uint8Array.from(createHash("sha256").update(signer.verifier.publicKey).digest()))
  const parameters = `${COMPONENTS};created=${nowSeconds};expires=${nowSeconds + GOOD_SECONDS};nonce="${nonce}";keyid="${keyId}";alg="ed25519";tag="vouchsafe-admin"`
  const base = ['"@method": POST', `"@target-uri": ${targetUri}`, `"content-digest": ${digest}`, `"content-type": ${CONTENT_TYPE}`, `"@signature-params": ${parameters}`].join("\n")
  return {
    "content-type": CONTENT_TYPE, "content-digest": digest,
    "signature-input": `vouchsafe=${parameters}`, "signature": `vouchsafe=:${base64Encode(signer.sign(utf8Encode(base)))}:`,
  }
}
