import { describe, expect, test } from "vitest"
import { DISK_RESERVE_BYTES } from "../src/index.ts"
import { expectSame, grow, mirrorOf, newDirectory, newLog, refuses, sourceOf } from "./support.ts"

describe("a log that fills the disks of those who copy it", () => {
  test("is copied as far as it leaves room for this node's own logs, goes on where there is room again, and serves what it had", async () => {
    const log = await newLog(700)
    let free = DISK_RESERVE_BYTES * 2
    const mirror = await mirrorOf(await newDirectory(), [sourceOf("origin", log)], { freeBytes: () => Promise.resolve(free) })
    expect(await mirror.sync()).toMatchObject({ size: 700 })
    await grow(log, 5_000)
    free = DISK_RESERVE_BYTES - 1
    await refuses(() => mirror.sync(), "DISK", "kept free for this node's own logs")
    expect([mirror.head()?.size, mirror.status().failures]).toEqual([700, []])
    expect((await mirror.serve("tile/entries/000")).status).toBe(200)
    free = DISK_RESERVE_BYTES * 2
    expect(await mirror.sync()).toMatchObject({ size: 5_000, grewBy: 4_300 })
    await expectSame(mirror, log)
  })

  test("room is asked for with each group of files, not once a round", async () => {
    const log = await newLog(40_000)
    let asked = 0
    const mirror = await mirrorOf(await newDirectory(), [sourceOf("origin", log)], { freeBytes: () => Promise.resolve(++asked < 3 ? DISK_RESERVE_BYTES * 2 : 0) })
    await refuses(() => mirror.sync(), "DISK")
    expect(asked).toBeGreaterThanOrEqual(3)
    expect(mirror.bundlesStored).toBeGreaterThan(0)
    expect(mirror.bundlesStored).toBeLessThan(156)
  })
})
