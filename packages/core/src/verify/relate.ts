/**
 * Heads: a log may only grow. What does not extend a head that was known is a fork, a rollback or nothing at all (spec/client.md, "Heads";
 * spec/gossip.md).
 *
 * @packageDocumentation
 */
import type { Bytes } from "../bytes.ts"
import { openCheckpoint } from "../checkpoint.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { checkConsistency } from "../merkle.ts"
import { proveConsistencyAsync, proveFork } from "../prove.ts"
import { nodeReaderFromTiles, type TileReader } from "../tile-reader.ts"
import { TILE_WIDTH, tilePath } from "../tile.ts"
import type { VerifierKey } from "../vkey.ts"
import { buildForkProof, type MisbehaviorProof } from "./misbehavior.ts"

/** A signed head, opened. */
export interface KnownHead {
  readonly signed: string
  readonly size: number
  readonly root: Bytes
}

/** Opens a head signed by `key`. @throws VouchsafeError NOTE_*, CHECKPOINT_MALFORMED. */
export function openHead(crypto: Crypto, key: VerifierKey, signed: string): KnownHead {
  const { checkpoint } = openCheckpoint(crypto, signed, key)
  return { signed, size: checkpoint.size, root: checkpoint.root }
}

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

/**
 * Reads a log's tiles by their paths. `get` answers a path below the log's prefix (tlog-tiles), or fails; NOT_FOUND makes a partial tile be
 * looked for in the full one.
 */
export function tilesFrom(get: (path: string) => Promise<Bytes>): TileReader {
  return {
    async tile(level, index, width) {
      if (width === TILE_WIDTH) return get(tilePath(level, index))
      try {
        return await get(tilePath(level, index, width))
      } catch (error) {
        // Logs may drop a partial tile once the full one exists (C2SP tlog-tiles).
        if (!isVouchsafeError(error, "NOT_FOUND")) throw error
        return get(tilePath(level, index))
      }
    },
  }
}
