/** What nodes tell each other, over simulated peers: proofs reach everybody, floods and rubbish reach nobody. */
import { hexEncode, nobleCrypto, parseMisbehavior, utf8Encode, verifyMisbehavior } from "@vouchsafe/core"
import { formatMessage, TOPICS } from "@vouchsafe/gossip"
import { describe, expect, test } from "vitest"
import { counted, expectAllowed } from "./support.ts"
import { cosignAnything } from "./world/dishonesty.ts"
import type { NodeHost } from "./world/node-host.ts"
import { createWorld, type Person, type World } from "./world/world.ts"

const MINUTE_MS = 60_000
/** A node looks at the others' lists at least this often. */
const POLLED_MS = 10 * MINUTE_MS

async function installed(world: World, ...names: string[]): Promise<void> {
  for (const name of names) expectAllowed(await world.install(world.people[0] as Person, world.registry.publish(name)))
}

const convicted = (node: NodeHost): string[] => (node.running?.convictions.list() ?? []).map(({ key }) => key.name).sort()

/** Digest of all that gossip has stored. */
const stored = ({ disks }: NodeHost): string => hexEncode(nobleCrypto.sha256(utf8Encode(JSON.stringify([[...disks.heads], [...disks.proofs]]))))

describe("proofs", () => {
  /** Alpha's log goes two ways, gamma's witness cosigns both; the second machine whispers to its neighbours only. */
  async function forked(seed: string, neighbours: readonly string[], more: readonly string[] = []) {
    const world = await createWorld({ seed, strangers: ["alpha-fork"] })
    await installed(world, "first", "second", "third")
    const [alpha, gamma] = [world.node("alpha"), world.node("gamma")]
    cosignAnything(gamma, world.simulation.clock.nowMs)
    // What it sends as a peer is what gossip is about; nobody cosigns twice by itself.
    const second = alpha.shadow("alpha-fork", neighbours)
    second.dishonesty = { distort: (_name, bytes) => bytes }
    world.simulation.links.cut("alpha", "delta", "reset")
    world.simulation.links.cut("alpha-fork", "beta", "reset")
    await world.run(second.boot())
    await installed(world, "fourth", ...more)
    const { purl, registry } = world.registry.publish("other")
    await world.run(second.running?.services.attester.observe({ purl, registry }) ?? Promise.reject(new Error("off")))
    const { log, cosigner } = second.running?.services.observations ?? {}
    await world.run(cosigner?.reached(4) ?? Promise.reject(new Error("off")))
    // A careful liar says nothing of it to those who know the other history.
    await second.running?.peers?.publish(TOPICS.head, formatMessage({ kind: "head", origin: alpha.place.log.name, checkpoint: log?.cosigned()?.text ?? "" }))
    return { world, alpha, gamma, second }
  }

  test.each([
    { name: "heads of one size", more: [] },
    { name: "heads of two sizes, tied by tiles", more: ["fifth", "sixth"] },
  ])("a fork that a witness cosigned convicts log and witness, at every honest node, within minutes: $name", async ({ name: heads, more }) => {
    const { world, alpha, gamma } = await forked(`gossiped fork ${heads}`, ["delta"], more)
    await world.advance(MINUTE_MS)
    world.simulation.links.healAll()
    await world.advance(POLLED_MS)
    for (const name of ["beta", "delta"]) {
      const node = world.node(name)
      expect(convicted(node)).toEqual([alpha.place.log.name, gamma.place.witness.name])
      // On disk, and from the file's text alone.
      for (const [key, kind] of [[alpha.place.log, "fork"], [gamma.place.witness, "witness-fork"]] as const) {
        const proof = parseMisbehavior(node.disks.proofs.get(key.vkey) ?? "")
        expect(proof.kind).toBe(kind)
        expect(verifyMisbehavior(nobleCrypto, proof, key)).toBe(true)
      }
    }
    // Nodes cosign for the log no more, and publish no head of theirs that rests on that witness.
    await installed(world, "afterwards")
    await world.advance(POLLED_MS)
    const head = world.node("beta").running?.services.observations.log.cosigned()?.text ?? ""
    for (const name of ["alpha", "delta"]) expect(head).toContain(`${name}.example/witness`)
    expect(counted(await world.install(world.people[0] as Person, world.registry.publish("at-last")))).toEqual(["beta", "delta", "gamma"])
  })

  test("a conviction outlives the node that holds it, and is passed on to one that was away", async () => {
    const { world, alpha } = await forked("outlives", ["delta"])
    world.node("beta").crash()
    world.simulation.links.healAll()
    await world.advance(POLLED_MS)
    expect(convicted(world.node("delta"))).toContain(alpha.place.log.name)
    world.node("delta").crash()
    for (const name of ["beta", "delta"]) await world.run(world.node(name).boot())
    expect(convicted(world.node("delta"))).toContain(alpha.place.log.name)
    await world.advance(POLLED_MS)
    expect(convicted(world.node("beta"))).toContain(alpha.place.log.name)
  })

  test("honest logs and witnesses convict nobody, whatever the weather", async () => {
    const world = await createWorld({ seed: "weather" })
    world.simulation.links.setDefault({ drop: 0.1, duplicate: 0.2, delayMs: [1, 800] })
    for (let i = 0; i < 8; i++) {
      await world.install(world.people[0] as Person, world.registry.publish(`package-${i}`))
      await world.advance(MINUTE_MS)
    }
    for (const node of world.nodes) {
      node.crash()
      await world.run(node.boot())
    }
    await world.advance(POLLED_MS)
    for (const node of world.nodes) expect(convicted(node)).toEqual([])
  })
})

describe("peers", () => {
  const FLOOD = 2_000

  /** A host that speaks the overlay's language and nothing sensible. */
  async function flooded(seed: string, message: (i: number) => { readonly topic: string; readonly bytes: Uint8Array }) {
    const world = await createWorld({ seed, strangers: ["stranger"] })
    await installed(world, "first")
    // All news of that install has gone round.
    await world.advance(MINUTE_MS)
    const stranger = world.simulation.peersFor("stranger", { neighbours: world.roster.operators })
    const before = world.nodes.map(stored)
    for (let i = 0; i < FLOOD; i++) {
      const { topic, bytes } = message(i)
      await stranger.publish(topic, bytes)
      if (i % 500 === 0) await world.advance(100)
    }
    await world.advance(1_000)
    return { world, stranger, before }
  }

  const RUBBISH: readonly { readonly name: string; readonly message: (i: number) => { readonly topic: string; readonly bytes: Uint8Array } }[] = [
    { name: "no JSON", message: (i) => ({ topic: TOPICS.head, bytes: utf8Encode(`rubbish ${i}`) }) },
    { name: "proofs that prove nothing", message: (i) => ({ topic: TOPICS.misbehavior, bytes: utf8Encode(`{"format":"vouchsafe-gossip/v1","kind":"misbehavior","proof":"${i}"}`) }) },
    { name: "large messages", message: (i) => ({ topic: TOPICS.statements, bytes: new Uint8Array(100_000).fill(i) }) },
  ]
  test.each(RUBBISH)("one that floods with $name is dropped; nothing is stored, and installs and proofs go on", async ({ name, message }) => {
    const { world, stranger, before } = await flooded(`flood ${name}`, message)
    expect(stranger.peers()).toEqual([])
    expect(world.nodes.map(stored)).toEqual(before)
    expect(world.nodes.map(convicted)).toEqual([[], [], [], []])
    for (const node of world.nodes) expect(node.running?.peers?.peers().map(({ id }) => id).sort()).toEqual(world.roster.operators.filter((operator) => operator !== node.operator).sort())
    const verdict = await world.install(world.people[0] as Person, world.registry.publish("second"))
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual(["alpha", "beta", "delta", "gamma"])
    // Honest news still reaches everybody.
    await world.advance(MINUTE_MS)
    for (const node of world.nodes) expect(node.disks.heads.size).toBeGreaterThanOrEqual(4)
  })
})
