/**
 * A repository as a folder of files, ready to be served by any web server.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Chain, type Current, currentOf } from "./chain.ts"
import { sha256Hex } from "./keys.ts"
import { ROOTS_MAX, TARGET_BYTES_MAX } from "./limits.ts"
import { isRepositoryFile } from "./profile.ts"
import { readBounded } from "./proposal.ts"
import { memorySource } from "./source.ts"
import { writeWhole } from "./store.ts"
import { verifySource } from "./verify.ts"

const SHARED_MODE = 0o644
/** A new snapshot a week for more than a hundred years. */
const FILES_MAX = 100_000
const SECOND_MS = 1_000

/** A repository that was verified from its first root on. */
export interface Repository {
  readonly genesis: string
  readonly chain: Chain
  readonly current: Current
  /** Milliseconds of Unix time at which the first of its metadata is over. It may have been. */
  readonly endsMs: number
}

/** Reads a repository's files. Nothing is judged. @returns no files for no repository */
export function readFiles(folder: string): Chain {
  const names = ["", "targets/", "targets/sigstore/"].flatMap((below) => {
    const path = join(folder, below)
    return existsSync(path) ? readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [`${below}${entry.name}`] : [])) : []
  }).filter(isRepositoryFile)
  if (names.length > FILES_MAX) throw new VouchsafeError("ROSTER_REFUSED", `${folder} has ${names.length} files, expected a repository of rosters`)
  return new Map(names.map((name) => [name, readBounded(join(folder, name), TARGET_BYTES_MAX) ?? ""]))
}

/** Reads and verifies a repository's folder, also one whose time is over: that is what renewing is for. @throws VouchsafeError USAGE for no repository, ROSTER_REFUSED. */
export async function readRepository(folder: string, nowMs: number): Promise<Repository> {
  const files = readFiles(folder)
  const first = files.get("1.root.json")
  if (first === undefined) throw new VouchsafeError("USAGE", `${folder} is no repository of rosters`, { hint: "`vouchsafe roster init` begins one" })
  return await verifyChain(sha256Hex(first), files, nowMs)
}

/** Verifies a chain from its first root on as of now, or as of when it last held. @throws VouchsafeError ROSTER_REFUSED. */
export async function verifyChain(genesis: string, files: Chain, nowMs: number): Promise<Repository> {
  const current = currentOf(files)
  const endsMs = Math.min(...[current.root, current.timestamp, current.snapshot, current.targets, ...current.delegated.values()].map(({ facts }) => facts.expiresMs))
  const { chain, refusal } = await verifySource({ genesis, known: new Map(), fetch: memorySource(files), nowMs: Math.min(nowMs, endsMs - SECOND_MS), lifeNowMs: nowMs, rotationsMax: ROOTS_MAX })
  if (refusal !== undefined) throw refusal
  return { genesis, chain, current: currentOf(chain), endsMs }
}

/** Writes one file of a repository, whole. */
export function writeRepositoryFile(folder: string, name: string, text: string): void {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeWhole(path, text, SHARED_MODE)
}
