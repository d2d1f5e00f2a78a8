/**
 * What a registry sends beside a tarball, fetched where the packument announces it, and verified (packages/spec/upstream.md).
 *
 * An observation stays for ever and is never made twice. So what may pass by itself makes none: attestations that are announced and
 * cannot be fetched, and keys or logs that this node's root of trust does not know yet. What is there and wrong is observed, with its codes.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, RegistrySource } from "@vouchsafe/ports"
import { TRUST_MAY_BE_OLD, type UpstreamVerifier, type VerifiedUpstream } from "@vouchsafe/sigstore"
import type { Tarball } from "@vouchsafe/tarball"
import type { CheckedArtifact } from "./artifact.ts"
import type { PackumentFacts } from "./package/packument.ts"

/** What it works with. */
export interface UpstreamGathering {
  readonly source: Pick<RegistrySource, "attestations">
  readonly verifier: UpstreamVerifier
}

/** Rejects as the source does, and with UPSTREAM_FAILED for attestations that are announced and not there, and for signers that are not known here. */
export async function gatherUpstream(
  { source, verifier }: UpstreamGathering, artifact: CheckedArtifact, tarball: Tarball, packument: PackumentFacts, signal: AbortSignalLike,
): Promise<VerifiedUpstream> {
  const { name, version, registry } = artifact
  const announced = packument.attestations
  const attestations = announced === undefined ? undefined : await source.attestations({ name, version, registry, signal })
  if (announced !== undefined && attestations === undefined) {
    throw new VouchsafeError("UPSTREAM_FAILED", `the packument announces attestations of ${name}@${version}, and the registry answers that it has none`, {
      hint: "ask again later: a registry may need a moment after a release",
    })
  }
  const verified = verifier.verifyUpstream({
    name, version, registry, sha512: tarball.sha512, integrity: packument.integrity, signatures: packument.signatures, announced, attestations,
    // The package's own word, which the signers of provenance signed with it; the packument's only where the package has none.
    repository: tarball.facts.manifest.repository ?? packument.repository, publishedAt: packument.publishedAt,
  })
  const unknown = verified.upstream.refused.filter((code) => TRUST_MAY_BE_OLD.has(code))
  if (unknown.length === 0) return verified
  throw new VouchsafeError("UPSTREAM_FAILED", `${name}@${version} is signed by a key or logged in a log that this node does not know (${unknown.join(", ")})`, {
    hint: "give the node newer roots of trust: --trust-mirror, or --trust-root and --registry-keys",
  })
}
