/**
 * How much of the node's memory callers may hold at once: bodies on their way in, and answers that were made and are not taken yet. A caller that
 * asks on many connections and reads none of its answers would otherwise end the process.
 *
 * @packageDocumentation
 */
import { ADMIN, networkOf } from "../evidence/budget.ts"
import { HELD_BYTES_MAX, HELD_PER_ADDRESS_BYTES_MAX } from "../limits.ts"

/** What one request holds. */
export interface Share {
  /** Adds bytes. False, with nothing added, where its caller or all together would hold too much. */
  grow(bytes: number): boolean
  /** Gives all of it back. */
  release(): void
}

/** @see createMemory */
export interface Memory {
  open(from: string): Share
}

/** Bounds in bytes. */
export interface MemoryLimits {
  readonly allBytes: number
  readonly perCallerBytes: number
}

/** Counts what is held. The admin socket's client is the node's own user and is not counted. */
export function createMemory({ allBytes, perCallerBytes }: MemoryLimits = { allBytes: HELD_BYTES_MAX, perCallerBytes: HELD_PER_ADDRESS_BYTES_MAX }): Memory {
  // A Map: its keys come from outside. Whoever holds nothing is not in it.
  const held = new Map<string, number>()
  let all = 0
  const add = (caller: string, bytes: number): void => {
    const left = (held.get(caller) ?? 0) + bytes
    all += bytes
    if (left === 0) held.delete(caller)
    else held.set(caller, left)
  }
  return {
    open(from) {
      const caller = networkOf(from)
      let own = 0
      return {
        grow(bytes) {
          if (from === ADMIN) return true
          if (all + bytes > allBytes || (held.get(caller) ?? 0) + bytes > perCallerBytes) return false
          own += bytes
          add(caller, bytes)
          return true
        },
        release() {
          add(caller, -own)
          own = 0
        },
      }
    },
  }
}
