/**
 * How the previous version was built, and what of it changed. Only what verified is compared.
 *
 * @packageDocumentation
 */
import { type HistoryChange, isOtherBuilder, isVouchsafeError, type Observation, type Provenance, type ProvenanceStanding } from "@vouchsafe/core"
import type { AbortSignalLike, RegistrySource } from "@vouchsafe/ports"
import type { UpstreamVerifier } from "@vouchsafe/sigstore"
import { asObject, member } from "@vouchsafe/tarball"
import type { CheckedArtifact } from "../artifact.ts"
import type { PackumentFacts } from "../package/packument.ts"

/** The provenance of the previous version. */
export interface PreviousProvenance {
  readonly standing: ProvenanceStanding
  /** Where it verified. */
  readonly provenance: Provenance | null
}

export const NO_PROVENANCE: PreviousProvenance = { standing: "none", provenance: null }

/** What it works with. */
export interface ProvenanceWorld {
  readonly source: Pick<RegistrySource, "attestations">
  readonly verifier: UpstreamVerifier
}

/**
 * Verified, by this attester when it observed the version or now against the packument's digest; or only announced.
 * @param packument - undefined where it cannot be read
 */
export async function provenanceOf(
  { source, verifier }: ProvenanceWorld, artifact: CheckedArtifact, observed: Observation | undefined, packument: PackumentFacts | undefined, signal: AbortSignalLike,
): Promise<PreviousProvenance> {
  if (observed !== undefined && observed.upstream.provenance !== null) return { standing: "verified", provenance: observed.upstream.provenance }
  const announced = packument?.attestations
  if (packument === undefined || announced === undefined) return NO_PROVENANCE
  const claimed: PreviousProvenance = announcesProvenance(announced) ? { standing: "claimed", provenance: null } : NO_PROVENANCE
  const { sha512 } = packument
  // What was refused when its tarball was there is not verified now without it.
  if (sha512 === undefined || observed !== undefined) return claimed
  const { name, version, registry } = artifact
  try {
    const attestations = await source.attestations({ name, version, registry, signal })
    if (attestations === undefined) return claimed
    const { upstream } = verifier.verifyUpstream({
      name, version, registry, sha512, integrity: packument.integrity, signatures: packument.signatures, announced, attestations, repository: packument.repository, publishedAt: packument.publishedAt,
    })
    return upstream.provenance === null ? claimed : { standing: "verified", provenance: upstream.provenance }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return claimed
  }
}

function announcesProvenance(announced: unknown): boolean {
  return asObject(member(asObject(announced) ?? {}, "provenance")) !== undefined
}

/** Members of two verified provenances that name another identity. Sorted. */
export function changedBetween(previous: Provenance, now: Provenance): HistoryChange[] {
  const changed: HistoryChange[] = []
  if (isOtherBuilder(previous.builder, now.builder)) changed.push("builder")
  if (hasOtherInputs(previous, now)) changed.push("inputs")
  if (previous.ownerId !== null && now.ownerId !== null && previous.ownerId !== now.ownerId) changed.push("owner")
  if (isOtherRepository(previous, now)) changed.push("repository")
  if (previous.workflow !== null && now.workflow !== null && previous.workflow !== now.workflow) changed.push("workflow")
  return changed
}

/** A forge gives a repository that was moved or renamed the id that it had; where an id is missing the address has to do. */
function isOtherRepository(previous: Provenance, now: Provenance): boolean {
  if (previous.repositoryId !== null && now.repositoryId !== null && previous.issuer === now.issuer) return previous.repositoryId !== now.repositoryId
  return previous.repository.toLowerCase() !== now.repository.toLowerCase()
}

/** One address, another digest: what stood under a name was replaced. What was added or left out has another address. */
function hasOtherInputs(previous: Provenance, now: Provenance): boolean {
  const before = new Map(previous.inputs.map(({ uri, digest }) => [uri, digest]))
  return now.inputs.some(({ uri, digest }) => before.has(uri) && before.get(uri) !== digest)
}
