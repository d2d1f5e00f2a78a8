import { artifactKey, type MisbehaviorProof, parseEntry, type ProvenEntry, unlessRefused, verifyMisbehavior } from "@vouchsafe/core"
import { type AcceptedAnswer, type LogBook, pathsOf } from "./book.ts"
import { type Context, convict } from "./context.ts"

/**
 * Looks for two own observations of one artifact with different bytes in one answer, and convicts the log by them (THREATS A3). Called for
 * logs that core found to contradict themselves. Where the two stand under different heads no proof stands alone, and the log merely does
 * not count for as long as the cache holds the older one.
 */
export async function convictEquivocator(context: Context, book: LogBook): Promise<void> {
  for (const answer of book.answers) {
    const proof = findEquivocation(context, book, answer)
    if (proof === undefined) continue
    await convict(context, book.memory, book.memory.node.log, proof)
    return
  }
}

function findEquivocation(context: Context, book: LogBook, answer: AcceptedAnswer): MisbehaviorProof | undefined {
  const { head, log } = answer
  const paths = pathsOf(context.crypto, answer)
  if (paths === undefined) return undefined
  const seen = new Map<string, { readonly sha512: string; readonly entry: ProvenEntry }>()
  for (const [i, text] of log.entries.entries()) {
    const subject = subjectOf(text)
    if (subject === undefined) continue
    const entry = { index: log.indices[i] as number, entry: text, proof: paths[i] ?? [] }
    const other = seen.get(subject.key)
    if (other === undefined) {
      seen.set(subject.key, { sha512: subject.sha512, entry })
      continue
    }
    if (other.sha512 === subject.sha512) continue
    const proof: MisbehaviorProof = { kind: "equivocation", origin: book.memory.node.log.name, checkpoint: head.signed, first: other.entry, second: entry }
    if (verifyMisbehavior(context.crypto, proof, book.memory.node.log)) return proof
  }
  return undefined
}

function subjectOf(entry: string): { readonly key: string; readonly sha512: string } | undefined {
  const read = unlessRefused(() => parseEntry(entry))
  // A rebuilder may change its mind and anybody may sign: only two observations contradict each other.
  return read?.kind === "observation" ? { key: artifactKey(read.observation), sha512: read.observation.sha512 } : undefined
}
