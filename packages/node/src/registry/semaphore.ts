/** Lets a number of holders in at the same time; the others wait in order. */
export interface Semaphore {
  /** Resolves with the function that gives the place back. Calling it again does nothing. */
  acquire(): Promise<() => void>
  run<T>(work: () => Promise<T>): Promise<T>
}

/** @see Semaphore */
export function createSemaphore(places: number): Semaphore {
  let free = places
  const waiting: (() => void)[] = []

  const acquire = async (): Promise<() => void> => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }

  return {
    acquire,
    async run(work) {
      const release = await acquire()
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
