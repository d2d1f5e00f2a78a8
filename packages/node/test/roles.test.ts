import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { clientFor, evidence, layOut, place, registryOf, start } from "./network.ts"
import { ask, tempFolder } from "./support.ts"

const JSON_TYPE = { "content-type": "application/json" }
const purl = (n: number): string => `pkg:npm/zz-${n}@1.0.0`

describe("an attester that is off", () => {
  /** A lone node that has observed the first of two packages, and goes on with its attester off. */
  async function silenced() {
    const registry = await registryOf(2)
    const at = place(join(tempFolder(), "data"), { registries: [registry.url] })
    const first = await start(at)
    expect((await evidence(first.listenUrl, { artifacts: [{ purl: purl(0), registry: registry.url }] })).artifacts[0]?.status).toBe("observed")
    await first.stop()
    const node = await start(place(at.config.data, { registries: [registry.url], attester: false }))
    return { registry, node, asked: registry.requests.length }
  }

  test("serves what the log holds, and says nothing new, without a request to the registry", async () => {
    const { registry, node, asked } = await silenced()
    const { artifacts, log } = await evidence(node.listenUrl, { artifacts: [0, 1].map((n) => ({ purl: purl(n), registry: registry.url })) })
    expect(artifacts.map(({ status, code }) => [status, code])).toEqual([["observed", undefined], ["refused", "NOT_OBSERVED"]])
    expect(artifacts[1]?.detail).toContain("attester is off")
    expect(log.indices).toHaveLength(1)
    expect(registry.requests).toHaveLength(asked)
    expect(JSON.parse((await ask(node.listenUrl, { path: "/v1/status" })).body)).toMatchObject({ roles: { attester: false, witness: true } })
  })

  test.each(["/v1/releases", "/v1/lockset", "/v1/builds", "/v1/recheck"])("refuses %s, on the socket too", async (path) => {
    const { node } = await silenced()
    const reply = await ask(node.listenUrl, { method: "POST", path, headers: JSON_TYPE, body: "{}", socketPath: node.adminSocket })
    expect([reply.status, JSON.parse(reply.body)]).toEqual([403, { error: { code: "NOT_ALLOWED", message: "this node's attester is off: it says nothing new about packages", hint: "ask another node of the roster" } }])
  })

  test("takes back what it said", async () => {
    const { registry, node } = await silenced()
    const body = JSON.stringify({ purl: purl(0), registry: registry.url, sha512: registry.built("zz-0", "1.0.0")?.sha512, reason: "it was wrong" })
    expect(await ask(node.listenUrl, { method: "POST", path: "/v1/withdraw", headers: JSON_TYPE, body, socketPath: node.adminSocket })).toMatchObject({ status: 200, body: '{"index":0}\n' })
    expect((await evidence(node.listenUrl, {})).notices.entries).toHaveLength(1)
  })

  test("together with rebuilds is refused", async () => {
    await expect(start(place(join(tempFolder(), "data"), { attester: false, rebuild: true, registries: ["https://registry.example/"] }))).rejects.toMatchObject({ code: "CONFIG_MALFORMED", hint: expect.stringContaining("--rebuild") as string })
  })
})

describe("a witness that is off", () => {
  test("cosigns nothing, and the others do without it", async () => {
    const registry = await registryOf(1)
    const { places, roster } = await layOut(4, [registry.url])
    const nodes = await Promise.all(places.map((at, i) => start(i === 0 ? { ...at, config: { ...at.config, witness: false } } : at)))
    for (const question of [{ path: `/witness/${"0".repeat(64)}/checkpoint` }, { method: "POST", path: "/witness/add-checkpoint", body: "old 0" }]) {
      const reply = await ask(nodes[0]?.listenUrl ?? "", question)
      expect([reply.status, reply.body]).toEqual([403, expect.stringContaining("this node's witness is off")])
    }
    const request = { purl: purl(0), registry: registry.url, sha512: registry.built("zz-0", "1.0.0")?.sha512 as string }
    const { verdicts } = await clientFor(roster).check([request], { budgetMs: 60_000 })
    expect(verdicts.map(({ ok }) => ok)).toEqual([true])
    const { log } = await evidence(nodes[1]?.listenUrl ?? "", {})
    expect(log.checkpoint).not.toContain("alpha.vouchsafe.local/witness")
  })

  test("of the only operator is refused: nobody else cosigns its logs", async () => {
    await expect(start(place(join(tempFolder(), "data"), { witness: false, registries: ["https://registry.example/"] }))).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("roster of one operator") as string })
  })
})
