/**
 * What gossip keeps, as files of the data folder:
 *
 * ```
 * gossip/heads/<hex SHA-256 of the vkey>.json     {"log":"<vkey>","checkpoint":"<note>"}
 * gossip/proofs/<hex SHA-256 of the vkey>.vkey    whom the proof beside it convicts
 * gossip/proofs/<hex SHA-256 of the vkey>.json    the proof, as a document that stands alone
 * ```
 *
 * @packageDocumentation
 */
import { type Crypto, hexEncode, MISBEHAVIOR_LENGTH_MAX, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { GossipStore } from "@vouchsafe/gossip"
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { writeFileWhole } from "../state/folder.ts"
import { CHECKPOINT_BYTES_MAX } from "./limits.ts"

const MODE = 0o600
/** A head's file: the note escaped, and its key. */
const HEAD_FILE_BYTES_MAX = 4 * CHECKPOINT_BYTES_MAX
const PROOF_FILE_BYTES_MAX = 4 * MISBEHAVIOR_LENGTH_MAX
const KEY_FILE_BYTES_MAX = 4_096

function onDisk<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new VouchsafeError("DISK", `cannot ${what}: ${cause instanceof Error ? cause.message : "unknown"}`, { cause })
  }
}

/** Text of a file of this store; undefined for one that is too large to be one. */
function readBounded(path: string, bytesMax: number): string | undefined {
  return statSync(path).size > bytesMax ? undefined : readFileSync(path, "utf8")
}

function readHead(text: string | undefined): { vkey: string; checkpoint: string }[] {
  try {
    const { log, checkpoint } = JSON.parse(text ?? "") as Partial<Record<"log" | "checkpoint", unknown>>
    // What a damaged file said is asked for again; whoever reads this verifies it.
    return typeof log === "string" && typeof checkpoint === "string" ? [{ vkey: log, checkpoint }] : []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

/** Opens the store, making its folders. @throws VouchsafeError DISK. */
export function openGossipStore(directory: string, crypto: Crypto): GossipStore {
  const [heads, proofs] = [join(directory, "heads"), join(directory, "proofs")]
  onDisk(`make ${directory}`, () => {
    for (const folder of [heads, proofs]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  })
  const nameOf = (vkey: string): string => hexEncode(crypto.sha256(utf8Encode(vkey)))
  const named = (folder: string, suffix: string): string[] => readdirSync(folder).filter((name) => name.endsWith(suffix)).sort()
  return {
    heads: async () => onDisk(`read ${heads}`, () => named(heads, ".json").flatMap((name) => readHead(readBounded(join(heads, name), HEAD_FILE_BYTES_MAX)))),
    putHead: async (vkey, checkpoint) => onDisk(`write to ${heads}`, () => writeFileWhole(join(heads, `${nameOf(vkey)}.json`), `${JSON.stringify({ log: vkey, checkpoint })}\n`, MODE)),
    proofs: async () => onDisk(`read ${proofs}`, () => named(proofs, ".json").map((name) => ({
      // A proof beside which nobody is named, or that is too large, proves nothing.
      vkey: readBounded(join(proofs, name.replace(/json$/, "vkey")), KEY_FILE_BYTES_MAX)?.trimEnd() ?? "", document: readBounded(join(proofs, name), PROOF_FILE_BYTES_MAX) ?? "",
    }))),
    addProof: async (vkey, document) => onDisk(`write to ${proofs}`, () => {
      // The name first: alone it is nothing, while a proof without it would be damage.
      writeFileWhole(join(proofs, `${nameOf(vkey)}.vkey`), `${vkey}\n`, MODE)
      writeFileWhole(join(proofs, `${nameOf(vkey)}.json`), document, MODE)
    }),
  }
}
