/** So many at a time under each name; the others wait for their turn, in the order in which they came. */
export interface Turns {
  /** Resolves with what gives the turn back. Rejects when `signal` comes first. */
  take(name: string, signal: AbortSignal): Promise<() => void>
}

interface Queue {
  running: number
  readonly waiting: (() => void)[]
}

/** @see Turns */
export function createTurns(max: number): Turns {
  const queues = new Map<string, Queue>()
  const giveBack = (name: string, queue: Queue) => (): void => {
    const next = queue.waiting.shift()
    // The turn goes on to who waits longest, so that nobody who comes just now takes it as well.
    if (next !== undefined) return next()
    queue.running -= 1
    if (queue.running === 0) queues.delete(name)
  }
  return {
    async take(name, signal) {
      signal.throwIfAborted()
      const queue = queues.get(name) ?? { running: 0, waiting: [] }
      queues.set(name, queue)
      if (queue.running < max) queue.running += 1
      else {
        await new Promise<void>((resolve, reject) => {
          const give = (): void => {
            signal.removeEventListener("abort", leave)
            resolve()
          }
          const leave = (): void => {
            queue.waiting.splice(queue.waiting.indexOf(give), 1)
            reject(new Error("the turn did not come in time"))
          }
          queue.waiting.push(give)
          signal.addEventListener("abort", leave, { once: true })
        })
      }
      return giveBack(name, queue)
    },
  }
}
