import { formatEvidenceAnswer, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { HttpRequest, HttpResponse } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { NOTICES_RECHECK_MS } from "../src/limits.ts"
import { answerOf } from "./support/network.ts"
import { notice, observation, purlOf, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, type World } from "./support/world.ts"

const SOCKET = "/run/user/1000/vouchsafe/node.sock"

interface Gathered { operator: string; origin: string; answer: unknown; failure?: { code: string; message: string } }

/** A world with a daemon that asks all nodes as told; `edit` changes what it passes on. */
function withDaemon(edit: (answers: Gathered[], asked: Record<string, unknown>) => unknown = (answers) => answers): World {
  const world = makeWorld()
  world.network.daemon = async (request: HttpRequest): Promise<HttpResponse> => {
    const asked = JSON.parse(utf8Decode(request.body ?? new Uint8Array(0))) as { artifacts: { purl: string; registry: string }[]; known: { origin: string; knownSize: number; noticesFrom: number }[] }
    const answers = world.network.nodes.map((node): Gathered => {
      const origin = node.place.log.name
      const known = asked.known.find((log) => log.origin === origin) ?? { knownSize: 0, noticesFrom: 0 }
      if (node.mode !== "honest") return { operator: node.operator, origin, answer: null, failure: { code: "UNREACHABLE", message: "connection refused" } }
      const answer = answerOf(world.time, world.network.registry, node, { artifacts: asked.artifacts, deadlineMs: 0, knownSize: known.knownSize, noticesFrom: known.noticesFrom })
      return { operator: node.operator, origin, answer: JSON.parse(formatEvidenceAnswer(answer)) }
    })
    return { status: 200, headers: {}, body: utf8Encode(JSON.stringify({ format: "vouchsafe-gather/v1", answers: edit(answers, asked) })) }
  }
  world.client = world.clientWith({ daemonSocket: SOCKET })
  return world
}

const direct = (world: World) => world.network.sent.filter(({ socketPath }) => socketPath === undefined)

test("one request over the socket replaces one to every node", async () => {
  const world = withDaemon()
  const { verdicts, stats } = await world.check(world.publish("a"))
  expect(verdicts[0]?.claims.length).toBe(4)
  expect(stats).toMatchObject({ fromDaemon: 1, fromNodes: 0, nodesReached: 4 })
  expect(world.network.sent.map(({ socketPath, url, method }) => `${method} ${url} ${socketPath}`)).toEqual([`POST http://localhost/v1/gather ${SOCKET}`])
})

test("the request names the roster, the artifacts and what is known of each log", async () => {
  const asked: unknown[] = []
  const world = withDaemon((answers, request) => (asked.push(request), answers))
  await world.check(world.publish("a"))
  await world.check(world.publish("b"))
  expect(asked[1]).toEqual({
    format: "vouchsafe-gather-request/v1", roster: world.network.roster.digest, deadlineMs: expect.any(Number),
    artifacts: [{ purl: "pkg:npm/b@1.0.0", registry: "https://registry.example/" }],
    known: world.network.nodes.map(({ place }) => ({ origin: place.log.name, knownSize: 1, noticesFrom: 0 })),
  })
})

test("what the daemon brings is remembered and cached as if the nodes had sent it", async () => {
  const world = withDaemon()
  const request = world.publish("a")
  await world.check(request)
  world.network.daemon = undefined
  for (const node of world.network.nodes) node.mode = "dead"
  expect((await world.check(request)).stats).toMatchObject({ fromCache: 1 })
  expect(world.state.heads.size).toBe(4)
})

test("notices are asked for again through the daemon alone", async () => {
  const world = withDaemon()
  const request = world.publish("a")
  await world.check(request)
  world.time.advance(NOTICES_RECHECK_MS)
  const delta = world.network.node("delta")
  delta.notices.entries.push(notice(delta.place.notices.name, request.purl, request.sha512 ?? ""))
  expect((await world.check(request)).verdicts.map(outcome)).toEqual(["WITHDRAWN"])
  expect(direct(world)).toEqual([])
})

test("a node that the daemon could not reach is asked directly", async () => {
  const world = withDaemon((answers) => answers.map((answer) => (answer.operator === "delta" ? { operator: answer.operator, origin: answer.origin, answer: null, failure: { code: "TIMEOUT", message: "slow" } } : answer)))
  const { verdicts } = await world.check(world.publish("a"))
  expect(verdicts[0]?.claims.length).toBe(4)
  expect(direct(world).map(({ url }) => url)).toEqual(["http://delta.example/v1/evidence"])
})

describe("a daemon is never believed and never to blame", () => {
  const json = (body: unknown): HttpResponse => ({ status: 200, headers: {}, body: utf8Encode(JSON.stringify(body)) })
  test.each<{ name: string; daemon: World["network"]["daemon"]; notes?: string }>([
    { name: "is gone", daemon: undefined, notes: "nobody listens" },
    { name: "stalls", daemon: async () => { throw new VouchsafeError("TIMEOUT", "no whole answer") }, notes: "no whole answer" },
    { name: "knows another network", daemon: async () => ({ status: 403, headers: {}, body: new Uint8Array(0) }), notes: "status 403" },
    { name: "is older and refuses the request", daemon: async () => ({ status: 400, headers: {}, body: utf8Encode("{}") }), notes: "status 400" },
    { name: "answers no JSON", daemon: async () => ({ status: 200, headers: {}, body: utf8Encode("<html>") }), notes: "gather answer: not JSON" },
    { name: "answers no UTF-8", daemon: async () => ({ status: 200, headers: {}, body: Uint8Array.of(0xff) }), notes: "UTF-8" },
    { name: "answers another format", daemon: async () => json({ format: "vouchsafe-gather/v2", answers: [] }), notes: "format" },
    { name: "answers with an unknown member", daemon: async () => json({ format: "vouchsafe-gather/v1", answers: [], verdicts: [{ ok: true }] }), notes: "verdicts" },
    { name: "answers nothing", daemon: async () => json({ format: "vouchsafe-gather/v1", answers: [] }) },
    { name: "answers for strangers", daemon: async () => json({ format: "vouchsafe-gather/v1", answers: [{ operator: "mallory", origin: "mallory.example/log", answer: null, failure: { code: "X", message: "" } }] }) },
    { name: "answers with neither answer nor failure", daemon: async () => json({ format: "vouchsafe-gather/v1", answers: [{ operator: "alpha", origin: "alpha.example/log", answer: null }] }), notes: "failure" },
  ])("$name: the nodes are asked directly", async ({ daemon, notes }) => {
    const world = withDaemon()
    world.network.daemon = daemon
    const result = await world.check(world.publish("a"))
    expect(result.verdicts[0]?.claims.length).toBe(4)
    expect(result.stats).toMatchObject({ fromDaemon: 0, fromNodes: 1 })
    expect(result.failures).toEqual([])
    expect(result.notes.map(({ message }) => message).join()).toContain(notes ?? "")
  })

  test.each<{ name: string; edit: (answer: Record<string, object>) => unknown }>([
    { name: "malformed", edit: (answer) => ({ ...answer, extra: 1 }) },
    { name: "about nothing that was asked", edit: (answer) => ({ ...answer, artifacts: [] }) },
    { name: "with a head of nobody", edit: (answer) => ({ ...answer, log: { ...answer["log"], checkpoint: "x\n1\nAAAA\n\n— x AAAA\n" } }) },
    { name: "with notices of nobody", edit: (answer) => ({ ...answer, notices: { ...answer["notices"], checkpoint: "" } }) },
  ])("a part that is $name is asked for directly, and no node is blamed for it", async ({ edit }) => {
    const world = withDaemon((answers) => answers.map((part) => (part.operator === "delta" ? { ...part, answer: edit(part.answer as never) } : part)))
    const { verdicts, failures } = await world.check(world.publish("a"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(verdicts[0]?.findings).toEqual([])
    expect(failures).toEqual([])
    expect(direct(world).map(({ url }) => url)).toEqual(["http://delta.example/v1/evidence"])
  })

  test("a daemon without proofs from the known heads is of no use after the first time, and does no harm", async () => {
    const world = withDaemon((answers, asked) => answers.map((part) => {
      const answer = part.answer as { log: { consistency: unknown } }
      return Array.isArray(asked["known"]) ? { ...part, answer: { ...answer, log: { ...answer.log, consistency: [] } } } : part
    }))
    await world.check(world.publish("a"))
    const { verdicts, failures, misbehavior } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect([...failures, ...misbehavior]).toEqual([])
    expect(direct(world).filter(({ url }) => url.includes("/tile/"))).toEqual([])
  })

  test("an old answer kept by the daemon is no rollback", async () => {
    let old: unknown
    const world = withDaemon((answers) => {
      old ??= answers
      return answers.map((part, i) => ({ ...part, answer: { ...part.answer as object, log: { ...(part.answer as { log: object }).log, checkpoint: (old as { answer: { log: { checkpoint: string } } }[])[i]?.answer.log.checkpoint } } }))
    })
    await world.check(world.publish("a"))
    world.network.daemon = undefined
    await world.check(world.publish("b"))
    world.network.daemon = withDaemonOf(world, old)
    const { verdicts, failures } = await world.check(world.publish("c"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(failures).toEqual([])
  })

  function withDaemonOf(world: World, answers: unknown): World["network"]["daemon"] {
    return async (request) => {
      const asked = JSON.parse(utf8Decode(request.body ?? new Uint8Array(0))) as { artifacts: object[] }
      const parts = (answers as Gathered[]).map((part) => {
        const answer = part.answer as { log: object; artifacts: object[] }
        return { ...part, answer: { ...answer, log: { ...answer.log, indices: [], entries: [], proof: [] }, artifacts: asked.artifacts.map((artifact) => ({ ...artifact, status: "absent", indices: [] })) } }
      })
      void world
      return { status: 200, headers: {}, body: utf8Encode(JSON.stringify({ format: "vouchsafe-gather/v1", answers: parts })) }
    }
  }

  test("a fork that comes through the daemon convicts all the same: the proof is signed", async () => {
    const world = withDaemon()
    await world.check(world.publish("a"), world.publish("b"), world.publish("c"))
    const delta = world.network.node("delta")
    delta.log = delta.log.fork()
    delta.log.entries = ["x", "y", "z", "u"].map((name) => observation(delta.place.log.name, purlOf(name), sha512Of(name)))
    const { misbehavior, verdicts } = await world.check(world.publish("d"))
    expect(misbehavior).toEqual([expect.objectContaining({ operator: "delta", isNew: true })])
    expect(verdicts[0]?.claims.length).toBe(3)
  })
})
