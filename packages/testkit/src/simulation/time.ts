/**
 * Virtual time: a queue of events, a clock that jumps to the next of them, and the rule that all consequences of one event
 * are over before the next one happens.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import type { AbortSignalLike } from "@vouchsafe/ports"
import { createEventQueue } from "./queue.ts"

/** Where the clock stands at first, ms since the epoch. */
export const START_MS = 1_780_000_000_000
/** Turns of the event loop without any consequence after which an event is over. A log's queue waits for one turn a batch. */
const QUIET_TURNS = 2
/** Turns that the consequences of one event may take. */
const TURNS_MAX = 1_000_000
/** Events of one {@link VirtualTime.run}. */
const EVENTS_MAX = 2_000_000
/** Virtual time that one {@link VirtualTime.run} may take by default, in ms. */
const RUN_MS_MAX = 30 * 60_000
/** Lines of the trace that are kept for whoever looks for a fault. */
const TAIL_LINES = 40

export interface VirtualTime {
  nowMs(): number
  /** Happens after `ms`; the returned function takes it back. */
  after(ms: number, owner: string, label: string, run: () => void): () => void
  /** Resolves after `ms`, or when the signal aborts. */
  sleep(ms: number, owner: string, signal?: AbortSignalLike): Promise<void>
  /** Lets events happen until `work` settles. Rejects as `work` does, and when it cannot settle within `limitMs` of virtual time. */
  run<T>(work: Promise<T>, limitMs?: number): Promise<T>
  /** Lets all events of the next `ms` happen. */
  advance(ms: number): Promise<void>
  /** Work begins that no event ends, say in a thread: the event is not over before the returned function was called. */
  hold(): () => void
  /** Adds a line to the trace. */
  note(line: string): void
  /** SHA-256 of all lines so far, hexadecimal. */
  traceDigest(): string
  /** The last lines, oldest first. */
  traceTail(): readonly string[]
}

const nextTurn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve)
})

/** Starts a time of its own. */
export function createVirtualTime(): VirtualTime {
  const queue = createEventQueue()
  const trace = createHash("sha256")
  const tail: string[] = []
  let nowMs = START_MS
  /** Counts whatever shows that something is still going on. */
  let activity = 0
  let held = 0

  const note = (line: string): void => {
    trace.update(`${nowMs - START_MS} ${line}\n`)
    tail.push(`${nowMs - START_MS} ${line}`)
    if (tail.length > TAIL_LINES) tail.shift()
  }

  const settle = async (): Promise<void> => {
    let quiet = 0
    for (let turns = 0; quiet < QUIET_TURNS; turns++) {
      if (turns > TURNS_MAX) throw new Error(`the consequences of an event do not end: ${tail.at(-1)}`)
      const before = activity
      await nextTurn()
      quiet = held === 0 && activity === before ? quiet + 1 : 0
    }
  }

  /** False when nothing is left to happen by `untilMs`. */
  const step = async (untilMs: number): Promise<boolean> => {
    const nextMs = queue.peekMs()
    if (nextMs === undefined || nextMs > untilMs) return false
    const event = queue.take()
    if (event === undefined) return false
    nowMs = Math.max(nowMs, event.atMs)
    if (event.label !== "") note(event.label)
    event.run()
    await settle()
    return true
  }

  const after: VirtualTime["after"] = (ms, owner, label, run) => {
    activity++
    const event = queue.add(nowMs + Math.max(0, ms), owner, label, run)
    return () => {
      event.cancelled = true
    }
  }

  return {
    nowMs: () => nowMs,
    after, note,
    sleep: (ms, owner, signal) => new Promise((resolve) => {
      const cancel = after(ms, owner, "", done)
      function done(): void {
        cancel()
        signal?.removeEventListener("abort", done)
        resolve()
      }
      signal?.addEventListener("abort", done)
      if (signal?.aborted === true) done()
    }),
    async run(work, limitMs = RUN_MS_MAX) {
      let isOver = false
      const over = (): void => {
        isOver = true
      }
      work.then(over, over)
      await settle()
      const untilMs = nowMs + limitMs
      for (let events = 0; !isOver; events++) {
        if (events > EVENTS_MAX) throw new Error(`more than ${EVENTS_MAX} events, and the work is not over: ${tail.at(-1)}`)
        if (!await step(untilMs)) throw new Error(`nothing is left to happen within ${limitMs} ms, and the work is not over: ${tail.at(-1)}`)
      }
      return work
    },
    async advance(ms) {
      await settle()
      const untilMs = nowMs + ms
      let events = 0
      while (await step(untilMs)) if (++events > EVENTS_MAX) throw new Error(`more than ${EVENTS_MAX} events in ${ms} ms`)
      nowMs = Math.max(nowMs, untilMs)
    },
    hold() {
      activity++
      held++
      let isHeld = true
      return () => {
        if (isHeld) held--
        isHeld = false
        activity++
      }
    },
    traceDigest: () => trace.copy().digest("hex"),
    traceTail: () => [...tail],
  }
}
