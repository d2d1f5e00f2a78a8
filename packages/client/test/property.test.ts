import { artifactKey } from "@vouchsafe/core"
import fc from "fast-check"
import { expect, test } from "vitest"
import type { FakeNode } from "./support/network.ts"
import { observation, sha512Of } from "./support/statements.ts"
import { makeWorld, type World } from "./support/world.ts"

const RUNS = process.env["SLOW"] === "1" ? 500 : 60
/** For machines under load; nothing here depends on how long it takes. */
const TIMEOUT_MS = 300_000
const OPERATORS = 5
const THRESHOLD = 3
const EVIL = sha512Of("evil bytes")

/** Ways for a node to fail the person, none of which needs another node's help. */
const BEHAVIOURS: Readonly<Record<string, (node: FakeNode, world: World, key: string) => void>> = {
  dead: (node) => { node.mode = "dead" },
  stalled: (node) => { node.mode = "stalled" },
  rubbish: (node) => { node.mode = "rubbish" },
  gigantic: (node) => { node.mode = "gigantic" },
  "status 500": (node) => { node.mode = "status 500" },
  "observed the evil bytes": (node, _world, key) => void node.lies.set(key, EVIL),
  "says both": (node, _world, key) => {
    const purl = key.split("\n")[1] as string
    for (const sha512 of [EVIL, sha512Of("bytes of target")]) node.log.entries.push(observation(node.place.log.name, purl, sha512))
  },
  "says nothing": (node) => {
    node.edit = (answer) => ({ ...answer, log: { ...answer.log, indices: [], entries: [], proof: [] }, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, status: "absent", indices: [] })) })
  },
  "changes its entry to the evil bytes": (node) => {
    node.edit = (answer) => ({ ...answer, log: { ...answer.log, entries: answer.log.entries.map((entry) => entry.replace(/"sha512":"[0-9a-f]{128}"/, `"sha512":"${EVIL}"`)) } })
  },
  "never finishes": (node, _world, key) => void node.pending.set(key, Number.POSITIVE_INFINITY),
  "shows another node's answer": (node, world) => {
    const other = world.network.nodes.find((candidate) => candidate !== node) as FakeNode
    node.edit = (answer) => ({ ...answer, log: { ...answer.log, checkpoint: other.log.head(Math.floor(world.time.clock.nowMs() / 1_000)) } })
  },
  "has stale notices": (node) => { node.cosignedSecondsAgo = 90_000 },
}
const NAMES = Object.keys(BEHAVIOURS)

const casts = fc.array(fc.option(fc.constantFrom(...NAMES)), { minLength: OPERATORS, maxLength: OPERATORS })

test("whatever a set of nodes below the threshold does: the honest bytes pass iff enough honest nodes are left, and other bytes never do", async () => {
  await fc.assert(fc.asyncProperty(casts, fc.boolean(), async (cast, isSecondCheck) => {
    const world = makeWorld({ operators: OPERATORS })
    const request = world.publish("target")
    const evil = { ...request, sha512: EVIL }
    // Half of the time the client knows the honest network already, heads and notices included, but not this package.
    if (isSecondCheck) await world.check(world.publish("earlier"))
    world.network.nodes.forEach((node, i) => BEHAVIOURS[cast[i] ?? ""]?.(node, world, artifactKey(request)))
    const honest = cast.filter((name) => name === null).length
    const liars = cast.filter((name) => name === "observed the evil bytes").length

    const { verdicts } = await world.client.check([request, evil], { budgetMs: 5_000 })
    // Notices mirrored a moment ago are fresh enough even when the node shows old ones now.
    const counting = honest + (isSecondCheck ? cast.filter((name) => name === "has stale notices").length : 0)
    // Two operators that were served other bytes deny: a conflict is no agreement (the policy's rule), and never an allowance.
    const mayPass = counting >= THRESHOLD && liars < 2
    expect(verdicts[0]?.ok).toBe(mayPass)
    if (liars < THRESHOLD) expect(verdicts[1]?.ok).toBe(false)

    // The same from what was kept, with nobody left to ask.
    for (const node of world.network.nodes) node.mode = "dead"
    const offline = await world.client.check([request, evil], { budgetMs: 0 })
    if (!mayPass) expect(offline.verdicts[0]?.ok).toBe(false)
    if (liars < THRESHOLD) expect(offline.verdicts[1]?.ok).toBe(false)
  }), { numRuns: RUNS })
}, TIMEOUT_MS)

test("no change of any answer makes the evil bytes pass, and nothing but verdicts comes out", async () => {
  const edits = fc.array(fc.record({ at: fc.nat(), to: fc.constantFrom("0", "A", "\"", "\n", "{", "null", "9007199254740993", "\ud800", "") }), { minLength: 1, maxLength: 4 })
  await fc.assert(fc.asyncProperty(fc.array(edits, { minLength: 3, maxLength: 3 }), async (perNode) => {
    const world = makeWorld({ operators: 3 })
    const request = world.publish("target")
    const inner = world.network.transport
    world.client = world.clientWith({
      transport: {
        async request(sent) {
          const response = await inner.request(sent)
          const node = world.network.nodes.findIndex(({ place }) => sent.url.startsWith(place.url))
          let text = Buffer.from(response.body).toString("utf8")
          for (const { at, to } of perNode[node] ?? []) text = text.slice(0, at % text.length) + to + text.slice((at % text.length) + 1)
          return { ...response, body: Buffer.from(text, "utf8") }
        },
      },
    })
    const { verdicts } = await world.check(request, { ...request, sha512: EVIL })
    expect(verdicts.length).toBe(2)
    expect(verdicts[1]?.ok).toBe(false)
    expect(verdicts.map((verdict) => (verdict.ok ? "" : verdict.code))).not.toContain("CONFIG_INVALID")
  }), { numRuns: RUNS })
}, TIMEOUT_MS)
