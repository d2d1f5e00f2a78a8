import { type EntryBatch, type LogEvidence, parseCheckpoint, parseNote, unlessRefused } from "@vouchsafe/core"
import type { CachedStatement } from "@vouchsafe/ports"
import type { LogBook } from "./book.ts"
import { mergeProofs } from "./merge-proofs.ts"

/** Turns what is known about a node into what core judges. */
export function toEvidence(book: LogBook): LogEvidence {
  const name = { operator: book.memory.node.operator, origin: book.memory.node.log.name }
  if (book.memory.misbehaved !== undefined) return { ...name, reached: true, batches: [], statuses: [], misbehaved: book.memory.misbehaved }
  if (book.distrust !== undefined) return { ...name, reached: true, failure: plain(book.distrust), batches: [], statuses: [] }
  return {
    ...name,
    // A node that nobody needed to ask is no unreachable node: what it said earlier is at hand.
    reached: !book.wasAsked || book.failure === undefined || book.failure.answered,
    ...(book.failure === undefined ? {} : { failure: plain(book.failure) }),
    batches: [...cachedBatches(book), ...book.answers.map(({ log }) => log)],
    ...(book.memory.mirror === undefined ? {} : { notices: book.memory.mirror }),
    statuses: [...book.statuses.values()],
  }
}

function plain(failure: { readonly code: string; readonly message: string }): { code: string; message: string } {
  return { code: failure.code, message: failure.message }
}

/** Cached statements by the head that proves them. */
export function groupByHead(book: LogBook): Map<string, CachedStatement[]> {
  const groups = new Map<string, CachedStatement[]>()
  for (const { statement } of book.cached) {
    const group = groups.get(statement.checkpoint)
    if (group === undefined) groups.set(statement.checkpoint, [statement])
    else group.push(statement)
  }
  return groups
}

function cachedBatches(book: LogBook): EntryBatch[] {
  return [...groupByHead(book)].map(([checkpoint, statements]) => toBatch(checkpoint, statements))
}

function toBatch(checkpoint: string, statements: readonly CachedStatement[]): EntryBatch {
  const byIndex = new Map(statements.map((statement) => [statement.index, statement]))
  const sorted = [...byIndex.values()].sort((a, b) => a.index - b.index)
  const common = {
    checkpoint,
    indices: sorted.map(({ index }) => index),
    entries: sorted.map(({ entry }) => entry),
    bodies: sorted.flatMap(({ body }) => body ?? []),
  }
  const size = sizeOf(checkpoint)
  const last = common.indices.at(-1)
  const proof = size === undefined || last === undefined || last >= size ? undefined : mergeProofs(size, sorted)
  return proof === undefined ? { ...common, paths: sorted.map((statement) => statement.proof) } : { ...common, proof }
}

/** Size that a head claims; undefined for what is no head. */
function sizeOf(checkpoint: string): number | undefined {
  return unlessRefused(() => parseCheckpoint(parseNote(checkpoint).text).size)
}
