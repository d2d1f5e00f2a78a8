import { type Cut, failingLogStorage, FAULTS, OBJECT_FAULTS, type PostgresProxy, recordingSigner, startPostgresProxy } from "@vouchsafe/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parsePostgresAddress } from "../src/index.ts"
import { entriesOf, expectClean, expectOneHistory, expectRecovered, openOn, openSoon, runScenario, signer as key, TOTAL } from "./support/history.ts"
import { driversOf, newDirectory, ORIGIN, type Place, placeOf } from "./support/places.ts"
import { newName, objectsAt, objectsForTests, postgresForTests } from "./support/servers.ts"

const postgres = postgresForTests()
const objects = objectsForTests()
/** No renewals: they would be counted among the statements. */
const repeat = () => () => undefined

let proxy: PostgresProxy
beforeAll(async () => {
  proxy = await startPostgresProxy(postgres().port)
})
afterAll(() => proxy.close())

/** Runs the scenario on `broken`, then everything that must hold on `whole`, the same place by a way that works. */
async function runBroken(broken: Place, whole: Place, arm: () => void): Promise<number> {
  const { signer, messages } = recordingSigner(key)
  let acknowledged = 0
  try {
    arm()
    const log = await openOn(await broken.open(), signer)
    const outcome = await runScenario(log)
    expect(outcome.failed).toBe(true)
    acknowledged = outcome.acknowledged
    await log.close()
  } catch (error) {
    // Opening may be what fails.
    expect(error).toMatchObject({ name: "VouchsafeError" })
    if (acknowledged > 0) throw error
  } finally {
    proxy.cutAt(0, "lost")
    objects().proxy.failAt(0, "lost")
  }
  await expectRecovered(whole, acknowledged, messages, signer)
  return acknowledged
}

describe("every write of an append fails once", () => {
  test.each(driversOf(postgres, objects).slice(0, 2).flatMap((driver) => FAULTS.map((fault) => ({ ...driver, fault }))))("$driver, $fault", async ({ newPlace, fault }) => {
    const counted = failingLogStorage(await newPlace().open(), 0, fault)
    const log = await openOn(counted.storage)
    expect(await runScenario(log)).toEqual({ acknowledged: TOTAL, failed: false })
    await log.close()
    expect(counted.writes.length).toBeGreaterThan(8)
    for (let failAt = 2; failAt <= counted.writes.length; failAt++) {
      const place = newPlace()
      const { signer, messages } = recordingSigner(key)
      const failing = await openOn(failingLogStorage(await place.open(), failAt, fault).storage, signer)
      const { acknowledged, failed } = await runScenario(failing)
      expect(failed).toBe(true)
      await failing.close()
      await expectRecovered(place, acknowledged, messages, signer)
    }
  })
})

describe("the connection to PostgreSQL is cut at every statement", () => {
  test.each<Cut>(["lost", "kept"])("%s: fsck is clean, nothing acknowledged is lost, one history is signed", async (cut) => {
    const newPlaces = () => {
      const schema = newName()
      const files = { directory: newDirectory() }
      const at = (port: number) => placeOf({ postgres: parsePostgresAddress(postgres().address(schema, port), {}), log: ORIGIN, files, repeat })
      return { broken: at(proxy.port), whole: at(postgres().port) }
    }
    const { broken } = newPlaces()
    proxy.cutAt(0, cut)
    const log = await openOn(await broken.open())
    expect(await runScenario(log)).toEqual({ acknowledged: TOTAL, failed: false })
    const { statements } = proxy
    await log.close()
    expect(statements).toBeGreaterThan(60)
    const outcomes = new Set<number>()
    for (let number = 1; number <= statements; number++) {
      const places = newPlaces()
      outcomes.add(await runBroken(places.broken, places.whole, () => proxy.cutAt(number, cut)))
    }
    expect([...outcomes].sort((a, b) => a - b), "statements of every batch were cut").toEqual([0, 3, 256])
  })
})

describe("every request to object storage fails", () => {
  const LATE_MS = 200
  const newPlaces = (attemptsMax: number) => {
    const address = parsePostgresAddress(postgres().address(newName()), {})
    const name = newName()
    const at = (more: object) => placeOf({
      postgres: address, log: ORIGIN, repeat, files: { objects: { ...objectsAt(objects().proxy.port, name), ...more }, folder: "log" },
    })
    return { broken: at({ attemptsMax, timeoutMs: LATE_MS }), whole: at({}) }
  }

  test.each(OBJECT_FAULTS)("%s, with one attempt: the log stops, and recovers", async (fault) => {
    const { proxy: way } = objects()
    const { broken } = newPlaces(1)
    way.failAt(0, fault)
    const log = await openOn(await broken.open())
    expect(await runScenario(log)).toMatchObject({ failed: false })
    const { length } = way.requests
    await log.close()
    expect(length).toBeGreaterThan(5)
    for (let number = 1; number <= length; number++) {
      const places = newPlaces(1)
      await runBroken(places.broken, places.whole, () => way.failAt(number, fault))
    }
  })

  test.each(OBJECT_FAULTS)("%s, once: the next attempt makes it good, nobody notices", async (fault) => {
    const { proxy: way } = objects()
    const { broken } = newPlaces(1)
    way.failAt(0, fault)
    const first = await openOn(await broken.open())
    await runScenario(first)
    const { length } = way.requests
    await first.close()
    for (let number = 1; number <= length; number++) {
      const places = newPlaces(3)
      way.failAt(number, fault)
      const { signer, messages } = recordingSigner(key)
      const log = await openOn(await places.broken.open(), signer)
      expect(await runScenario(log)).toEqual({ acknowledged: TOTAL, failed: false })
      await log.close()
      way.failAt(0, fault)
      await expectClean(places.whole)
      expectOneHistory(messages, TOTAL)
    }
  })
})

test("a server that loses its power keeps what was acknowledged", async () => {
  const place = placeOf({ postgres: parsePostgresAddress(postgres().address(newName()), {}), log: ORIGIN, files: { directory: newDirectory() }, repeat })
  const log = await openOn(await place.open())
  await log.append(entriesOf(0, 300))
  await postgres().crash()
  await expect(log.append(entriesOf(300, 1))).rejects.toMatchObject({ code: "LOG_BROKEN" })
  await log.close()
  await expectClean(place)
  const again = await openOn(await openSoon(place))
  expect(again.size).toBe(300)
  await again.close()
})
