/**
 * Handing a node's logs over to new ones under new keys (packages/spec/roster.md, "Hand-over").
 *
 * A note that the old keys and the new log's key sign, and the last heads of the old logs. By itself it changes nothing: only a roster that
 * takes it up does (DESIGN §4, THREATS "log operator").
 *
 * @packageDocumentation
 */
import { openCheckpoint } from "../checkpoint.ts"
import type { Crypto } from "../crypto.ts"
import { parseDecimal } from "../decimal.ts"
import { refusals, shown } from "../errors.ts"
import { formatNote, formatSignatureLine, parseNote, type Signer } from "../note.ts"
import { openNote } from "../open-note.ts"
import { utf8Encode } from "../bytes.ts"
import { KEY_TYPE, parseVerifierKey, type VerifierKey } from "../vkey.ts"
import { headChecker } from "./head.ts"
import { parseRoster, type Roster, type RosterNode } from "./roster.ts"
import { shapeReader } from "./shape.ts"

export const HANDOVER_FORMAT = "vouchsafe-handover/v1"
/** Longest hand-over document in UTF-16 units. */
export const HANDOVER_LENGTH_MAX = 262_144
const NOTE_LENGTH_MAX = 65_536
const KEYS = ["log", "notices", "witness"] as const

/** The keys of one node that a roster names. */
export type HandoverKeys = Readonly<Record<(typeof KEYS)[number], VerifierKey>>

/** What a hand-over says. */
export interface Handover {
  readonly operator: string
  readonly from: HandoverKeys
  readonly to: HandoverKeys
  /** Last head of each old log, as a signed note with its cosignatures. */
  readonly final: { readonly log: string; readonly notices: string }
  /** Unix seconds, the operator's own clock. */
  readonly time: number
  /** The signed note. */
  readonly note: string
}

const refuse = /* @__PURE__ */ refusals("ROSTER_MALFORMED", "hand-over: ")
const read = shapeReader("ROSTER_MALFORMED", "hand-over")

/** Text that is signed. Its second line is no number, so that it can never be read as a checkpoint. */
function textOf({ operator, from, to, final, time }: Omit<Handover, "note">): string {
  const heads = [final.log, final.notices].map((signed) => parseNote(signed).text.split("\n").slice(1, 3).join(" "))
  return [HANDOVER_FORMAT, `operator ${operator}`, `time ${time}`, ...KEYS.map((key) => from[key].vkey), ...KEYS.map((key) => to[key].vkey), ...heads, ""].join("\n")
}

/** Makes a hand-over, signed by the old log, the old notices log and the new log. */
export function makeHandover(said: Omit<Handover, "note">, signers: { readonly old: readonly [log: Signer, notices: Signer]; readonly next: Signer }): Handover {
  const text = textOf(said)
  const lines = [...signers.old, signers.next].map((signer) => formatSignatureLine(signer.verifier.name, signer.verifier.keyId, signer.sign(utf8Encode(text))))
  return { ...said, note: formatNote(text, lines) }
}

/** Writes the document. */
export function formatHandover({ note, final }: Handover): string {
  return `${JSON.stringify({ format: HANDOVER_FORMAT, note, log: final.log, notices: final.notices }, null, 2)}\n`
}

/**
 * Reads a hand-over and checks what can be checked without a roster: three signatures, and that the heads are the old logs' own.
 * @throws VouchsafeError ROSTER_MALFORMED, NOTE_*, VKEY_MALFORMED, CHECKPOINT_MALFORMED.
 */
export function parseHandover(crypto: Crypto, document: string): Handover {
  const shape = read.object(read.json(document, HANDOVER_LENGTH_MAX), "document", ["format", "note", "log", "notices"])
  read.oneOf(shape["format"], "format", [HANDOVER_FORMAT])
  const note = read.string(shape["note"], "note", NOTE_LENGTH_MAX)
  const final = { log: read.string(shape["log"], "log", NOTE_LENGTH_MAX), notices: read.string(shape["notices"], "notices", NOTE_LENGTH_MAX) }
  const { text } = parseNote(note)
  const [, operator = "", time = "", ...lines] = text.split("\n")
  const key = (line: number, type: number): VerifierKey => {
    const parsed = parseVerifierKey(lines[line] ?? "")
    if (parsed.type !== type) throw refuse(`key ${shown(parsed.name)} has type ${parsed.type}, expected ${type}`)
    return parsed
  }
  const keys = (first: number): HandoverKeys => ({ log: key(first, KEY_TYPE.ed25519), notices: key(first + 1, KEY_TYPE.ed25519), witness: key(first + 2, KEY_TYPE.cosignatureEd25519) })
  const said = { operator: operator.replace(/^operator /, ""), time: parseDecimal(time.replace(/^time /, "")), from: keys(0), to: keys(3), final }
  openCheckpoint(crypto, final.log, said.from.log)
  openCheckpoint(crypto, final.notices, said.from.notices)
  // One spelling: whatever is not exactly this was not written by us.
  if (textOf(said) !== text) throw refuse("the note does not say what its document does")
  for (const signer of [said.from.log, said.from.notices, said.to.log]) {
    if (!openNote(crypto, note, [signer]).verified.includes(signer)) throw refuse(`${signer.name} did not sign it`)
  }
  return { ...said, note }
}

/**
 * The roster after a hand-over: the node under its new keys, its old log retired, version one higher. All else, the policy's text too, stays.
 *
 * @param now - Unix seconds, for the cosignatures of the last heads
 * @returns the new roster's text
 * @throws VouchsafeError ROSTER_MALFORMED when the roster has no such node, or no quorum of its witnesses has cosigned the last heads.
 */
export function applyHandover(crypto: Crypto, rosterText: string, handover: Handover, now: number): string {
  const roster = parseRoster(crypto, rosterText)
  const node = nodeOf(roster, handover)
  const heads = headChecker(crypto, roster, now)
  for (const role of ["log", "notices"] as const) {
    const result = heads.check(node, node[role], handover.final[role])
    if (!result.ok) throw refuse(`the last head of ${node[role].name}: ${result.message}`)
  }
  const document = JSON.parse(rosterText) as { version: number; policy: string; nodes: Record<string, unknown>[] }
  const index = roster.nodes.indexOf(node)
  let { policy } = document
  for (const role of KEYS) policy = policy.split("\n").map((line) => line.split(" ").map((word) => (word === handover.from[role].vkey ? handover.to[role].vkey : word)).join(" ")).join("\n")
  const before = document.nodes[index] as { readonly retired?: readonly unknown[] }
  const changed = {
    ...before, ...Object.fromEntries(KEYS.map((role) => [role, handover.to[role].vkey])),
    retired: [...before.retired ?? [], { log: handover.from.log.vkey, final: handover.final.log }],
  }
  const text = `${JSON.stringify({ ...document, version: document.version + 1, policy, nodes: document.nodes.map((one, i) => (i === index ? changed : one)) }, null, 2)}\n`
  parseRoster(crypto, text)
  return text
}

function nodeOf(roster: Roster, { operator, from, to }: Handover): RosterNode {
  const node = roster.nodes.find((one) => one.log.vkey === from.log.vkey)
  if (node === undefined) throw refuse(`the roster has no log ${from.log.vkey}`)
  if (node.operator !== operator) throw refuse(`it names operator ${shown(operator)}, expected ${node.operator}`)
  for (const role of KEYS) {
    if (node[role].vkey !== from[role].vkey) throw refuse(`it hands over the ${role} key ${from[role].vkey}, expected ${node[role].vkey} as in the roster`)
    // Whatever made one key doubtful had all of them within reach.
    if (from[role].vkey === to[role].vkey) throw refuse(`the ${role} key stays ${from[role].vkey}, expected a new one`)
  }
  return node
}
