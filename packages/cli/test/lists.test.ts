import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { sharedPath } from "@vouchsafe/config/shared"
import { listPath, listsDirectory, readList } from "@vouchsafe/client/node"
import { beforeEach, describe, expect, test } from "vitest"
import { readOsv } from "../src/lists/osv.ts"
import { gatherList } from "../src/lists/source.ts"
import { fakeNode, type Reply } from "./support/fake-node.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const base = temporaryFolder()
let count = 0
let dir: string
beforeEach(() => {
  dir = join(base, String(count++))
  mkdirSync(dir)
})

const npm = (name: string, more: object = {}): object => ({ package: { ecosystem: "npm", name }, ...more })
const record = (name: string, more: object = {}, id = "MAL-2026-1"): object => ({ id, affected: [npm(name, more)], schema_version: "1.7.0" })
const range = (...events: object[]): object => ({ ranges: [{ type: "SEMVER", events }] })
const policy = (...lists: object[]): void => writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", lists }))
const files = (tree: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
}
const run = (...argv: string[]) => vouchsafe(dir, ["lists", ...argv], { env: environment(dir) })
const kept = (source: string, name = "osv") => readList(environment(dir), { name, source, maxAgeSeconds: 3_600 }, Math.floor(Date.now() / 1_000))
const finds = (source: string, ...names: string[]): (string | undefined)[] => names.map((name) => kept(source).list?.find(name, "1.0.0")?.id)

describe("OSV: what a record says", () => {
  test.each([
    { name: "no versions: all", entry: {}, affected: { kind: "all" } },
    { name: "from the first on: all", entry: range({ introduced: "0" }), affected: { kind: "all" } },
    { name: "versions", entry: { versions: ["1.0.1", "1.0.0"] }, affected: { kind: "some", versions: ["1.0.1", "1.0.0"], ranges: [] } },
    { name: "fixed", entry: range({ introduced: "1.0.0" }, { fixed: "1.0.5" }), affected: { kind: "some", versions: [], ranges: [{ from: "1.0.0", until: "1.0.5" }] } },
    { name: "last affected", entry: range({ introduced: "0" }, { last_affected: "1.0.5" }), affected: { kind: "some", versions: [], ranges: [{ from: "0", through: "1.0.5" }] } },
    { name: "events in any order", entry: range({ fixed: "3.0.1" }, { introduced: "3.0.0" }, { fixed: "1.1.0" }, { introduced: "0" }, { introduced: "10.0.0" }), affected: { kind: "some", versions: [], ranges: [{ from: "0", until: "1.1.0" }, { from: "3.0.0", until: "3.0.1" }, { from: "10.0.0" }] } },
    { name: "introduced twice before a fix", entry: range({ introduced: "1.0.0" }, { introduced: "1.2.0" }, { fixed: "2.0.0" }), affected: { kind: "some", versions: [], ranges: [{ from: "1.0.0", until: "2.0.0" }] } },
  ])("$name", ({ entry, affected }) => expect(readOsv(record("evil", entry), "at")).toEqual({ entries: [{ name: "evil", id: "MAL-2026-1", affected }], unusable: 0 }))
  test.each([
    { name: "withdrawn", value: { ...record("evil"), withdrawn: "2026-01-01T00:00:00Z" }, unusable: 0 },
    { name: "of another ecosystem", value: { id: "X-1", affected: [{ package: { ecosystem: "PyPI", name: "evil" } }] }, unusable: 0 },
    { name: "of commits without a package", value: { id: "X-1", affected: [{ ranges: [] }] }, unusable: 0 },
    { name: "of commits of a package", value: record("evil", { ranges: [{ type: "GIT", events: [{ introduced: "0" }] }] }), unusable: 1 },
    { name: "of a name that nothing can have", value: record("a/b/c"), unusable: 1 },
  ])("nothing: $name", ({ value, unusable }) => expect(readOsv(value, "at")).toEqual({ entries: [], unusable }))
})

describe("OSV: refused, with the place", () => {
  test.each([
    { name: "no object", value: 1, says: "record is 1" }, { name: "no id", value: { affected: [] }, says: "id is missing" }, { name: "an id with a tab", value: { id: "a\tb", affected: [] }, says: "id is" },
    { name: "no affected", value: { id: "X-1" }, says: "affected is missing" }, { name: "affected that is no array", value: { id: "X-1", affected: {} }, says: "affected is an object" },
    { name: "a version that is none", value: record("x", { versions: [1] }), says: "versions[0]" }, { name: "an empty version", value: record("x", { versions: [""] }), says: "versions[0]" },
    { name: "a range without events", value: record("x", { ranges: [{ type: "SEMVER" }] }), says: "events is missing" }, { name: "a range of unknown type", value: record("x", { ranges: [{ type: "MAGIC", events: [] }] }), says: "type" },
    { name: "a range that begins nowhere", value: record("x", range({ fixed: "1.0.0" })), says: "introduced" }, { name: "no events", value: record("x", range()), says: "introduced" },
    { name: "an event with two kinds", value: record("x", range({ introduced: "0", fixed: "1.0.0" })), says: "several" }, { name: "an event of no kind", value: record("x", range({})), says: "none of them" },
    { name: "an event of no version", value: record("x", range({ introduced: "latest" })), says: "introduced" }, { name: "fixed in the first", value: record("x", range({ introduced: "0" }, { fixed: "0" })), says: "fixed" },
    { name: "a name that is no text", value: { id: "X-1", affected: [{ package: { ecosystem: "npm", name: 1 } }] }, says: "package.name" },
    { name: "withdrawn that is no text", value: { ...record("x"), withdrawn: true }, says: "withdrawn" },
  ])("$name", ({ value, says }) => expect(() => readOsv(value, "list.jsonl:7")).toThrow(expect.objectContaining({ code: "LIST_MALFORMED", message: expect.stringMatching(/^list\.jsonl:7: /) as string }) && expect.objectContaining({ message: expect.stringContaining(says) as string })))
})

describe("lists update", () => {
  const lines = `${JSON.stringify(record("evil"))}\n${JSON.stringify(record("worse", {}, "MAL-2026-2"))}\n`
  test.each([
    { name: "one record a line", tree: { "osv/all.jsonl": lines }, source: "./osv/all.jsonl" },
    { name: "an array", tree: { "osv.json": JSON.stringify([record("evil"), record("worse", {}, "MAL-2026-2")], null, 2) }, source: "./osv.json" },
    { name: "a folder of folders", tree: { "osv/a/evil.json": JSON.stringify(record("evil"), null, 1), "osv/b/more.jsonl": JSON.stringify(record("worse", {}, "MAL-2026-2")), "osv/README.md": "no record" }, source: "osv" },
  ])("of a file or folder: $name", async ({ tree, source }) => {
    files(tree as unknown as Readonly<Record<string, string>>)
    policy({ name: "osv", source })
    const ran = await run("update", "--json")
    expect([ran.status, ran.err]).toEqual([0, ""])
    expect(documentIn(ran.out)).toMatchObject({ updated: [{ name: "osv", records: 2, entries: 2, unusable: 0 }], failed: [] })
    expect(finds(join(dir, source), "evil", "worse", "good")).toEqual(["MAL-2026-1", "MAL-2026-2", undefined])
    expect([statSync(listPath(environment(dir), { name: "osv", source: join(dir, source) })).mode & 0o777, statSync(listsDirectory(environment(dir))).mode & 0o777]).toEqual([0o600, 0o700])
  })
  test("of a URL, and of an index beside its documents", async () => {
    const node = await fakeNode(({ path }): Reply | undefined => ({
      "/npm/all.jsonl": { pieces: [lines] }, "/npm/index.json": { json: ["a.json", "more/b.json"] }, "/npm/a.json": { json: record("evil") }, "/npm/more/b.json": { json: [record("worse", {}, "MAL-2026-2")] },
    } as Record<string, Reply>)[path])
    for (const source of [`${node.url}npm/all.jsonl`, `${node.url}npm/index.json`]) {
      policy({ name: "osv", source })
      const ran = await run("update")
      expect([ran.status, ran.out, ran.err]).toEqual([0, "osv: 2 entries of 2 records\n", ""])
      expect(finds(source, "evil", "worse", "good")).toEqual(["MAL-2026-1", "MAL-2026-2", undefined])
    }
  })
  test.each(["https://elsewhere.example/x.json", "../x.json", "/x.json", "a%2f..%2fx.json", "//elsewhere.example/npm/x.json", "ftp://x/y"])("an index does not lead away: %s", async (url) => {
    const node = await fakeNode(({ path }) => (path === "/npm/index.json" ? { json: [url] } : { json: record("evil") }))
    policy({ name: "osv", source: `${node.url}npm/index.json` })
    const ran = await run("update")
    expect([ran.status, node.asked.length]).toEqual([2, 1])
    expect(ran.err).toContain("LIST_MALFORMED")
  })
  test.each([
    { name: "no JSON", tree: { "osv/x.jsonl": `${JSON.stringify(record("evil"))}\nnope\n` }, says: "x.jsonl:2" },
    { name: "a record that is none", tree: { "osv/x.jsonl": `${JSON.stringify(record("evil"))}\n{}\n` }, says: "x.jsonl:2" },
    { name: "nothing", tree: { "osv/x.txt": "" }, says: "holds no *.json" }, { name: "an empty file", tree: { "osv/x.json": " \n" }, says: "is empty" },
    { name: "an index in a folder", tree: { "osv/x.json": '["a.json"]' }, says: "index of URLs" }, { name: "no UTF-8", tree: { "osv/x.json": "\ud800" }, says: "x.json" },
  ])("what cannot be read leaves the list as it was: $name", async ({ tree, says }) => {
    policy({ name: "osv", source: "./osv" })
    files({ "osv/good.json": JSON.stringify(record("old")) })
    expect((await run("update")).status).toBe(0)
    const before = readFileSync(listPath(environment(dir), { name: "osv", source: join(dir, "osv") }))
    if (says === "holds no *.json") policy({ name: "osv", source: "./other" })
    files(says === "holds no *.json" ? { "other/x.txt": "" } : tree as unknown as Readonly<Record<string, string>>)
    const ran = await run("update")
    expect([ran.status, ran.err.includes(says)], ran.err).toEqual([2, true])
    expect(readFileSync(listPath(environment(dir), { name: "osv", source: join(dir, "osv") })).equals(before)).toBe(true)
  })
  test("what cannot be had is the world's fault, and the others are updated", async () => {
    const node = await fakeNode(() => ({ status: 404, json: {} }))
    files({ "ours/x.json": JSON.stringify(record("evil")) })
    policy({ name: "gone", source: `${node.url}x.json` }, { name: "dead", source: "http://127.0.0.1:9/x.json" }, { name: "missing", source: "./nowhere" }, { name: "osv", source: "./ours" })
    const ran = await run("update", "--json")
    expect(ran.status).toBe(3)
    expect(documentIn(ran.out)).toMatchObject({ updated: [{ name: "osv" }], failed: [{ name: "gone", error: { code: "UPSTREAM_FAILED" } }, { name: "dead", error: { code: "UNREACHABLE" } }, { name: "missing", error: { code: "DISK" } }] })
    expect(existsSync(listPath(environment(dir), { name: "gone", source: `${node.url}x.json` }))).toBe(false)
  })
  test("links are not followed", async () => {
    files({ "osv/x.json": JSON.stringify(record("evil")) })
    symlinkSync(dir, join(dir, "osv/around"))
    policy({ name: "osv", source: "./osv" })
    expect((await run("update")).out).toBe("osv: 1 entries of 1 records\n")
  })
})

describe("lists show", () => {
  test("tells what is at hand, and refuses what is not", async () => {
    policy({ name: "osv", source: "./osv" })
    expect([(await run("show")).status, (await run("show")).out.includes("never fetched"), (await run("show")).err]).toEqual([1, true, expect.stringContaining("next: `npx vouchsafe lists update`")])
    files({ "osv/x.json": JSON.stringify(record("evil")) })
    await run("update")
    const ran = await run("show")
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(/^osv +1 +\S+Z +good for \d d +\S+osv$/m)
    expect(documentIn((await run("show", "--json")).out)).toMatchObject({ lists: [{ name: "osv", entries: 1, problem: null }] })
  })
  test("none", async () => {
    policy()
    expect([(await run("show")).out, (await run("update")).out]).toEqual(["vouchsafe.json subscribes to no lists\n", "vouchsafe.json subscribes to no lists\n"])
  })
})

test("22,000 names of a real list: all are found, no popular name is", async () => {
  const names = readFileSync(sharedPath("data/names/ossf-npm-malicious.names.tsv"), "utf8").trimEnd().split("\n").slice(1).map((line) => line.split("\t"))
  files({ "all.jsonl": names.map(([name = "", id]) => JSON.stringify(record(name, range({ introduced: "0" }), id))).join("\n") })
  const { entries, records, unusable } = await gatherList(join(dir, "all.jsonl"), { nowMs: () => 0, transport: { request: async () => { throw new TypeError("no network") } } })
  expect([records, entries.length + unusable]).toEqual([names.length, names.length])
  policy({ name: "osv", source: "./all.jsonl" })
  await run("update")
  const { list } = kept(join(dir, "all.jsonl"))
  const spelled = new Set(entries.map(({ name }) => name))
  expect(names.filter(([name = ""]) => spelled.has(name) && list?.find(name, "1.0.0") === undefined)).toEqual([])
  expect(["react", "left-pad", "@types/node", "lodash"].filter((name) => list?.find(name, "1.0.0") !== undefined)).toEqual([])
})
