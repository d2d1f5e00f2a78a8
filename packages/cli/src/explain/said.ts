import {
  type Entry, type ForeignEntry, hexEncode, type LogEvidence, type Observation, observationOfEntry, parseEntry, type Rebuild, unlessRefused, type Verdict,
} from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"

/** One entry of a log about the artifact, with whose log it is. */
interface Place {
  readonly operator: string
  readonly origin: string
  readonly index: number
}

export interface SaidObservation extends Place {
  /** It is one of the claims behind the verdict. */
  readonly counts: boolean
  readonly observation: Observation
}

export interface SaidRebuild extends Place {
  /** It is one of those that agree most widely; `superseded` by a newer one of the same log. */
  readonly standing: "agrees" | "apart" | "superseded"
  readonly rebuild: Rebuild
}

export interface SaidRelease extends Place {
  /** A key that the policy names signed it, and was good at the time. */
  readonly counts: boolean
  readonly foreign: ForeignEntry
}

/** Everything that the roster's logs say about one artifact. */
export interface Said {
  readonly observations: readonly SaidObservation[]
  readonly rebuilds: readonly SaidRebuild[]
  readonly releases: readonly SaidRelease[]
}

/** Sorts the statements in the evidence of a check. Shown as their logs' words: what counts is in the verdict. */
export function saidAbout(evidence: readonly LogEvidence[], verdict: Verdict): Said {
  const observations: SaidObservation[] = []
  const rebuilds: SaidRebuild[] = []
  const releases: SaidRelease[] = []
  for (const log of evidence) {
    for (const [index, { entry, bodies }] of entriesOf(log)) {
      const place = { operator: log.operator, origin: log.origin, index }
      const isHere = (claim: { readonly origin: string; readonly index: number }): boolean => claim.origin === log.origin && claim.index === index
      if (entry.kind === "rebuild") {
        const { rebuild } = entry
        if (rebuild.purl !== verdict.purl || rebuild.registry !== verdict.registry) continue
        const claim = verdict.rebuilds?.find(isHere)
        rebuilds.push({ ...place, rebuild, standing: claim === undefined ? "superseded" : claim.agrees ? "agrees" : "apart" })
      } else if (entry.kind === "foreign") {
        if (entry.foreign.purl === verdict.purl) releases.push({ ...place, foreign: entry.foreign, counts: verdict.releases?.some(isHere) === true })
      } else if (entry.kind !== "lockset") {
        const observation = observationOf(entry, bodies)
        if (observation?.purl !== verdict.purl || observation.registry !== verdict.registry) continue
        observations.push({ ...place, observation, counts: verdict.claims.some(isHere) })
      }
    }
  }
  return { observations, rebuilds, releases: alike(releases) }
}

/** One signed release may stand in several logs, of which the verdict names the first: what counts there counts. */
function alike(releases: readonly SaidRelease[]): SaidRelease[] {
  const bytesOf = ({ foreign: { envelope } }: SaidRelease): string => [envelope.payload, ...envelope.signatures.map(({ signature }) => signature)].map(hexEncode).join(" ")
  const counted = new Set(releases.filter(({ counts }) => counts).map(bytesOf))
  return releases.map((release) => ({ ...release, counts: counted.has(bytesOf(release)) }))
}

interface ReadEntry {
  readonly entry: Entry
  readonly bodies: readonly string[]
}

/** The readable entries of a log's evidence by index: cached and fresh evidence may bring one twice. */
function entriesOf(log: LogEvidence): ReadonlyMap<number, ReadEntry> {
  const entries = new Map<number, ReadEntry>()
  for (const { indices, entries: texts, bodies } of log.batches) {
    for (const [i, text] of texts.entries()) {
      const entry = unlessRefused(() => parseEntry(text))
      if (entry !== undefined) entries.set(indices[i] as number, { entry, bodies })
    }
  }
  return entries
}

function observationOf(entry: Entry & { kind: "observation" | "by-digest" }, bodies: readonly string[]): Observation | undefined {
  return unlessRefused(() => observationOfEntry(nodeCrypto, entry, bodies))
}
