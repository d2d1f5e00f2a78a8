import { describe, expect, test } from "vitest"
import { NOTICES_RECHECK_MS } from "../src/limits.ts"
import type { FakeNode } from "./support/network.ts"
import { notice, purlOf, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said, type World } from "./support/world.ts"

const withdraw = (node: FakeNode, name: string, bytes = `bytes of ${name}`): void =>
  void node.notices.entries.push(notice(node.place.notices.name, purlOf(name), sha512Of(bytes)))

/** A world whose client mirrors `count` notices of delta. */
async function mirrored(count: number): Promise<World> {
  const world = makeWorld()
  for (let i = 0; i < count; i++) withdraw(world.network.node("delta"), `gone${i}`)
  await world.check(world.publish("a"))
  return world
}

const mirrorOf = (world: World) => world.state.mirrors.get(world.network.node("delta").place.notices.vkey)

describe("the mirror", () => {
  test("grows by what is new", async () => {
    const world = await mirrored(2)
    withdraw(world.network.node("delta"), "gone2")
    await world.check(world.publish("b"))
    expect(world.network.node("delta").requests.map(({ noticesFrom }) => noticesFrom)).toEqual([0, 2])
    expect(mirrorOf(world)?.entries).toEqual(world.network.node("delta").notices.entries)
  })

  test("is read in parts when there is more than one answer holds", async () => {
    const world = await mirrored(0)
    const delta = world.network.node("delta")
    for (let i = 0; i < 7; i++) withdraw(delta, `gone${i}`)
    delta.edit = (answer) => ({ ...answer, notices: { ...answer.notices, entries: answer.notices.entries.slice(0, 3) } })
    const { verdicts } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(delta.requests.map(({ noticesFrom }) => noticesFrom)).toEqual([0, 0, 3, 6])
    expect(mirrorOf(world)?.entries.length).toBe(7)
  })

  test("may grow while it is read", async () => {
    const world = await mirrored(0)
    const delta = world.network.node("delta")
    withdraw(delta, "gone0")
    withdraw(delta, "gone1")
    let more = 3
    delta.edit = (answer) => {
      if (more-- > 0) withdraw(delta, `late${more}`)
      return { ...answer, notices: { ...answer.notices, entries: answer.notices.entries.slice(0, 1) } }
    }
    const { verdicts } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(mirrorOf(world)?.entries.length).toBe(5)
  })

  test("that was damaged on disk is read again from 0, and nobody is convicted for it", async () => {
    const world = await mirrored(3)
    const mirror = mirrorOf(world)
    const { vkey } = world.network.node("delta").place.notices
    if (mirror === undefined) throw new Error("no mirror")
    world.state.mirrors.set(vkey, { ...mirror, entries: ["{}", ...mirror.entries.slice(1)] })
    withdraw(world.network.node("delta"), "gone3")
    const { verdicts, misbehavior } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(misbehavior).toEqual([])
    expect(world.network.node("delta").requests.map(({ noticesFrom }) => noticesFrom)).toEqual([0, 3, 0])
    expect(mirrorOf(world)?.entries).toEqual(world.network.node("delta").notices.entries)
  })

  test("new entries that were a lie are read again from 0; the truth then counts", async () => {
    const world = await mirrored(2)
    const delta = world.network.node("delta")
    withdraw(delta, "a")
    delta.edit = (answer, request) => (request.noticesFrom === 0 ? answer : { ...answer, notices: { ...answer.notices, entries: [notice(delta.place.notices.name, purlOf("other"), sha512Of("x"))] } })
    world.time.advance(NOTICES_RECHECK_MS)
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["WITHDRAWN"])
  })
})

describe("a notices log that is rewritten convicts its node", () => {
  test.each([1, 2, 3, 4, 5, 7, 8].flatMap((size) => [{ size, more: 0 }, { size, more: 1 }, { size, more: 3 }]))("of $size entries, then $more more", async ({ size, more }) => {
    const world = await mirrored(size)
    const delta = world.network.node("delta")
    delta.notices = delta.notices.fork()
    delta.notices.entries = delta.notices.entries.slice(0, size - 1)
    for (let i = 0; i <= more; i++) withdraw(delta, `instead${i}`)
    const { verdicts, misbehavior } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(misbehavior).toEqual([expect.objectContaining({ operator: "delta", origin: "delta.example/notices", isNew: true })])
    expect(said(verdicts[0])).toContain("fork of delta.example/notices")
    // For good: with another node dead, the three of four are not reached.
    world.network.node("charlie").mode = "dead"
    expect((await world.check(world.publish("c"))).verdicts[0]?.ok).toBe(false)
  })
})

test("a notices log with fewer entries than before does not count in this check, and the mirror stays", async () => {
  const world = await mirrored(3)
  const delta = world.network.node("delta")
  delta.notices = delta.notices.fork()
  delta.notices.entries = delta.notices.entries.slice(0, 1)
  const { verdicts, failures } = await world.check(world.publish("b"))
  expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
  expect(failures).toEqual([expect.objectContaining({ operator: "delta", code: "LOG_ROLLED_BACK", message: expect.stringContaining("1 notices after it had signed 3") })])
  expect(mirrorOf(world)?.entries.length).toBe(3)
})

describe("two processes", () => {
  function raced(world: World, between: () => Promise<void>): void {
    let hasRun = false
    world.client = world.clientWith({
      state: {
        ...world.state,
        async putNotices(log, next, expected) {
          if (!hasRun) {
            hasRun = true
            await between()
          }
          return world.state.putNotices(log, next, expected)
        },
      },
    })
  }

  test("the longer mirror is judged and kept", async () => {
    const world = await mirrored(1)
    raced(world, async () => {
      withdraw(world.network.node("alpha"), "b")
      await world.clientWith({}).check([world.publish("other")])
    })
    const { verdicts } = await world.check(world.publish("b"))
    expect(verdicts.map(outcome)).toEqual(["WITHDRAWN"])
  })

  test("different stories of one length convict", async () => {
    const world = await mirrored(1)
    const delta = world.network.node("delta")
    withdraw(delta, "gone1")
    raced(world, async () => {
      const honest = delta.notices
      delta.notices = honest.fork()
      delta.notices.entries = honest.entries.slice(0, 1)
      withdraw(delta, "gone1", "another story")
      await world.clientWith({}).check([world.publish("other")])
      delta.notices = honest
    })
    const { verdicts, misbehavior } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(misbehavior).toEqual([expect.objectContaining({ origin: "delta.example/notices" })])
  })
})

test("a rewritten notices log of the same size is convicted by its two heads alone, though it shows no entries", async () => {
  const world = await mirrored(3)
  const delta = world.network.node("delta")
  delta.notices = delta.notices.fork()
  delta.notices.entries = delta.notices.entries.slice(0, 2)
  withdraw(delta, "instead")
  delta.edit = (answer) => ({ ...answer, notices: { ...answer.notices, entries: [] } })
  const { misbehavior } = await world.check(world.publish("b"))
  expect(misbehavior).toEqual([expect.objectContaining({ origin: "delta.example/notices" })])
})

describe("limits", () => {
  test("a node that never ends its notices is given up", async () => {
    const world = makeWorld()
    const delta = world.network.node("delta")
    for (let i = 0; i < 200; i++) withdraw(delta, `gone${i}`)
    delta.edit = (answer) => ({ ...answer, notices: { ...answer.notices, entries: answer.notices.entries.slice(0, 1) } })
    const { verdicts, failures } = await world.check(world.publish("b"))
    expect(verdicts[0]?.claims.length).toBe(3)
    // The first one and 64 more.
    expect(delta.requests.length).toBe(65)
    expect(failures).toEqual([expect.objectContaining({ message: expect.stringContaining("not complete after 64 requests") })])
  })
})
