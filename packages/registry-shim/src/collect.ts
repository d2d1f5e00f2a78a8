import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { COLLECT_BYTES_MIN, COLLECT_EVERY_BYTES } from "./limits.ts"

let collector: (() => void) | undefined

/**
 * Collects garbage now. Buffers of a large document are a hundred times its share of the heap; left to itself, V8 lets several generations
 * of them pile up, and an install guard should not take more memory than the installer.
 */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc")
    collector = runInNewContext("gc") as () => void
  }
  collector()
}

/** Says when documents that were dealt with have left enough behind to be collected. */
export interface Remains {
  /** @returns whether to collect now, which starts the count anew */
  add(bytes: number): boolean
}

/** @see Remains */
export function countRemains(): Remains {
  let sum = 0
  return {
    add(bytes) {
      sum += bytes
      if (bytes < COLLECT_BYTES_MIN && sum < COLLECT_EVERY_BYTES) return false
      sum = 0
      return true
    },
  }
}
