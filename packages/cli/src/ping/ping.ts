/**
 * One node, asked for its status and heads. Its status is its own word; its heads are signed, and a signature says whose they are.
 *
 * @packageDocumentation
 */
import { type Crypto, hexEncode, isVouchsafeError, openCheckpoint, parseCheckpoint, parseJson, parseNote, type RosterNode, utf8Decode, utf8Encode, type VerifierKey, verifyCosignature, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"

const STATUS_BYTES_MAX = 1_048_576
const CHECKPOINT_BYTES_MAX = 65_536
const TIMEOUT_MS = 10_000
/** Longest word of a node that is repeated, in characters. */
const WORD_LENGTH_MAX = 200

/** Whom to ask, and what the roster says of it. */
export interface PingTarget {
  readonly url: string
  readonly expected: RosterNode | undefined
  /** Origin of a log that its witness should know: another node's, since witnesses of the log's own operator are not asked. */
  readonly witnessed?: string | undefined
}

/** A log's head, as its node serves and describes it. */
export interface PingedHead {
  readonly origin: string
  /** Entries under the checkpoint that was served. */
  readonly size: number
  /** Age of its newest cosigned checkpoint, as the node says; null when it does not. */
  readonly cosignedAgeSeconds: number | null
}

/** What came of it. */
export interface Pinged {
  readonly url: string
  /** The roster's name of its operator, else the node's own word. */
  readonly operator: string | null
  readonly reachable: boolean
  /** Of HTTP; null when nothing came. */
  readonly status: number | null
  readonly roundTripMs: number | null
  readonly version: string | null
  readonly log: PingedHead | null
  readonly notices: PingedHead | null
  /** How far the node's clock is ahead of this one, in whole seconds, from its `Date`, which has no finer ones. */
  readonly clockOffsetSeconds: number | null
  /** `same`: its heads are signed by the roster's keys. `unknown`: the roster does not list it. */
  readonly keys: "same" | "other" | "unknown"
  /** What is not as in the roster, for people. */
  readonly differences: readonly string[]
  readonly failure?: string
}

/** What pinging needs of the outside. */
export interface PingWorld {
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly clock: { nowMs(): number }
}

/** Asks a node. Never throws for what the node or the way to it does. */
export async function pingNode(world: PingWorld, target: PingTarget): Promise<Pinged> {
  const { url, expected } = target
  const none = { url, operator: expected?.operator ?? null, reachable: false, status: null, roundTripMs: null, version: null, log: null, notices: null, clockOffsetSeconds: null, keys: "unknown", differences: [] } as const
  try {
    const startedMs = world.clock.nowMs()
    const answer = await get(world, `${url}v1/status`, STATUS_BYTES_MAX)
    const endedMs = world.clock.nowMs()
    const seen = { ...none, status: answer.status, roundTripMs: Math.max(0, Math.round(endedMs - startedMs)), clockOffsetSeconds: offsetOf(answer.headers["date"], startedMs, endedMs) }
    if (answer.status !== 200) return { ...seen, failure: `answered ${answer.status}, expected 200` }
    const document = parseJson("EVIDENCE_MALFORMED", "status", utf8Decode(answer.body))
    if (word(document, "format") !== "vouchsafe-status/v1") return { ...seen, failure: "answered what is no status of a node" }
    const heads = await Promise.all((["log", "notices"] as const).map((which) => headOf(world, target, which, document)))
    const differences = [...heads.flatMap(({ difference }) => difference ?? []), ...operatorDifference(expected, document), ...await witnessDifference(world, target)]
    return {
      ...seen, operator: expected?.operator ?? word(document, "operator"), reachable: true, version: word(document, "version"), log: heads[0]?.head ?? null, notices: heads[1]?.head ?? null,
      keys: expected === undefined ? "unknown" : differences.length > 0 ? "other" : "same", differences,
    }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...none, failure: error.message }
  }
}

/** A head that the roster's key did not sign is a difference; one that cannot be had is a failure of the node. */
async function headOf(world: PingWorld, { url, expected }: PingTarget, which: "log" | "notices", document: unknown): Promise<{ head: PingedHead; difference?: string }> {
  const { status, body } = await get(world, `${url}${which}/checkpoint`, CHECKPOINT_BYTES_MAX)
  if (status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${which}/checkpoint answered ${status}, expected 200`)
  const text = utf8Decode(body)
  const note = parseNote(text)
  const { origin, size } = parseCheckpoint(note.text)
  const age = member(document, which, "cosignedAgeSeconds")
  const head = { origin, size, cosignedAgeSeconds: typeof age === "number" && Number.isFinite(age) ? age : null }
  if (expected === undefined || isSignedBy(world.crypto, text, expected[which])) return { head }
  const signers = note.signatures.slice(0, 3).map(({ name, keyId }) => `${name}+${keyId}`).join(", ")
  return { head, difference: `${which} is signed by ${signers}, expected ${expected[which].name}+${expected[which].keyId}` }
}

function isSignedBy(crypto: Crypto, text: string, key: VerifierKey): boolean {
  try {
    openCheckpoint(crypto, text, key)
    return true
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return false
  }
}

function operatorDifference(expected: RosterNode | undefined, document: unknown): string[] {
  const operator = word(document, "operator")
  return expected === undefined || operator === expected.operator ? [] : [`its operator is ${operator ?? "not said"}, expected ${expected.operator}`]
}

/** A witness shows its key by what it cosigned; one that has not cosigned that log yet shows nothing. */
async function witnessDifference(world: PingWorld, { url, expected, witnessed }: PingTarget): Promise<string[]> {
  if (expected === undefined || witnessed === undefined) return []
  const hash = hexEncode(world.crypto.sha256(utf8Encode(witnessed)))
  const { status, body } = await get(world, `${url}witness/${hash}/checkpoint`, CHECKPOINT_BYTES_MAX)
  if (status !== 200) return []
  const note = parseNote(utf8Decode(body))
  if (verifyCosignature(world.crypto, expected.witness, note) !== undefined) return []
  const found = note.signatures.filter(({ name }) => name !== witnessed).slice(0, 3).map(({ name, keyId }) => `${name}+${keyId}`).join(", ")
  return [`witness cosigned as ${found}, expected ${expected.witness.name}+${expected.witness.keyId}`]
}

/** The node's clock was read between the two moments; its date is cut to whole seconds. */
function offsetOf(date: string | undefined, startedMs: number, endedMs: number): number | null {
  const atMs = date === undefined ? Number.NaN : Date.parse(date)
  if (Number.isNaN(atMs)) return null
  if (atMs > endedMs) return Math.ceil((atMs - endedMs) / 1000)
  // The moment lies in [atMs, atMs + 1000): any time of ours within it is no difference.
  const behindMs = startedMs - (atMs + 1000)
  return behindMs <= 0 ? 0 : -Math.ceil(behindMs / 1000)
}

async function get({ transport }: PingWorld, url: string, maxBytes: number) {
  return await transport.request({ method: "GET", url, timeoutMs: TIMEOUT_MS, maxBytes })
}

function member(document: unknown, ...path: readonly string[]): unknown {
  let value = document
  for (const key of path) value = typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
  return value
}

function word(document: unknown, key: string): string | null {
  const value = member(document, key)
  return typeof value === "string" ? value.slice(0, WORD_LENGTH_MAX) : null
}
