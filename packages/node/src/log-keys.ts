/**
 * Names under which entries of the observation log are found again.
 *
 * @packageDocumentation
 */
import { logKey } from "@vouchsafe/attester"
import type { ArtifactName } from "@vouchsafe/core"

/** Of the rebuilds of one artifact of one registry. */
export function rebuildKey(artifact: ArtifactName): string {
  return `rebuild ${logKey(artifact)}`
}

/** Of the releases of one package version, wherever it is published. */
export function releaseKey(purl: string): string {
  return `release ${purl}`
}
