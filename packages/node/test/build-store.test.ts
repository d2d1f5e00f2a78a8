import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, test } from "vitest"
import { createBuildLogs } from "../src/builds/log-file.ts"
import { type BuildOutcome, openBuildStore } from "../src/builds/store.ts"
import { readTokens } from "../src/builds/tokens.ts"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { tempFolder } from "./support.ts"

const REQUEST = { purl: "pkg:npm/a@1.0.0", registry: "https://registry.example/", source: null }
const SOURCE = { repository: "https://git.example/a", commit: "12".repeat(20), directory: "" }
const FAILED: BuildOutcome = { kind: "failed", step: "build", code: "BUILD_FAILED", detail: "x" }

function opened(path = join(tempFolder(), "builds.db")) {
  const store = openBuildStore(path)
  const add = (id: string, queuedAt: number, more: object = {}) => store.add({ id, requester: "admin", queuedAt, ...REQUEST, ...more })
  return { store, add, path }
}

describe("the queue on disk", () => {
  test("gives builds in the order in which they came, whatever the clock says", () => {
    const { store, add } = opened()
    add("b", 20)
    add("a", 10, { purl: "pkg:npm/b@1.0.0" })
    expect(store.next()?.id).toBe("b")
    store.start("b", 30)
    expect([store.next()?.id, store.running().map(({ id, attempts, startedAt }) => [id, attempts, startedAt])]).toEqual(["a", [["b", 1, 30]]])
    store.requeue("b", true)
    expect([store.next()?.id, store.get("b")?.attempts, store.get("b")?.startedAt]).toEqual(["b", 0, null])
    store.start("b", 31)
    store.requeue("b", false)
    expect(store.get("b")?.attempts).toBe(1)
    store.close()
  })
  test("tells the same artifact from another source apart, and forgets nothing when it is opened anew", () => {
    const { store, add, path } = opened()
    add("a", 1)
    add("b", 2, { source: SOURCE })
    expect([store.findPending(REQUEST)?.id, store.findPending({ ...REQUEST, source: SOURCE })?.id, store.findPending({ ...REQUEST, source: { ...SOURCE, directory: "x" } })]).toEqual(["a", "b", undefined])
    store.start("a", 3)
    store.stage("a", "{statement}", { kind: "rebuilt", index: -1, match: "tgz", sha512: "00", recipe: "11", differences: { count: 0, document: null, diff: null } })
    store.close()
    const again = openBuildStore(path)
    expect(again.get("a")).toMatchObject({ state: "running", statement: "{statement}", outcome: { kind: "rebuilt", match: "tgz" } })
    expect(again.get("b")).toMatchObject({ state: "queued", source: SOURCE })
    again.finish("a", "done", 4, { kind: "rebuilt", index: 7, match: "tgz", sha512: "00", recipe: "11", differences: { count: 0, document: null, diff: null } })
    expect([again.get("a")?.statement, again.findPending(REQUEST)]).toEqual([null, undefined])
    again.close()
  })
  test("counts what a requester has, and prunes what is over and old", () => {
    const { store, add } = opened()
    for (let i = 0; i < 6; i++) add(`b${i}`, i, { purl: `pkg:npm/p${i}@1.0.0`, requester: i % 2 === 0 ? "even" : "odd" })
    for (const id of ["b0", "b1", "b2"]) store.finish(id, "failed", 100 + Number(id.slice(1)), FAILED)
    expect([store.countsOf("even", 1), store.countsOf("odd", 0), store.countsOf("nobody", 0), store.counts()]).toEqual([
      { pending: 1, recent: 2 }, { pending: 2, recent: 3 }, { pending: 0, recent: 0 }, { queued: 3, running: 0 },
    ])
    expect([store.prune(10, 101), store.prune(1, 0), store.prune(10, 0)]).toEqual([["b0"], ["b1"], []])
    expect(["b0", "b2", "b3"].map((id) => store.get(id)?.state)).toEqual([undefined, "failed", "queued"])
    store.close()
  })
  test("of another version is refused, and so is what is no database", () => {
    const { store, path } = opened()
    store.close()
    const database = new DatabaseSync(path)
    database.exec("PRAGMA user_version=9")
    database.close()
    expect(() => openBuildStore(path)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
    const other = join(tempFolder(), "x.db")
    writeFileSync(other, "no database, but long enough to be looked at as one".repeat(40))
    expect(() => openBuildStore(other)).toThrow(expect.objectContaining({ code: "DISK" }))
  })
})

describe("a build's log", () => {
  test("that the disk does not take is left out from there on, is told once, and ends no process: what writes it is the output of somebody's build", () => {
    const folder = join(tempFolder(), "logs")
    const lost: unknown[] = []
    const logs = createBuildLogs(folder, (id, cause) => lost.push([id, (cause as NodeJS.ErrnoException).code]))
    logs.write("a", "before\n")
    // As good as a disk that is full: nothing can be added.
    rmSync(folder, { recursive: true })
    writeFileSync(folder, "")
    logs.write("a", "lost\n")
    rmSync(folder)
    mkdirSync(folder)
    logs.write("a", "not after a gap\n")
    expect(logs.read("a", 0)).toHaveLength(0)
    expect(lost).toEqual([["a", "ENOTDIR"]])
    logs.write("b", "another\n")
    expect(Buffer.from(logs.read("b", 0)).toString()).toBe("another\n")
  })
  test("is cut at its limit, once, with a word on it; a reader is told of each part and of the end", () => {
    const logs = createBuildLogs(join(tempFolder(), "logs"), () => expect.unreachable("the disk takes it"), 10)
    let told = 0
    const unwatch = logs.watch("a", () => { told += 1 })
    logs.write("a", "12345")
    logs.write("a", "6789abc")
    logs.write("a", "more")
    expect(Buffer.from(logs.read("a", 0)).toString()).toBe("123456789a\n[the rest of this log is left out: it is over the limit]\n")
    expect([logs.read("a", 10_000).length, logs.read("none", 0).length, told]).toEqual([0, 0, 2])
    logs.ended("a")
    unwatch()
    logs.ended("a")
    expect(told).toBe(3)
    logs.remove("a")
    expect(logs.read("a", 0).length).toBe(0)
  })
})

describe("tokens", () => {
  test("name their holder, and nothing else does", () => {
    const path = join(tempFolder(), "tokens")
    writeFileSync(path, "acme token-0123456789abcdef\n\n#x\nsecond-0123456789abcdef\n", { mode: 0o600 })
    const tokens = readTokens(path)
    expect(["Bearer token-0123456789abcdef", "bearer   second-0123456789abcdef"].map((header) => tokens.holderOf(header))).toEqual(["acme", "token-2"])
    for (const header of ["", "Bearer", "Bearer ", "token-0123456789abcdef", "Bearer token-0123456789abcde", "Bearer token-0123456789abcdeff", "Bearer token-0123456789abcdef x", "Basic token-0123456789abcdef", "Bearer TOKEN-0123456789ABCDEF"]) {
      expect(tokens.holderOf(header), header).toBeUndefined()
    }
  })
})
