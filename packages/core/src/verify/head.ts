import type { Bytes } from "../bytes.ts"
import { openCheckpoint } from "../checkpoint.ts"
import { parseCosignature, verifyCosignature } from "../cosignature.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import type { Note } from "../note.ts"
import { quorumSatisfied, type TlogPolicy } from "../policy-text.ts"
import type { VerifierKey } from "../vkey.ts"
import { eligibleWitnesses, type Roster, type RosterNode } from "./roster.ts"

/** How far ahead of the local clock a cosignature may be and still count (THREATS A9). */
export const CLOCK_SKEW_SECONDS_MAX = 300

/** A head that its log signed and a quorum of witnesses cosigned. */
export interface Head {
  readonly origin: string
  readonly size: number
  readonly root: Bytes
  /** The newest time at which a quorum had cosigned it, Unix seconds. */
  readonly timeSeconds: number
}

export type HeadResult =
  | { readonly ok: true; readonly head: Head }
  /** `ahead`: a quorum of witnesses says that it is later than the local clock thinks. */
  | { readonly ok: false; readonly reason: "malformed" | "unsigned" | "no-quorum" | "ahead"; readonly message: string; readonly timeSeconds?: number }

/** Checks heads against the roster, each text once. */
export interface HeadChecker {
  check(node: RosterNode, key: VerifierKey, signed: string): HeadResult
}

export function headChecker(crypto: Crypto, roster: Roster, now: number): HeadChecker {
  // By key, then by text: one text under many statements is hashed once, since engines keep a string's hash.
  const byKey = new Map<string, Map<string, HeadResult>>()
  return {
    check(node, key, signed) {
      const results = byKey.get(key.vkey) ?? new Map<string, HeadResult>()
      byKey.set(key.vkey, results)
      const known = results.get(signed)
      if (known !== undefined) return known
      const result = checkHead(crypto, roster, now, node, key, signed)
      results.set(signed, result)
      return result
    },
  }
}

/**
 * Opens a signed head: the log's own signature, then the cosignatures of eligible witnesses (DESIGN §3 step 2).
 * Its time is the one at which, newest cosignature first, the quorum is reached; a single operator's is its own
 * witness's (THREATS A9). Cosignatures with time 0, or too far ahead, do not count.
 */
function checkHead(crypto: Crypto, roster: Roster, now: number, node: RosterNode, key: VerifierKey, signed: string): HeadResult {
  let opened: ReturnType<typeof openCheckpoint>
  try {
    opened = openCheckpoint(crypto, signed, key)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ok: false, reason: error.code === "NOTE_UNVERIFIED" ? "unsigned" : "malformed", message: error.message }
  }
  const { checkpoint, note } = opened
  if (checkpoint.extensions.length > 0) return { ok: false, reason: "malformed", message: `checkpoint of ${key.name} has extension lines, expected none` }
  const eligible = new Set(roster.singleOperator ? roster.policy.witnesses.map((witness) => witness.name) : eligibleWitnesses(roster.nodes, roster.policy, node.operator))
  const claimed = claimedCosignatures(roster, eligible, note)
  const counted: CountedTime[] = []
  let newest: number | undefined
  // Newest first, and no further than the quorum: signatures are what a check of one package costs.
  for (const { witness, timeSeconds } of claimed) {
    if (verifyCosignature(crypto, witness.key, note) === undefined) continue
    counted.push({ name: witness.name, timeSeconds })
    newest ??= quorumTime(roster, counted)
    if (newest !== undefined && newest > now + CLOCK_SKEW_SECONDS_MAX) {
      return { ok: false, reason: "ahead", message: `witnesses cosigned ${key.name} ${newest - now} s ahead of the local clock`, timeSeconds: newest }
    }
    const time = quorumTime(roster, counted.filter((cosignature) => cosignature.timeSeconds <= now + CLOCK_SKEW_SECONDS_MAX))
    if (time !== undefined) return { ok: true, head: { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root, timeSeconds: time } }
  }
  const few = newest === undefined ? `has ${counted.length} cosignatures that count, fewer than the witness quorum` : "has too many cosignatures ahead of the local clock to count"
  return { ok: false, reason: "no-quorum", message: `checkpoint of ${key.name} ${few}` }
}

interface CountedTime {
  readonly name: string
  readonly timeSeconds: number
}

/** The first line of each eligible witness, newest claimed time first; nothing is verified yet. Time 0 claims nothing. */
function claimedCosignatures(roster: Roster, eligible: ReadonlySet<string>, note: Note): { readonly witness: TlogPolicy["witnesses"][number]; readonly timeSeconds: number }[] {
  const claimed = roster.policy.witnesses.filter((witness) => eligible.has(witness.name)).flatMap((witness) => {
    const line = note.signatures.find(({ name, keyId }) => name === witness.key.name && keyId === witness.key.keyId)
    const timeSeconds = line === undefined ? 0 : claimedTime(line.signature)
    return timeSeconds > 0 ? [{ witness, timeSeconds }] : []
  })
  return claimed.sort((a, b) => b.timeSeconds - a.timeSeconds)
}

function claimedTime(signature: Bytes): number {
  try {
    return parseCosignature(signature).timeSeconds
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return 0
  }
}

/** The q-th newest time; `times` come newest first. */
function quorumTime(roster: Roster, times: readonly CountedTime[]): number | undefined {
  if (roster.singleOperator) return times[0]?.timeSeconds
  const names = new Set<string>()
  for (const { name, timeSeconds } of times) {
    names.add(name)
    if (quorumSatisfied(roster.policy, names)) return timeSeconds
  }
  return undefined
}
