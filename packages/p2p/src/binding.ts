/**
 * A peer's name under its node's log key: who in the roster a peer is (spec/peers.md, "Binding").
 *
 * A signed note whose first line no checkpoint can have for an origin and whose second line is no tree size: neither can be read as the other.
 *
 * @packageDocumentation
 */
import { type Crypto, KEY_TYPE, openNote, parseDecimal, parseNote, shown, type Signer, signNote, type VerifierKey, VouchsafeError } from "@vouchsafe/core"
import { BINDING_AHEAD_S_MAX, BINDING_LENGTH_MAX } from "./limits.ts"

const FIRST_LINE = "vouchsafe-peer/v1"
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]{46,64}$/
/** Clocks that are this far apart still agree on what is over. */
const CLOCK_SKEW_S = 300

/** A node of the roster, as far as peers are concerned. */
export interface Member {
  readonly operator: string
  /** Of its observation log. */
  readonly key: VerifierKey
}

/** What a binding says. */
export interface PeerBinding {
  /** Name of the log whose key signed. */
  readonly origin: string
  readonly peerId: string
  readonly expiresAtSeconds: number
}

/** What a binding is held against. */
export interface BindingExpectation {
  /** The peer that shows it, as its connection proves. */
  readonly peerId: string
  readonly members: readonly Member[]
  readonly nowSeconds: number
}

/** An opened binding. */
export interface BoundPeer extends PeerBinding {
  readonly operator: string
  /** Key that signed, text form. */
  readonly vkey: string
}

/** Signs a peer's name with its node's log key. @throws TypeError for a name or an expiry that is none. */
export function formatPeerBinding(signer: Signer, binding: Omit<PeerBinding, "origin">): string {
  return signNote(signer, textOf({ ...binding, origin: signer.verifier.name }))
}

function textOf({ origin, peerId, expiresAtSeconds }: PeerBinding): string {
  if (!PEER_ID.test(peerId) || !Number.isSafeInteger(expiresAtSeconds) || expiresAtSeconds < 0 || origin === FIRST_LINE) throw new TypeError(`cannot bind peer ${shown(peerId)} to ${shown(origin)} until ${expiresAtSeconds}`)
  return `${FIRST_LINE}\n${origin}\n${peerId}\n${expiresAtSeconds}\n`
}

/**
 * Reads and checks what a peer shows.
 * @throws VouchsafeError NOTE_MALFORMED for what is no binding; NOTE_UNVERIFIED for one of another peer, of no member, wrongly signed, over, or
 * good for longer than any node makes them.
 */
export function openPeerBinding(crypto: Crypto, text: string, expected: BindingExpectation): BoundPeer {
  const binding = parseBinding(text)
  const member = expected.members.find(({ key }) => key.name === binding.origin && key.type === KEY_TYPE.ed25519 && hasLine(text, key))
  if (member === undefined) throw new VouchsafeError("NOTE_UNVERIFIED", `peer binding: no member of the roster is ${shown(binding.origin)}, expected a log of the roster`)
  openNote(crypto, text, [member.key])
  if (binding.peerId !== expected.peerId) throw new VouchsafeError("NOTE_UNVERIFIED", `peer binding: names peer ${shown(binding.peerId)}, expected ${expected.peerId}, which shows it`)
  const left = binding.expiresAtSeconds - expected.nowSeconds
  if (left <= -CLOCK_SKEW_S) throw new VouchsafeError("NOTE_UNVERIFIED", `peer binding: was over at ${binding.expiresAtSeconds}, expected later than ${expected.nowSeconds}`)
  if (left > BINDING_AHEAD_S_MAX + CLOCK_SKEW_S) throw new VouchsafeError("NOTE_UNVERIFIED", `peer binding: is good for ${left} s, expected at most ${BINDING_AHEAD_S_MAX}`)
  return { ...binding, operator: member.operator, vkey: member.key.vkey }
}

function hasLine(text: string, key: VerifierKey): boolean {
  return parseNote(text).signatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId)
}

/** @throws VouchsafeError NOTE_MALFORMED. */
function parseBinding(text: string): PeerBinding {
  const refuse = (why: string): VouchsafeError => new VouchsafeError("NOTE_MALFORMED", `peer binding: ${why}`)
  if (text.length > BINDING_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${BINDING_LENGTH_MAX}`)
  const note = parseNote(text)
  if (note.signatures.length !== 1) throw refuse(`has ${note.signatures.length} signature lines, expected 1`)
  const [first = "", origin = "", peerId = "", expiry = "", ...more] = note.text.slice(0, -1).split("\n")
  if (first !== FIRST_LINE) throw refuse(`begins with ${shown(first)}, expected ${FIRST_LINE}`)
  if (more.length > 0 || expiry === "") throw refuse("has not four lines")
  if (origin === "" || origin === FIRST_LINE) throw refuse(`names the log ${shown(origin)}, expected its origin`)
  if (!PEER_ID.test(peerId)) throw refuse(`names the peer ${shown(peerId)}, expected a name in base58`)
  let expiresAtSeconds: number
  try {
    expiresAtSeconds = parseDecimal(expiry)
  } catch (cause) {
    throw new VouchsafeError("NOTE_MALFORMED", `peer binding: line 4 (expiry) is ${shown(expiry)}, expected seconds in plain decimal`, { cause })
  }
  return { origin, peerId, expiresAtSeconds }
}
