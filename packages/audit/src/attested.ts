/**
 * What a check's verdicts rest on: the contents that operators who count attest.
 *
 * @packageDocumentation
 */
import type { CheckResult } from "@vouchsafe/client"
import { artifactKey, factsOf, LOCKSET_TYPE, type LogEvidence, type Observation, observationIn, OBSERVATION_TYPE, type Verdict } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import type { Attested } from "./types.ts"

/**
 * Contents by `artifactKey`, for verdicts with claims. Where operators that count name different contents of equal bytes, or evidence
 * has two texts for one entry, nobody can say which are right: there is none.
 */
export function attestedOf({ verdicts, evidence, lock }: Pick<CheckResult, "verdicts" | "evidence" | "lock">): ReadonlyMap<string, Attested> {
  const observed = observationsIn(evidence, new Set(verdicts.flatMap(({ claims }) => claims.map(({ index }) => index))))
  const found = new Map<string, Attested>()
  for (const verdict of verdicts) {
    const key = artifactKey(verdict)
    const all = verdict.claims.flatMap((claim): (Attested | undefined)[] => {
      if (claim.predicateType === LOCKSET_TYPE) {
        const facts = lock?.facts.get(key)
        return facts === undefined ? [] : [{ h1: facts.h1, bundled: claim.bundled, runsScripts: facts.runsScripts }]
      }
      if (claim.predicateType !== OBSERVATION_TYPE) return []
      const observation = observed.get(`${claim.origin} ${claim.index}`)
      return [observation === undefined || !isOf(observation, verdict) ? undefined : ofObservation(observation)]
    })
    const agreed = agree(all)
    if (agreed !== undefined) found.set(key, agreed)
  }
  return found
}

function isOf(observation: Observation, verdict: Verdict): boolean {
  return artifactKey(observation) === artifactKey(verdict) && observation.sha512 === verdict.sha512
}

function ofObservation(observation: Observation): Attested {
  const { contents: { h1, manifest, executables }, package: { bundled } } = observation
  return { h1, manifest, executables, bundled, runsScripts: factsOf(observation).runsScripts }
}

/** The fullest of equal ones. */
function agree(all: readonly (Attested | undefined)[]): Attested | undefined {
  const [first] = all
  if (first === undefined) return undefined
  let best = first
  for (const one of all) {
    if (one === undefined || one.h1 !== first.h1 || one.bundled.join("\n") !== first.bundled.join("\n") || one.runsScripts !== first.runsScripts) return undefined
    if (best.manifest === undefined) best = one
    else if (one.manifest !== undefined && (one.manifest !== best.manifest || one.executables?.sha256 !== best.executables?.sha256)) return undefined
  }
  return best
}

/** Observations by log and index. An entry that stands there with two texts is left out: one of them is not the one that was proven. */
function observationsIn(evidence: readonly LogEvidence[], indices: ReadonlySet<number>): ReadonlyMap<string, Observation> {
  const texts = new Map<string, string | null>()
  const found = new Map<string, Observation>()
  for (const { batches } of evidence) {
    for (const batch of batches) {
      for (const [i, index] of batch.indices.entries()) {
        const text = batch.entries[i]
        if (text === undefined || !indices.has(index)) continue
        const observation = observationIn(nodeCrypto, text, batch.bodies)
        if (observation === undefined) continue
        const key = `${observation.log} ${index}`
        const other = texts.get(key)
        if (other !== undefined && other !== text) {
          texts.set(key, null)
          found.delete(key)
        } else if (other === undefined) {
          texts.set(key, text)
          found.set(key, observation)
        }
      }
    }
  }
  return found
}
