/**
 * One attestation of a registry's answer: cryptography, then the rules.
 *
 * Every reason for refusal is collected, also from content that did not verify; facts come only from what has none.
 *
 * @packageDocumentation
 */
import type { Bundle } from "@sigstore/bundle"
import { canonicalize, isVouchsafeError, type JsonValue, SLSA_PROVENANCE_V02_TYPE, SLSA_PROVENANCE_V1_TYPE } from "@vouchsafe/core"
import { createHash } from "node:crypto"
import { readCertificate, type SignerCertificate } from "./bundle/certificate.ts"
import { readBundle } from "./bundle/read.ts"
import type { VerifiedBundle } from "./bundle/verify.ts"
import { type AttestationCode, type AttestationKind, faultOf } from "./codes.ts"
import { isBounded, memberOf } from "./json.ts"
import { BUNDLE_LENGTH_MAX } from "./limits.ts"
import { judgeProvenance, type ProvenanceFacts } from "./rules/provenance.ts"
import { checkPublish, keyHintOf, PUBLISH_TYPE } from "./rules/publish.ts"
import { checkSubject, type ExpectedArtifact } from "./rules/subject.ts"
import { type ForeignStatement, IN_TOTO_PAYLOAD_TYPE, readStatement } from "./statement.ts"
import type { RegistryKeys } from "./trust/keys.ts"

const KIND_BY_TYPE: ReadonlyMap<unknown, AttestationKind> = new Map([
  [PUBLISH_TYPE, "PUBLISH"], [SLSA_PROVENANCE_V1_TYPE, "PROVENANCE"], [SLSA_PROVENANCE_V02_TYPE, "PROVENANCE"],
])

/** What an attestation is judged against. */
export interface AttestationContext {
  readonly expected: ExpectedArtifact
  readonly repository: string | null
  /** Keys of the artifact's registry, where they are known. */
  readonly keys: RegistryKeys | undefined
  /** Cryptography of a bundle, remembered by digest. */
  readonly verify: (bundle: Bundle, sha256: string) => VerifiedBundle
}

/** An attestation as judged. With `codes`, or of a kind that is not read, it says nothing. */
export interface JudgedAttestation {
  readonly kind: AttestationKind | "OTHER" | "MALFORMED"
  readonly codes: readonly AttestationCode[]
  /** Why the cryptography failed, in the library's words. For people. */
  readonly detail?: string | undefined
  /** The bundle's canonical JSON and its digest. */
  readonly document?: BundleDocument | undefined
  readonly publish?: { readonly keyid: string } | undefined
  readonly provenance?: ProvenanceFacts & { readonly signedAt: number } | undefined
}

/** A bundle as it is kept: RFC 8785 JSON, so that all who saw the same bundle keep the same bytes. */
export interface BundleDocument {
  readonly sha256: string
  readonly bytes: Uint8Array
}

/** Judges one member of `attestations`. Never throws on foreign input. */
export function judgeAttestation(value: unknown, context: AttestationContext): JudgedAttestation {
  const outerType = memberOf(value, "predicateType")
  const foreign = memberOf(value, "bundle")
  const outerKind = KIND_BY_TYPE.get(outerType)
  const read = readBundle(foreign)
  if (!read.ok) return outerKind === undefined ? { kind: "MALFORMED", codes: [], detail: read.detail } : { kind: outerKind, codes: [faultOf(outerKind, read.fault)], detail: read.detail }
  const { bundle } = read
  const statement = bundle.content.$case === "dsseEnvelope" ? readStatement(bundle.content.dsseEnvelope.payload) : undefined
  const kind = outerKind ?? KIND_BY_TYPE.get(statement?.predicateType)
  const document = documentOf(foreign)
  if (kind === undefined) return { kind: typeof outerType === "string" && document !== undefined ? "OTHER" : "MALFORMED", codes: [] }
  // The registry's keys are not known: its own word cannot be judged.
  if (kind === "PUBLISH" && context.keys === undefined && keyHintOf(bundle) !== undefined) return { kind: "OTHER", codes: [] }
  if (statement === undefined || document === undefined || bundle.content.$case !== "dsseEnvelope") return { kind, codes: [faultOf(kind, "MALFORMED")], detail: "the payload is no in-toto statement" }

  const codes: AttestationCode[] = []
  if (bundle.content.dsseEnvelope.payloadType !== IN_TOTO_PAYLOAD_TYPE) codes.push(faultOf(kind, "PAYLOAD_TYPE"))
  if (statement.predicateType !== outerType) codes.push(faultOf(kind, "TYPE_MISMATCH"))
  codes.push(...checkSubject(kind, statement, context.expected))
  const { codes: more, facts } = judgeKind(kind, bundle, statement, context)
  codes.push(...more)
  const verified = context.verify(bundle, document.sha256)
  if (!verified.ok) codes.push(faultOf(kind, verified.fault))
  if (codes.length > 0 || !verified.ok) return { kind, codes, document, detail: verified.ok ? undefined : verified.detail }
  if (kind === "PUBLISH") return { kind, codes, document, publish: { keyid: keyHintOf(bundle) as string } }
  return { kind, codes, document, provenance: { ...(facts as ProvenanceFacts), signedAt: verified.signedAt } }
}

function judgeKind(kind: AttestationKind, bundle: Bundle, statement: ForeignStatement, context: AttestationContext): { codes: readonly AttestationCode[]; facts: ProvenanceFacts | undefined } {
  if (kind === "PROVENANCE") return judgeProvenance(statement, certificateOf(bundle), context.repository)
  if (context.keys === undefined) return { codes: ["PUBLISH_NOT_BY_REGISTRY"], facts: undefined }
  return { codes: checkPublish(bundle, statement, context.expected, context.keys), facts: undefined }
}

/** The signer's certificate; undefined where a key signed. */
export function certificateOf(bundle: Bundle): SignerCertificate | undefined {
  const { content } = bundle.verificationMaterial
  if (content.$case === "certificate") return readCertificate(content.certificate.rawBytes)
  if (content.$case !== "x509CertificateChain") return undefined
  const [leaf] = content.x509CertificateChain.certificates
  return leaf === undefined ? undefined : readCertificate(leaf.rawBytes)
}

function documentOf(bundle: unknown): BundleDocument | undefined {
  if (!isBounded(bundle, BUNDLE_LENGTH_MAX)) return undefined
  try {
    const bytes = new TextEncoder().encode(canonicalize(bundle as JsonValue))
    return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}
