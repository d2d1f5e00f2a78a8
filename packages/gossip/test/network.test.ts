import { parseMisbehavior, verifyMisbehavior } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { TIE_RETRY_MS } from "../src/index.ts"
import { crypto, history, makeNode, memoryDisk, memoryNetwork, NAMES, NOW, operatorOf, roster, type TestNode, virtualTime } from "./support.ts"

const delta = operatorOf("delta")
const origin = delta.log.verifier.name
const trunk = history(delta.log)
const ALL_KEYS = roster.nodes.flatMap(({ log, notices, witness }) => [log, notices, witness])

/** Two halves of two nodes that see no more of each other than one link that is cut. */
async function halves() {
  const network = memoryNetwork()
  const time = virtualTime()
  const nodes = new Map<string, TestNode>()
  for (const name of NAMES) nodes.set(name, await makeNode(name, { network, time }))
  network.connect("alpha", "bravo")
  network.connect("charlie", "delta")
  const node = (name: string): TestNode => nodes.get(name) as TestNode
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await network.settle()
      for (const one of nodes.values()) await one.gossip.idle()
    }
  }
  return { network, time, node, all: [...nodes.values()], settle }
}

const guiltOf = ({ convictions }: TestNode): string[] => convictions.list().map(({ key, proof }) => `${proof.kind} ${key.name}`).sort()

describe("split view: two halves of the network were shown two histories", () => {
  // Each half had the cosignatures of one witness more than it should have: charlie cosigned both.
  const fork = history(delta.log, "fork", 3)
  test.each([
    { name: "of one size", sizes: [5, 5] as const },
    { name: "the second half further", sizes: [5, 9] as const },
    { name: "the first half further", sizes: [8, 5] as const },
  ])("$name: once they meet, all convict the log and the witness that cosigned both, and nobody else", async ({ sizes }) => {
    const { network, node, all, settle } = await halves()
    for (const name of ["alpha", "bravo"]) node(name).readable.push(trunk)
    for (const name of ["charlie", "delta"]) node(name).readable.push(fork)
    expect(await node("alpha").gossip.announceHead(trunk.head(sizes[0], ["alpha", "charlie"]), origin)).toBe("accepted")
    expect(await node("delta").gossip.announceHead(fork.head(sizes[1], ["bravo", "charlie"]), origin)).toBe("accepted")
    await settle()
    expect(all.flatMap(guiltOf)).toEqual([])
    network.connect("bravo", "charlie")
    await node("alpha").gossip.offer("head", "late", { kind: "head", origin, checkpoint: fork.head(sizes[1], ["bravo", "charlie"]) })
    await node("delta").gossip.offer("head", "late", { kind: "head", origin, checkpoint: trunk.head(sizes[0], ["alpha", "charlie"]) })
    await settle()
    for (const one of all) {
      expect(guiltOf(one)).toEqual(["fork delta.example/log", "witness-fork charlie.example/witness"])
      for (const { key, document } of one.convictions.list()) {
        expect(ALL_KEYS.filter((other) => verifyMisbehavior(crypto, parseMisbehavior(document), other)).map(({ vkey }) => vkey)).toEqual([key.vkey])
        expect(one.disk.proofs.get(key.vkey)).toBe(document)
      }
      expect(one.convictions.counted(roster).policy.witnesses.map(({ name }) => name)).toEqual(["alpha", "bravo", "delta"])
    }
  })
  test("a log that was convicted is heard no more", async () => {
    const { node, settle } = await halves()
    const alpha = node("alpha")
    await alpha.gossip.announceHead(trunk.head(5, ["alpha", "charlie"]), origin)
    await alpha.gossip.announceHead(fork.head(5, ["bravo", "charlie"]), origin)
    await settle()
    expect(await alpha.gossip.announceHead(trunk.head(6), origin)).toBe("convicted")
  })
})

test("heads of different sizes whose tiles nobody shows convict nobody, are named, and are looked at again", async () => {
  const time = virtualTime()
  const one = await makeNode("alpha", { time })
  const fork = history(delta.log, "fork", 3)
  await one.gossip.announceHead(trunk.head(5), origin)
  await one.gossip.announceHead(fork.head(9), origin)
  await one.gossip.idle()
  expect(guiltOf(one)).toEqual([])
  expect([...one.gossip.untied()]).toEqual([[origin, 1]])
  one.readable.push(fork)
  time.advance(TIE_RETRY_MS)
  await one.gossip.idle()
  expect(guiltOf(one)).toEqual([...NAMES.map((name) => `witness-fork ${name}.example/witness`), "fork delta.example/log"].sort())
  await one.gossip.stop()
  expect(time.waiting()).toBe(0)
})

test("a witness that cosigns a smaller head later is convicted, also when the heads come in the other order", async () => {
  for (const order of [[0, 1], [1, 0]] as const) {
    const one = await makeNode("alpha")
    const heads = [trunk.head(7, ["alpha", "bravo", "charlie"], NOW - 10), trunk.head(5, ["alpha", "charlie"], NOW - 5)]
    one.readable.push(trunk)
    for (const i of order) await one.gossip.offer("head", "peer", { kind: "head", origin, checkpoint: heads[i] ?? "" })
    await one.gossip.idle()
    expect(guiltOf(one)).toEqual(["witness-rollback alpha.example/witness", "witness-rollback charlie.example/witness"])
    expect(one.gossip.heads().map(({ size }) => size)).toEqual([7])
  }
})

test("honest heads in any order, twice, late: nobody is convicted, the newest stays, nothing is left to tie", async () => {
  const heads = [1, 2, 3, 4, 5, 6, 8, 9, 16, 17].flatMap((size, i) => [trunk.head(size, NAMES, NOW - 100 + 2 * i), trunk.head(size, ["alpha", "bravo"], NOW - 100 + 2 * i + 1)])
  for (let seed = 1; seed <= 20; seed++) {
    const one = await makeNode("alpha")
    one.readable.push(trunk)
    const shuffled = [...heads, ...heads].map((head, i) => ({ head, at: ((i + 1) * seed * 48_271) % 9_973 })).sort((a, b) => a.at - b.at)
    for (const { head } of shuffled) {
      expect(["accepted", "known", "limited"]).toContain(await one.gossip.offer("head", `peer ${seed % 3}`, { kind: "head", origin, checkpoint: head }))
      if (seed % 2 === 0) await one.gossip.idle()
    }
    await one.gossip.idle()
    expect(guiltOf(one)).toEqual([])
    expect(one.gossip.heads().map(({ size }) => size)).toEqual([17])
    expect(one.gossip.untied().size).toBe(0)
  }
})

test("a head of the same tree brings later cosignatures, and never loses one", async () => {
  const one = await makeNode("alpha")
  const offer = (checkpoint: string) => one.gossip.offer("head", "peer", { kind: "head", origin, checkpoint })
  expect(await offer(trunk.head(5, ["alpha", "bravo"], NOW - 50))).toBe("accepted")
  expect(await offer(trunk.head(5, ["bravo", "charlie"], NOW - 10))).toBe("accepted")
  expect(await offer(trunk.head(5, ["alpha", "bravo"], NOW - 60))).toBe("known")
  expect(one.gossip.heads().map(({ times }) => [...times.values()])).toEqual([[NOW - 50, NOW - 10, NOW - 10]])
  expect(await offer(one.gossip.heads()[0]?.signed ?? "")).toBe("known")
})

test("a head that was cosigned ahead of this clock counts once its time has come", async () => {
  const time = virtualTime()
  const one = await makeNode("alpha", { time })
  const offer = () => one.gossip.offer("head", "peer", { kind: "head", origin, checkpoint: trunk.head(5, ["alpha", "bravo"], NOW + 400) })
  expect(await offer()).toBe("uncounted")
  expect(one.gossip.heads()).toEqual([])
  time.clock.ms += 200_000
  expect(await offer()).toBe("accepted")
  expect(one.gossip.heads().map(({ size }) => size)).toEqual([5])
})

test("restart keeps proofs and heads; what a damaged disk holds convicts nobody", async () => {
  const disk = memoryDisk()
  const first = await makeNode("alpha", { disk })
  const fork = history(delta.log, "fork", 3)
  const bravo = operatorOf("bravo").log
  await first.gossip.announceHead(history(bravo).head(4), bravo.verifier.name)
  await first.gossip.announceHead(trunk.head(5, ["alpha", "charlie"]), origin)
  await first.gossip.announceHead(fork.head(5, ["bravo", "charlie"]), origin)
  await first.gossip.stop()
  const again = await makeNode("alpha", { disk })
  expect(guiltOf(again)).toEqual(guiltOf(first))
  expect(again.gossip.heads().map(({ key, size }) => [key.name, size])).toEqual([[bravo.verifier.name, 4], [origin, 5]])
  expect(await again.gossip.announceHead(trunk.head(6), origin)).toBe("convicted")
  const [vkey = "", document = ""] = [...disk.proofs][0] ?? []
  disk.proofs.set(vkey, document.replace("fork", "forq"))
  disk.proofs.set("no key", document)
  disk.heads.set(bravo.verifier.vkey, trunk.head(9))
  const damaged = await makeNode("alpha", { disk })
  expect(damaged.convictions.damaged).toBe(2)
  expect(guiltOf(damaged)).toEqual(["witness-fork charlie.example/witness"])
  expect(damaged.gossip.heads().map(({ key }) => key.name)).toEqual([origin])
})
