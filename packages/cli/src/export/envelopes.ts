/**
 * Exported statements: what nodes sign for in-toto and SLSA tools, held against what their logs were proven to say.
 *
 * @packageDocumentation
 */
import { nodeCrypto } from "@vouchsafe/client/node"
import type { HttpTransport } from "@vouchsafe/client"
import {
  formatEnvelope, formatStatement, hexEncode, INTOTO_PAYLOAD_TYPE, isSignedBy, KEY_TYPE, type LogEvidence, parseEntry, parseEnvelope, parseVerifierKey, provenanceOf, type RosterNode, shown, utf8Decode, utf8Encode, type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import { askNode } from "../nodes.ts"

const STATUS_BYTES_MAX = 1_048_576
const ENVELOPE_BYTES_MAX = 16_000_000
const TIMEOUT_MS = 30_000
/** Below a node's URL: `builder.id` of its rebuilds (packages/spec/builds.md, "Export"). */
const BUILDER_PATH = "rebuilder/v1"

/** One line of an `.intoto.jsonl`, and who signed it. */
export interface Exported {
  readonly operator: string
  readonly index: number
  /** Verifier key, text form. */
  readonly key: string
  readonly envelope: string
}

/** The statement that a proven entry stands for in an export: itself, or its full text, or its SLSA provenance. */
export function expectedStatement(evidence: readonly LogEvidence[], node: RosterNode, index: number): string {
  const log = evidence.find(({ origin }) => origin === node.log.name)
  for (const batch of log?.batches ?? []) {
    const text = batch.entries[batch.indices.indexOf(index)]
    if (text === undefined) continue
    const entry = parseEntry(text)
    if (entry.kind === "rebuild") return formatStatement(provenanceOf(entry.rebuild, `${node.url}${BUILDER_PATH}`))
    if (entry.kind !== "by-digest") return text
    const body = batch.bodies.find((candidate) => hexEncode(nodeCrypto.sha256(utf8Encode(candidate))) === entry.sha256)
    if (body !== undefined) return body
  }
  throw new TypeError(`entry ${index} of ${node.log.name} is not among the evidence of the verdict that names it`)
}

/**
 * Fetches a node's envelope of one entry and checks it: signed by the key that the node exports with, over exactly `statement`.
 * @throws VouchsafeError UPSTREAM_FAILED where it is not, and what the transport throws.
 */
export async function fetchEnvelope(transport: HttpTransport, node: RosterNode, index: number, statement: string): Promise<Exported> {
  const key = await exportKeyOf(transport, node)
  const url = `${node.url}v1/envelope/${index}`
  const answer = await transport.request({ method: "GET", url, timeoutMs: TIMEOUT_MS, maxBytes: ENVELOPE_BYTES_MAX })
  if (answer.status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${node.operator} answered ${answer.status} for ${url}, expected 200`)
  const envelope = parseEnvelope(utf8Decode(answer.body))
  if (envelope.payloadType !== INTOTO_PAYLOAD_TYPE || utf8Decode(envelope.payload) !== statement) {
    throw new VouchsafeError("UPSTREAM_FAILED", `${node.operator} exports another statement for entry ${index} than the one in its log`, { hint: "do not use it; tell the node's operator" })
  }
  if (!isSignedBy(nodeCrypto, envelope, key)) throw new VouchsafeError("UPSTREAM_FAILED", `the envelope of entry ${index} is not signed by ${shown(key.name)}, the key that ${node.operator} says it exports with`)
  return { operator: node.operator, index, key: key.vkey, envelope: formatEnvelope(envelope) }
}

async function exportKeyOf(transport: HttpTransport, node: RosterNode): Promise<VerifierKey> {
  const { status, document } = await askNode(transport, { name: node.operator, url: node.url }, { path: "v1/status", maxBytes: STATUS_BYTES_MAX })
  const { exportKey } = (typeof document === "object" && document !== null ? document : {}) as { exportKey?: unknown }
  if (status !== 200 || typeof exportKey !== "string") throw new VouchsafeError("UPSTREAM_FAILED", `${node.operator} names no key that it exports with`, { hint: "the node may be older than this command" })
  const key = parseVerifierKey(exportKey)
  if (key.type !== KEY_TYPE.ed25519) throw new VouchsafeError("UPSTREAM_FAILED", `${node.operator} exports with a key of type ${key.type}, expected Ed25519`)
  return key
}
