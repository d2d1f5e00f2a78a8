/**
 * Looking for what ties two heads of different sizes together (spec/gossip.md, "Ties"): one log at a time, again after a while where nothing was found.
 *
 * @packageDocumentation
 */
import type { Crypto, MisbehaviorProof, Roster } from "@vouchsafe/core"
import type { Timers } from "@vouchsafe/ports"
import type { Convictions } from "./authority.ts"
import { forkProofs, type Ledger } from "./ledger.ts"
import { TIE_RETRY_MS } from "./limits.ts"
import type { AskConsistency, GossipHead } from "./types.ts"

/** What looking works with. */
export interface TiesOptions {
  readonly crypto: Crypto
  readonly roster: () => Roster
  readonly convictions: Convictions
  readonly timers: Timers
  readonly askConsistency: AskConsistency
  readonly convict: (proofs: readonly MisbehaviorProof[]) => Promise<void>
  readonly onFailure?: (what: string, error: unknown) => void
}

/** @see createTies */
export interface Ties {
  /** Something about this log's heads is new. Returns at once. */
  look(ledger: Ledger): void
  /** Settles when nothing is being looked for. */
  idle(): Promise<void>
  stop(): Promise<void>
}

export function createTies(options: TiesOptions): Ties {
  const running = new Map<Ledger, Promise<void>>()
  const again = new Set<Ledger>()
  const retries = new Map<Ledger, () => void>()
  let stopped = false

  /** Ties what can be tied to the newest head. A fork convicts the log, which ends all questions about it. */
  const tie = async (ledger: Ledger): Promise<void> => {
    for (const head of [...ledger.untied()]) {
      const newest = ledger.newest()
      if (stopped || newest === undefined || options.convictions.has(ledger.key.vkey)) return
      const [older, newer] = head.size < newest.size ? [head, newest] : [newest, head]
      const relation = await options.askConsistency(ledger.key, older, newer)
      if (relation.kind === "extends") ledger.tied(head)
      else if (relation.kind === "forked") await options.convict(proofsIn(relation.proof, ledger, older, newer))
    }
  }

  const proofsIn = (proof: MisbehaviorProof, ledger: Ledger, older: GossipHead, newer: GossipHead): readonly MisbehaviorProof[] =>
    [proof, ...proof.kind === "fork" ? forkProofs(options.crypto, options.roster(), ledger.key, older, newer, proof.consistency) : []]

  const run = async (ledger: Ledger): Promise<void> => {
    do {
      again.delete(ledger)
      await tie(ledger)
    } while (again.has(ledger) && !stopped)
    if (ledger.untied().length > 0 && !stopped && !options.convictions.has(ledger.key.vkey)) {
      retries.get(ledger)?.()
      retries.set(ledger, options.timers.after(TIE_RETRY_MS, () => look(ledger)))
    }
  }

  const look = (ledger: Ledger): void => {
    if (stopped || ledger.untied().length === 0) return
    if (running.has(ledger)) {
      again.add(ledger)
      return
    }
    const work = run(ledger).catch((error: unknown) => options.onFailure?.("tie heads", error)).finally(() => running.delete(ledger))
    running.set(ledger, work)
  }

  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.all(running.values())
  }
  return {
    look, idle,
    async stop() {
      stopped = true
      for (const cancel of retries.values()) cancel()
      await idle()
    },
  }
}
