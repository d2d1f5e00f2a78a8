import { buildForkProof, type Bytes, type Crypto, equalBytes, formatMisbehavior, headChecker, isVouchsafeError, type MisbehaviorProof, nodeReaderFromLeaves, openCheckpoint, proveFork, type Roster, type RosterNode, rootOfLeaves, type VerifierKey } from "@vouchsafe/core"
import type { HttpTransport, StateStore } from "@vouchsafe/client"
import { readWholeLog, type WholeLog } from "./read.ts"

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
}

/** Recomputes one log of a node from its entries and compares it with the head remembered from before. */
export async function verifyLog(context: VerifyContext, node: RosterNode, which: "log" | "notices"): Promise<LogReport> {
  const key = node[which]
  const about = { operator: node.operator, origin: key.name }
  let log: WholeLog
  try {
    log = await readWholeLog(context.crypto, context.transport, { url: `${node.url}${which}/`, key })
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...about, outcome: "failed", detail: `${error.code}: ${error.message}` }
  }
  const size = log.checkpoint.size
  const head = headChecker(context.crypto, context.roster, context.now).check(node, key, log.signed)
  const seen = { ...about, size, cosigned: head.ok }
  const remembered = context.state.head(key.vkey)
  if (remembered !== undefined) {
    const lie = await compare(context, key, remembered, log)
    if (lie !== undefined) return { ...seen, ...lie }
  }
  await context.state.putHead(key.vkey, log.signed, remembered)
  return { ...seen, outcome: "verified", detail: `${size} entries give the signed root${head.ok ? "" : `; not cosigned: ${head.message}`}` }
}

async function compare(context: VerifyContext, key: VerifierKey, remembered: string, log: WholeLog): Promise<Pick<LogReport, "outcome" | "detail" | "proof"> | undefined> {
  const older = openCheckpoint(context.crypto, remembered, key).checkpoint
  const { size } = log.checkpoint
  if (older.size > size) {
    return { outcome: "rolled-back", detail: `shows ${size} entries, ${older.size} were seen before` }
  }
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
