import type { Bytes } from "../bytes.ts"
import { openCheckpoint } from "../checkpoint.ts"
import { verifyCosignature } from "../cosignature.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { quorumSatisfied } from "../policy-text.ts"
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
  const results = new Map<string, HeadResult>()
  return {
    check(node, key, signed) {
      const memo = `${key.vkey}\n${signed}`
      const known = results.get(memo)
      if (known !== undefined) return known
      const result = checkHead(crypto, roster, now, node, key, signed)
      results.set(memo, result)
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
  const times: { readonly name: string; readonly timeSeconds: number }[] = []
  for (const witness of roster.policy.witnesses) {
    if (!eligible.has(witness.name)) continue
    const cosignature = verifyCosignature(crypto, witness.key, note)
    if (cosignature !== undefined && cosignature.timeSeconds > 0) times.push({ name: witness.name, timeSeconds: cosignature.timeSeconds })
  }
  times.sort((a, b) => b.timeSeconds - a.timeSeconds)
  const newest = quorumTime(roster, times)
  if (newest === undefined) {
    return { ok: false, reason: "no-quorum", message: `checkpoint of ${key.name} has ${times.length} cosignatures that count, fewer than the witness quorum` }
  }
  if (newest > now + CLOCK_SKEW_SECONDS_MAX) {
    return { ok: false, reason: "ahead", message: `witnesses cosigned ${key.name} ${newest - now} s ahead of the local clock`, timeSeconds: newest }
  }
  const timeSeconds = quorumTime(roster, times.filter((time) => time.timeSeconds <= now + CLOCK_SKEW_SECONDS_MAX))
  if (timeSeconds === undefined) {
    return { ok: false, reason: "no-quorum", message: `too many cosignatures of ${key.name} are ahead of the local clock to count` }
  }
  return { ok: true, head: { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root, timeSeconds } }
}

/** The q-th newest time; `times` come newest first. */
function quorumTime(roster: Roster, times: readonly { readonly name: string; readonly timeSeconds: number }[]): number | undefined {
  if (roster.singleOperator) return times[0]?.timeSeconds
  const names = new Set<string>()
  for (const { name, timeSeconds } of times) {
    names.add(name)
    if (quorumSatisfied(roster.policy, names)) return timeSeconds
  }
  return undefined
}
