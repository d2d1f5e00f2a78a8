import { type CheckResult, formatGatherRequest, parseGatherAnswer } from "@vouchsafe/client"
import { type ArtifactRequest, parseNote, type Roster } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { clientFor, evidence, layOut, registryOf, start } from "./network.ts"
import { ask } from "./support.ts"

/** Rounds of questions until all four have observed; each gives a node 2 s. */
const TRIES_MAX = 20

/** Nobody is asked again once enough have answered: on a busy machine one may still be observing. */
async function checkedByAll(roster: Roster, requests: readonly ArtifactRequest[]): Promise<CheckResult> {
  let result = await clientFor(roster).check(requests, { budgetMs: 60_000 })
  for (let i = 0; i < TRIES_MAX && result.verdicts.some(({ claims }) => claims.length < 4); i++) result = await clientFor(roster).check(requests, { budgetMs: 60_000 })
  return result
}

const cosigners = (checkpoint: string): string[] => parseNote(checkpoint).signatures.map(({ name }) => name).sort()

describe("four nodes of four operators", () => {
  test("observe, cosign each other, and convince a client, directly and through a node's own socket", async () => {
    const registry = await registryOf(12)
    const network = await layOut(4, [registry.url])
    const nodes = await Promise.all(network.places.map(start))
    const requests = Array.from({ length: 12 }, (_, i) => ({ purl: `pkg:npm/zz-${i}@1.0.0`, registry: registry.url, sha512: registry.built(`zz-${i}`, "1.0.0")?.sha512 as string }))
    const result = await checkedByAll(network.roster, requests)
    expect(result.failures).toEqual([])
    expect(result.verdicts.map(({ ok }) => ok)).toEqual(requests.map(() => true))
    expect(result.verdicts[0]?.claims.map(({ operator }) => operator).sort()).toEqual(["alpha", "beta", "delta", "gamma"])

    const viaDaemon = await clientFor(network.roster, {}, nodes[0]?.adminSocket).check(requests, { budgetMs: 60_000 })
    expect([viaDaemon.notes, viaDaemon.stats.fromDaemon, viaDaemon.verdicts.every(({ ok }) => ok)]).toEqual([[], 12, true])

    // No node's own witness stands under its own log, and a majority of the three others does.
    const { log } = await evidence(network.roster.nodes[0]?.url ?? "", {})
    const names = cosigners(log.checkpoint)
    expect(names).toContain("alpha.vouchsafe.local/log")
    expect(names).not.toContain("alpha.vouchsafe.local/witness")
    expect(names.filter((name) => name.endsWith("/witness")).length).toBeGreaterThanOrEqual(2)
  })

  test("go on when one is dead, and take it back when it returns", async () => {
    const registry = await registryOf(6)
    const network = await layOut(4, [registry.url])
    const [alpha, beta, gamma, delta] = network.places
    await Promise.all([alpha, beta, gamma].map((at) => start(at as NonNullable<typeof at>)))
    const wanted = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ purl: `pkg:npm/zz-${from + i}@1.0.0`, registry: registry.url, sha512: registry.built(`zz-${from + i}`, "1.0.0")?.sha512 as string }))
    const before = await clientFor(network.roster).check(wanted(0, 3), { budgetMs: 60_000 })
    expect(before.verdicts.map(({ ok, claims }) => [ok, claims.length])).toEqual([[true, 3], [true, 3], [true, 3]])
    expect(before.failures.map(({ operator, code }) => [operator, code])).toEqual([["delta", "UNREACHABLE"]])
    await start(delta as NonNullable<typeof delta>)
    const after = await checkedByAll(network.roster, wanted(0, 6))
    expect([after.failures, after.verdicts.every(({ ok, claims }) => ok && claims.length === 4)]).toEqual([[], true])
  })

  test("without a quorum of witnesses nothing new is evidence; with it again, everything is", async () => {
    const registry = await registryOf(2)
    const network = await layOut(4, [registry.url])
    const [alpha, beta, gamma] = network.places
    const url = network.roster.nodes[0]?.url ?? ""
    const artifact = { purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }
    await start(alpha as NonNullable<typeof alpha>)
    await expect(evidence(url, { artifacts: [artifact], deadlineMs: 1_000 })).rejects.toThrow("NOT_COSIGNED")
    await start(beta as NonNullable<typeof beta>)
    await start(gamma as NonNullable<typeof gamma>)
    const answer = await evidence(url, { artifacts: [artifact] })
    expect(answer.artifacts[0]).toMatchObject({ status: "observed", indices: [0] })
  })

  test("a restart continues the same history", async () => {
    const registry = await registryOf(4)
    const network = await layOut(2, [registry.url])
    const url = network.roster.nodes[0]?.url ?? ""
    const [alpha, beta] = network.places
    const first = await start(alpha as NonNullable<typeof alpha>)
    await start(beta as NonNullable<typeof beta>)
    const artifacts = Array.from({ length: 4 }, (_, i) => ({ purl: `pkg:npm/zz-${i}@1.0.0`, registry: registry.url }))
    const before = await evidence(url, { artifacts })
    await first.stop()
    const asked = registry.requests.length
    await start(alpha as NonNullable<typeof alpha>)
    const after = await evidence(url, { artifacts, knownSize: 4 })
    expect([after.artifacts, after.log.entries, registry.requests.length]).toEqual([before.artifacts, before.log.entries, asked])
  })
})

describe("gather", () => {
  test("carries all answers, the failure of who did not answer, and refuses another network's clients", async () => {
    const registry = await registryOf(1)
    const network = await layOut(4, [registry.url])
    const nodes = await Promise.all(network.places.slice(0, 3).map(start))
    const request = { roster: network.roster.digest, artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }], deadlineMs: 10_000, known: [] }
    const post = (body: string) => ask("http://localhost/", { method: "POST", path: "/v1/gather", headers: { "content-type": "application/json" }, body, socketPath: nodes[1]?.adminSocket as string })
    const reply = await post(formatGatherRequest(request))
    expect(reply.status).toBe(200)
    const answers = parseGatherAnswer(reply.body)
    expect(answers.map(({ operator, answer, failure }) => [operator, answer?.artifacts[0]?.status, failure?.code])).toEqual([
      ["alpha", "observed", undefined], ["beta", "observed", undefined], ["gamma", "observed", undefined], ["delta", undefined, "UNREACHABLE"],
    ])
    const other = await post(formatGatherRequest({ ...request, roster: "0".repeat(64) }))
    expect([other.status, other.body]).toEqual([400, expect.stringContaining("this node belongs to another network")])
    const onPublic = await ask(network.roster.nodes[1]?.url ?? "", { method: "POST", path: "/v1/gather", headers: { "content-type": "application/json" }, body: "{}" })
    expect(onPublic.status).toBe(404)
  })
})
