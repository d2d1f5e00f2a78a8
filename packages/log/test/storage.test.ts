import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { entriesPath, tilePath } from "@vouchsafe/core"
import { logStorageCases, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { type Disk, nodeDisk, openSqliteStorage } from "../src/index.ts"
import { DRIVERS, newDirectory } from "./helpers.ts"

describe.each(DRIVERS)("log storage: $driver", ({ newPlace }) => {
  test.each(logStorageCases)("$name", async ({ run }) => {
    await run(await newPlace())
  })
})

describe("sqlite storage", () => {
  test("without a log there, mustExist refuses and creates nothing", async () => {
    const directory = await newDirectory()
    await refuses(() => openSqliteStorage({ directory, mustExist: true }), "NOT_FOUND")
    await refuses(() => openSqliteStorage({ directory, mustExist: true }), "NOT_FOUND")
  })

  test("a database that is none is LOG_BROKEN, one of another version STATE_UNSAFE", async () => {
    const directory = await newDirectory()
    await (await openSqliteStorage({ directory })).close()
    await writeFile(join(directory, "log.sqlite"), "this is not a database, whatever its name says".repeat(100))
    await refuses(() => openSqliteStorage({ directory }), "LOG_BROKEN")

    const other = await newDirectory()
    await (await openSqliteStorage({ directory: other })).close()
    const { DatabaseSync } = await import("node:sqlite")
    const database = new DatabaseSync(join(other, "log.sqlite"))
    database.exec("PRAGMA user_version=2")
    database.close()
    await refuses(() => openSqliteStorage({ directory: other }), "STATE_UNSAFE")
  })

  test.each([
    "tile/0/000.p/5", "tile/entries/000.p/255", "tile/0/../../log.sqlite", "../log.sqlite", "tile/00/000", "/etc/passwd", "tile/0/000\0", "",
  ])("THREATS hostile path: %j becomes no file name", async (path) => {
    const storage = await openSqliteStorage({ directory: await newDirectory() })
    await expect(storage.readFile(path)).rejects.toThrow()
    await expect(storage.putFiles([{ path, bytes: new Uint8Array(1) }])).rejects.toThrow()
    await storage.close()
  })
})

const FILES = [tilePath(0, 0), entriesPath(0), tilePath(1, 12_345)].map((path, i) => ({ path, bytes: new Uint8Array(300).fill(i) }))

/** A disk whose operation number `failAt` fails, `kept` or not, once it is armed. */
function failingDisk(failAt: number, kept: boolean): { readonly disk: Disk; arm(): void; count(): number } {
  let armed = false
  let operations = 0
  const wrap = <A extends unknown[]>(work: (...given: A) => Promise<void>) => async (...given: A): Promise<void> => {
    if (!armed) return work(...given)
    const fails = ++operations === failAt
    if (!fails || kept) await work(...given)
    if (fails) throw Object.assign(new Error("injected: no space left on device"), { code: "ENOSPC" })
  }
  const { makeDirectory, writeNew, rename, remove, syncDirectory } = nodeDisk
  return {
    arm: () => {
      armed = true
    },
    count: () => operations,
    disk: {
      makeDirectory: wrap(makeDirectory), writeNew: wrap(writeNew), rename: wrap(rename), remove: wrap(remove), syncDirectory: wrap(syncDirectory),
    },
  }
}

describe("every operation on the disk fails twice", () => {
  test("lost, and kept though reported failed: a file is there whole or not at all, and the same call again succeeds", async () => {
    const clean = failingDisk(0, false)
    const counted = await openSqliteStorage({ directory: await newDirectory(), disk: clean.disk })
    clean.arm()
    await counted.putFiles(FILES)
    await counted.close()
    expect(clean.count()).toBeGreaterThan(10)

    for (const kept of [false, true]) {
      for (let failAt = 1; failAt <= clean.count(); failAt++) {
        const directory = await newDirectory()
        const failing = failingDisk(failAt, kept)
        const storage = await openSqliteStorage({ directory, disk: failing.disk })
        failing.arm()
        await refuses(() => storage.putFiles(FILES), "DISK")
        for (const { path, bytes } of FILES) expect([undefined, bytes]).toContainEqual(await storage.readFile(path))
        await storage.close()
        const again = await openSqliteStorage({ directory })
        await again.putFiles(FILES)
        for (const { path, bytes } of FILES) expect(await again.readFile(path)).toEqual(bytes)
        expect((await again.audit()).files).toEqual(FILES.map(({ path }) => path).sort())
        await again.close()
      }
    }
  })
})

test("a failed call returns when everything that it began has ended: nothing is written behind the caller's back", async () => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let writes = 0
  const disk: Disk = {
    ...nodeDisk,
    async writeNew(path, bytes) {
      if (++writes === 1) throw new Error("injected: no space left on device")
      await gate
      await nodeDisk.writeNew(path, bytes)
    },
  }
  const storage = await openSqliteStorage({ directory: await newDirectory(), disk })
  let ended = false
  const storing = storage.putFiles(FILES).finally(() => {
    ended = true
  })
  storing.catch(() => undefined)
  while (writes < FILES.length) await new Promise((resolve) => setImmediate(resolve))
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  expect(ended).toBe(false)
  release()
  await refuses(() => storing, "DISK")
  await storage.close()
})
