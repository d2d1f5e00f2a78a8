import type { HttpTransport, StateStore } from "@vouchsafe/client"
import {
  buildForkProof, type Bytes, type Crypto, equalBytes, formatMisbehavior, headChecker, isVouchsafeError, type MisbehaviorProof, nodeReaderFromLeaves, openCheckpoint, parseMisbehavior, proveFork, type Roster, type RosterNode,
  rootOfLeaves, type VerifierKey, verifyMisbehavior, VouchsafeError,
} from "@vouchsafe/core"
import type { WholeLog } from "./read.ts"
import { type FoundLog, type LogSources, readAnywhere } from "./sources.ts"

/** What became of one log. */
export interface LogReport {
  readonly operator: string
  readonly origin: string
  readonly outcome: "verified" | "failed" | "rolled-back" | "misbehaved"
  readonly size?: number
  /** Whether the head that the node shows carries a witness quorum. */
  readonly cosigned?: boolean
  readonly detail: string
  /** Where the proof was kept. */
  readonly proof?: string
}

export interface VerifyContext {
  readonly crypto: Crypto
  readonly transport: HttpTransport
  readonly state: StateStore
  readonly roster: Roster
  /** Unix seconds. */
  readonly now: number
  readonly sources: LogSources
}

/** Other processes of this user that may change the memory of a log between reading and writing it, before this one gives up. */
const SWAP_ATTEMPTS_MAX = 5

/** Recomputes one log of a node from its entries and compares it with every head remembered from before. */
export async function verifyLog(context: VerifyContext, node: RosterNode, which: "log" | "notices"): Promise<LogReport> {
  const key = node[which]
  const about = { operator: node.operator, origin: key.name }
  try {
    const kept = keptProof(context, key)
    if (kept !== undefined) return { ...about, outcome: "misbehaved", detail: "it was proven to have lied before, and never counts again", ...(kept.path === undefined ? {} : { proof: kept.path }) }
    const log = await readAnywhere(context.crypto, context.transport, context.sources(node, which))
    const head = headChecker(context.crypto, context.roster, context.now).check(node, key, log.signed)
    const seen = { ...about, size: log.checkpoint.size, cosigned: head.ok }
    // The client keeps the heads of notices logs with the notices.
    for (const remembered of [context.state.head(key.vkey), context.state.notices(key.vkey)?.checkpoint]) {
      const lie = remembered === undefined ? undefined : await compare(context, key, remembered, log)
      // A copy that is behind is nobody's lie.
      if (lie?.outcome === "rolled-back" && log.copyOf !== undefined) return { ...seen, outcome: "failed", detail: `${lie.detail}${copyNote(log)}` }
      if (lie !== undefined) return { ...seen, ...lie }
    }
    // Without a quorum the node may go back to an earlier head with one, which must not look like a rollback.
    const lie = head.ok ? await rememberHead(context, key, log) : undefined
    return { ...seen, outcome: "verified", detail: `${log.checkpoint.size} entries give the signed root${head.ok ? "" : `; not cosigned: ${head.message}`}${copyNote(log)}`, ...lie }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...about, outcome: "failed", detail: `${error.code}: ${error.message}` }
  }
}

function copyNote({ copyOf }: FoundLog): string {
  return copyOf === undefined ? "" : `; read from the copy of ${copyOf}`
}

function keptProof({ crypto, state }: VerifyContext, key: VerifierKey): { readonly path?: string } | undefined {
  return state.misbehavior().find(({ log, document }) => log === key.vkey && verifyMisbehavior(crypto, parseMisbehavior(document), key))
}

type Lie = Pick<LogReport, "outcome" | "detail" | "proof">

async function rememberHead(context: VerifyContext, key: VerifierKey, log: WholeLog): Promise<Lie | undefined> {
  let expected = context.state.head(key.vkey)
  for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt++) {
    if (expected === log.signed) return undefined
    const swap = await context.state.putHead(key.vkey, log.signed, expected)
    if (swap.stored) return undefined
    expected = swap.current
    if (expected === undefined) continue
    const lie = await compare(context, key, expected, log)
    // Whoever came before may have seen more of the same history.
    if (lie !== undefined) return lie.outcome === "rolled-back" ? undefined : lie
  }
  throw new VouchsafeError("DISK", `the head of ${key.name} could not be stored: other processes changed it ${SWAP_ATTEMPTS_MAX} times meanwhile`)
}

async function compare(context: VerifyContext, key: VerifierKey, remembered: string, log: WholeLog): Promise<Lie | undefined> {
  const older = openCheckpoint(context.crypto, remembered, key).checkpoint
  const { size } = log.checkpoint
  if (older.size > size) return { outcome: "rolled-back", detail: `shows ${size} entries, ${older.size} were seen before` }
  if (equalBytes(rootOfLeaves(context.crypto, log.leafHashes.slice(0, older.size)), older.root)) return undefined
  const proof = await forkProof(context.crypto, key, remembered, older.size, log)
  if (proof === undefined) throw new TypeError(`the fork of ${key.name} gives no proof`)
  const kept = await context.state.addMisbehavior(key.vkey, formatMisbehavior(proof))
  return {
    outcome: "misbehaved", detail: `the first ${older.size} of its ${size} entries are not the ones that it signed before`,
    ...(kept.path === undefined ? {} : { proof: kept.path }),
  }
}

async function forkProof(crypto: Crypto, key: VerifierKey, older: string, oldSize: number, log: WholeLog): Promise<MisbehaviorProof | undefined> {
  const newSize = log.checkpoint.size
  const consistency: Bytes[] = oldSize === newSize ? [] : await proveFork(crypto, nodeReaderFromLeaves(crypto, log.leafHashes), { oldSize, newSize })
  return buildForkProof(crypto, { key, older, newer: log.signed, consistency })
}
