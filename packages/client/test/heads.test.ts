import { checkFork, formatMisbehavior, parseMisbehavior, verifyMisbehavior } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { nodeCrypto } from "../src/node/crypto.ts"
import { NOTICES_RECHECK_MS } from "../src/limits.ts"
import { observation, purlOf, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said, type World } from "./support/world.ts"

/** A world in which `size` packages were checked one by one, so that every log has `size` entries and the client knows the head. */
async function grown(size: number): Promise<World> {
  const world = makeWorld()
  await world.check(...Array.from({ length: size }, (_, i) => world.publish(`old${i}`)))
  return world
}

/** Rewrites the history of a node's log: other entries from `from` on, as many as before and `more`. */
function rewrite(world: World, operator: string, from: number, more: number): void {
  const node = world.network.node(operator)
  const origin = node.place.log.name
  const size = node.log.entries.length
  const other = node.log.fork()
  other.entries = [
    ...node.log.entries.slice(0, from),
    ...Array.from({ length: size - from + more }, (_, i) => observation(origin, purlOf(`rewritten${i}`), sha512Of(`rewritten ${i}`))),
  ]
  node.log = other
}

describe("a log that rewrites its history is convicted, by proof that stands alone", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17].flatMap((size) => [{ size, more: 0 }, { size, more: 1 }, { size, more: 6 }]))("of $size entries, then $more more", async ({ size, more }) => {
    const world = await grown(size)
    rewrite(world, "delta", size - 1, more)
    world.time.advance(NOTICES_RECHECK_MS)
    const result = await world.check(world.publish("old0"))
    expect(result.verdicts.map(outcome)).toEqual(["allowed"])
    expect(result.verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(said(result.verdicts[0])).toContain("LOG_MISBEHAVED: the log of delta misbehaved")
    expect(result.misbehavior).toEqual([expect.objectContaining({ operator: "delta", origin: "delta.example/log", isNew: true })])

    const [record] = world.state.misbehavior()
    const proof = parseMisbehavior(record?.document ?? "")
    expect(verifyMisbehavior(nodeCrypto, proof, world.network.node("delta").place.log)).toBe(true)
    expect(verifyMisbehavior(nodeCrypto, proof, world.network.node("alpha").place.log)).toBe(false)
  })

  test("and never counts again, also when it shows its old face", async () => {
    const world = await grown(3)
    const honest = world.network.node("delta").log
    rewrite(world, "delta", 1, 2)
    world.time.advance(NOTICES_RECHECK_MS)
    await world.check(world.publish("new"))
    world.network.node("delta").log = honest
    world.network.node("charlie").mode = "dead"
    world.time.advance(NOTICES_RECHECK_MS)
    const sent = world.network.sent.length
    const { verdicts, misbehavior } = await world.check(world.publish("newer"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(misbehavior).toEqual([expect.objectContaining({ operator: "delta", isNew: false })])
    expect(world.network.sent.slice(sent).some(({ url }) => url.includes("delta"))).toBe(false)
  })

  test("two of four: refused as LOG_MISBEHAVED is named", async () => {
    const world = await grown(5)
    for (const operator of ["charlie", "delta"]) rewrite(world, operator, 2, 3)
    const { verdicts, misbehavior } = await world.check(world.publish("new"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(misbehavior.map(({ operator }) => operator).sort()).toEqual(["charlie", "delta"])
  })

  test("a fork that hides its tiles is no proof, and no evidence either", async () => {
    const world = await grown(4)
    rewrite(world, "delta", 1, 3)
    const delta = world.network.node("delta")
    delta.log.tile = () => undefined
    const { verdicts, misbehavior } = await world.check(world.publish("new"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(misbehavior).toEqual([])
    expect(said(verdicts[0])).toContain("did not prove that its log of 8 entries extends the 4 seen before")
    expect(world.state.heads.get(delta.place.log.vkey)).toContain("\n4\n")
  })
})

describe("every answer proves that its log grew", () => {
  const flipped = (hash: Uint8Array | undefined): Uint8Array => Uint8Array.from(hash ?? [], (byte, i) => (i === 0 ? byte ^ 1 : byte))
  test.each([
    { name: "no proof", change: () => [] },
    { name: "a flipped hash", change: (proof: readonly Uint8Array[]) => [flipped(proof[0]), ...proof.slice(1)] },
    { name: "a hash too few", change: (proof: readonly Uint8Array[]) => proof.slice(1) },
    { name: "a hash too many", change: (proof: readonly Uint8Array[]) => [...proof, new Uint8Array(32)] },
  ])("$name: the answer is not used, and nobody is convicted", async ({ change }) => {
    const world = await grown(5)
    const delta = world.network.node("delta")
    delta.edit = (answer) => ({ ...answer, log: { ...answer.log, consistency: change(answer.log.consistency) } })
    const { verdicts, misbehavior } = await world.check(world.publish("new"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(said(verdicts[0])).toContain("the node of delta does not count: did not prove")
    expect(misbehavior).toEqual([])
    expect(delta.tilesServed).toBeGreaterThan(0)
  })

  test("from the newest remembered head, which moves with each answer", async () => {
    const world = await grown(3)
    await world.check(world.publish("new"))
    await world.check(world.publish("newer"))
    expect(world.network.node("alpha").requests.map(({ knownSize }) => knownSize)).toEqual([0, 3, 4])
  })
})

describe("a log that shows a smaller tree than before", () => {
  test("does not count in this check, is named, and what was remembered stays", async () => {
    const world = await grown(6)
    const delta = world.network.node("delta")
    delta.log = delta.log.fork()
    delta.log.entries = delta.log.entries.slice(0, 4)
    delta.shownSize = 4
    world.time.advance(NOTICES_RECHECK_MS)
    const { verdicts, failures, misbehavior } = await world.check(world.publish("old0"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(said(verdicts[0])).toContain("delta.example/log showed a log of 4 entries after it had signed 6")
    expect(failures).toEqual([expect.objectContaining({ operator: "delta", code: "LOG_ROLLED_BACK" })])
    expect(misbehavior).toEqual([])
    expect(world.state.heads.get(delta.place.log.vkey)).toContain("\n6\n")
  })

  test("its cached statements do not count in this check either: three of four, one rolled back and one dead", async () => {
    const world = await grown(6)
    const delta = world.network.node("delta")
    delta.shownSize = 4
    delta.cosignedSecondsAgo = 3_600
    delta.edit = (answer) => ({ ...answer, log: { ...answer.log, indices: [], entries: [], proof: [] }, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices: [] })) })
    for (const file of world.cache.files.keys()) world.cache.files.set(file, (world.cache.files.get(file) ?? []).filter(({ origin }) => origin !== "charlie.example/log"))
    world.network.node("charlie").mode = "dead"
    world.time.advance(NOTICES_RECHECK_MS)
    const { verdicts } = await world.check(world.publish("old0"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo"])
  })
})

describe("the state decides what is remembered", () => {
  test.each([
    { name: "no note", head: "garbage" },
    { name: "signed by another key", head: (world: World) => world.network.node("alpha").log.head(1_800_000_000) },
  ])("a remembered head that is damaged ($name) makes the log not count", async ({ head }) => {
    const world = await grown(2)
    const delta = world.network.node("delta")
    world.state.heads.set(delta.place.log.vkey, typeof head === "string" ? head : head(world))
    const { verdicts, failures } = await world.check(world.publish("old0"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(failures).toEqual([expect.objectContaining({ operator: "delta", message: expect.stringContaining("what this machine remembers of delta.example/log cannot be used") })])
  })

  test("a head that cannot be stored makes the log not count: all logs, all refused", async () => {
    const world = makeWorld()
    const { VouchsafeError } = await import("@vouchsafe/core")
    world.client = world.clientWith({ state: { ...world.state, putHead: async () => { throw new VouchsafeError("DISK", "disk is full") } } })
    const { verdicts, failures } = await world.check(world.publish("a"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(failures.map(({ code }) => code)).toEqual(["DISK", "DISK", "DISK", "DISK"])
    expect(world.cache.files.size).toBe(0)
  })

  test("a proof that cannot be stored still convicts in this check", async () => {
    const world = await grown(3)
    rewrite(world, "delta", 0, 2)
    const { VouchsafeError } = await import("@vouchsafe/core")
    world.client = world.clientWith({ state: { ...world.state, addMisbehavior: async () => { throw new VouchsafeError("DISK", "disk is full") } } })
    const { verdicts, misbehavior, notes } = await world.check(world.publish("new"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(misbehavior.length).toBe(1)
    expect(notes).toEqual([expect.objectContaining({ code: "DISK" })])
  })

  test("a list of proofs that cannot be read refuses everything", async () => {
    const world = await grown(1)
    const { VouchsafeError } = await import("@vouchsafe/core")
    world.client = world.clientWith({ state: { ...world.state, misbehavior: () => { throw new VouchsafeError("STATE_UNSAFE", "file x is damaged") } } })
    const { verdicts } = await world.check(world.publish("old0"))
    expect(verdicts.map(outcome)).toEqual(["CONFIG_INVALID"])
    expect(said(verdicts[0])).toContain("file x is damaged")
  })

  test.each([
    { name: "is no proof", document: () => "{}" },
    { name: "is well-formed and shows two heads that agree", document: (world: World) => {
      const { log, place } = world.network.node("delta")
      return formatMisbehavior({ kind: "fork", origin: place.log.name, older: log.head(1_800_000_000, 1), newer: log.head(1_800_000_000), consistency: log.consistency(1) })
    } },
    { name: "convicts another key", document: (world: World) => {
      const { log, place } = makeWorld({ seed: 3 }).network.node("delta")
      log.entries.push("a")
      const older = log.head(1)
      log.entries[0] = "b"
      void world
      return formatMisbehavior({ kind: "fork", origin: place.log.name, older, newer: log.head(1), consistency: [] })
    } },
  ])("a stored proof that $name is reported and convicts nobody", async ({ document }) => {
    const world = await grown(2)
    await world.state.addMisbehavior(world.network.node("delta").place.log.vkey, document(world))
    const { verdicts, notes } = await world.check(world.publish("old0"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(notes).toEqual([expect.objectContaining({ code: "MISBEHAVIOR_MALFORMED" })])
  })
})

describe("processes that check at once", () => {
  /** Lets another client finish a check just before this one stores the head of an operator's log. */
  function raced(world: World, between: () => Promise<void>, operator = "alpha"): void {
    const { vkey } = world.network.node(operator).place.log
    let hasRun = false
    world.client = world.clientWith({
      state: {
        ...world.state,
        async putHead(log, next, expected) {
          if (!hasRun && log === vkey) {
            hasRun = true
            await between()
          }
          return world.state.putHead(log, next, expected)
        },
      },
    })
  }

  test.each([
    { name: "the other saw more", mine: 1, theirs: 3 },
    { name: "the other saw as much", mine: 1, theirs: 0 },
  ])("heads are tied together by tiles: $name", async ({ theirs }) => {
    const world = await grown(3)
    raced(world, async () => void await world.clientWith({}).check(Array.from({ length: theirs }, (_, i) => world.publish(`theirs${i}`))))
    const { verdicts } = await world.check(world.publish("mine"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(world.state.heads.get(world.network.node("alpha").place.log.vkey)).toContain(`\n${4 + theirs}\n`)
  })

  test("the other saw less", async () => {
    const world = await grown(3)
    const { head } = world.network.node("alpha").log
    raced(world, async () => {
      const { log } = world.network.node("alpha").place
      await world.state.putHead(log.vkey, head(1_800_000_000, 4), world.state.head(log.vkey))
    })
    const { verdicts } = await world.check(world.publish("mine"), world.publish("mine2"))
    expect(verdicts[0]?.claims.length).toBe(4)
    expect(world.state.heads.get(world.network.node("alpha").place.log.vkey)).toContain("\n5\n")
  })

  test.each([{ more: 0 }, { more: 1 }, { more: 2 }])("a log that tells two processes different stories ($more more) is convicted", async ({ more }) => {
    const world = await grown(3)
    raced(world, async () => {
      const delta = world.network.node("delta")
      const honest = delta.log
      const evil = honest.fork()
      evil.entries = [...honest.entries.slice(0, 3), ...Array.from({ length: more + 1 }, (_, i) => observation(delta.place.log.name, purlOf(`evil${i}`), sha512Of("evil")))]
      delta.log = evil
      await world.clientWith({}).check([world.publish("evil0", "evil")])
    }, "delta")
    const { verdicts, misbehavior } = await world.check(world.publish("mine"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(misbehavior).toEqual([expect.objectContaining({ operator: "delta" })])
  })

  test("a log that cannot tie two heads together does not count in this check", async () => {
    const world = await grown(3)
    raced(world, async () => {
      await world.clientWith({}).check([world.publish("theirs")])
      world.network.node("delta").mode = "dead"
    }, "delta")
    const { verdicts, failures } = await world.check(world.publish("mine"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(failures).toEqual([expect.objectContaining({ operator: "delta", message: expect.stringContaining("seen by two processes") })])
  })
})

test("checkFork is what the conviction rests on: an honest pair of heads passes no fork proof", async () => {
  const world = await grown(4)
  const { log } = world.network.node("alpha")
  const { parseNote, parseCheckpoint } = await import("@vouchsafe/core")
  const root = (size: number) => parseCheckpoint(parseNote(log.head(1, size)).text).root
  expect(checkFork(nodeCrypto, { oldSize: 3, newSize: 4, oldRoot: root(3), newRoot: root(4), proof: log.consistency(3, 4) })).toBe(false)
})
