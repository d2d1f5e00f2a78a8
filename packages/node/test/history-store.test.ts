import { writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { join } from "node:path"
import type { ListedVersion } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { openHistoryStore } from "../src/history/store.ts"
import { cleanup, tempFolder } from "./support.ts"

const REGISTRY = "https://registry.example/"
const DAY = 86_400
const listed = (version: string, publishedAt: number | null = 1000, publisher: string | null = "ann"): ListedVersion => ({ version, publishedAt, publisher })

function open(path = join(tempFolder(), "history.sqlite"), bounds?: Parameters<typeof openHistoryStore>[1]) {
  const store = openHistoryStore(path, bounds)
  cleanup(() => store.close())
  const read = (name: string, readAt: number, ...versions: (string | ListedVersion)[]) =>
    store.record({ registry: REGISTRY, name, readAt, versions: versions.map((one) => (typeof one === "string" ? listed(one) : one)) })
  const count = (at: number, except = "none", more: { publisher?: string; registry?: string } = {}) => store.countPackages({ registry: REGISTRY, publisher: "ann", from: at - 600, to: at + 600, except, ...more })
  return { path, store, read, count }
}

describe("since when a version is known to be there", () => {
  test("a first reading knows of nothing earlier; a later one says when the version was not there yet", async () => {
    const { read } = open()
    expect(await read("a", 1000, "1.0.0", "1.0.1")).toEqual(new Map())
    expect(await read("a", 2000, "1.0.0", "1.0.1", "1.0.2")).toEqual(new Map([["1.0.2", 1000]]))
    expect(await read("a", 3000, "1.0.0", "1.0.1", "1.0.2", "__proto__")).toEqual(new Map([["1.0.2", 1000], ["__proto__", 2000]]))
    expect(await read("a", 4000, "1.0.0", "1.0.1", "1.0.2", "__proto__")).toEqual(new Map([["1.0.2", 1000], ["__proto__", 2000]]))
  })
  test("what was gone in between was last missing then", async () => {
    const { read } = open()
    await read("a", 1000, "1.0.0", "1.0.1")
    await read("a", 2000, "1.0.0")
    expect(await read("a", 3000, "1.0.0", "1.0.1")).toEqual(new Map([["1.0.1", 2000]]))
  })
  test.each([["the same", 2000], ["an earlier", 1500]])("a reading of %s time changes nothing", async (_name, readAt) => {
    const { read } = open()
    await read("a", 1000, "1.0.0")
    await read("a", 2000, "1.0.0", "1.0.1")
    expect(await read("a", readAt, "1.0.0", "1.0.1", "9.9.9")).toEqual(new Map([["1.0.1", 1000]]))
    expect(await read("a", 3000, "1.0.0", "1.0.1")).toEqual(new Map([["1.0.1", 1000]]))
  })
  test("packages and registries are apart, and a restart forgets nothing", async () => {
    const { path, store, read } = open()
    await read("a", 1000, "1.0.0")
    expect(await read("b", 2000, "1.0.0", "1.0.1")).toEqual(new Map())
    expect(await store.record({ registry: "https://other.example/", name: "a", readAt: 2000, versions: [listed("1.0.1")] })).toEqual(new Map())
    store.close()
    const again = openHistoryStore(path)
    cleanup(() => again.close())
    expect(await again.record({ registry: REGISTRY, name: "a", readAt: 2000, versions: [listed("1.0.1")] })).toEqual(new Map([["1.0.1", 1000]]))
  })
})

describe("who published what in the same minutes", () => {
  test("packages are counted once, this one not, of this publisher and registry only", async () => {
    const { read, count } = open()
    await read("a", 1, listed("1.0.0", 10_000), listed("1.0.1", 10_060))
    await read("b", 1, listed("2.0.0", 10_600), listed("3.0.0", null), listed("4.0.0", 10_000, "bob"), listed("5.0.0", 10_000, null))
    await read("c", 1, listed("2.0.0", 10_601))
    expect([await count(10_000), await count(10_000, "a"), await count(10_000, "b"), await count(10_001, "a")]).toEqual([2, 1, 1, 2])
    expect([await count(10_000, "a", { publisher: "bob" }), await count(10_000, "a", { registry: "https://other.example/" })]).toEqual([1, 0])
  })
  test("of a package with very many versions the newest count", async () => {
    const { read, count } = open()
    await read("a", 1, ...Array.from({ length: 300 }, (_, i) => listed(`1.0.${i}`, i * DAY)))
    expect([await count(299 * DAY), await count(100 * DAY), await count(99 * DAY)]).toEqual([1, 1, 0])
  })
})

test.each([
  { name: "packages", bounds: { packages: 10, releases: 1000 } }, { name: "releases", bounds: { packages: 1000, releases: 10 } },
])("beyond the bound on $name the longest unread are forgotten", async ({ bounds }) => {
  const { path, store, read, count } = open(undefined, bounds)
  for (let i = 0; i < 10; i++) await read(`p${i}`, 100 + i, listed("1.0.0", i * DAY))
  await read("p0", 200, listed("1.0.0", 0))
  for (let i = 10; i < 13; i++) await read(`p${i}`, 200 + i, listed("1.0.0", i * DAY))
  expect(await Promise.all(Array.from({ length: 13 }, (_, i) => count(i * DAY)))).toEqual([1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1])
  store.close()
  const database = new DatabaseSync(path)
  cleanup(() => database.close())
  expect([database.prepare("SELECT count(*) AS n FROM packages").get()?.["n"], database.prepare("SELECT count(*) AS n FROM releases").get()?.["n"]]).toEqual([10, 10])
})

test("a file that is none, or of another version, is refused", async () => {
  const path = join(tempFolder(), "history.sqlite")
  writeFileSync(path, "no database, but some text that is long enough to be looked at as one by whoever opens it ".repeat(20))
  expect(() => openHistoryStore(path)).toThrow(expect.objectContaining({ code: "DISK" }))
  const other = join(tempFolder(), "history.sqlite")
  const database = new DatabaseSync(other)
  database.exec("PRAGMA user_version=9")
  database.close()
  expect(() => openHistoryStore(other)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining("version 9, expected 1") }))
})
