/** The text of an artifact's file in the cache (spec/client.md, "Cache"). */
import type { CachedStatement } from "@vouchsafe/ports"

const FORMAT = "vouchsafe-cached-evidence/v1"
/** Longest artifact file, in UTF-16 units. */
export const CACHE_FILE_LENGTH_MAX = 262_144
/** Statements in one file: some per node of the largest roster. */
const STATEMENTS_MAX = 512
const HASH_BYTES = 32
const DIGEST = /^[0-9a-f]{64}$/

type Name = { readonly purl: string; readonly registry: string }
type Members = Readonly<Record<string, unknown>>

/** Writes the file. `store` keeps a checkpoint and gives its digest. */
export function formatCacheFile(name: Name, statements: readonly CachedStatement[], store: (checkpoint: string) => string): string {
  return `${JSON.stringify({
    format: FORMAT, purl: name.purl, registry: name.registry,
    statements: statements.map(({ origin, checkpoint, index, entry, proof, body }) => ({
      origin, checkpoint: store(checkpoint), index, entry,
      // One string for the whole path: reading 500 artifacts decodes 2,000 of them instead of 34,000.
      proof: Buffer.concat(proof).toString("base64"),
      ...(body === undefined ? {} : { body }),
    })),
  })}\n`
}

/** Reads the file; statements that are unusable by shape or whose checkpoint is gone are left out. undefined when it is no such file. */
export function parseCacheFile(text: string, name: Name, checkpointOf: (digest: string) => string | undefined): CachedStatement[] | undefined {
  if (text.length > CACHE_FILE_LENGTH_MAX) return undefined
  const file = parseObject(text)
  if (file?.["format"] !== FORMAT || file["purl"] !== name.purl || file["registry"] !== name.registry) return undefined
  const list = file["statements"]
  if (!Array.isArray(list) || list.length > STATEMENTS_MAX) return undefined
  return list.flatMap((item: unknown) => parseStatement(item, checkpointOf) ?? [])
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? value as Members : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function parseStatement(value: unknown, checkpointOf: (digest: string) => string | undefined): CachedStatement | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const { origin, checkpoint: digest, index, entry, proof: proofText, body } = value as Members
  if (typeof origin !== "string" || typeof digest !== "string" || !DIGEST.test(digest)) return undefined
  if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) return undefined
  if (typeof entry !== "string" || typeof proofText !== "string" || (body !== undefined && typeof body !== "string")) return undefined
  const checkpoint = checkpointOf(digest)
  const proof = splitHashes(Buffer.from(proofText, "base64"))
  if (checkpoint === undefined || proof === undefined) return undefined
  return { origin, checkpoint, index, entry, proof, ...(body === undefined ? {} : { body }) }
}

function splitHashes(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes.length % HASH_BYTES !== 0) return undefined
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(bytes.subarray(at, at + HASH_BYTES))
  return hashes
}
