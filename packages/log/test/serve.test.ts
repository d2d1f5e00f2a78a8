import { parseEntryBundle, tilePath, utf8Decode } from "@vouchsafe/core"
import { createMemoryLogDisk } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { entriesOf, openOn, sharedLog } from "./helpers.ts"

describe("partial tiles", () => {
  test("for every published size, all tiles that it implies are served and hold the right hashes", async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    for (const count of [1, 2, 252, 1, 1, 254, 3]) {
      await log.append(entriesOf(log.size, count))
      const full = Math.floor(log.size / 256)
      for (let index = 0; index < full; index++) {
        expect(await log.serve(tilePath(0, index))).toMatchObject({ status: 200 })
        expect(parseEntryBundle((await log.serve(tilePath("entries", index))).body).length).toBe(256)
      }
      const width = log.size % 256
      if (width > 0) {
        expect((await log.serve(tilePath(0, full, width))).body.length).toBe(32 * width)
        expect(parseEntryBundle((await log.serve(tilePath("entries", full, width))).body, width).map(utf8Decode))
          .toEqual(Array.from({ length: width }, (_, i) => `entry ${256 * full + i}`))
      }
      if (full > 0) expect((await log.serve(tilePath(1, 0, full))).body.length).toBe(32 * full)
    }
    // Sizes published on the way stay fetchable after the full tile exists: the first was 1.
    const whole = (await log.serve("tile/0/000")).body
    expect((await log.serve("tile/0/000.p/1")).body).toEqual(whole.slice(0, 32))
    expect(parseEntryBundle((await log.serve("tile/entries/000.p/3")).body).map(utf8Decode)).toEqual(["entry 0", "entry 1", "entry 2"])
    await log.close()
  })

  test.each([
    "", "/", "checkpoint/", "/checkpoint", "tile", "tile/", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/01/000", "tile/64/000",
    "tile/0/x000/000", "tile/0/x000/005", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/-1", "tile/0/000.p",
    "tile/0/000.p/1/", "tile/0/000/1", "tile/data/000", "tile/entries/00", "tile/entries/000.p/256", "tile/-1/000", "tile/0/-01", "tile/0/x001",
    "tile/0/../0/000", "tile/0/000?x", "tile/0/000#", "tile/0/%30%30%30", "tile//000", "TILE/0/000", "log.sqlite", "../log.sqlite", "tile/0/000\n",
    // canonical, but beyond the 700 entries
    "tile/0/003", "tile/0/002", "tile/0/002.p/189", "tile/entries/002", "tile/entries/002.p/189", "tile/1/000", "tile/1/000.p/3", "tile/2/000.p/1", "tile/63/000",
    "tile/0/x999/x999/999",
  ])("serves nothing for %j", async (path) => {
    const log = await sharedLog()
    expect(await log.serve(path)).toMatchObject({ status: 404, immutable: false, contentType: "text/plain; charset=utf-8" })
  })

  test("serves what lies next to those", async () => {
    const log = await sharedLog()
    for (const path of ["tile/0/001", "tile/0/002.p/188", "tile/entries/002.p/188", "tile/entries/001", "tile/1/000.p/2", "tile/0/000.p/255"]) {
      expect(await log.serve(path), path).toMatchObject({ status: 200, immutable: true })
    }
    expect(await log.serve("checkpoint")).toMatchObject({ status: 200, immutable: false, contentType: "text/plain; charset=utf-8" })
  })
})
