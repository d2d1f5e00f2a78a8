/**
 * What logs really hold, entry by entry, as only the maker of a world can know: the yardstick of its invariants. Computes roots in
 * its own way, from RFC 6962's definition, and shares no code with the logs.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"

const hash = (...parts: Uint8Array[]): Uint8Array => {
  const sum = createHash("sha256")
  for (const part of parts) sum.update(part)
  return new Uint8Array(sum.digest())
}
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** One history of one log. */
export interface History {
  readonly name: string
  readonly entries: readonly string[]
  append(entry: string): void
  /** Hex root of the first `size` entries; undefined where it has fewer. */
  rootAt(size: number): string | undefined
}

/** An empty one, or a copy that goes its own way. */
export function createHistory(name: string, from: readonly string[] = []): History {
  const entries: string[] = []
  const roots: string[] = [hex(hash())]
  /** Roots of the perfect subtrees that the tree consists of, largest first. */
  let peaks: { readonly width: number; readonly root: Uint8Array }[] = []
  const history: History = {
    name, entries,
    append(entry) {
      entries.push(entry)
      let last = { width: 1, root: hash(LEAF, Buffer.from(entry, "utf8")) }
      while (peaks.at(-1)?.width === last.width) {
        const left = peaks.pop() as { width: number; root: Uint8Array }
        last = { width: 2 * last.width, root: hash(NODE, left.root, last.root) }
      }
      peaks = [...peaks, last]
      roots.push(hex(peaks.map(({ root }) => root).reduceRight((right, left) => hash(NODE, left, right))))
    },
    rootAt: (size) => roots[size],
  }
  for (const entry of from) history.append(entry)
  return history
}

/** The histories in which a set of heads can all be true. */
export interface Agreement {
  /** False once no history holds all heads so far. */
  accept(size: number, root: string): boolean
  readonly sizeMax: number
}

/** @param histories - those that are known when a head comes; the heads before it are compared with later ones too */
export function createAgreement(histories: () => readonly History[]): Agreement {
  const known = new Set<string>()
  const heads: { readonly size: number; readonly root: string }[] = []
  /** Of each history: how many of the heads it was compared with, and whether all of them are its own. */
  const compared = new Map<History, { count: number; isOne: boolean }>()
  let sizeMax = 0
  return {
    get sizeMax() {
      return sizeMax
    },
    accept(size, root) {
      sizeMax = Math.max(sizeMax, size)
      if (!known.has(`${size} ${root}`)) heads.push({ size, root })
      known.add(`${size} ${root}`)
      return histories().map((history) => {
        const state = compared.get(history) ?? { count: 0, isOne: true }
        compared.set(history, state)
        while (state.isOne && state.count < heads.length) {
          const head = heads[state.count] as { size: number; root: string }
          const root = history.rootAt(head.size)
          // What it has not yet, it may still come to have: a batch that one machine staged may be signed by a copy of it first.
          if (root === undefined) break
          state.isOne = root === head.root
          state.count += 1
        }
        return state.isOne && state.count === heads.length
      }).includes(true)
    },
  }
}
