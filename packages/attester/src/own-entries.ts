import { type Crypto, hexEncode, type Observation, type OwnEntry, parseNotice, parseOwnEntry, resolveObservation, unlessMalformed, utf8Decode } from "@vouchsafe/core"
import type { BlobStore, StatementLog } from "@vouchsafe/ports"
import { type Artifact, logKey } from "./artifact.ts"

type OwnLog = Pick<StatementLog, "origin" | "entry" | "indicesByKey">

/** Where own statements are read. */
export interface OwnWorld {
  readonly log: OwnLog
  readonly blobs: Pick<BlobStore, "get">
  readonly crypto: Crypto
}

/** The attester's one observation of an artifact. */
export interface OwnObservation {
  readonly index: number
  readonly sha512: string
}

/** An entry of the notices log that the attester itself wrote. */
export interface OwnNotice {
  readonly index: number
  readonly notice: ReturnType<typeof parseNotice>
}

/**
 * Looks the attester's own observation up. Entries of other kinds under the same key, also such as look like an observation, are not its word (THREATS A1).
 * Rejects as the log does.
 */
export async function findObservation(log: OwnLog, artifact: Artifact): Promise<OwnObservation | undefined> {
  const found = await findEntry(log, artifact)
  return found === undefined ? undefined : { index: found.index, sha512: (found.entry.kind === "observation" ? found.entry.observation : found.entry).sha512 }
}

/** The same, whole. Undefined also where its body is not in the store any more, or is another. Rejects as log and store do. */
export async function readObservation({ log, blobs, crypto }: OwnWorld, artifact: Artifact): Promise<Observation | undefined> {
  const entry = (await findEntry(log, artifact))?.entry
  if (entry === undefined || entry.kind === "observation") return entry?.observation
  const body = await blobs.get(entry.sha256)
  if (body === undefined || hexEncode(crypto.sha256(body)) !== entry.sha256) return undefined
  const observation = resolveObservation(entry, new Map([[entry.sha256, utf8Decode(body)]]))
  return observation.registry === artifact.registry ? observation : undefined
}

async function findEntry(log: OwnLog, artifact: Artifact): Promise<{ readonly index: number, readonly entry: OwnEntry } | undefined> {
  for (const index of await log.indicesByKey(logKey(artifact))) {
    const entry = await readEntry(log, index, parseOwnEntry)
    if (entry === undefined) continue
    const { purl, log: origin } = entry.kind === "observation" ? entry.observation : entry
    const sameRegistry = entry.kind === "by-digest" || entry.observation.registry === artifact.registry
    if (origin === log.origin && purl === artifact.purl && sameRegistry) return { index, entry }
  }
  return undefined
}

/** All own notices about an artifact, oldest first. Rejects as the log does. */
export async function findNotices(log: StatementLog, artifact: Artifact): Promise<OwnNotice[]> {
  const found: OwnNotice[] = []
  for (const index of await log.indicesByKey(logKey(artifact))) {
    const notice = await readNotice(log, index)
    if (notice !== undefined && notice.purl === artifact.purl && notice.registry === artifact.registry) found.push({ index, notice })
  }
  return found
}

/** The notice at `index`; undefined where the entry is none of this log. Rejects as the log does. */
export async function readNotice(log: StatementLog, index: number): Promise<OwnNotice["notice"] | undefined> {
  const notice = await readEntry(log, index, parseNotice)
  return notice?.log === log.origin ? notice : undefined
}

async function readEntry<T>(log: OwnLog, index: number, parse: (text: string) => T): Promise<T | undefined> {
  const bytes = await log.entry(index)
  // Somebody else's statement, or another kind of our own: neither is what is looked for.
  return unlessMalformed(() => parse(utf8Decode(bytes)))
}
