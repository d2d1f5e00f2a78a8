/**
 * Proofs that a log or a witness of the roster lied: whom one convicts, and those that nodes hand out.
 *
 * @packageDocumentation
 */
import type { HttpTransport, StateStore } from "@vouchsafe/client"
import {
  type Crypto, formatMisbehavior, isVouchsafeError, MISBEHAVIOR_LENGTH_MAX, type MisbehaviorProof, parseJson, parseMisbehavior, type Roster, type RosterNode, shapeReader, utf8Decode,
  type VerifierKey, verifyMisbehavior,
} from "@vouchsafe/core"
import type { LogReport } from "./verify.ts"

/** Longest list of proofs that is read, in bytes, how many of them are looked at, and time for it, in ms. */
const LIST_BYTES_MAX = 16 * 1024 * 1024
const LISTED_MAX = 512
const TIMEOUT_MS = 10_000
const LIST_FORMAT = "vouchsafe-misbehavior-list/v1"

const read = shapeReader("REQUEST_MALFORMED", "list of proofs")

/** Whom a proof convicts. */
export interface Guilty {
  readonly operator: string
  readonly key: VerifierKey
}

/** The log or witness of the roster that a proof convicts; undefined when it convicts none. */
export function guiltyOf(crypto: Crypto, roster: Roster, proof: MisbehaviorProof): Guilty | undefined {
  for (const node of roster.nodes) {
    const keys = [node.log, node.notices, node.witness, ...(node.retired ?? []).map(({ log }) => log)]
    const key = keys.find((one) => verifyMisbehavior(crypto, proof, one))
    if (key !== undefined) return { operator: node.operator, key }
  }
  return undefined
}

/** What somebody is proven to have done, in words. */
export function deedOf(proof: MisbehaviorProof): string {
  switch (proof.kind) {
    case "witness-fork": return `vouched for two histories of ${proof.origin}`
    case "witness-rollback": return `vouched for a smaller ${proof.origin} after it had vouched for a larger one`
    default: return "showed two histories"
  }
}

/**
 * Asks nodes for the proofs that they keep, verifies each, and keeps what convicts somebody of the roster who was not convicted before. A node that
 * has none, or is not reached, costs nothing: its logs say so.
 * @returns how many were new
 */
export async function fetchProofs(context: { readonly crypto: Crypto; readonly transport: HttpTransport; readonly state: StateStore; readonly roster: Roster }, nodes: readonly RosterNode[]): Promise<number> {
  const { crypto, state, roster } = context
  const known = new Set(state.misbehavior().map(({ log }) => log))
  let found = 0
  for (const documents of await Promise.all(nodes.map((node) => listOf(context.transport, node)))) {
    for (const document of documents) {
      const proof = parsed(document)
      const guilty = proof === undefined ? undefined : guiltyOf(crypto, roster, proof)
      if (proof === undefined || guilty === undefined || known.has(guilty.key.vkey)) continue
      known.add(guilty.key.vkey)
      await state.addMisbehavior(guilty.key.vkey, formatMisbehavior(proof))
      found += 1
    }
  }
  return found
}

async function listOf(transport: HttpTransport, { url }: RosterNode): Promise<string[]> {
  try {
    const { status, body } = await transport.request({ method: "GET", url: `${url}v1/misbehavior`, timeoutMs: TIMEOUT_MS, maxBytes: LIST_BYTES_MAX })
    if (status !== 200) return []
    const document = read.object(parseJson("REQUEST_MALFORMED", "list of proofs", utf8Decode(body)), "document", ["format", "proofs"])
    read.oneOf(document["format"], "format", [LIST_FORMAT])
    return read.array(document["proofs"], "proofs", LISTED_MAX).map((value, i) => read.string(read.object(value, `proofs[${i}]`, ["key", "proof"])["proof"], `proofs[${i}].proof`, MISBEHAVIOR_LENGTH_MAX))
  } catch (error) {
    if (isVouchsafeError(error)) return []
    throw error
  }
}

function parsed(document: string): MisbehaviorProof | undefined {
  try {
    return parseMisbehavior(document)
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}

/** A line for each witness of these nodes of which a kept proof says that it lied. */
export function witnessReports({ crypto, state }: { readonly crypto: Crypto; readonly state: StateStore }, nodes: readonly RosterNode[]): LogReport[] {
  const records = state.misbehavior()
  return nodes.flatMap(({ operator, witness }): LogReport[] => {
    for (const { log, document, path } of records) {
      const proof = log === witness.vkey ? parsed(document) : undefined
      if (proof === undefined || !verifyMisbehavior(crypto, proof, witness)) continue
      return [{ operator, origin: witness.name, outcome: "misbehaved", detail: `the witness ${deedOf(proof)}, and never counts again`, ...(path === undefined ? {} : { proof: path }) }]
    }
    return []
  })
}
