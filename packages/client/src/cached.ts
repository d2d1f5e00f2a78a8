/**
 * The cache as a client uses it: read into the books, screened when something in it is wrong, written after the verdicts.
 *
 * @packageDocumentation
 */
import {
  artifactKey, type ArtifactName, type Bytes, checkInclusion, type Crypto, hexEncode, isWellFormed, type KnownHead, leafHash, openHead, parseEntry, unlessRefused, utf8Encode, type VerifierKey,
} from "@vouchsafe/core"
import type { CachedStatement, EvidenceCache } from "@vouchsafe/ports"
import { type AcceptedAnswer, isUsable, type KeptStatement, type LogBook, pathsOf } from "./book.ts"
import { type Context, failureOf } from "./context.ts"
import { groupByHead } from "./evidence.ts"
import { CACHED_HEADS_MAX, CACHED_OBSERVATIONS_MAX, CACHED_REBUILDS_MAX, CACHED_RELEASES_LENGTH_MAX } from "./limits.ts"

/** Reads what is cached about artifacts into the books of the logs that said it. */
export function readCache(cache: EvidenceCache, books: readonly LogBook[], artifacts: readonly ArtifactName[]): void {
  const lists = new Map<string, KeptStatement[]>()
  for (const book of books) {
    const list: KeptStatement[] = []
    book.cached = list
    for (const { name } of logsOf(book)) lists.set(name, list)
  }
  for (const artifact of artifacts) {
    for (const statement of cache.read(artifact.purl, artifact.registry) ?? []) {
      if (isWellFormed(statement.entry) && isWellFormed(statement.body ?? "")) lists.get(statement.origin)?.push({ artifact, statement })
    }
  }
}

/** The node's log, and those of its retired ones that nothing is proven against. */
export function logsOf({ memory: { node, lied } }: LogBook): VerifierKey[] {
  return [node.log, ...(node.retired ?? []).map(({ log }) => log).filter(({ vkey }) => !lied.has(vkey))]
}

/**
 * Drops cached statements that do not verify by themselves, so that one damaged file neither spoils the joint proof of all others nor is laid
 * at a node's door. Only needed when core found something wrong.
 *
 * @returns keys of the artifacts that lost a statement
 */
export function screenCache(crypto: Crypto, books: readonly LogBook[]): Set<string> {
  const touched = new Set<string>()
  for (const book of books) {
    const heads = new Map<string, KnownHead | undefined>()
    for (const signed of groupByHead(book).keys()) heads.set(signed, openIfSigned(crypto, book, signed))
    book.cached = book.cached.filter(({ artifact, statement }) => {
      const head = heads.get(statement.checkpoint)
      const isSound = head !== undefined && isIncluded(crypto, statement, head) && isAbout(crypto, statement)
      if (!isSound) touched.add(artifactKey(artifact))
      return isSound
    })
  }
  return touched
}

function openIfSigned(crypto: Crypto, book: LogBook, signed: string): KnownHead | undefined {
  const log = logsOf(book).find(({ name }) => signed.startsWith(`${name}\n`))
  return log === undefined ? undefined : unlessRefused(() => openHead(crypto, log, signed))
}

function isIncluded(crypto: Crypto, statement: CachedStatement, head: KnownHead): boolean {
  const { index, entry, proof } = statement
  return checkInclusion(crypto, { index, size: head.size, leafHash: leafHash(crypto, utf8Encode(entry)), proof, root: head.root })
}

/** An included entry by digest is only as good as the body that lies beside it. */
function isAbout(crypto: Crypto, statement: CachedStatement): boolean {
  const wanted = bodyDigest(statement.entry)
  return wanted === undefined || (statement.body !== undefined && hexEncode(crypto.sha256(utf8Encode(statement.body))) === wanted)
}

/** Digest of the body that an entry refers to; undefined for an entry that is whole, or is nothing that core would read. */
function bodyDigest(entry: string): string | undefined {
  const read = unlessRefused(() => parseEntry(entry))
  return read?.kind === "by-digest" ? read.sha256 : undefined
}

/** True when cached evidence stands under so many heads that checking their signatures costs more than asking again. */
export function isScattered(books: readonly LogBook[]): boolean {
  return books.some((book) => groupByHead(book).size > CACHED_HEADS_MAX)
}

/** Keeps what the nodes proved in this check, beside what was cached about the same artifacts. Statements of logs that do not count are left out. */
export function writeCache(context: Context, books: readonly LogBook[]): void {
  const fresh = new Map<string, KeptStatement[]>()
  for (const book of books) {
    if (!isUsable(book)) continue
    for (const answer of book.answers) for (const kept of proven(context.crypto, book, answer)) addTo(fresh, kept)
  }
  for (const book of books) {
    for (const kept of book.cached) {
      const list = fresh.get(artifactKey(kept.artifact))
      const { origin, index } = kept.statement
      if (list !== undefined && !list.some(({ statement }) => statement.origin === origin && statement.index === index)) list.push(kept)
    }
  }
  try {
    for (const list of fresh.values()) {
      const { artifact } = list[0] as KeptStatement
      context.options.cache.write(artifact.purl, artifact.registry, worthKeeping(artifact, list.map(({ statement }) => statement)))
    }
  } catch (error) {
    const { code, message } = failureOf(error)
    context.notes.push({ code, message: `the cache is not written: ${message}` })
  }
}

/**
 * What of an artifact's statements the cache keeps: of each log its observation, or two that contradict each other, and its newest rebuilds; and
 * releases as long as they are short. Others write releases, and a node may send anything, so neither must be able to push the rest out of the file.
 */
function worthKeeping({ purl }: ArtifactName, statements: readonly CachedStatement[]): CachedStatement[] {
  // One statement a log is the rule: nothing to look at then.
  if (new Set(statements.map(({ origin }) => origin)).size === statements.length) return [...statements]
  const subjects = new Map(statements.map((statement) => [statement, subjectOf(statement.entry)]))
  const of = (kind: Subject["kind"]): CachedStatement[] => statements.filter((statement) => subjects.get(statement)?.kind === kind && subjects.get(statement)?.purl === purl)
  const said = new Set<string>()
  const isNew = (statement: CachedStatement): boolean => {
    const key = `${statement.origin}\n${subjects.get(statement)?.sha512 ?? ""}`
    return !said.has(key) && said.add(key).size > 0
  }
  let length = 0
  const kept = new Set([
    ...firstOfEach(of("observation").sort((a, b) => a.index - b.index).filter(isNew), CACHED_OBSERVATIONS_MAX),
    ...firstOfEach(of("rebuild").sort((a, b) => b.index - a.index), CACHED_REBUILDS_MAX),
    ...of("foreign").sort((a, b) => a.entry.length - b.entry.length).filter(({ entry }) => (length += entry.length) <= CACHED_RELEASES_LENGTH_MAX),
  ])
  return statements.filter((statement) => kept.has(statement))
}

/** The first so many of each log. */
function firstOfEach(statements: readonly CachedStatement[], max: number): CachedStatement[] {
  const counts = new Map<string, number>()
  return statements.filter(({ origin }) => {
    const count = (counts.get(origin) ?? 0) + 1
    counts.set(origin, count)
    return count <= max
  })
}

interface Subject {
  readonly kind: "observation" | "rebuild" | "foreign"
  readonly purl: string
  readonly sha512: string
}

/** What an entry is about; undefined for what core would not read either, or not as evidence. */
function subjectOf(text: string): Subject | undefined {
  const entry = unlessRefused(() => parseEntry(text))
  switch (entry?.kind) {
    case "observation": return { kind: "observation", purl: entry.observation.purl, sha512: entry.observation.sha512 }
    case "by-digest": return { kind: "observation", purl: entry.purl, sha512: entry.sha512 }
    case "rebuild": return { kind: "rebuild", purl: entry.rebuild.purl, sha512: entry.rebuild.sha512 }
    case "foreign": return { kind: "foreign", purl: entry.foreign.purl, sha512: entry.foreign.sha512 }
    default: return undefined
  }
}

function addTo(lists: Map<string, KeptStatement[]>, kept: KeptStatement): void {
  const key = artifactKey(kept.artifact)
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [kept])
  else if (!list.some(({ statement }) => statement.origin === kept.statement.origin && statement.index === kept.statement.index)) list.push(kept)
}

/** The statements of an answer, each with its own proof; none when the joint proof does not verify. */
function proven(crypto: Crypto, book: LogBook, answer: AcceptedAnswer): KeptStatement[] {
  const { head, log, artifacts } = answer
  const paths = pathsOf(crypto, answer)
  if (paths === undefined) return []
  const place = new Map(log.indices.map((index, i) => [index, i]))
  const bodies = new Map(log.bodies.map((body) => [hexEncode(crypto.sha256(utf8Encode(body))), body]))
  return artifacts.flatMap((artifact) => artifact.indices.map((index): KeptStatement => {
    const i = place.get(index) as number
    const entry = log.entries[i] as string
    const body = bodies.size === 0 ? undefined : bodies.get(bodyDigest(entry) ?? "")
    return {
      artifact: { purl: artifact.purl, registry: artifact.registry },
      statement: {
        origin: book.memory.node.log.name, checkpoint: head.signed, index, entry, proof: paths[i] as Bytes[],
        ...(body === undefined ? {} : { body }),
      },
    }
  }))
}
