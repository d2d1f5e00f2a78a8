/** Runs work, but only so much at once; the rest waits in its order. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** @param max - how much runs at once */
export function createTurns(max: number): Turns {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    // Whoever ends hands its place on, so that nobody who comes just then takes it.
    if (running < max) running += 1
    else await new Promise<void>((resolve) => { waiting.push(resolve) })
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
