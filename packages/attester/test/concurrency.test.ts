import { npmPurl } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createFlights } from "../src/flights.ts"
import { createSemaphore } from "../src/semaphore.ts"
import { ARTIFACT, createWorld, REGISTRY, type World } from "./support/world.ts"

/** A gate that work waits at until the test opens it. */
function gate(): { readonly passed: Promise<void>, open(): void } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => { open = resolve })
  return { passed, open: () => open() }
}
/** Lets everything that can happen now happen. */
const settle = async (): Promise<void> => { for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve)) }
const artifact = (i: number) => ({ purl: npmPurl(`p${i}`, "1.0.0"), registry: REGISTRY })
function publishMany(world: World, count: number): void {
  for (let i = 0; i < count; i++) world.publish({ name: `p${i}` })
}

describe("one artifact, many who ask", () => {
  test("one observation, fetched once", async () => {
    const world = createWorld()
    world.publish()
    const results = await Promise.all(Array.from({ length: 50 }, () => world.attester.observe(ARTIFACT)))
    expect(results).toEqual(Array.from({ length: 50 }, () => ({ status: "observed", index: 0 })))
    expect(world.registry.asked).toHaveLength(2)
    expect(world.log.entries).toHaveLength(1)
  })

  test("who leaves is told so, the others get their answer", async () => {
    const world = createWorld()
    world.publish()
    const door = gate()
    world.registry.before = () => door.passed
    const impatient = new AbortController()
    const left = world.attester.observe(ARTIFACT, { signal: impatient.signal })
    const stays = world.attester.observe(ARTIFACT, { signal: new AbortController().signal })
    await settle()
    impatient.abort()
    await expect(left).rejects.toThrow(expect.objectContaining({ code: "TIMEOUT" }))
    door.open()
    expect(await stays).toEqual({ status: "observed", index: 0 })
  })

  test("who comes with a signal already given starts nothing", async () => {
    const world = createWorld()
    await expect(world.attester.observe(ARTIFACT, { signal: AbortSignal.abort() })).rejects.toThrow(expect.objectContaining({ code: "TIMEOUT" }))
    expect(world.registry.asked).toEqual([])
  })

  test("when all have left, the work ends and writes nothing; the next one starts anew", async () => {
    const world = createWorld()
    world.publish()
    const door = gate()
    world.registry.before = (what) => (what === "tarball" ? door.passed : Promise.resolve())
    const controllers = [new AbortController(), new AbortController()]
    const left = controllers.map(({ signal }) => world.attester.observe(ARTIFACT, { signal }))
    await settle()
    for (const controller of controllers) controller.abort()
    for (const result of left) await expect(result).rejects.toThrow(expect.objectContaining({ code: "TIMEOUT" }))
    const next = world.attester.observe(ARTIFACT)
    await settle()
    expect(world.registry.asked).toHaveLength(2)
    door.open()
    expect(await next).toEqual({ status: "observed", index: 0 })
    expect(world.registry.asked).toHaveLength(4)
    expect(world.log.entries).toHaveLength(1)
  })

  test("leaving after the point of no return leaves one observation, which the next one finds", async () => {
    const world = createWorld()
    world.publish()
    const door = gate()
    world.log.beforeAppend = () => door.passed
    const impatient = new AbortController()
    const left = world.attester.observe(ARTIFACT, { signal: impatient.signal })
    await settle()
    impatient.abort()
    await expect(left).rejects.toThrow(expect.objectContaining({ code: "TIMEOUT" }))
    const next = world.attester.observe(ARTIFACT)
    door.open()
    expect(await next).toEqual({ status: "observed", index: 0 })
    expect(world.log.entries).toHaveLength(1)
  })
})

describe("bounds", () => {
  test("no more observations at a time than allowed, and no more waiting", async () => {
    const world = createWorld({ limits: { runningMax: 3, waitingMax: 4 } })
    publishMany(world, 10)
    const door = gate()
    let inside = 0
    let most = 0
    world.registry.before = async (what) => {
      if (what === "packument") most = Math.max(most, ++inside)
      await door.passed
      if (what === "tarball") inside -= 1
    }
    const all = Array.from({ length: 10 }, (_, i) => world.attester.observe(artifact(i)))
    await settle()
    door.open()
    const results = await Promise.all(all)
    expect(most).toBe(3)
    expect(results.map(({ status }) => status)).toEqual([...Array.from({ length: 7 }, () => "observed"), "refused", "refused", "refused"])
    expect(results[9]).toMatchObject({ code: "RATE_LIMITED" })
    expect(await world.attester.observe(artifact(9))).toMatchObject({ status: "observed" })
  })

  test.each([
    { name: "as announced", announced: true, expected: 2 },
    { name: "an unknown length counting as the largest", announced: false, expected: 1 },
  ])("no more bytes in flight than allowed: $name", async ({ announced, expected }) => {
    const size = createWorld().publish({ name: "p0" }).bytes.length
    const world = createWorld({ limits: { bytesInFlightMax: Math.floor(size * 2.5) } })
    publishMany(world, 6)
    if (!announced) for (const published of world.registry.versions.values()) published.announced = undefined
    const results = await Promise.all(Array.from({ length: 6 }, (_, i) => world.attester.observe(artifact(i))))
    expect(results.every(({ status }) => status === "observed")).toBe(true)
    expect(world.registry.reading).toEqual({ now: 0, most: expected })
  })

  test("a slot is free again after refusals, failures and departures", async () => {
    const world = createWorld({ limits: { runningMax: 1 } })
    world.publish({ name: "p0", manifest: { dist: undefined } })
    world.publish({ name: "p1" })
    expect(await world.attester.observe(artifact(0))).toMatchObject({ status: "refused" })
    expect(await world.attester.observe(artifact(2))).toEqual({ status: "absent" })
    world.registry.before = async () => { throw new TypeError("a bug") }
    await expect(world.attester.observe(artifact(1))).rejects.toThrow(TypeError)
    world.registry.before = async () => undefined
    expect(await world.attester.observe(artifact(1))).toEqual({ status: "observed", index: 0 })
  })
})

describe("semaphore", () => {
  test("first come, first served: a heavy one is not passed by light ones", async () => {
    const semaphore = createSemaphore(10, 10)
    const order: string[] = []
    const take = async (name: string, weight: number): Promise<() => void> => {
      const release = await semaphore.acquire(weight)
      order.push(name)
      return release as () => void
    }
    const first = await take("first", 6)
    const heavy = take("heavy", 8)
    const light = take("light", 1)
    await settle()
    expect(order).toEqual(["first"])
    first()
    const releases = await Promise.all([heavy, light])
    expect(order).toEqual(["first", "heavy", "light"])
    for (const release of releases) release()
  })

  test("more than the capacity counts as all of it; giving back twice counts once", async () => {
    const semaphore = createSemaphore(10, 10)
    const all = await semaphore.acquire(1_000_000) as () => void
    let second = false
    const waiting = semaphore.acquire(10).then((release) => { second = true; return release })
    await settle()
    expect(second).toBe(false)
    all()
    all()
    expect(await waiting).toBeTypeOf("function")
    let third = false
    void semaphore.acquire(1).then(() => { third = true })
    await settle()
    expect(third).toBe(false)
  })

  test("who leaves the queue makes way", async () => {
    const semaphore = createSemaphore(10, 10)
    const held = await semaphore.acquire(5) as () => void
    const impatient = new AbortController()
    const heavy = semaphore.acquire(10, impatient.signal)
    const light = semaphore.acquire(5)
    impatient.abort()
    await expect(heavy).rejects.toThrow(expect.objectContaining({ code: "TIMEOUT" }))
    expect(await light).toBeTypeOf("function")
    held()
    expect(await semaphore.acquire(1, AbortSignal.abort()).catch((error: unknown) => error)).toMatchObject({ code: "TIMEOUT" })
  })
})

test("flights: a failure reaches all passengers and is not kept", async () => {
  const flights = createFlights<number>()
  const failing = Array.from({ length: 3 }, () => flights.join("x", undefined, async () => { throw new RangeError("no") }))
  for (const result of failing) await expect(result).rejects.toThrow(RangeError)
  expect(await flights.join("x", undefined, async () => 7)).toBe(7)
})
