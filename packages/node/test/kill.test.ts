import { join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import { type ArtifactName, checkConsistency, type Checkpoint, leafHash, openCheckpoint, checkMulti, utf8Encode, type EvidenceAnswer, type VerifierKey } from "@vouchsafe/core"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { expect, test } from "vitest"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { evidence, fixture, freePorts, spawnBin, spawnDaemon } from "./network.ts"
import { cleanup, tempFolder } from "./support.ts"

/** How often the node is killed; `npm run soak` sets more. */
const KILLS = Number(process.env["VOUCHSAFE_SOAK_KILLS"] ?? "10")
const PER_ROUND = 12
const AT_ONCE = 4

/** Small and repeatable: which request of the registry is the node's last. */
function sequence(seed: number): () => number {
  let state = seed
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
}

test(`killed ${KILLS} times while appending: fsck finds nothing, nothing acknowledged is lost, no two heads contradict each other`, async () => {
  const random = sequence(20_261_122)
  let served = 0
  let killAt = Number.POSITIVE_INFINITY
  let kill = (): void => undefined
  const registry = await startRegistry({
    packages: Array.from({ length: KILLS * PER_ROUND }, (_, i) => fixture(i)),
    intercept: () => {
      served += 1
      if (served === killAt) kill()
      return false
    },
  })
  cleanup(() => registry.close())
  const data = join(tempFolder(), "data")
  const key: VerifierKey = loadOrCreateKeys(data, "alpha").log.verifier
  const [port] = await freePorts(1)
  const args = ["--data", data, "--listen", `127.0.0.1:${port}`, "--allow-private-addresses", "--registry", registry.url]
  const artifact = (n: number): ArtifactName => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url })
  const acknowledged = new Map<string, { index: number; entry: string }>()
  const heads: Checkpoint[] = []
  /** Heads of answers that came just before a kill: each must be part of what the log has become. */
  const unreviewed = new Map<number, Checkpoint>()

  /** Takes an answer as a client would, and remembers what the node has acknowledged. */
  const take = (answer: EvidenceAnswer): void => {
    const { checkpoint } = openCheckpoint(nodeCrypto, answer.log.checkpoint, key)
    const { indices, entries, proof, consistency } = answer.log
    const leafHashes = entries.map((entry) => leafHash(nodeCrypto, utf8Encode(entry)))
    if (indices.length > 0) expect(checkMulti(nodeCrypto, { indices, size: checkpoint.size, leafHashes, proof, root: checkpoint.root })).toBe(true)
    const last = heads.at(-1)
    if (last !== undefined && last.size > 0) {
      expect(checkpoint.size).toBeGreaterThanOrEqual(last.size)
      expect(checkConsistency(nodeCrypto, { oldSize: last.size, newSize: checkpoint.size, oldRoot: last.root, newRoot: checkpoint.root, proof: consistency })).toBe("consistent")
    }
    heads.push(checkpoint)
    for (const { purl, indices: [index] } of answer.artifacts) {
      if (index === undefined) continue
      const entry = entries[indices.indexOf(index)] as string
      expect(acknowledged.get(purl) ?? { index, entry }).toEqual({ index, entry })
      acknowledged.set(purl, { index, entry })
    }
  }

  /** Everything acknowledged so far is asked for again, from the head seen last. */
  const review = async (url: string): Promise<void> => {
    const all = [...acknowledged.keys()].map((purl) => ({ purl, registry: registry.url }))
    for (let from = 0; from < Math.max(1, all.length); from += 1_000) {
      take(await evidence(url, { artifacts: all.slice(from, from + 1_000), knownSize: heads.at(-1)?.size ?? 0 }))
    }
    for (const head of [...unreviewed.values()]) {
      heads.push(head)
      take(await evidence(url, { knownSize: head.size }))
    }
    unreviewed.clear()
  }

  /** Asks for one artifact after the other until the node dies. */
  const drive = async (url: string, artifacts: ArtifactName[]): Promise<void> => {
    for (let one = artifacts.pop(); one !== undefined; one = artifacts.pop()) {
      const answer = await evidence(url, { artifacts: [one] }).catch((error: Error & { code?: string }) => error)
      if (answer instanceof Error) {
        expect(answer).toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|ECONNREFUSED|EPIPE)$/) })
        return
      }
      const { checkpoint } = openCheckpoint(nodeCrypto, answer.log.checkpoint, key)
      expect(unreviewed.get(checkpoint.size)?.root ?? checkpoint.root).toEqual(checkpoint.root)
      unreviewed.set(checkpoint.size, checkpoint)
      const [index] = answer.artifacts[0]?.indices ?? []
      if (index !== undefined) acknowledged.set(one.purl, { index, entry: answer.log.entries[0] as string })
    }
  }

  for (let round = 0; round < KILLS; round++) {
    const daemon = await spawnDaemon(args, { HOME: data })
    await review(daemon.ready.url)
    kill = () => { daemon.child.kill("SIGKILL") }
    // A packument and a tarball each: the end comes somewhere on the way, with several under way.
    killAt = served + 1 + Math.floor(random() * 2 * PER_ROUND)
    const artifacts = Array.from({ length: PER_ROUND }, (_, i) => artifact(round * PER_ROUND + i))
    await Promise.all(Array.from({ length: AT_ONCE }, () => drive(daemon.ready.url, artifacts)))
    kill()
    expect(await daemon.ended).toBe("SIGKILL")
    killAt = Number.POSITIVE_INFINITY
    const check = spawnBin(["fsck", "--data", data])
    const status = await check.ended
    expect([status, JSON.parse(check.stdout()) as unknown]).toEqual([0, { logs: ["alpha.vouchsafe.local/log", "alpha.vouchsafe.local/notices"], findings: [] }])
  }
  const last = await spawnDaemon(args, { HOME: data })
  await review(last.ready.url)
  last.child.kill("SIGTERM")
  expect(await last.ended).toBe(0)
  expect(acknowledged.size).toBeGreaterThan(KILLS)
  const indices = [...acknowledged.values()].map(({ index }) => index)
  expect(new Set(indices).size).toBe(indices.length)
}, 60_000 + KILLS * 20_000)
