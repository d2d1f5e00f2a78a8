import type { AbortSignalLike } from "@vouchsafe/ports"
import { abandoned } from "./signal.ts"

/** Shares a capacity among those who hold a part of it; first come, first served. */
export interface Semaphore {
  /**
   * Waits for `weight` of the capacity (at most all of it) and resolves to the function that gives it back; to undefined, at once, when too
   * many wait already. Rejects with TIMEOUT when `signal` is given before.
   */
  acquire(weight: number, signal?: AbortSignalLike): Promise<(() => void) | undefined>
}

interface Waiter { readonly weight: number, readonly start: () => void }

/** @see Semaphore */
export function createSemaphore(capacity: number, waitingMax: number): Semaphore {
  const waiting: Waiter[] = []
  let free = capacity

  const startNext = (): void => {
    for (let next = waiting[0]; next !== undefined && next.weight <= free; next = waiting[0]) {
      waiting.shift()
      free -= next.weight
      next.start()
    }
  }
  const releaser = (weight: number): (() => void) => {
    let held = true
    return () => {
      if (!held) return
      held = false
      free += weight
      startNext()
    }
  }
  return {
    acquire(wanted, signal) {
      const weight = Math.min(Math.max(wanted, 0), capacity)
      if (signal?.aborted === true) return Promise.reject(abandoned())
      if (waiting.length === 0 && weight <= free) {
        free -= weight
        return Promise.resolve(releaser(weight))
      }
      if (waiting.length >= waitingMax) return Promise.resolve(undefined)
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting.splice(waiting.indexOf(waiter), 1)
          reject(abandoned())
          startNext()
        }
        const waiter: Waiter = {
          weight,
          start() {
            signal?.removeEventListener("abort", leave)
            resolve(releaser(weight))
          },
        }
        signal?.addEventListener("abort", leave)
        waiting.push(waiter)
      })
    },
  }
}
