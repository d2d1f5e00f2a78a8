import { afterEach, describe, expect, test } from "vitest"
import { openSession } from "../src/postgres/session.ts"
import { recordingSigner, refuses } from "@vouchsafe/testkit"
import { openSharedStorage } from "../src/index.ts"
import { checkHistory, type Cluster, createCluster, type Sequencer } from "./support/cluster.ts"
import { entriesOf, expectClean, openOn, openSoon, signer as key } from "./support/history.ts"
import { driversOf } from "./support/places.ts"
import { objectsForTests, postgresForTests } from "./support/servers.ts"

/** Kills; the soak raises it. */
const KILLS = Number(process.env["VOUCHSAFE_SOAK_KILLS"] ?? 10)
const SEED = Number(process.env["VOUCHSAFE_SOAK_SEED"] ?? Date.now() % 1_000_000)
/** Kills after which one log is checked and another begun: the checks read it whole. */
const KILLS_PER_LOG = 10
/** Of so many kills one takes the standby along. */
const KILLS_OF_BOTH = 3
/** One that dies is replaced at once, so its lease is longer than any pause of a busy machine; one that hangs is replaced when it ends. */
const LEASE_OF_KILLED_MS = 30_000
const LEASE_OF_HANGING_MS = 2000
const ACKNOWLEDGED_MAX = 100
const STOPS = 3
/** Against hanging: above what one wait may last. */
const HANGING_MS = 90_000

const postgres = postgresForTests()
const objects = objectsForTests()

let clusters: Cluster[] = []
function clusterForTest(leaseMs: number): Cluster {
  const cluster = createCluster(postgres(), objects(), leaseMs)
  clusters.push(cluster)
  return cluster
}
afterEach(async () => {
  const ended = clusters
  clusters = []
  await Promise.all(ended.map((cluster) => cluster.end()))
})

function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Lets some more turns of this process pass, so that what is killed is killed anywhere. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

test(`kill -9 of the sequencer at a random moment, ${KILLS} times (VOUCHSAFE_SOAK_SEED=${SEED}), two contending: no loss, no fork, fsck clean`, async () => {
  const random = randomFrom(SEED)
  const totals = { entries: 0, acknowledged: 0, signed: 0 }
  for (let first = 0; first < KILLS; first += KILLS_PER_LOG) {
    const cluster = clusterForTest(LEASE_OF_KILLED_MS)
    let running: Sequencer[] = [cluster.start(), cluster.start()]
    for (let kill = first; kill < Math.min(KILLS, first + KILLS_PER_LOG); kill++) {
      // Also before it acknowledged anything: while it recovers what the one before left.
      const holder = await cluster.holder(running, random() < 0.8 ? 1 + Math.floor(random() * ACKNOWLEDGED_MAX) : 0)
      await turns(Math.floor(random() * 300))
      if (kill % KILLS_OF_BOTH === KILLS_OF_BOTH - 1) {
        await Promise.all(running.map((one) => one.kill()))
        // What dead processes left is whole in itself, before anything recovers.
        await expectClean(cluster.place)
        running = [cluster.start(), cluster.start()]
      } else {
        await holder.kill()
        running = [...running.filter((one) => one !== holder), cluster.start()]
      }
    }
    await cluster.holder(running, 1)
    await Promise.all(running.map((one) => one.kill()))
    totals.entries += await checkHistory(cluster)
    totals.acknowledged += cluster.heard.acknowledged.size
    totals.signed += cluster.heard.signed.size
  }
  console.log(`storage: killed ${KILLS} times, ${totals.entries} entries, ${totals.acknowledged} acknowledged, ${totals.signed} checkpoints signed`)
  expect(totals.acknowledged).toBeGreaterThan(KILLS)
}, KILLS * HANGING_MS)

test(`a sequencer that hangs is replaced, and when it goes on it commits nothing, ${STOPS} times`, async () => {
  const random = randomFrom(SEED)
  const cluster = clusterForTest(LEASE_OF_HANGING_MS)
  const pair = [cluster.start(), cluster.start()]
  for (let stop = 0; stop < STOPS;) {
    const stopped = await cluster.holder(pair, 1 + Math.floor(random() * ACKNOWLEDGED_MAX))
    const other = pair.find((one) => one !== stopped) as Sequencer
    await turns(Math.floor(random() * 300))
    stopped.child.kill("SIGSTOP")
    await cluster.holder([other], 20)
    // On a busy machine it may have lost the log, and said so, just before it was stopped: that is no stop of a holder.
    if (stopped.holds) stop++
    stopped.child.kill("SIGCONT")
    await cluster.lost(stopped)
    expect(stopped.failures.at(-1)).toBe("LOG_BROKEN")
  }
  await Promise.all(pair.map((one) => one.kill()))
  await checkHistory(cluster)
}, STOPS * HANGING_MS)

describe("a sequencer that was replaced", () => {
  const newPlace = () => (driversOf(postgres, objects)[0] as ReturnType<typeof driversOf>[number]).newPlace()

  test("writes nothing, even through a connection that still works", async () => {
    const place = newPlace()
    const storage = await place.open()
    const log = await openOn(storage)
    await log.append(entriesOf(0, 3))
    const before = await storage.load()
    const { schema } = place.options.postgres
    const admin = await openSession(place.options.postgres)
    await admin.run("raise the epoch in", (query) => query(`UPDATE ${schema}.logs SET epoch = epoch + 1`))
    await admin.close()
    const next = { size: 4, root: new Uint8Array(32).fill(4) }
    await refuses(() => storage.stage({ expectedSize: 3, entries: entriesOf(3, 1), hashes: [], head: next }), "STATE_UNSAFE")
    await refuses(() => storage.putSigned(3, { ...next, text: "x" }, [0]), "STATE_UNSAFE")
    await refuses(() => storage.putCosigned({ ...next, text: "x" }), "STATE_UNSAFE")
    expect(await storage.load()).toEqual(before)
    await expect(log.append(entriesOf(3, 1))).rejects.toMatchObject({ code: "LOG_BROKEN" })
    await log.close()
    await expectClean(place)
  })

  test.each([1, 2, 3, 4])("at step %i of an append signs nothing that the next one did not sign too", async (step) => {
    const place = newPlace()
    const { signer, messages } = recordingSigner(key)
    // A lease that has ended as soon as it was taken: whoever asks takes over.
    const hanging = { ...place.options, leaseMs: 1, limits: { idleMs: 10_000 }, repeat: () => () => undefined }
    const storage = await openSharedStorage(hanging)
    let steps = 0
    const takeOver = async (): Promise<void> => {
      if (++steps !== step) return
      const other = await openOn(await openSoon(place), signer)
      await other.append(entriesOf(other.size, 300))
      await other.close()
    }
    const wrapped = {
      ...storage,
      stage: async (...given: Parameters<typeof storage.stage>) => {
        await takeOver()
        await storage.stage(...given)
        await takeOver()
      },
      putSigned: async (...given: Parameters<typeof storage.putSigned>) => {
        if (given[0] === undefined) return storage.putSigned(...given)
        await takeOver()
        await storage.putSigned(...given)
        await takeOver()
      },
    }
    const log = await openOn(wrapped, signer)
    const appended = log.append(entriesOf(0, 260))
    // Replaced after the last step: the append was durable before.
    if (step === 4) expect((await appended).length).toBe(260)
    else await expect(appended).rejects.toMatchObject({ code: "LOG_BROKEN" })
    expect(log.size).toBe(step === 4 ? 260 : 0)
    await expect(log.append(entriesOf(500, 1))).rejects.toMatchObject({ code: "LOG_BROKEN" })
    await log.close()
    await expectClean(place)
    const again = await openOn(await openSoon(place))
    expect(again.size).toBe(step === 1 ? 300 : 560)
    for (const message of messages) {
      const size = Number(message.split("\n")[1])
      expect([0, 260, 300, 560]).toContain(size)
      if (size === again.size) expect(again.checkpoint().startsWith(message)).toBe(true)
    }
    await again.close()
  })
})
