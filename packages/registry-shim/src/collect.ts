import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

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
