import { createPrivateKey, createPublicKey, sign } from "node:crypto"
import {
  type Bytes, cosign, formatCheckpoint, formatNote, formatSignatureLine, leafHash, nodeReaderFromLeaves, proveConsistency, proveMulti, rootOfLeaves, type Signer, TILE_HEIGHT,
  TILE_WIDTH, tileWidth, utf8Encode, verifierKeyOf, parseTilePath,
} from "@vouchsafe/core"
import { nodeCrypto } from "../../src/node/crypto.ts"

/** A signer from a seed of equal bytes, on OpenSSL: tests sign thousands of heads. */
export function testSigner(name: string, type: 1 | 4, seed: number): Signer {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(28, seed)
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), bytes]), format: "der", type: "pkcs8" })
  const der = createPublicKey(key).export({ format: "der", type: "spki" })
  return { verifier: verifierKeyOf(name, type, new Uint8Array(der.subarray(12))), sign: (message) => new Uint8Array(sign(null, message, key)) }
}

/** A log in memory that signs whatever it is told to. */
export interface FakeLog {
  readonly signer: Signer
  entries: string[]
  /** Signed head of the first `size` entries, cosigned at `timeSeconds`. */
  head(timeSeconds: number, size?: number): string
  consistency(from: number, size?: number): Bytes[]
  multi(indices: readonly number[], size?: number): Bytes[]
  tile(path: string): Bytes | undefined
  /** A copy that goes its own way from here, cosigned by these: by nobody, since no honest witness follows it. */
  fork(witnesses?: readonly Signer[]): FakeLog
}

export function fakeLog(signer: Signer, witnesses: readonly Signer[], entries: readonly string[] = []): FakeLog {
  const hashed = new Map<string, Bytes>()
  const hashOf = (entry: string): Bytes => {
    const known = hashed.get(entry) ?? leafHash(nodeCrypto, utf8Encode(entry))
    hashed.set(entry, known)
    return known
  }
  const log: FakeLog = {
    signer, entries: [...entries],
    head(timeSeconds, size = log.entries.length) {
      const text = formatCheckpoint({ origin: signer.verifier.name, size, root: rootOfLeaves(nodeCrypto, leaves(size)) })
      const own = formatSignatureLine(signer.verifier.name, signer.verifier.keyId, signer.sign(utf8Encode(text)))
      return formatNote(text, [own, ...witnesses.map((witness) => cosign(witness, text, timeSeconds))])
    },
    consistency: (from, size = log.entries.length) => proveConsistency(nodeCrypto, leaves(size), { oldSize: from, newSize: size }),
    multi: (indices, size = log.entries.length) => (indices.length === 0 ? [] : proveMulti(nodeReaderFromLeaves(nodeCrypto, leaves(size)), { indices, size }, nodeCrypto)),
    tile(path) {
      const { level, index, width } = parseTilePath(path)
      if (level === "entries" || tileWidth(level, index, log.entries.length) < width) return undefined
      const reader = nodeReaderFromLeaves(nodeCrypto, leaves())
      return Buffer.concat(Array.from({ length: width }, (_, i) => reader.node(level * TILE_HEIGHT, index * TILE_WIDTH + i)))
    },
    fork: (others = []) => fakeLog(signer, others, log.entries),
  }
  const leaves = (size = log.entries.length): Bytes[] => log.entries.slice(0, size).map(hashOf)
  return log
}

