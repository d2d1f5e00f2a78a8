import {
  artifactKey, type ArtifactRequest, formatLockset, type Lock, type LockedLockset, type LockLine, lockLineOf, lockLines, lockRoot, leafHashOfText, parseEntry, proveInclusion,
} from "@vouchsafe/core"
import { nodeCrypto } from "../../src/node/crypto.ts"
import { memoryCache, memoryState } from "./memory.ts"
import type { FakeNode } from "./network.ts"
import { REGISTRY } from "./statements.ts"
import type { World } from "./world.ts"

export interface LockedWorld {
  /** Operators that derive the lines; all by default. */
  readonly operators?: readonly string[]
  /** Changes lines before anybody derives them. */
  readonly edit?: (line: LockLine) => LockLine
  readonly network?: string
  readonly roster?: number
}

/** A lock over these artifacts, as honest attesters would have made it now. It leaves no trace in the world's own client. */
export async function lockOf(world: World, requests: readonly ArtifactRequest[], options: LockedWorld = {}): Promise<Lock> {
  await world.clientWith({ cache: memoryCache(), state: memoryState() }).check(requests)
  return lockIn(world, requests, options)
}

/** The same, over what the nodes' logs hold already. */
export function lockIn(world: Pick<World, "network" | "time">, requests: readonly ArtifactRequest[], { edit = (line) => line, network, operators, roster }: LockedWorld = {}): Lock {
  const wanted = new Set(requests.map(artifactKey))
  const lines = lockLines(nodeCrypto, linesIn(world.network.nodes[0] as FakeNode).filter(({ facts }) => wanted.has(artifactKey(facts))).map(edit), REGISTRY)
  const makers = world.network.nodes.filter(({ operator }) => operators?.includes(operator) ?? true)
  return {
    network: network ?? world.network.roster.lineage, roster: roster ?? world.network.roster.version, registry: REGISTRY, lines, proofs: [],
    locksets: makers.map((node) => derive(world, node, lines)).sort((a, b) => (a.log < b.log ? -1 : 1)),
  }
}

function linesIn(node: FakeNode): LockLine[] {
  return node.log.entries.flatMap((text) => {
    const entry = parseEntry(text)
    return entry.kind === "observation" ? [lockLineOf(entry.observation)] : []
  })
}

function derive(world: Pick<World, "network" | "time">, node: FakeNode, lines: Lock["lines"]): LockedLockset {
  const time = Math.floor(world.time.clock.nowMs() / 1_000)
  const common = { log: node.log.signer.verifier.name, bits: lines.texts.map(() => true), roster: world.network.roster.version, notices: [], time }
  node.log.entries.push(formatLockset({ ...common, registry: REGISTRY, root: lockRoot(nodeCrypto, lines), count: lines.texts.length }))
  const size = node.log.entries.length
  const hashes = node.log.entries.map((entry) => leafHashOfText(nodeCrypto, entry))
  return { ...common, index: size - 1, checkpoint: node.log.head(time), proof: proveInclusion(nodeCrypto, hashes, { index: size - 1, size }) }
}

