import { type Bytes, type Crypto, emptyRoot, nodeHash } from "@vouchsafe/core"

/** The root of a growing list of leaves, after each of them, in memory of log size. Knows no tiles. */
export interface RootStack {
  push(leafHash: Bytes): void
  size(): number
  root(): Bytes
}

/** Starts with no leaves. */
export function createRootStack(crypto: Crypto): RootStack {
  const perfect: { readonly width: number; readonly hash: Bytes }[] = []
  let size = 0
  return {
    push(leafHash) {
      let node = { width: 1, hash: leafHash }
      for (let last = perfect.at(-1); last !== undefined && last.width === node.width; last = perfect.at(-1)) {
        perfect.pop()
        node = { width: 2 * node.width, hash: nodeHash(crypto, last.hash, node.hash) }
      }
      perfect.push(node)
      size++
    },
    size: () => size,
    root: () => perfect.map(({ hash }) => hash).reduceRight<Bytes | undefined>(
      (right, left) => (right === undefined ? left : nodeHash(crypto, left, right)), undefined) ?? emptyRoot(crypto),
  }
}
