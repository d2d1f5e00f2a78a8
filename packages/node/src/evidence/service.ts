/**
 * `POST /v1/evidence`: answers with what the log holds, observes what it does not, and says of each artifact which it was.
 *
 * Nothing in an answer is believed by a client: statements count by their proofs under the cosigned checkpoint. The status of
 * an artifact only explains.
 *
 * @packageDocumentation
 */
import { type ArtifactAnswer, type ArtifactName, artifactKey, type EvidenceRequest, NOTICES_PER_ANSWER_MAX } from "@vouchsafe/core"
import type { Clock, Log, SignedHead, Timers } from "@vouchsafe/ports"
import type { Cosigner } from "../cosign/cosigner.ts"
import { type Answer, refusal, textAnswer } from "../http/answer.ts"
import { COSIGN_MORE_MS, DEADLINE_MS_MAX, EVIDENCE_ANSWER_BYTES_MAX, EVIDENCE_ANSWERS_COMPOSED_MAX, EVIDENCE_REQUESTS_MAX, EVIDENCE_REQUESTS_PER_ADDRESS_MAX, INDICES_REMEMBERED_MAX, NOTICES_BYTES_MAX, NOTICES_STALE_MS } from "../limits.ts"
import { createSlots } from "../http/slots.ts"
import { createSemaphore } from "../registry/semaphore.ts"
import { within } from "../timers.ts"
import { formatAnswer } from "./document.ts"
import type { EntryCache, ReadyEntry } from "./entry-cache.ts"
import type { Observer, Outcome } from "./observer.ts"

/** One log with what keeps it cosigned and what reads it. */
export interface ServedLog {
  readonly log: Pick<Log, "size" | "cosigned" | "proveMulti" | "proveConsistency">
  readonly cosigner: Pick<Cosigner, "reached" | "refreshed" | "ageMs">
  readonly entries: EntryCache
}

/** What the service works with. */
export interface EvidenceOptions {
  readonly observations: ServedLog
  readonly notices: ServedLog
  /** Where the statements about an artifact are in the observation log. */
  readonly find: (artifact: ArtifactName) => Promise<Found | undefined>
  readonly observer: Observer
  /** Told of the artifacts of one request that are being observed now. */
  readonly onStarted?: ((artifacts: readonly ArtifactName[]) => void) | undefined
  /** Told of each artifact asked for that the log holds. */
  readonly onKnown: (artifact: ArtifactName) => void
  /** Registry ids that the roster lists. */
  readonly registries: ReadonlySet<string>
  readonly clock: Clock
  readonly timers: Timers
  /** Given when the node stops: requests in work are answered with what there is. */
  readonly stopping: AbortSignal
  readonly onStatus: (status: string, count: number) => void
}

/** What a log holds about one artifact. */
export interface Found {
  readonly observation: number
  /** Rebuilds and releases that travel with it. */
  readonly more: readonly number[]
}

/** @see createEvidenceService */
export interface EvidenceService {
  /** A statement other than an observation came into the log about this package version: what was found before is out of date. */
  forget(purl: string): void
  /** @param from - who asks, for budgets */
  answer(request: EvidenceRequest, from: string, signal?: AbortSignal): Promise<Answer>
}

/** What is known of one artifact while a request is in work. */
interface Line {
  readonly artifact: ArtifactName
  found: Found | undefined
  outcome: Outcome | undefined
  limited: string | undefined
  waiting: boolean
}

const MARGIN_BYTES = 1024 * 1024

/** Makes the service. */
export function createEvidenceService(options: EvidenceOptions): EvidenceService {
  const found = new Map<string, Found>()
  const slots = createSlots({ all: EVIDENCE_REQUESTS_MAX, perCaller: EVIDENCE_REQUESTS_PER_ADDRESS_MAX })
  const composing = createSemaphore(EVIDENCE_ANSWERS_COMPOSED_MAX)
  let forgotten = 0

  const find = async (artifact: ArtifactName): Promise<Found | undefined> => {
    const key = artifactKey(artifact)
    const known = found.get(key)
    if (known !== undefined) return known
    const before = forgotten
    const fresh = await options.find(artifact)
    // What is in the log stays there, at its place; only what is not yet there may change. What was read while something came in may lack it.
    if (fresh !== undefined && before === forgotten) {
      found.set(key, fresh)
      if (found.size > INDICES_REMEMBERED_MAX) found.delete(found.keys().next().value as string)
    }
    return fresh
  }

  const work = async (request: EvidenceRequest, from: string, signals: readonly AbortSignal[]): Promise<Answer> => {
    const endMs = options.clock.nowMs() + Math.min(request.deadlineMs, DEADLINE_MS_MAX)
    const leftMs = (): number => Math.max(0, endMs - options.clock.nowMs())
    const lines = await Promise.all(request.artifacts.map(async (artifact): Promise<Line> => (
      { artifact, found: await find(artifact), outcome: undefined, limited: undefined, waiting: false }
    )))
    const outcomes = startMissing(lines, options, from)
    if (lines.length > 0 && lines.every(({ limited }) => limited !== undefined)) {
      return refusal("RATE_LIMITED", lines[0]?.limited ?? "", "ask again later", { "retry-after": "30" })
    }
    if (outcomes.length > 0) await within(options.timers, leftMs(), Promise.all(outcomes), signals)
    const wantedSize = Math.max(0, ...lines.map((line) => (line.found === undefined ? 0 : line.found.observation + 1)))
    const waits = [within(options.timers, leftMs(), options.observations.cosigner.reached(wantedSize), signals)]
    // A rebuild or release logged just now is worth a moment, not the whole deadline: the observation stands without it.
    const wholeSize = Math.max(0, ...lines.flatMap(({ found }) => found?.more.map((index) => index + 1) ?? []))
    if (wholeSize > wantedSize) waits.push(within(options.timers, Math.min(leftMs(), COSIGN_MORE_MS), options.observations.cosigner.reached(wholeSize), signals))
    const { log: noticesLog, cosigner } = options.notices
    const current = cosigner.ageMs() > NOTICES_STALE_MS ? cosigner.refreshed() : cosigner.reached(noticesLog.size)
    waits.push(within(options.timers, leftMs(), current, signals))
    await Promise.all(waits)
    const head = options.observations.log.cosigned()
    const noticesHead = noticesLog.cosigned()
    if (head === undefined || noticesHead === undefined) {
      return refusal("NOT_COSIGNED", "the witnesses have not cosigned this node's logs yet", "ask again in some seconds", { "retry-after": "2" })
    }
    return await composing.run(() => compose(lines, request, head, noticesHead, options))
  }

  return {
    forget(purl) {
      forgotten += 1
      for (const registry of options.registries) found.delete(artifactKey({ purl, registry }))
    },
    async answer(request, from, signal) {
      const full = slots.refusal(from)
      if (full !== undefined) return refusal("BUSY", `${full === "all" ? slots.running() : EVIDENCE_REQUESTS_PER_ADDRESS_MAX} evidence requests ${full === "all" ? "" : "of this address "}are in work`, "ask again in some seconds", { "retry-after": "2" })
      const end = slots.take(from)
      try {
        return await work(request, from, signal === undefined ? [options.stopping] : [options.stopping, signal])
      } finally {
        end()
      }
    },
  }
}

/** Starts what the log does not hold; the promises settle with the lines filled in, and never reject. */
function startMissing(lines: readonly Line[], options: EvidenceOptions, from: string): Promise<void>[] {
  const outcomes: Promise<void>[] = []
  const expected: ArtifactName[] = []
  for (const line of lines) {
    if (line.found !== undefined) {
      options.onKnown(line.artifact)
      continue
    }
    const { registry } = line.artifact
    if (!options.registries.has(registry)) {
      line.outcome = { kind: "refused", code: "WRONG_REGISTRY", detail: "this node does not observe that registry" }
      continue
    }
    const started = options.observer.start(line.artifact, from)
    if (started.kind === "limited") line.limited = started.detail
    else if (started.kind === "known") settle(line, started.outcome)
    else {
      line.waiting = true
      expected.push(line.artifact)
      outcomes.push(started.outcome.then((outcome) => settle(line, outcome)))
    }
  }
  if (expected.length > 0) options.onStarted?.(expected)
  return outcomes
}

function settle(line: Line, outcome: Outcome): void {
  line.waiting = false
  line.outcome = outcome
  if (outcome.kind === "observed") line.found = { observation: outcome.index, more: [] }
}

async function compose(lines: readonly Line[], request: EvidenceRequest, head: SignedHead, noticesHead: SignedHead, options: EvidenceOptions): Promise<Answer> {
  const { log, entries } = options.observations
  const notices = await noticesFrom(request.noticesFrom, noticesHead, options.notices)
  const covered = lines.map(({ found }) => indicesUnder(found, head.size))
  const wanted = [...new Set(covered.flat())].sort((a, b) => a - b)
  const ready = new Map<number, ReadyEntry>()
  for (const [i, entry] of (await entries.ready(wanted)).entries()) ready.set(wanted[i] as number, entry)
  let leftBytes = EVIDENCE_ANSWER_BYTES_MAX - MARGIN_BYTES - notices.bytes
  const carried = new Set<number>()
  const artifacts = lines.map((line, i): ArtifactAnswer => {
    const own = covered[i] ?? []
    if (own.length === 0) return uncovered(line)
    const bytes = own.reduce((sum, index) => sum + (carried.has(index) ? 0 : (ready.get(index) as ReadyEntry).bytes), 0)
    if (bytes > leftBytes) return { ...line.artifact, status: "refused", code: "ANSWER_TOO_LARGE", detail: "the answer is full; ask for fewer artifacts at once", indices: [] }
    leftBytes -= bytes
    for (const index of own) carried.add(index)
    return { ...line.artifact, status: "observed", indices: own }
  })
  const indices = wanted.filter((index) => carried.has(index))
  const grows = request.knownSize > 0 && request.knownSize < head.size
  const [proof, consistency] = await Promise.all([
    indices.length === 0 ? [] : log.proveMulti(indices, head.size),
    grows ? log.proveConsistency(request.knownSize, head.size) : [],
  ])
  count(artifacts, options)
  const body = formatAnswer({
    log: { checkpoint: head.text, consistency, indices, entries: indices.map((index) => ready.get(index) as ReadyEntry), proof },
    notices: { checkpoint: noticesHead.text, from: request.noticesFrom, entries: notices.entries },
    artifacts,
  })
  return { ...textAnswer(200, "", { "content-type": "application/json" }), body }
}

/** What is found of an artifact under a head, ascending; nothing unless its observation is. */
function indicesUnder(found: Found | undefined, size: number): readonly number[] {
  if (found === undefined || found.observation >= size) return []
  return [found.observation, ...found.more.filter((index) => index < size)].sort((a, b) => a - b)
}

/** Entries of the notices log that the client does not hold; a client behind by very many asks again for the rest. */
async function noticesFrom(from: number, head: SignedHead, { entries }: ServedLog): Promise<{ entries: ReadyEntry[]; bytes: number }> {
  const count = Math.min(Math.max(0, head.size - from), NOTICES_PER_ANSWER_MAX)
  const all = count === 0 ? [] : await entries.ready(Array.from({ length: count }, (_, i) => from + i))
  const sent: ReadyEntry[] = []
  let bytes = 0
  for (const entry of all) {
    bytes += entry.bytes
    if (bytes > NOTICES_BYTES_MAX) break
    sent.push(entry)
  }
  return { entries: sent, bytes }
}

function uncovered(line: Line): ArtifactAnswer {
  const { artifact, outcome } = line
  if (line.found !== undefined) return { ...artifact, status: "pending", code: "NOT_COSIGNED", detail: "observed, and not yet cosigned by the witnesses", indices: [] }
  if (line.limited !== undefined) return { ...artifact, status: "refused", code: "RATE_LIMITED", detail: line.limited, indices: [] }
  if (outcome?.kind === "absent") return { ...artifact, status: "absent", indices: [] }
  // Not a word about the package: there will be one in some minutes.
  if (outcome?.kind === "refused" && outcome.code === "SOURCE_PENDING") return { ...artifact, status: "pending", code: outcome.code, detail: outcome.detail, indices: [] }
  if (outcome?.kind === "refused") return { ...artifact, status: "refused", code: outcome.code, detail: outcome.detail, indices: [] }
  return { ...artifact, status: "pending", code: "OBSERVING", detail: "the node is fetching it from its registry", indices: [] }
}

function count(artifacts: readonly ArtifactAnswer[], options: EvidenceOptions): void {
  const counts = new Map<string, number>()
  for (const { status } of artifacts) counts.set(status, (counts.get(status) ?? 0) + 1)
  for (const [status, number] of counts) options.onStatus(status, number)
}
