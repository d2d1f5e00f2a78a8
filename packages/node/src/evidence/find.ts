/**
 * Which statements about an artifact travel together (spec/evidence.md).
 *
 * @packageDocumentation
 */
import { type ArtifactName, parseForeignEntry, unlessMalformed, utf8Decode } from "@vouchsafe/core"
import type { StatementLog } from "@vouchsafe/ports"
import { rebuildKey, releaseKey } from "../log-keys.ts"
import { REBUILDS_ANSWERED_MAX, RELEASES_ANSWERED_MAX } from "../limits.ts"
import type { Found } from "./service.ts"

/**
 * Finds the observation of an artifact, its newest rebuilds, and the newest release of each key. Without an observation there is nothing:
 * the other two say more about bytes, and not which bytes a registry serves.
 */
export function createFind(log: StatementLog, findObservation: (artifact: ArtifactName) => Promise<number | undefined>): (artifact: ArtifactName) => Promise<Found | undefined> {
  return async (artifact) => {
    const observation = await findObservation(artifact)
    if (observation === undefined) return undefined
    const rebuilds = (await log.indicesByKey(rebuildKey(artifact))).slice(-REBUILDS_ANSWERED_MAX)
    const releases = await newestOfEachKey(log, await log.indicesByKey(releaseKey(artifact.purl)))
    return { observation, more: [...rebuilds, ...releases] }
  }
}

/** One key's many releases must not push another's out. The hint in an entry of this log was set by this node, from the key that verified. */
async function newestOfEachKey(log: StatementLog, indices: readonly number[]): Promise<number[]> {
  const newest = new Map<string, number>()
  for (const index of [...indices].reverse()) {
    const hint = signerHintIn(await log.entry(index))
    if (hint !== undefined && !newest.has(hint)) newest.set(hint, index)
    if (newest.size >= RELEASES_ANSWERED_MAX) break
  }
  return [...newest.values()]
}

/** Who an entry's envelope names as its signer; undefined for what is no foreign entry. */
export function signerHintIn(entry: Uint8Array): string | undefined {
  return unlessMalformed(() => parseForeignEntry(utf8Decode(entry)).envelope.signatures[0]?.keyId)
}
