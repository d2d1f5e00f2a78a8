import { mirrorName } from "@vouchsafe/mirror"
import { nodeCrypto } from "@vouchsafe/client/node"
import { openCheckpoint, type RosterNode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { readInvocation } from "../src/config/arguments.ts"
import { mirrorMode } from "../src/mirror/mode.ts"
import { evidence, layOut, type Place, registryOf, start } from "./network.ts"
import { watched } from "./watched.ts"
import { ask } from "./support.ts"

const mirrorPath = (origin: string, path = "checkpoint"): string => `/mirror/${mirrorName(nodeCrypto, origin)}/${path}`

describe("which logs are copied", () => {
  test.each([
    [{}, "notices"], [{ mirror: "none" }, "none"], [{ mirror: "all" }, "all"], [{ monitor: true }, "all"], [{ monitor: true, mirror: "all" }, "all"], [{ monitor: false, mirror: "notices" }, "notices"],
  ] as const)("%j: %s", (said, mode) => {
    expect(mirrorMode(said)).toBe(mode)
  })
  test.each([
    { name: "a mode that is none", argv: ["--mirror", "some"], says: "none, notices, all" },
    { name: "an empty mode", argv: ["--mirror", ""], says: "none, notices, all" },
  ])("$name is refused", ({ argv, says }) => {
    expect(() => readInvocation(["--data", "/nowhere", ...argv], {})).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) as string }))
  })
  test.each(["none", "notices"] as const)("a monitor that may copy only %s is refused", (mirror) => {
    expect(() => mirrorMode({ mirror, monitor: true })).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
  })
  test("as it is said", () => {
    expect(readInvocation(["--data", "/nowhere", "--mirror", "all", "--monitor"], {}).config).toMatchObject({ mirror: "all", monitor: true })
    expect(readInvocation(["--data", "/nowhere"], { VOUCHSAFE_NODE_MIRROR: "none" }).config).toMatchObject({ mirror: "none" })
  })
})

test("a dead node's logs are read from another's copy, byte for byte, also after that one was started again", async () => {
  const registry = await registryOf(3)
  const network = await layOut(4, [registry.url])
  const [alpha, beta, gamma, delta] = network.places as [Place, Place, Place, Place]
  const [, betaNode] = network.roster.nodes as [RosterNode, RosterNode]
  const others = await Promise.all([beta, gamma, { ...delta, config: { ...delta.config, mirror: "none" as const } }].map(start))
  const artifacts = Array.from({ length: 3 }, (_, i) => ({ purl: `pkg:npm/zz-${i}@1.0.0`, registry: registry.url }))
  const { log } = await evidence(betaNode.url, { artifacts })
  const { place, seen } = watched({ ...alpha, config: { ...alpha.config, mirror: "all" } })
  const first = await start(place)
  await seen('"copied"', betaNode.log.name)
  await others[0]?.stop()
  const copy = await ask(first.listenUrl, { path: mirrorPath(betaNode.log.name) })
  expect(copy.status).toBe(200)
  expect(openCheckpoint(nodeCrypto, copy.body, betaNode.log).checkpoint.size).toBeGreaterThanOrEqual(openCheckpoint(nodeCrypto, log.checkpoint, betaNode.log).checkpoint.size)
  const { checkpoint: { size } } = openCheckpoint(nodeCrypto, copy.body, betaNode.log)
  const bundle = await ask(first.listenUrl, { path: mirrorPath(betaNode.log.name, `tile/entries/000.p/${size}`) })
  expect([bundle.status, bundle.headers["content-type"], bundle.headers["content-disposition"]]).toEqual([200, "application/octet-stream", "attachment"])
  for (const { purl } of artifacts) expect(bundle.body).toContain(purl)
  const status = JSON.parse((await ask(first.listenUrl, { path: "/v1/status" })).body) as { mirrors: { mode: string; logs: { origin: string; size: number; operator: string; forked: boolean }[] } }
  expect(status.mirrors.mode).toBe("all")
  expect(status.mirrors.logs.map(({ origin }) => origin).sort()).toEqual(network.roster.nodes.slice(1).flatMap((node) => [node.log.name, node.notices.name]).sort())
  expect(status.mirrors.logs.find(({ origin }) => origin === betaNode.log.name)).toMatchObject({ operator: "beta", size, forked: false, failure: null })
  const figures = (await ask(first.listenUrl, { path: "/metrics" })).body
  expect(figures).toMatch(/^vouchsafe_mirrors 6$/m)
  expect(figures).toMatch(/^vouchsafe_mirrors_forked 0$/m)
  await first.stop()

  const again = await start(alpha)
  expect((await ask(again.listenUrl, { path: mirrorPath(betaNode.notices.name) })).status).toBe(200)
  // Notices only, by default: the copy of the log is left alone, and not served.
  expect((await ask(again.listenUrl, { path: mirrorPath(betaNode.log.name) })).status).toBe(404)
  await again.stop()
  const whole = await start({ ...alpha, config: { ...alpha.config, mirror: "all" } })
  expect((await ask(whole.listenUrl, { path: mirrorPath(betaNode.log.name) })).body).toBe(copy.body)

  const own = await ask(whole.listenUrl, { path: mirrorPath(network.roster.nodes[0]?.log.name ?? "") })
  expect(openCheckpoint(nodeCrypto, own.body, (network.roster.nodes[0] as RosterNode).log).checkpoint.origin).toBe(network.roster.nodes[0]?.log.name)
  const none = JSON.parse((await ask(network.roster.nodes[3]?.url ?? "", { path: "/v1/status" })).body) as { mirrors: unknown }
  expect(none.mirrors).toEqual({ mode: "none", logs: [] })
  for (const path of ["/mirror/", "/mirror/x/checkpoint", `/mirror/${"0".repeat(64)}/checkpoint`, `/mirror/${mirrorName(nodeCrypto, betaNode.log.name)}`, mirrorPath(betaNode.log.name, "../../node.json"), mirrorPath(betaNode.log.name, "mirror.sqlite"), mirrorPath(betaNode.log.name, "tile/0/x000")]) {
    expect([path, (await ask(whole.listenUrl, { path })).status]).toEqual([path, 404])
  }
})
