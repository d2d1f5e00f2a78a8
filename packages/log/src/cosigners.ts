/**
 * Collecting cosignatures from all witnesses at once, round by round: one checkpoint a round, the next round once the quorum has answered.
 * A witness that is slow keeps working on its own request and joins the round that is current when it is done.
 *
 * @packageDocumentation
 */
import { type Crypto, isVouchsafeError } from "@vouchsafe/core"
import type { Clock, HttpTransport, Log, SignedHead } from "@vouchsafe/ports"
import { type CosignatureLine, type Cosigner, submitCheckpoint } from "./submit.ts"

/** Milliseconds that one request to a witness may take. */
export const WITNESS_TIMEOUT_MS = 5000

/** What collecting needs. */
export interface CosignersOptions {
  readonly log: Log
  readonly witnesses: readonly Cosigner[]
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly clock: Clock
  /** Whether cosignatures of these witnesses, by name, are enough to publish. Called with the empty set too. */
  readonly quorum: (names: ReadonlySet<string>) => boolean
  readonly timeoutMs?: number
  /** Told when a witness claims to know more of this log than there is. It may lie; whoever is told asks for the log's own signature. */
  readonly onAhead?: ((witness: string) => void) | undefined
}

/** What is known of one witness. */
export interface CosignerStatus {
  readonly name: string
  /** Size of this log that the witness last cosigned or said it has. */
  readonly size: number | undefined
  /** Time of its last cosignature, POSIX seconds. */
  readonly cosignedAtSeconds: number | undefined
  /** Why its last answer was none; undefined after a cosignature. */
  readonly failure: string | undefined
}

/** See {@link collectCosignatures}. */
export interface Cosigners {
  /**
   * True once the log's checkpoint of now, or a newer one, is published with a quorum of cosignatures; false once every witness has answered
   * or failed without reaching it. Rejects when the log cannot store what was collected.
   */
  collect(): Promise<boolean>
  /** As {@link Cosigners.collect}, with cosignatures made after this call, also for a checkpoint that has them already. */
  refresh(): Promise<boolean>
  status(): readonly CosignerStatus[]
  /** Cuts running requests and waits for them. Later calls answer false. */
  close(): Promise<void>
}

interface Round {
  readonly head: SignedHead
  /** Lines from before this round, for witnesses that have not answered in it. */
  readonly older: ReadonlyMap<string, CosignatureLine>
  readonly lines: Map<string, CosignatureLine>
  /** Witnesses that have not answered. */
  readonly open: Set<string>
  readonly result: Promise<boolean>
  decided: boolean
  decide(reached: boolean): void
  fail(error: unknown): void
}

interface Worker {
  readonly witness: Cosigner
  round: Round | undefined
  running: Promise<void> | undefined
  size: number | undefined
  cosignedAtSeconds: number | undefined
  failure: string | undefined
}

function createRound(head: SignedHead, names: readonly string[], former: Round | undefined): Round {
  let settle: { resolve: (reached: boolean) => void; reject: (error: unknown) => void } | undefined
  const result = new Promise<boolean>((resolve, reject) => {
    settle = { resolve, reject }
  })
  const round: Round = {
    head,
    older: former?.head.text === head.text ? new Map([...former.older, ...former.lines]) : new Map(),
    lines: new Map(),
    open: new Set(names),
    result,
    decided: false,
    decide(reached) {
      round.decided = true
      settle?.resolve(reached)
    },
    fail(error) {
      round.decided = true
      settle?.reject(error)
    },
  }
  return round
}

/** Starts collecting for one log. Nothing is sent before the first call of `collect` or `refresh`. */
export function collectCosignatures(options: CosignersOptions): Cosigners {
  const { log, transport, crypto, clock, quorum, timeoutMs = WITNESS_TIMEOUT_MS } = options
  const abort = new AbortController()
  const workers: Worker[] = options.witnesses.map((witness) => (
    { witness, round: undefined, running: undefined, size: undefined, cosignedAtSeconds: undefined, failure: undefined }
  ))
  const names = options.witnesses.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw new TypeError(`witness names must differ, found ${names.join(", ")}`)
  let current: Round | undefined
  /** The round after the current one, once somebody waits for it. */
  let next: Promise<boolean> | undefined

  const publish = async (round: Round): Promise<void> => {
    if (!quorum(new Set(round.lines.keys()))) return
    const lines = new Map([...round.older, ...round.lines])
    // Of a round that was overtaken the log publishes nothing: it never goes back to a smaller checkpoint.
    await log.publishCosigned(round.head.text + [...lines.values()].map(({ line }) => line).join(""))
    if (!round.decided) round.decide(true)
  }

  const settle = async (round: Round, worker: Worker, answer: CosignatureLine | undefined): Promise<void> => {
    try {
      if (answer !== undefined) {
        round.lines.set(worker.witness.name, answer)
        await publish(round)
      }
    } catch (error) {
      round.fail(error)
    }
    // Only now: while a publication runs, the round may still succeed.
    round.open.delete(worker.witness.name)
    if (round.open.size === 0 && !round.decided) round.decide(false)
  }

  const ask = async (worker: Worker, head: SignedHead): Promise<CosignatureLine | undefined> => {
    const { witness } = worker
    try {
      const answer = await submitCheckpoint({
        log, head, witness, transport, crypto, timeoutMs, signal: abort.signal, oldSize: worker.size ?? 0,
        nowSeconds: Math.floor(clock.nowMs() / 1000),
        onSize: (size) => {
          worker.size = size
        },
      })
      worker.cosignedAtSeconds = answer.timeSeconds
      worker.failure = undefined
      return answer
    } catch (error) {
      // Whatever is wrong with one witness is its status, never the others' problem.
      worker.failure = error instanceof Error ? error.message : String(error)
      if (isVouchsafeError(error, "STATE_UNSAFE")) options.onAhead?.(witness.name)
      return undefined
    }
  }

  const work = async (worker: Worker): Promise<void> => {
    while (current !== undefined && worker.round !== current && !abort.signal.aborted) {
      const round = current
      worker.round = round
      await settle(round, worker, await ask(worker, round.head))
    }
    worker.running = undefined
  }

  const start = (): Promise<boolean> => {
    const round = createRound(log.head(), names, current)
    current = round
    for (const worker of workers) worker.running ??= work(worker)
    publish(round).then(() => {
      if (round.open.size === 0 && !round.decided) round.decide(false)
    }, round.fail)
    return round.result
  }

  const startNext = (after: Promise<boolean>): Promise<boolean> => {
    const go = (): boolean | Promise<boolean> => {
      next = undefined
      return abort.signal.aborted ? false : start()
    }
    next ??= after.then(go, go)
    return next
  }

  const isDone = (): boolean => log.cosigned()?.size === log.size && current?.decided === true && current.head.size === log.size &&
    quorum(new Set(current.lines.keys()))

  return {
    async collect() {
      if (abort.signal.aborted) return false
      if (next !== undefined) return next
      if (current === undefined || current.decided) return isDone() ? true : start()
      return current.head.size === log.size ? current.result : startNext(current.result)
    },
    async refresh() {
      if (abort.signal.aborted) return false
      if (next !== undefined) return next
      return current === undefined || current.decided ? start() : startNext(current.result)
    },
    status: () => workers.map(({ witness, size, cosignedAtSeconds, failure }) => ({ name: witness.name, size, cosignedAtSeconds, failure })),
    async close() {
      abort.abort()
      await Promise.all(workers.map(({ running }) => running))
      if (current !== undefined && !current.decided) current.decide(false)
    },
  }
}
