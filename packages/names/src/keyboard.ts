/**
 * Which changed letters a hand makes without meaning to.
 *
 * @packageDocumentation
 */
import type { SlipFound } from "./near.ts"

const ROWS = ["1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm"]
/** How far each row stands to the right of the one above, in keys. */
const STAGGER = 0.5
const REACH = 1.1

const PLACES: ReadonlyMap<string, readonly [row: number, column: number]> = new Map(
  ROWS.flatMap((letters, row) => [...letters].map((letter, column) => [letter, [row, column + row * STAGGER]] as const)),
)

/** Whether two keys lie beside each other. */
export function areNeighbours(one: string, other: string): boolean {
  const [a, b] = [PLACES.get(one), PLACES.get(other)]
  return a !== undefined && b !== undefined && Math.abs(a[0] - b[0]) <= 1 && Math.abs(a[1] - b[1]) <= REACH
}

/**
 * Whether a slip in a name of one word is one that hands make: a letter left out, letters in another order, a letter twice, or its
 * neighbour's key. Any other letter makes another word.
 */
export function isSlipOfTheHand(text: string, { slip, at, has, wants }: SlipFound): boolean {
  if (slip === "replacement") return areNeighbours(has, wants)
  if (slip !== "addition") return true
  const [before, after] = [text[at - 1] ?? "", text[at + 1] ?? ""]
  return before === has || after === has || areNeighbours(has, before) || areNeighbours(has, after)
}
