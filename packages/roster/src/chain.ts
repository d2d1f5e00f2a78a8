/**
 * A verified repository in memory: every root from the first on, and the newest of the rest, by the names that they have below a source.
 *
 * @packageDocumentation
 */
import { shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { sha256Hex } from "./keys.ts"
import { CHAIN_LENGTH_MAX, ROOTS_MAX } from "./limits.ts"
import { type Document, readMetadata } from "./metadata.ts"
import { DELEGATED, type DelegatedRole, isRepositoryFile, metadataFile, PATH_BY_ROLE, targetFile } from "./profile.ts"

const FORMAT = "vouchsafe-roster-chain/v1"
/** Roots, and at most two of anything else. */
const FILES_MAX = ROOTS_MAX + 32

/** Texts of files by their names. */
export type Chain = ReadonlyMap<string, string>

export function formatChain(genesis: string, chain: Chain): string {
  return `${JSON.stringify({ format: FORMAT, genesis, files: Object.fromEntries(chain) })}\n`
}

/** @throws VouchsafeError STATE_UNSAFE for anything that {@link formatChain} did not write, or of another genesis. */
export function parseChain(text: string, genesis: string): Chain {
  const read = shapeReader("STATE_UNSAFE", "kept roster chain")
  const document = read.object(read.json(text, CHAIN_LENGTH_MAX), "document", ["format", "genesis", "files"])
  read.oneOf(document["format"], "format", [FORMAT])
  read.oneOf(document["genesis"], "genesis", [genesis])
  const files = read.stringMap(document["files"], "files", FILES_MAX, CHAIN_LENGTH_MAX)
  for (const name of files.keys()) if (!isRepositoryFile(name)) read.fail("files", "names of a repository", name)
  const first = files.get("1.root.json")
  if (files.size > 0 && (first === undefined || sha256Hex(first) !== genesis)) read.fail("files", "the genesis root", "another one")
  return files
}

/** The newest root of a chain: its version and text. */
export function newestRoot(chain: Chain): { readonly version: number; readonly text: string } | undefined {
  for (let version = rootCount(chain); version > 0; version--) {
    const text = chain.get(metadataFile("root", version))
    if (text !== undefined) return { version, text }
  }
  return undefined
}

function rootCount(chain: Chain): number {
  let version = 0
  while (version < ROOTS_MAX && chain.has(metadataFile("root", version + 1))) version += 1
  return version
}

/** The metadata of a whole chain, read; signatures are not judged again. */
export interface Current {
  readonly root: Document<"root">
  readonly timestamp: Document<"timestamp">
  readonly snapshot: Document<"snapshot">
  readonly targets: Document<"targets">
  readonly delegated: ReadonlyMap<DelegatedRole, Document<DelegatedRole>>
  /** Texts of targets by path. */
  readonly texts: ReadonlyMap<string, string>
}

/** Reads a whole chain. @throws VouchsafeError ROSTER_REFUSED where a file is missing or the parts do not fit. */
export function currentOf(chain: Chain): Current {
  const file = (name: string): string => {
    const text = chain.get(name)
    if (text === undefined) throw new VouchsafeError("ROSTER_REFUSED", `repository has no ${shown(name)}`)
    return text
  }
  const newest = newestRoot(chain)
  const root = readMetadata("root", newest?.text ?? file("1.root.json"))
  const timestamp = readMetadata("timestamp", file("timestamp.json"))
  const snapshot = readMetadata("snapshot", file(metadataFile("snapshot", timestamp.facts.files.get("snapshot.json")?.version ?? 0)))
  const versionOf = (role: string): number | undefined => snapshot.facts.files.get(`${role}.json`)?.version
  const targets = readMetadata("targets", file(metadataFile("targets", versionOf("targets") ?? 0)))
  const delegated = new Map<DelegatedRole, Document<DelegatedRole>>()
  const texts = new Map<string, string>()
  for (const role of DELEGATED) {
    const version = versionOf(role)
    if (version === undefined) continue
    const text = chain.get(metadataFile(role, version))
    // What only its own role needs may be missing, since it was over when it was asked for.
    if (text === undefined && role !== "roster") continue
    const document = readMetadata<DelegatedRole>(role, text ?? file(metadataFile(role, version)))
    delegated.set(role, document)
    const { target } = document.facts
    if (target !== undefined) texts.set(PATH_BY_ROLE[role], file(targetFile(PATH_BY_ROLE[role], target.sha256)))
  }
  return { root, timestamp, snapshot, targets, delegated, texts }
}

/** Whether a source could be fed from it. */
export function isWhole(chain: Chain): boolean {
  try {
    currentOf(chain)
    return true
  } catch (error) {
    if (error instanceof VouchsafeError) return false
    throw error
  }
}
