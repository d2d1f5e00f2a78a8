/**
 * Whether two signed heads of one log can both be true [R2].
 *
 * @packageDocumentation
 */
import {
  buildForkProof, checkFork, type Crypto, equalBytes, type MisbehaviorProof, type NodeReader, proveFork, type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import type { SignedHead } from "@vouchsafe/ports"

/** A head that the log signed, and a way to read the nodes of its tree. */
export interface HeadWithNodes extends SignedHead {
  readonly nodes: NodeReader
}

/**
 * Compares a head with a larger (or equally large) one, whose tree can be read. undefined: the smaller is a prefix of the larger.
 *
 * The hashes that are read need no trust: they must rebuild the larger root.
 * @throws VouchsafeError TILE_MALFORMED when they do not, and what reading throws.
 */
export async function findFork(crypto: Crypto, key: VerifierKey, older: SignedHead, newer: HeadWithNodes): Promise<MisbehaviorProof | undefined> {
  if (older.size === 0) return undefined
  if (older.size === newer.size) return equalBytes(older.root, newer.root) ? undefined : provenFork(crypto, key, older, newer, [])
  const of = { oldSize: older.size, newSize: newer.size }
  const consistency = await proveFork(crypto, newer.nodes, of)
  // The explicit form rebuilds the new root and the root at the old size: with an old root that can be none, it is a fork exactly when the new one fits.
  const impossible = older.root.map((byte) => byte ^ 0xff)
  if (!checkFork(crypto, { ...of, oldRoot: impossible, newRoot: newer.root, proof: consistency })) {
    throw new VouchsafeError("TILE_MALFORMED", `the tiles of ${key.name} at size ${newer.size} do not give the root that it signed`, { details: { origin: key.name, size: newer.size } })
  }
  const isFork = checkFork(crypto, { ...of, oldRoot: older.root, newRoot: newer.root, proof: consistency })
  return isFork ? provenFork(crypto, key, older, newer, consistency) : undefined
}

function provenFork(crypto: Crypto, key: VerifierKey, older: SignedHead, newer: SignedHead, consistency: Awaited<ReturnType<typeof proveFork>>): MisbehaviorProof {
  const proof = buildForkProof(crypto, { key, older: older.text, newer: newer.text, consistency })
  // Both notes were opened with this key before, so only a fault of this program can bring us here.
  if (proof === undefined) throw new TypeError(`the fork of ${key.name} gives no proof`)
  return proof
}
