/**
 * Heads: a log may only grow. Every answer proves that its head extends the newest one remembered; what does not is a fork, a rollback or
 * nothing at all (spec/client.md, "Heads").
 *
 * @packageDocumentation
 */
import {
  buildForkProof, type Bytes, checkConsistency, type Crypto, isVouchsafeError, type MisbehaviorProof, nodeReaderFromTiles, proveConsistencyAsync, proveFork,
  type TileReader, type VerifierKey,
} from "@vouchsafe/core"
import type { KnownHead } from "./memory.ts"

/** How a head stands to the one that was known. */
export type HeadRelation =
  | { readonly kind: "extends" }
  /** Signed evidence that the log showed two histories. */
  | { readonly kind: "forked"; readonly proof: MisbehaviorProof }
  /** Signed, and of a smaller tree than an earlier one: an old answer, or a log that lost or rewrote entries. */
  | { readonly kind: "rolled-back" }
  | { readonly kind: "unproven" }

/** What an answer offers: hashes from the tree of `from` entries to its head. */
export interface OfferedProof {
  readonly from: number
  readonly hashes: readonly Bytes[]
}

/** Compares heads with what is at hand. */
export function relateHeads(crypto: Crypto, key: VerifierKey, known: KnownHead | undefined, next: KnownHead, offered: OfferedProof): HeadRelation {
  if (known === undefined || known.size === 0) return { kind: "extends" }
  if (next.size < known.size) return { kind: "rolled-back" }
  const isSameSize = next.size === known.size
  const hashes = isSameSize ? [] : offered.hashes
  if (!isSameSize && offered.from !== known.size) return { kind: "unproven" }
  const outcome = checkConsistency(crypto, { oldSize: known.size, newSize: next.size, oldRoot: known.root, newRoot: next.root, proof: hashes })
  if (outcome === "consistent") return { kind: "extends" }
  if (outcome === "invalid") return { kind: "unproven" }
  const proof = buildForkProof(crypto, { key, older: known.signed, newer: next.signed, consistency: hashes })
  return proof === undefined ? { kind: "unproven" } : { kind: "forked", proof }
}

/**
 * Compares heads by the log's own tiles. Needed where no proof was offered between these two sizes, and where a fork leaves no trace in
 * one: for an old size that is a power of two the standard proof leaves out the very hash that would differ.
 */
export async function relateByTiles(crypto: Crypto, key: VerifierKey, older: KnownHead, newer: KnownHead, tiles: TileReader): Promise<HeadRelation> {
  const sizes = { oldSize: older.size, newSize: newer.size }
  const reader = nodeReaderFromTiles(crypto, tiles, newer.size)
  try {
    const hashes = await proveConsistencyAsync(crypto, reader, sizes)
    const relation = relateHeads(crypto, key, older, newer, { from: older.size, hashes })
    if (relation.kind !== "unproven") return relation
    const proof = buildForkProof(crypto, { key, older: older.signed, newer: newer.signed, consistency: await proveFork(crypto, reader, sizes) })
    return proof === undefined ? relation : { kind: "forked", proof }
  } catch (error) {
    // Tiles that cannot be had prove nothing.
    if (!isVouchsafeError(error)) throw error
    return { kind: "unproven" }
  }
}
