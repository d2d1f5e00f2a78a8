/** The requirements of the threat model that the client answers, one test each; the tables around them are in the other files. */
import { utf8Decode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { NOTICES_RECHECK_MS } from "../src/limits.ts"
import { notice, observation, purlOf, REGISTRY, sha512Of } from "./support/statements.ts"
import { START_MS } from "./support/time.ts"
import { makeWorld, outcome, said, type World } from "./support/world.ts"

const withdraw = (world: World, operator: string, name: string): void => {
  const node = world.network.node(operator)
  node.notices.entries.push(notice(node.place.notices.name, purlOf(name), sha512Of(`bytes of ${name}`)))
}

const HOUR_MS = 3_600_000

describe("THREATS A3 what refuses cannot be hidden", () => {
  test("THREATS A3: one operator's withdrawal denies although all others vouch", async () => {
    const world = makeWorld()
    withdraw(world, "charlie", "a")
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["WITHDRAWN"])
    expect(verdicts[0]?.findings.find(({ code }) => code === "WITHDRAWN")?.saidBy).toEqual(["charlie"])
  })

  test("THREATS A3: the threshold never ends gathering early: a withdrawal by the last and slowest node is still seen", async () => {
    const world = makeWorld()
    withdraw(world, "delta", "a")
    const inner = world.network.transport
    world.client = world.clientWith({
      transport: {
        async request(request) {
          if (request.url.includes("delta")) await world.time.sleep(4_000)
          return inner.request(request)
        },
      },
    })
    expect((await world.check(world.publish("a"))).verdicts.map(outcome)).toEqual(["WITHDRAWN"])
  })

  test("THREATS A3: no way to withhold a notice: left out, replaced, or cut off, the attester does not count", async () => {
    for (const hide of [(entries: readonly string[]) => entries.slice(1), (entries: readonly string[]) => entries.slice(0, -1), () => []]) {
      const world = makeWorld()
      for (const operator of ["alpha", "bravo", "charlie", "delta"]) {
        withdraw(world, operator, "other")
        withdraw(world, operator, "a")
        world.network.node(operator).edit = (answer) => ({ ...answer, notices: { ...answer.notices, entries: hide(answer.notices.entries) } })
      }
      const { verdicts } = await world.check(world.publish("a"))
      expect(verdicts[0]?.ok).toBe(false)
      expect(verdicts[0]?.claims).toEqual([])
    }
  })

  test("THREATS A3: notices older than maxNoticeAge do not count, whatever the cache holds", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    for (const node of world.network.nodes) node.mode = "dead"
    world.time.advance(24 * HOUR_MS)
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
    world.time.advance(1_000)
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["NOTICES_STALE"])
  })

  test("THREATS A3: nodes that show old cosignatures of their notices do not count", async () => {
    const world = makeWorld()
    for (const operator of ["alpha", "bravo"]) world.network.node(operator).cosignedSecondsAgo = 24 * 3_600 + 1
    expect((await world.check(world.publish("a"))).verdicts.map(outcome)).toEqual(["NOTICES_STALE"])
  })

  test("THREATS A3: a node that is asked through its own cache cannot go back to before a withdrawal", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    withdraw(world, "delta", "a")
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["WITHDRAWN"])
    const delta = world.network.node("delta")
    delta.notices = delta.notices.fork()
    delta.notices.entries = []
    world.time.advance(NOTICES_RECHECK_MS)
    const { verdicts, failures } = await world.check(request)
    expect(failures).toEqual([expect.objectContaining({ operator: "delta", code: "LOG_ROLLED_BACK" })])
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).not.toContain("delta")
  })

  test("THREATS A3: two own observations with different digests in one log convict it, by proof that stands alone", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    const delta = world.network.node("delta")
    for (const bytes of ["bytes of a", "other"]) delta.log.entries.push(observation(delta.place.log.name, request.purl, sha512Of(bytes)))
    const first = await world.check(request)
    expect(first.verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(first.misbehavior).toEqual([expect.objectContaining({ operator: "delta", origin: "delta.example/log", isNew: true, proof: expect.objectContaining({ kind: "equivocation" }) })])
    const second = await world.check(world.publish("b"))
    expect(second.verdicts[0]?.claims.length).toBe(3)
    expect(second.misbehavior).toEqual([expect.objectContaining({ isNew: false })])
  })
})

describe("THREATS A4 quorum arithmetic", () => {
  test.each([
    { operators: 1, honest: 1, allowed: true }, { operators: 1, honest: 0, allowed: false },
    { operators: 2, honest: 2, allowed: true }, { operators: 2, honest: 1, allowed: false },
    { operators: 3, honest: 2, allowed: true }, { operators: 3, honest: 1, allowed: false },
    { operators: 4, honest: 3, allowed: true }, { operators: 4, honest: 2, allowed: false },
    { operators: 5, honest: 3, allowed: true }, { operators: 5, honest: 2, allowed: false },
  ])("THREATS A4: $honest of $operators operators answer: allowed is $allowed", async ({ operators, honest, allowed }) => {
    const world = makeWorld({ operators })
    for (const node of world.network.nodes.slice(honest)) node.mode = "dead"
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts[0]?.ok).toBe(allowed)
    expect(verdicts[0]?.labels).toEqual(operators === 1 ? ["single-operator"] : [])
  })

  test("THREATS A4: a policy raises the threshold and never lowers it", async () => {
    for (const { threshold, ok } of [{ threshold: 4, ok: false }, { threshold: 1, ok: false }]) {
      const world = makeWorld({ policy: { threshold } })
      const alive = threshold === 4 ? 3 : 2
      for (const node of world.network.nodes.slice(alive)) node.mode = "dead"
      expect((await world.check(world.publish("a"))).verdicts[0]?.ok).toBe(ok)
    }
  })

  test("THREATS A4: answers of one node under two names in a daemon's answer are one voice", async () => {
    const world = makeWorld()
    for (const operator of ["bravo", "charlie", "delta"]) world.network.node(operator).mode = "dead"
    const alpha = world.network.node("alpha")
    world.network.daemon = async (request) => {
      const { answerOf } = await import("./support/network.ts")
      const asked = JSON.parse(utf8Decode(request.body ?? new Uint8Array(0))) as { artifacts: { purl: string; registry: string }[] }
      const { formatEvidenceAnswer, utf8Encode } = await import("@vouchsafe/core")
      const answer = JSON.parse(formatEvidenceAnswer(answerOf(world.time, world.network.registry, alpha, { artifacts: asked.artifacts, deadlineMs: 0, knownSize: 0, noticesFrom: 0 }))) as unknown
      const answers = world.network.nodes.map(({ operator, place }) => ({ operator, origin: place.log.name, answer }))
      return { status: 200, headers: {}, body: utf8Encode(JSON.stringify({ format: "vouchsafe-gather/v1", answers })) }
    }
    world.client = world.clientWith({ daemonSocket: "/s" })
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha"])
  })
})

describe("THREATS A8 what leaves the machine", () => {
  const PRIVATE = "https://npm.corp.example/"
  const sentText = (world: World): string => world.network.sent.map(({ url, headers, body }) => `${url} ${JSON.stringify(headers)} ${body === undefined ? "" : utf8Decode(body)}`).join("\n")

  test("THREATS A8: names from registries that the roster does not list never leave the machine, neither to nodes nor to a daemon", async () => {
    const world = makeWorld()
    world.client = world.clientWith({ daemonSocket: "/s" })
    const secret = world.publish("@corp/canary-name", "x", PRIVATE)
    const { verdicts } = await world.check(secret, world.publish("public"))
    expect(verdicts.map(({ ok }) => ok)).toEqual([false, true])
    expect(world.network.sent.length).toBeGreaterThan(4)
    expect(sentText(world)).not.toMatch(/canary|corp/)
    expect(sentText(world)).toContain("public")
  })

  test("THREATS A8: a check about private names only sends nothing at all", async () => {
    const world = makeWorld()
    const { verdicts } = await world.check(world.publish("@corp/canary-name", "x", PRIVATE))
    expect(verdicts[0]?.ok).toBe(false)
    expect(world.network.sent).toEqual([])
  })

  test("THREATS A8: a name that the policy binds to another registry is not asked about where it would come from", async () => {
    const world = makeWorld({ policy: { registries: [{ match: ["@corp/*"], registry: PRIVATE }] } })
    const { verdicts } = await world.check(world.publish("@corp/canary-name"), world.publish("public"))
    expect(verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))).toEqual(["WRONG_REGISTRY", "allowed"])
    expect(sentText(world)).not.toMatch(/canary|corp/)
  })

  test.each(["https://registry.example", "https://registry.example/npm/", "http://registry.example/", "https://registry.example:8443/", "https://REGISTRY.example/", "https://registry.example.evil.example/", ""])(
    "THREATS A8: %j is not the roster's registry", async (registry) => {
      const world = makeWorld()
      const { verdicts } = await world.check({ purl: purlOf("canary"), registry, sha512: sha512Of("x") })
      expect(verdicts[0]?.ok).toBe(false)
      expect(world.network.sent).toEqual([])
    })

  test("THREATS A8: git, file, URL and workspace dependencies have no purl of the registry's and are never sent", async () => {
    const world = makeWorld()
    for (const purl of ["pkg:github/corp/canary@1.0.0", "pkg:npm/canary@1.0.0?vcs_url=git%2Bssh://git.corp.example/x", "pkg:generic/canary", "file:../canary"]) {
      await world.check({ purl, registry: REGISTRY, sha512: sha512Of("x") })
    }
    expect(world.network.sent).toEqual([])
  })

  test("THREATS A8: no request to a node carries a credential or a cookie", async () => {
    const world = makeWorld()
    await world.check(world.publish("a"))
    for (const { headers } of world.network.sent) expect(Object.keys(headers ?? {})).toEqual(["content-type"])
  })
})

describe("THREATS A9 time", () => {
  const MINUTE_MS = 60_000

  test("THREATS A9: a local clock more than 300 s behind the witnesses is CLOCK_BEHIND, with one round of requests and no pauses", async () => {
    const world = makeWorld()
    for (const node of world.network.nodes) node.cosignedSecondsAgo = -301
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["CLOCK_BEHIND"])
    expect(world.time.clock.nowMs()).toBe(START_MS)
    expect(world.network.node("alpha").requests.length).toBe(1)
  })

  test("THREATS A9: 300 s ahead is still within the tolerance", async () => {
    const world = makeWorld()
    for (const node of world.network.nodes) node.cosignedSecondsAgo = -300
    expect((await world.check(world.publish("a"))).verdicts.map(outcome)).toEqual(["allowed"])
  })

  test("THREATS A9: a clock that was set back is noticed from the cache alone, without asking anybody", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    world.time.advance(-6 * MINUTE_MS)
    const sent = world.network.sent.length
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["CLOCK_BEHIND"])
    expect(world.network.sent.length).toBe(sent)
  })

  test("THREATS A9: cosignatures with time 0 give no head", async () => {
    const world = makeWorld()
    for (const node of world.network.nodes) node.cosignedSecondsAgo = Math.floor(START_MS / 1_000)
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(verdicts[0]?.claims).toEqual([])
    expect(said(verdicts[0])).toContain("fewer than the witness quorum")
  })
})
