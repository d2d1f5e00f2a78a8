import {
  formatLockset, hexEncode, leafHash, type Lock, type LockedLockset, type LockLine, lockLineOf, lockLines, lockRoot, type Lockset, type NoticesHead, type Observation, openLock, type OpenedLock, proveInclusion,
  nodeReaderFromLeaves, rootOfLeaves, utf8Encode,
} from "../../../src/index.ts"
import { crypto, type HeadOptions, NOW, observation, REGISTRY, signedHead, type World } from "../world.ts"

export const DAY = 86_400

/** Lines of a small project, as the honest attesters of the world derive them. */
export function projectLines(count = 5): LockLine[] {
  return Array.from({ length: count }, (_, i) => lockLineOf(observation("any", { purl: `pkg:npm/dep-${String(i).padStart(4, "0")}@1.0.0`, sha512: hexEncode(crypto.sha512(utf8Encode(`bytes ${i}`))) })))
}

export interface LocksetScript extends HeadOptions {
  /** What this attester says instead of the honest lockset. */
  readonly said?: Partial<Lockset>
  /** Bits; default all set. */
  readonly bits?: readonly boolean[]
}

/** The lockset of one operator over lines, in its log, with its proof. */
export function locksetBy(world: World, operator: string, lock: Pick<Lock, "lines" | "registry">, script: LocksetScript = {}): LockedLockset {
  const node = world.nodes.find((candidate) => candidate.operator === operator)
  if (node === undefined) throw new TypeError(`no node ${operator}`)
  const lockset: Lockset = {
    log: node.log.verifier.name, registry: lock.registry, root: lockRoot(crypto, lock.lines), count: lock.lines.texts.length,
    bits: script.bits ?? lock.lines.texts.map(() => true), roster: world.roster.version, time: NOW - 70, notices: emptyNotices(world), ...script.said,
  }
  const filler = ["a", "b", "c", "d"].map((letter) => `entry ${letter}`)
  const entries = [...filler, formatLockset(lockset), "entry e"]
  const leaves = entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
  const { log, bits, roster, notices, time } = lockset
  return {
    log, bits, roster, notices, time, index: filler.length, checkpoint: signedHead(world, node.log, operator, entries, script),
    proof: proveInclusion(crypto, nodeReaderFromLeaves(crypto, leaves), { index: filler.length, size: entries.length }),
  }
}

/** Heads of notices logs in which nothing stands. */
export function emptyNotices(world: World): NoticesHead[] {
  return world.nodes.map(({ notices }) => ({ log: notices.verifier.name, size: 0, root: rootOfLeaves(crypto, []) })).sort((a, b) => (a.log < b.log ? -1 : 1))
}

/** A lock with locksets of the operators named; null for none of an operator's. */
export function makeLock(world: World, artifacts: readonly LockLine[] = projectLines(), scripts: Readonly<Record<string, LocksetScript | null>> = {}, more: Partial<Lock> = {}): Lock {
  const registry = more.registry ?? REGISTRY
  const lines = lockLines(crypto, artifacts, registry)
  const locksets = world.nodes.flatMap(({ operator }) => (scripts[operator] === null ? [] : [locksetBy(world, operator, { lines, registry }, scripts[operator])]))
  return { network: world.roster.lineage, roster: world.roster.version, registry, lines, locksets: locksets.sort((a, b) => (a.log < b.log ? -1 : 1)), proofs: [], ...more }
}

export function opened(world: World, lock: Lock, more: { readonly now?: number; readonly network?: string; readonly lied?: ReadonlySet<string> } = {}): OpenedLock {
  return openLock({ crypto, roster: world.roster, now: NOW, ...more }, lock)
}

/** An observation that makes the line `line` of {@link projectLines}. */
export function observationOf(line: LockLine, log: string, more: Partial<Observation> = {}): Observation {
  return observation(log, { purl: line.facts.purl, sha512: line.facts.sha512, ...more })
}
