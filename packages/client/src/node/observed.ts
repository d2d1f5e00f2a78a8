/**
 * Which digest most operators observed, for who has none to ask about: a lockfile of Yarn's, a registry that does not answer.
 *
 * @packageDocumentation
 */
import { artifactKey, type LogEvidence, observationIn } from "@vouchsafe/core"
import { nodeCrypto } from "./crypto.ts"

/**
 * The digest that most operators' statements name, by `artifactKey`. Unproven: it chooses what to ask about, and decides nothing.
 */
export function commonestDigests(evidence: readonly LogEvidence[]): ReadonlyMap<string, string> {
  const found = new Map<string, Map<string, Set<string>>>()
  for (const { operator, batches } of evidence) {
    for (const { entries, bodies } of batches) {
      for (const text of entries) {
        const observation = observationIn(nodeCrypto, text, bodies)
        if (observation === undefined) continue
        const byDigest = found.get(artifactKey(observation)) ?? new Map<string, Set<string>>()
        found.set(artifactKey(observation), byDigest.set(observation.sha512, (byDigest.get(observation.sha512) ?? new Set()).add(operator)))
      }
    }
  }
  return new Map([...found].map(([key, byDigest]) => [key, commonest(byDigest)]))
}

function commonest(byDigest: ReadonlyMap<string, ReadonlySet<string>>): string {
  const [[best] = [""]] = [...byDigest].sort(([a, as], [b, bs]) => bs.size - as.size || (a < b ? -1 : 1))
  return best
}
