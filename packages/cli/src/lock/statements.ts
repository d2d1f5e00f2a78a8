import { nodeCrypto } from "@vouchsafe/client/node"
import {
  bodiesByDigest, type Bytes, checkInclusion, type EntryBatch, leafHashOfText, type LogEvidence, type LockProof, type Observation, parseCheckpoint, parseEntry, parseNote, resolveObservation, splitMulti, unlessRefused,
} from "@vouchsafe/core"

/** Where a statement stands. */
export interface Place {
  readonly origin: string
  readonly index: number
}

/** The statements that a check judged, by their places. */
export interface Statements {
  /** The observation at a place; undefined where there is none. */
  observation(place: Place): Observation | undefined
  /** A statement with a proof of its own; undefined where there is none that verifies. */
  proof(place: Place): LockProof | undefined
}

interface Found {
  readonly batch: EntryBatch
  readonly at: number
}

/** Looks statements up in evidence. `verify` has proven what it counted, so observations are not proven again. */
export function statementsIn(evidence: readonly LogEvidence[]): Statements {
  const found = new Map<string, Found>()
  for (const batch of evidence.flatMap(({ batches }) => batches)) {
    const origin = batch.checkpoint.slice(0, batch.checkpoint.indexOf("\n"))
    for (const [at, index] of batch.indices.entries()) found.set(`${origin}\n${index}`, { batch, at })
  }
  const bodies = new Map<EntryBatch, ReadonlyMap<string, string>>()
  const paths = new Map<EntryBatch, readonly (readonly Bytes[])[] | undefined>()
  const find = ({ origin, index }: Place): Found | undefined => found.get(`${origin}\n${index}`)
  return {
    observation(place) {
      const one = find(place)
      if (one === undefined) return undefined
      const { batch, at } = one
      return unlessRefused(() => {
        const entry = parseEntry(batch.entries[at] as string)
        if (entry.kind !== "observation" && entry.kind !== "by-digest") return undefined
        return resolveObservation(entry, kept(bodies, batch, () => bodiesByDigest(nodeCrypto, batch.bodies)))
      })
    },
    proof(place) {
      const one = find(place)
      if (one === undefined) return undefined
      const { batch, at } = one
      const proof = kept(paths, batch, () => pathsOf(batch))?.[at]
      if (proof === undefined) return undefined
      const entry = batch.entries[at] as string
      const byDigest = unlessRefused(() => parseEntry(entry))
      const body = byDigest?.kind === "by-digest" ? kept(bodies, batch, () => bodiesByDigest(nodeCrypto, batch.bodies)).get(byDigest.sha256) : undefined
      return { ...place, checkpoint: batch.checkpoint, entry, proof, ...(body === undefined ? {} : { body }) }
    },
  }
}

/** The inclusion proof of each entry by itself; undefined where the joint one does not verify. */
function pathsOf({ checkpoint, entries, indices, paths, proof }: EntryBatch): readonly (readonly Bytes[])[] | undefined {
  const head = unlessRefused(() => parseCheckpoint(parseNote(checkpoint).text))
  if (head === undefined) return undefined
  const { root, size } = head
  const leafHashes = entries.map((entry) => leafHashOfText(nodeCrypto, entry))
  if (proof !== undefined) return splitMulti(nodeCrypto, { indices, size, leafHashes, proof, root })
  const isWhole = paths?.every((path, i) => checkInclusion(nodeCrypto, { index: indices[i] as number, size, leafHash: leafHashes[i] as Bytes, proof: path, root }))
  return isWhole === true ? paths : undefined
}

function kept<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  if (!map.has(key)) map.set(key, make())
  return map.get(key) as V
}
