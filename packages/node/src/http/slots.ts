/**
 * Places for work that goes on for a while: so many for all, and fewer for one address, so that nobody alone can take them all and keep them.
 *
 * @packageDocumentation
 */
import { ADMIN, networkOf } from "../evidence/budget.ts"

/** @see createSlots */
export interface Slots {
  /** Whose places are all taken; undefined where there is one for this caller. */
  refusal(from: string): "caller" | "all" | undefined
  /** Takes a place, whether or not there is one. @returns gives it back; a second time nothing happens */
  take(from: string): () => void
  running(): number
}

/** Makes them. The admin socket's client has a part in all, and no share of its own. */
export function createSlots({ all, perCaller }: { readonly all: number; readonly perCaller: number }): Slots {
  // A Map: its keys come from outside. Whoever has no place is not in it.
  const taken = new Map<string, number>()
  let running = 0
  return {
    running: () => running,
    refusal(from) {
      if (running >= all) return "all"
      return from !== ADMIN && (taken.get(networkOf(from)) ?? 0) >= perCaller ? "caller" : undefined
    },
    take(from) {
      const caller = networkOf(from)
      running += 1
      taken.set(caller, (taken.get(caller) ?? 0) + 1)
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        running -= 1
        const left = (taken.get(caller) ?? 1) - 1
        if (left === 0) taken.delete(caller)
        else taken.set(caller, left)
      }
    },
  }
}
