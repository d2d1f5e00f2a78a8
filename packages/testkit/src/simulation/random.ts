import { createHash } from "node:crypto"

/** Numbers that follow from a seed alone. */
export interface Random {
  /** From 0 up to, and without, 1. */
  next(): number
  /** A whole number below `below`. */
  int(below: number): number
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** A stream of its own: what one part of a world draws moves nothing in another. */
  fork(name: string): Random
}

const TWO_TO_32 = 4_294_967_296

/** Makes the stream of a seed (the generator sfc32, its state the seed's SHA-256). */
export function createRandom(seed: string): Random {
  const digest = createHash("sha256").update(seed).digest()
  let [a, b, c, counter] = [digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12)]
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum | 0
    return (sum >>> 0) / TWO_TO_32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return {
    next, int,
    between: (least, most) => least + int(most - least + 1),
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError("nothing to pick from")
      return list[int(list.length)] as T
    },
    fork: (name) => createRandom(`${seed}/${name}`),
  }
}
