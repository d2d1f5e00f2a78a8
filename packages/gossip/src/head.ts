/**
 * Reading a head: who signed it, who cosigned it, and whether that is enough (spec/gossip.md, "Heads").
 *
 * @packageDocumentation
 */
import { type Crypto, formatNote, formatSignatureLine, headChecker, isVouchsafeError, type Note, openCheckpoint, parseNote, type Roster, verifyCosignature } from "@vouchsafe/core"
import { keysOf } from "./authority.ts"
import type { GossipHead, RosterKey } from "./types.ts"

/** A head, or what is wrong with it. malformed, forged: whoever sent it must have known. stranger: a line of a key that this roster does not have. */
export type OpenedHead = { readonly head: GossipHead; readonly counts: boolean } | "malformed" | "forged" | "stranger"

/**
 * Opens a signed checkpoint of a log of the roster. Each line must be of the log or of a witness of the roster, once, and verify: what nobody
 * checks must not travel. `counted` is the roster without the witnesses that lied.
 */
export function openGossipHead(crypto: Crypto, roster: Roster, counted: Roster, log: RosterKey, signed: string, nowSeconds: number): OpenedHead {
  const note = readNote(signed)
  if (note === undefined) return "malformed"
  const witnesses = keysOf(roster).filter(({ role }) => role === "witness").map(({ key }) => key)
  const times = new Map<string, number>()
  for (const { name, keyId } of note.signatures) {
    if (name === log.key.name && keyId === log.key.keyId) continue
    const witness = witnesses.find((key) => key.name === name && key.keyId === keyId)
    if (witness === undefined) return "stranger"
    const time = verifyCosignature(crypto, witness, note)?.timeSeconds
    if (time === undefined) return "forged"
    times.set(witness.vkey, time)
  }
  try {
    const { checkpoint } = openCheckpoint(crypto, signed, log.key)
    if (checkpoint.extensions.length > 0) return "malformed"
    const head: GossipHead = { key: log.key, signed, size: checkpoint.size, root: checkpoint.root, times }
    return { head, counts: headChecker(crypto, counted, nowSeconds).check(log.node, log.key, signed).ok }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return error.code === "NOTE_UNVERIFIED" ? "forged" : "malformed"
  }
}

/** A note in its one spelling, each key's line once. */
function readNote(signed: string): Note | undefined {
  try {
    const note = parseNote(signed)
    const lines = note.signatures.map(({ name, keyId, signature }) => formatSignatureLine(name, keyId, signature))
    const keys = new Set(note.signatures.map(({ name, keyId }) => `${name}+${keyId}`))
    return keys.size === lines.length && formatNote(note.text, lines) === signed ? note : undefined
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}

/** The same head with the lines of both; of two lines of one witness the later one. */
export function mergeHeads(a: GossipHead, b: GossipHead): GossipHead {
  const [noteA, noteB] = [parseNote(a.signed), parseNote(b.signed)]
  const times = new Map(a.times)
  const taken = new Map(noteA.signatures.map((line) => [`${line.name}+${line.keyId}`, line]))
  for (const line of noteB.signatures) {
    const id = `${line.name}+${line.keyId}`
    const vkey = [...b.times.keys()].find((key) => key.startsWith(`${id}+`))
    if (vkey === undefined || (b.times.get(vkey) ?? 0) <= (times.get(vkey) ?? -1)) continue
    times.set(vkey, b.times.get(vkey) ?? 0)
    taken.set(id, line)
  }
  const lines = [...taken.values()].map(({ name, keyId, signature }) => formatSignatureLine(name, keyId, signature))
  return { ...a, times, signed: formatNote(noteA.text, lines) }
}
