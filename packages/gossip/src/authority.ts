import { type Crypto, formatMisbehavior, isVouchsafeError, type MisbehaviorProof, parseMisbehavior, parseVerifierKey, type Roster, verifyMisbehavior, withoutWitnesses } from "@vouchsafe/core"
import type { Conviction, GossipStore, RosterKey } from "./types.ts"

/** Every key of a roster with its role. Names are unique among a roster's present keys; a retired log may share one. */
export function keysOf(roster: Roster): RosterKey[] {
  return roster.nodes.flatMap((node): RosterKey[] => [
    { key: node.log, role: "log", node }, { key: node.notices, role: "notices", node }, { key: node.witness, role: "witness", node },
    ...(node.retired ?? []).map(({ log }): RosterKey => ({ key: log, role: "retired", node })),
  ])
}

/** The log of the roster whose origin this is. */
export function logOf(roster: Roster, origin: string): RosterKey | undefined {
  return keysOf(roster).find(({ key, role }) => (role === "log" || role === "notices") && key.name === origin)
}

/** Who lied, for ever: whom it names counts in no quorum of this node. */
export interface Convictions {
  has(vkey: string): boolean
  list(): readonly Conviction[]
  /** The roster without the witnesses that lied. */
  counted(roster: Roster): Roster
  /**
   * Convicts a key of `roster` by this proof: at once in memory, then in the store.
   * @returns the conviction; undefined when the key is convicted already, or the proof convicts no key of the roster.
   * @throws VouchsafeError as the store; whom it convicts counts no more all the same.
   */
  convict(roster: Roster, proof: MisbehaviorProof): Promise<Conviction | undefined>
  /** Called with each new one. */
  subscribe(listener: (conviction: Conviction) => void): void
}

/** Documents in the store that prove nothing. */
export interface OpenedConvictions extends Convictions {
  readonly damaged: number
}

/**
 * Reads the proofs kept so far, each through the same check as a new one; one that proves nothing convicts nobody.
 * @throws VouchsafeError as the store.
 */
export async function openConvictions(crypto: Crypto, store: Pick<GossipStore, "proofs" | "addProof">): Promise<OpenedConvictions> {
  const known = new Map<string, Conviction>()
  const listeners: ((conviction: Conviction) => void)[] = []
  let damaged = 0
  for (const { vkey, document } of await store.proofs()) {
    const conviction = readKept(crypto, vkey, document)
    if (conviction === undefined) damaged += 1
    else known.set(vkey, conviction)
  }
  return {
    damaged,
    has: (vkey) => known.has(vkey),
    list: () => [...known.values()],
    counted: (roster) => withoutWitnesses(roster, new Set(known.keys())),
    async convict(roster, proof) {
      const accused = "witness" in proof ? proof.witness : proof.origin
      const guilty = keysOf(roster).find(({ key }) => key.name === accused && !known.has(key.vkey) && verifyMisbehavior(crypto, proof, key))
      if (guilty === undefined) return undefined
      const conviction: Conviction = { key: guilty.key, proof, document: formatMisbehavior(proof) }
      known.set(guilty.key.vkey, conviction)
      for (const listener of listeners) listener(conviction)
      await store.addProof(guilty.key.vkey, conviction.document)
      return conviction
    },
    subscribe: (listener) => void listeners.push(listener),
  }
}

function readKept(crypto: Crypto, vkey: string, document: string): Conviction | undefined {
  try {
    const key = parseVerifierKey(vkey)
    const proof = parseMisbehavior(document)
    return verifyMisbehavior(crypto, proof, key) ? { key, proof, document } : undefined
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}
