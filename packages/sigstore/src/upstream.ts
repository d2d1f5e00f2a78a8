/**
 * Everything that a registry sends beside a package, verified offline and judged by rule (packages/spec/upstream.md).
 *
 * @packageDocumentation
 */
import { isVouchsafeError, NO_UPSTREAM, sha512OfSri, type Upstream } from "@vouchsafe/core"
import { type BundleDocument, type JudgedAttestation, judgeAttestation } from "./attestation.ts"
import { type BundleVerifier, createBundleVerifier, keyFinder, type VerifiedBundle } from "./bundle/verify.ts"
import type { UpstreamCode } from "./codes.ts"
import { memberAt, memberOf } from "./json.ts"
import { ATTESTATIONS_MAX, VERIFIED_BUNDLES_MAX } from "./limits.ts"
import { type SignatureResult, verifyRegistrySignature } from "./registry-signature.ts"
import type { RegistryKeys } from "./trust/keys.ts"
import type { Trust } from "./trust/trust.ts"

/** What is known of a version, and what came with it, unchecked. */
export interface UpstreamInput {
  readonly name: string
  readonly version: string
  /** Registry id. */
  readonly registry: string
  /** Lower-case hexadecimal SHA-512 of the tarball, computed here. */
  readonly sha512: string
  /** `dist.integrity` as the registry wrote it; null: it wrote none, and its signatures cover nothing. */
  readonly integrity: string | null
  /** `dist.signatures`. */
  readonly signatures: unknown
  /** `dist.attestations`: what the packument announces. */
  readonly announced?: unknown
  /** The registry's answer for the attestations of this version; undefined: none were asked for. */
  readonly attestations: unknown
  /** The package's own `repository`. */
  readonly repository: string | null
  /** Unix seconds, as the registry claims. */
  readonly publishedAt: number | null
}

/** Facts for the observation, the bundles that carry them, and reasons for people. */
export interface VerifiedUpstream {
  readonly upstream: Upstream
  /** Bundles that `upstream` names, by digest: to be stored before it is. */
  readonly bundles: readonly BundleDocument[]
  /** Why cryptography failed, one line a refused attestation. */
  readonly details: readonly string[]
}

/** A verifier with its root of trust. Methods never throw on foreign input. */
export interface UpstreamVerifier {
  verifyUpstream(input: UpstreamInput): VerifiedUpstream
}

/** Makes a verifier. What verified once is remembered by digest, within its bounds. */
export function createUpstreamVerifier(trust: Trust): UpstreamVerifier {
  const verifiers = new Map<string, BundleVerifier>()
  const verified = new Map<string, VerifiedBundle>()
  const verifierFor = (registry: string): BundleVerifier => {
    // One for all registries whose keys are not known: the map does not grow with strange names.
    const keys = trust.registries.get(registry)
    const key = keys === undefined ? "" : registry
    const known = verifiers.get(key) ?? createBundleVerifier(trust, keyFinder(keys))
    verifiers.set(key, known)
    return known
  }
  return {
    verifyUpstream(input) {
      const { registry, name, version, sha512 } = input
      const keys = trust.registries.get(registry)
      const signature = judgeSignatures(keys, input)
      const judged = judgeAll(input.attestations, (attestation) => judgeAttestation(attestation, {
        expected: { name, version, sha512 }, repository: input.repository, keys,
        verify: (bundle, sha256) => remember(verified, `${keys === undefined ? "" : registry} ${sha256}`, () => verifierFor(registry).verify(bundle)),
      }))
      return assemble(input, signature, judged)
    },
  }
}

/** A signature over an integrity that is not this tarball's SHA-512 says nothing about this tarball. */
function judgeSignatures(keys: RegistryKeys | undefined, input: UpstreamInput): SignatureResult {
  const { integrity, signatures } = input
  const result = verifyRegistrySignature(keys, { ...input, integrity: integrity ?? "" }, signatures)
  if (result.keyid === null || (integrity !== null && digestOf(integrity) === input.sha512)) return result
  return { keyid: null, refused: ["REGISTRY_SIGNATURE_INVALID"] }
}

function digestOf(integrity: string): string | undefined {
  try {
    return sha512OfSri(integrity)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

function remember(known: Map<string, VerifiedBundle>, key: string, verify: () => VerifiedBundle): VerifiedBundle {
  const found = known.get(key)
  if (found !== undefined) return found
  const result = verify()
  known.set(key, result)
  const [oldest] = known.keys()
  if (known.size > VERIFIED_BUNDLES_MAX && oldest !== undefined) known.delete(oldest)
  return result
}

/** Undefined for an answer that is no list of attestations. */
function judgeAll(document: unknown, judge: (attestation: unknown) => JudgedAttestation): readonly JudgedAttestation[] | undefined {
  if (document === undefined) return []
  const attestations = memberOf(document, "attestations")
  if (!Array.isArray(attestations) || attestations.length > ATTESTATIONS_MAX) return undefined
  return attestations.map(judge)
}

function assemble(input: UpstreamInput, signature: SignatureResult, judged: readonly JudgedAttestation[] | undefined): VerifiedUpstream {
  const all = judged ?? []
  const codes = new Set<UpstreamCode>([...signature.refused, ...all.flatMap(({ codes }) => codes)])
  if (judged === undefined || all.some(({ kind }) => kind === "MALFORMED")) codes.add("ATTESTATIONS_MALFORMED")
  for (const kind of ["PUBLISH", "PROVENANCE"] as const) if (all.filter((one) => one.kind === kind).length > 1) codes.add(`${kind}_DUPLICATE`)
  const announcesProvenance = memberAt(input.announced, "provenance", "predicateType") !== undefined
  if (announcesProvenance && !all.some(({ kind }) => kind === "PROVENANCE")) codes.add("PROVENANCE_MISSING")
  const only = (kind: JudgedAttestation["kind"]): JudgedAttestation | undefined => (codes.has(`${kind as "PUBLISH"}_DUPLICATE`) ? undefined : all.find((one) => one.kind === kind))
  const publish = only("PUBLISH")
  const provenance = only("PROVENANCE")
  const bundles: BundleDocument[] = []
  const named = (document: BundleDocument | undefined): string => {
    if (document === undefined) throw new TypeError("an attestation that verified has its document")
    bundles.push(document)
    return document.sha256
  }
  const upstream: Upstream = {
    signature: signature.keyid,
    publish: publish?.publish === undefined ? null : { keyid: publish.publish.keyid, bundle: named(publish.document) },
    provenance: provenance?.provenance === undefined ? null : { bundle: named(provenance.document), ...provenance.provenance },
    refused: [...codes].sort(),
  }
  const isEmpty = upstream.signature === null && upstream.publish === null && upstream.provenance === null && upstream.refused.length === 0
  return { upstream: isEmpty ? NO_UPSTREAM : upstream, bundles, details: all.flatMap(({ kind, detail }) => (detail === undefined ? [] : [`${kind.toLowerCase()}: ${detail}`])) }
}
