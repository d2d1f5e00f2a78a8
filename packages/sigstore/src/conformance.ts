/**
 * Verification of one bundle as the public sigstore-conformance suite asks for it: any artifact, any identity. Not used for packages.
 *
 * @packageDocumentation
 */
import { createHash, createPublicKey, type KeyObject } from "node:crypto"
import { readBundle } from "./bundle/read.ts"
import { createBundleVerifier } from "./bundle/verify.ts"
import { certificateOf } from "./attestation.ts"
import { memberAt } from "./json.ts"
import { readStatement } from "./statement.ts"
import { parseTrustedRoot } from "./trust/trusted-root.ts"

/** Who must have signed: an identity, or a key. */
export type ExpectedSigner = { readonly identity: string; readonly issuer: string } | { readonly keyPem: string }

/** What the suite hands over. */
export interface ConformanceCase {
  /** JSON text. */
  readonly bundle: string
  /** `trusted_root.json`. */
  readonly trustedRoot: string
  /** The artifact's bytes, or its SHA-256 in lower-case hexadecimal. */
  readonly artifact: { readonly bytes: Uint8Array } | { readonly sha256: string }
  readonly signer: ExpectedSigner
}

/** Undefined: the bundle verifies. Else why not. */
export function refusalOf(given: ConformanceCase): string | undefined {
  try {
    return judge(given)
  } catch (error) {
    return error instanceof Error ? error.message : "verification failed"
  }
}

function judge({ bundle: text, trustedRoot, artifact, signer }: ConformanceCase): string | undefined {
  const read = readBundle(JSON.parse(text))
  if (!read.ok) return `${read.fault}: ${read.detail}`
  const { bundle } = read
  const key: KeyObject | undefined = "keyPem" in signer ? createPublicKey(signer.keyPem) : undefined
  const verifier = createBundleVerifier({ trustedRoot: parseTrustedRoot(trustedRoot) }, () => {
    if (key === undefined) throw new RangeError("the bundle is signed with a key, expected a certificate")
    return { publicKey: key, validFor: () => true }
  })
  const bytes = "bytes" in artifact ? Buffer.from(artifact.bytes) : undefined
  const sha256 = "sha256" in artifact ? artifact.sha256 : createHash("sha256").update(artifact.bytes).digest("hex")
  if (bundle.content.$case === "messageSignature") {
    const { algorithm, digest } = bundle.content.messageSignature.messageDigest
    if (algorithm !== SHA2_256 || !Buffer.from(digest).equals(Buffer.from(sha256, "hex"))) return "the bundle is about another artifact"
    if (bytes === undefined) return "a message signature is verified over the artifact's bytes, not over its digest"
  }
  const verified = verifier.verify(bundle, bytes)
  if (!verified.ok) return `${verified.fault}: ${verified.detail}`
  return refusalOfSigner(signer, certificateOf(bundle)) ?? (bundle.content.$case === "dsseEnvelope" ? refusalOfSubject(bundle.content.dsseEnvelope.payload, sha256) : undefined)
}

/** Number of SHA2_256 in Sigstore's list of hash algorithms. */
const SHA2_256 = 1

function refusalOfSigner(signer: ExpectedSigner, certificate: ReturnType<typeof certificateOf>): string | undefined {
  if ("keyPem" in signer) return certificate === undefined ? undefined : "the bundle is signed with a certificate, expected the key"
  if (certificate === undefined) return "the bundle is signed with a key, expected a certificate"
  if (certificate.san !== signer.identity) return `the certificate's identity is ${certificate.san ?? "missing"}, expected ${signer.identity}`
  return certificate.issuer === signer.issuer ? undefined : `the certificate's issuer is ${certificate.issuer ?? "missing"}, expected ${signer.issuer}`
}

function refusalOfSubject(payload: Uint8Array, sha256: string): string | undefined {
  const statement = readStatement(payload)
  if (statement === undefined) return "the payload is no in-toto statement"
  return statement.subject.some((subject) => memberAt(subject, "digest", "sha256") === sha256) ? undefined : "the statement is about another artifact"
}
