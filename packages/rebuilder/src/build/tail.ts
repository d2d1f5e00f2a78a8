import { printable } from "../compare/diff.ts"
import { TAIL_LENGTH_MAX } from "../limits.ts"

/** Keeps the last of an output, for people. */
export interface Tail {
  add(chunk: Uint8Array): void
  /** Whole lines where possible, printable. */
  text(): string
}

/** @see Tail */
export function createTail(lengthMax = TAIL_LENGTH_MAX): Tail {
  let kept = Buffer.alloc(0)
  return {
    add(chunk) {
      // Four bytes a character at most, and a piece more so that the first line can be dropped whole.
      kept = Buffer.concat([kept, chunk]).subarray(-lengthMax * 4)
    },
    text() {
      const text = printable(kept.toString("utf8").replaceAll("\r\n", "\n")).trim()
      if (text.length <= lengthMax) return text
      const cut = text.slice(-lengthMax)
      return cut.slice(cut.indexOf("\n") + 1)
    },
  }
}
