import { type ArtifactFacts, artifactKey, observationIn, type Crypto, type LogEvidence, type Verdict } from "@vouchsafe/core"
import { isSameContents, type Contents } from "./contents.ts"

/** The contents of what a lock vouches for, as far as its line says; undefined for another digest than the verdict's. */
export function lockedContents(verdict: Verdict, facts: ArtifactFacts | undefined): Contents | undefined {
  return verdict.ok && verdict.claims.length > 0 && facts !== undefined && facts.sha512 === verdict.sha512 ? { h1: facts.h1 } : undefined
}

/** A statement as it lies in the evidence: unproven. */
interface FoundEntry {
  readonly text: string
  readonly bodies: readonly string[]
}

/** Digests that operators say they were served, by artifact. Hints for what to ask; nothing here is proven. */
export function servedDigests(evidence: readonly LogEvidence[], crypto: Crypto): ReadonlyMap<string, ReadonlySet<string>> {
  const served = new Map<string, Set<string>>()
  for (const { entries, bodies } of evidence.flatMap((log) => log.batches)) {
    for (const text of entries) {
      const observation = observationIn(crypto, text, bodies)
      if (observation === undefined) continue
      const key = artifactKey(observation)
      served.set(key, (served.get(key) ?? new Set()).add(observation.sha512))
    }
  }
  return served
}

/**
 * The contents that every counted statement of an allowed verdict names. `verify` proved each claim's entry over this
 * evidence; an entry that occurs in two versions there could be the unproven one, so then there are none.
 */
export function attestedContents(verdict: Verdict, evidence: readonly LogEvidence[], crypto: Crypto): Contents | undefined {
  if (!verdict.ok || verdict.claims.length === 0) return undefined
  let agreed: Contents | undefined
  for (const { operator, origin, index } of verdict.claims) {
    const entries = entriesAt(evidence, operator, origin, index)
    const [entry] = entries
    if (entry === undefined || entries.some(({ text }) => text !== entry.text)) return undefined
    const observation = observationIn(crypto, entry.text, entry.bodies)
    if (observation === undefined || observation.purl !== verdict.purl || observation.sha512 !== verdict.sha512) return undefined
    const contents = { h1: observation.contents.h1, executables: observation.contents.executables }
    if (agreed !== undefined && !isSameContents(agreed, contents)) return undefined
    agreed = contents
  }
  return agreed
}

function entriesAt(evidence: readonly LogEvidence[], operator: string, origin: string, index: number): FoundEntry[] {
  return evidence.filter((log) => log.operator === operator && log.origin === origin).flatMap((log) => log.batches).flatMap(({ indices, entries, bodies }) => {
    const text = entries[indices.indexOf(index)]
    return text === undefined ? [] : [{ text, bodies }]
  })
}
