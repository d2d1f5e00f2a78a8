// Lists of known-malicious packages: what they find, and that one which nobody can read refuses everything.
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { type Affected, formatList, isVersion, type ListEntry, openList, spellName } from "../../src/node/list-file.ts"
import { listPath, listsDirectory, maliciousLists, readList } from "../../src/node/lists.ts"
import { temporaryDirectory } from "../support/temp.ts"

const HEAD = { name: "osv", source: "./osv", fetched: 1_000 }
const SUBSCRIPTION = { name: "osv", source: "./osv", maxAgeSeconds: 100 }
const some = (versions: readonly string[], ...ranges: { from: string; until?: string; through?: string }[]): Affected => ({ kind: "some", versions, ranges })
const entry = (name: string, affected: Affected = { kind: "all" }, id = "MAL-1"): ListEntry => ({ name, id, affected })

const LIST = [
  entry("evil"), entry("@scope/evil", { kind: "all" }, "MAL-2"), entry("left", some(["1.0.1", "v1 beta", "1.0.0+x"]), "MAL-3"),
  entry("range", some([], { from: "2.0.0-rc.1", until: "2.1.0" }, { from: "3.0.0", through: "3.1.0" }, { from: "4.0.0" }), "MAL-4"),
  entry("old", some([], { from: "0", until: "1.0.0" }), "MAL-5"), entry("ever", some([], { from: "0" }), "MAL-6"),
  entry("twice", some(["1.0.0"]), "MAL-7"), entry("twice", some(["2.0.0"]), "MAL-8"), entry("Upper"), entry("__proto__"), entry("ünï"), entry("vers", some(["1.0.0-ü", "a%b"]), "MAL-9"),
]

describe("a list finds", () => {
  const list = openList(formatList(HEAD, LIST))
  test.each([
    ["evil", "0.0.1", "MAL-1"], ["@scope/evil", "9.0.0", "MAL-2"], ["left", "1.0.1", "MAL-3"], ["left", "v1 beta", "MAL-3"], ["left", "1.0.0+x", "MAL-3"],
    ["range", "2.0.0-rc.1", "MAL-4"], ["range", "2.0.9", "MAL-4"], ["range", "3.1.0", "MAL-4"], ["range", "10.0.0", "MAL-4"], ["old", "0.9.9", "MAL-5"], ["old", "1.0.0-pre", "MAL-5"],
    ["ever", "not a version", "MAL-6"], ["twice", "1.0.0", "MAL-7"], ["twice", "2.0.0", "MAL-8"], ["Upper", "1.0.0", "MAL-1"], ["ünï", "1.0.0", "MAL-1"], ["vers", "1.0.0-ü", "MAL-9"], ["vers", "a%b", "MAL-9"], ["__proto__", "1.0.0", "MAL-1"],
  ])("%s %s", (name, version, id) => expect(list.find(name, version)).toEqual({ id }))
  test.each([
    ["evi", "1.0.0"], ["evil2", "1.0.0"], ["evil-", "1.0.0"], ["scope/evil", "1.0.0"], ["@scope/evi", "1.0.0"], ["left", "1.0.0"], ["left", "v1"], ["range", "2.0.0-beta"], ["range", "2.1.0"], ["range", "3.1.1"], ["range", "3.2.0"],
    ["range", "not a version"], ["old", "1.0.0"], ["old", "not a version"], ["twice", "3.0.0"], ["upper", "1.0.0"], ["constructor", "1.0.0"], ["", "1.0.0"], ["a/b", "1.0.0"], ["zzz", "1.0.0"], ["!", "1"],
  ])("nothing: %s %s", (name, version) => expect(list.find(name, version)).toBeUndefined())
  test("nothing in an empty one", () => expect(openList(formatList(HEAD, [])).find("evil", "1.0.0")).toBeUndefined())
  test("every one of many names, and no other", () => {
    const names = Array.from({ length: 500 }, (_, i) => `p${i}`)
    const many = openList(formatList(HEAD, names.map((name) => entry(name))))
    expect(names.filter((name) => many.find(name, "1.0.0") === undefined)).toEqual([])
    expect(names.filter((name) => many.find(`${name}x`, "1.0.0") !== undefined || many.find(`o${name}`, "1.0.0") !== undefined)).toEqual([])
  })
})

test("one spelling: order, doubles and origin of the entries do not matter", () => {
  const text = formatList(HEAD, LIST).toString()
  expect(formatList(HEAD, [...LIST].reverse().concat(LIST)).toString()).toBe(text)
  expect(text).toMatch(/^vouchsafe-list\/v1\nname osv\nsource \.\/osv\nfetched 1000\nlines 12\nsha256 [0-9a-f]{64}\n/)
  expect(text).toContain("range\tMAL-4\t[2.0.0-rc.1,2.1.0) [3.0.0,3.1.0] [4.0.0,\n")
  expect(text).toContain("left\tMAL-3\t=1.0.0+x =1.0.1 =v1%20beta\n")
})

test("names that no package can have are not spelled; versions without an order are known", () => {
  expect(["a b", "a/b/c", "@a", "", "a@b", "a".repeat(300)].map(spellName)).toEqual(["a%20b", undefined, undefined, undefined, undefined, undefined])
  expect(["1.2.3", "1.2.3-a.b+c", "0", "v1.0.0", "01.0.0", "1.2", "1.2.3.4", " 1.2.3"].map(isVersion)).toEqual([true, true, false, false, false, false, false, false])
})

describe("damage is found", () => {
  const good = formatList(HEAD, LIST)
  test("each changed byte, each truncation", () => {
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] as number) ^ 1
      expect(() => openList(bad)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
      expect(() => openList(good.subarray(0, at))).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
    }
  })
  test.each([
    "evil\tMAL-1\t*\tmore\n", "evil\tMAL 1\t*\n", "evil\tMAL-1\t\n", "evil\tMAL-1\t=2.0.0 =1.0.0\n", "evil\tMAL-1\t[1.0.0,2.0.0\n", "evil\tMAL-1\t[1.0,2.0.0)\n", "evil\tMAL-1\t[1.0.0,)\n", "evil\tMAL-1\t=%zz\n",
    "evil\tMAL-1\t=%41\n", "evil\tMAL-1\t[1.0.0, \n", "evil\n",
  ])("a line that no list has: %j", (line) => {
    const head = formatList(HEAD, []).toString().replace(/lines 0\nsha256 .*\n/, "lines 1\n")
    const body = Buffer.from(line)
    const bytes = Buffer.concat([Buffer.from(`${head}sha256 ${createHash("sha256").update(head).update(body).digest("hex")}\n`), body])
    expect(() => openList(bytes).find("evil", "1.0.0")).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
  })
})

function setUp() {
  const env = { VOUCHSAFE_HOME: join(temporaryDirectory(), "vouchsafe") }
  mkdirSync(listsDirectory(env), { recursive: true, mode: 0o700 })
  const put = (bytes: string | Uint8Array): void => writeFileSync(listPath(env, SUBSCRIPTION), bytes, { mode: 0o600 })
  return { env, put }
}

describe("a list on disk that cannot be used is a problem", () => {
  test.each([
    { name: "never fetched", bytes: undefined, now: 1_000, says: "was never fetched" },
    { name: "too old", bytes: formatList(HEAD, LIST), now: 1_101, says: "101 s ago, expected at most 100 s" },
    { name: "from the future", bytes: formatList(HEAD, LIST), now: 600, says: "400 s in the future" },
    { name: "damaged", bytes: formatList(HEAD, LIST).subarray(0, -1), now: 1_000, says: "cannot be used" },
    { name: "empty", bytes: Buffer.alloc(0), now: 1_000, says: "cannot be used" },
    { name: "of another name", bytes: formatList({ ...HEAD, name: "other" }, LIST), now: 1_000, says: "is another one" },
    { name: "of another source", bytes: formatList({ ...HEAD, source: "./none" }, LIST), now: 1_000, says: "is another one" },
  ])("$name", ({ bytes, now, says }) => {
    const { env, put } = setUp()
    if (bytes !== undefined) put(bytes)
    expect(readList(env, SUBSCRIPTION, now).problem).toContain(says)
    const [list] = maliciousLists(env, { lists: [SUBSCRIPTION] })(now)
    expect(list?.problem).toContain(says)
  })
  test("in a folder that others can enter", () => {
    const { env, put } = setUp()
    put(formatList(HEAD, LIST))
    expect(readList(env, SUBSCRIPTION, 1_000).problem).toBeUndefined()
    chmodSync(listsDirectory(env), 0o755)
    expect(readList(env, SUBSCRIPTION, 1_000).problem).toContain("mode 755")
  })
})

test("a process that is kept running sees a list that was fetched anew, and one that became too old", () => {
  const { env, put } = setUp()
  const lists = maliciousLists(env, { lists: [SUBSCRIPTION] })
  expect(lists(1_000)[0]?.problem).toContain("never fetched")
  put(formatList(HEAD, LIST))
  expect([lists(1_000)[0]?.problem, lists(1_000)[0]?.find("evil", "1.0.0")]).toEqual([undefined, { id: "MAL-1" }])
  expect(lists(1_200)[0]?.problem).toContain("200 s ago")
  put(formatList({ ...HEAD, fetched: 1_200 }, []))
  utimesSync(listPath(env, SUBSCRIPTION), 1, 1)
  expect([lists(1_200)[0]?.problem, lists(1_200)[0]?.find("evil", "1.0.0")]).toEqual([undefined, undefined])
  expect(statSync(listPath(env, SUBSCRIPTION)).mode & 0o777).toBe(0o600)
  expect(readFileSync(listPath(env, SUBSCRIPTION), "utf8")).toContain("lines 0")
})
