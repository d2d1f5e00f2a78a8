import { readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { type LockWorld, withLock } from "../../src/node/lock.ts"
import { temporaryDirectory } from "../support/temp.ts"

/** A world whose clock only moves when somebody pauses. */
function fakeWorld(alive: readonly number[] = [process.pid]): LockWorld & { pauses: number; onPause: () => void } {
  let nowMs = Date.now()
  const world = {
    pauses: 0,
    onPause: () => undefined as void,
    nowMs: () => nowMs,
    async pause(ms: number) {
      nowMs += ms
      world.pauses += 1
      world.onPause()
    },
    isAlive: (pid: number) => alive.includes(pid),
  }
  return world
}

const DEAD = 999_999
const LIVING = 4_242
const lockFile = (directory: string, number: number, content: object | string): void =>
  writeFileSync(join(directory, `lock.${number}`), typeof content === "string" ? content : JSON.stringify(content))
const locks = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith("lock."))

test("runs the action and gives its value, errors included; the lock is free afterwards", async () => {
  const directory = temporaryDirectory()
  expect(await withLock(directory, (isStillHeld) => isStillHeld(), fakeWorld())).toBe(true)
  await expect(withLock(directory, () => { throw new Error("inside") }, fakeWorld())).rejects.toThrow("inside")
  const world = fakeWorld()
  await withLock(directory, () => 1, world)
  expect(world.pauses).toBe(0)
  expect(locks(directory)).toEqual(["lock.3"])
})

describe("waits for an owner that lives", () => {
  test("until it releases", async () => {
    const directory = temporaryDirectory()
    lockFile(directory, 7, { pid: LIVING, host: hostname(), instance: "x", released: false })
    const world = fakeWorld([LIVING])
    world.onPause = () => {
      if (world.pauses === 3) lockFile(directory, 7, { pid: LIVING, host: hostname(), instance: "x", released: true })
    }
    await withLock(directory, () => 1, world)
    expect(world.pauses).toBe(3)
    expect(locks(directory)).toEqual(["lock.8"])
  })

  test("but not for ever: a typed error", async () => {
    const directory = temporaryDirectory()
    lockFile(directory, 1, { pid: LIVING, host: hostname(), instance: "x", released: false })
    const world = fakeWorld([LIVING])
    world.onPause = () => utimesSync(join(directory, "lock.1"), world.nowMs() / 1_000, world.nowMs() / 1_000)
    await expect(withLock(directory, () => 1, world)).rejects.toMatchObject({ code: "DISK", message: expect.stringContaining("held by another process") })
  })

  test("nor where the clock goes back meanwhile", async () => {
    const directory = temporaryDirectory()
    lockFile(directory, 1, { pid: LIVING, host: hostname(), instance: "x", released: false })
    let nowMs = Date.now()
    let pauses = 0
    const pause = async (): Promise<void> => {
      nowMs -= 60_000
      utimesSync(join(directory, "lock.1"), nowMs / 1_000, nowMs / 1_000)
      if (++pauses > 20_000) throw new Error("waits for ever")
    }
    await expect(withLock(directory, () => 1, { nowMs: () => nowMs, isAlive: () => true, pause })).rejects.toMatchObject({ code: "DISK" })
  })
})

describe("breaks a lock whose owner is gone", () => {
  test.each([
    { name: "dead process", content: { pid: DEAD, host: hostname(), instance: "x", released: false }, waits: false },
    { name: "another host, from a time that is yet to come", content: { pid: DEAD, host: "elsewhere", instance: "x", released: false }, waits: false, aheadMs: 3_600_000 },
    { name: "this process's number in an earlier life", content: { pid: process.pid, host: hostname(), instance: "x", released: false }, waits: false },
    { name: "another host, old", content: { pid: DEAD, host: "elsewhere", instance: "x", released: false }, waits: true },
    { name: "unreadable, old", content: "garbage", waits: true },
    { name: "empty, old", content: "", waits: true },
    { name: "null, old", content: "null", waits: true },
    { name: "living, but far too old", content: { pid: LIVING, host: hostname(), instance: "x", released: false }, waits: true },
  ])("$name", async ({ content, waits, aheadMs = 0 }: { readonly content: object | string; readonly waits: boolean; readonly aheadMs?: number }) => {
    const directory = temporaryDirectory()
    lockFile(directory, 5, content)
    const world = fakeWorld([LIVING])
    if (aheadMs > 0) utimesSync(join(directory, "lock.5"), (world.nowMs() + aheadMs) / 1_000, (world.nowMs() + aheadMs) / 1_000)
    expect(await withLock(directory, () => "done", world)).toBe("done")
    expect(world.pauses > 0).toBe(waits)
    expect(locks(directory)).toEqual(["lock.6"])
  })

  test("a thief that is slow does not take over from the thief that was fast", async () => {
    const directory = temporaryDirectory()
    lockFile(directory, 1, { pid: DEAD, host: hostname(), instance: "x", released: false })
    const inside: string[] = []
    const run = async (name: string): Promise<void> => {
      const world = fakeWorld([process.pid])
      await withLock(directory, (isStillHeld) => {
        expect(inside).toEqual([])
        inside.push(name)
        expect(isStillHeld()).toBe(true)
        inside.pop()
      }, { ...world, pause: (ms) => new Promise((resolve) => void setTimeout(resolve, Math.min(1, ms))) })
    }
    await Promise.all(Array.from({ length: 8 }, (_, i) => run(`thief ${i}`)))
    expect(inside).toEqual([])
  })

  test("a number that was left behind while it was being taken is given back", async () => {
    const directory = temporaryDirectory()
    lockFile(directory, 5, { pid: DEAD, host: hostname(), instance: "x", released: false })
    const world = fakeWorld([LIVING])
    let hasRun = false
    // Between looking at lock.5 and making lock.6, two others take and pass on the lock.
    world.isAlive = (pid) => {
      if (hasRun) return pid === LIVING
      hasRun = true
      rmSync(join(directory, "lock.5"))
      lockFile(directory, 7, { pid: LIVING, host: hostname(), instance: "y", released: false })
      return false
    }
    world.onPause = () => {
      expect(locks(directory)).toEqual(["lock.7"])
      lockFile(directory, 7, { pid: LIVING, host: hostname(), instance: "y", released: true })
    }
    await withLock(directory, () => expect(locks(directory)).toEqual(["lock.8"]), world)
    expect(world.pauses).toBe(1)
  })

  test("an owner that was taken for dead learns it before it writes", async () => {
    const directory = temporaryDirectory()
    await withLock(directory, (isStillHeld) => {
      expect(isStillHeld()).toBe(true)
      lockFile(directory, 2, { pid: LIVING, host: hostname(), instance: "y", released: false })
      expect(isStillHeld()).toBe(false)
    }, fakeWorld())
    // And does not release what is not its own.
    expect(locks(directory)).toContain("lock.2")
  })
})

test("files that only look like locks are left alone", async () => {
  const directory = temporaryDirectory()
  for (const name of ["lock.0", "lock.01", "lock.x", "lock.9.draft", "block.5"]) writeFileSync(join(directory, name), "x")
  await withLock(directory, () => 1, fakeWorld())
  expect(readdirSync(directory).sort()).toEqual(["block.5", "lock.0", "lock.01", "lock.1", "lock.9.draft", "lock.x"])
})
