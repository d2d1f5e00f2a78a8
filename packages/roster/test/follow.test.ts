import { VouchsafeError } from "@vouchsafe/core"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, test } from "vitest"
import { followRoster, rosterInForce, type RosterStore, rosterStore } from "../src/index.ts"
import { ALICE, BOB, change, crypto, DAY_MS, filesOf, genesisIn, metadata, noLock, NOW_MS, partOf, reSnapshot, rosterText, temporaryFolder, transportTo, sha256 } from "./support/world.ts"

const HERE = "https://here.example/tuf/"
const THERE = "https://there.example/tuf/"
let genesis: string
let first: Map<string, string>
let second: Map<string, string>
let directory: string
let store: RosterStore

beforeEach(async () => {
  const folder = temporaryFolder()
  ;({ genesis } = await genesisIn(folder))
  first = filesOf(folder)
  await change(folder, { targets: new Map([["roster.json", rosterText(2, "alpha", "bravo", "delta", "echo")]]) }, [ALICE, BOB])
  second = filesOf(folder)
  directory = temporaryFolder()
  store = rosterStore({ directory, genesis, crypto, withLock: noLock })
})

const follow = (sources: Readonly<Record<string, ReadonlyMap<string, string> | number>>, nowMs: number = NOW_MS, into: RosterStore = store) => followRoster({
  genesis, sources: Object.keys(sources), store: into, crypto, clock: { nowMs: () => nowMs },
  transport: transportTo(new Map(Object.entries(sources).map(([base, files]) => [base, () => files]))),
})

test("the newest of all sources counts, and is remembered", async () => {
  const result = await follow({ [HERE]: first, [THERE]: second })
  expect(result).toMatchObject({ fresh: true, failures: [], current: { roster: { version: 2 } } })
  expect(rosterInForce(result, NOW_MS).text).toBe(rosterText(2, "alpha", "bravo", "delta", "echo"))
  expect(store.load().current?.roster.version).toBe(2)
  expect(JSON.parse(readFileSync(join(directory, "current.json"), "utf8"))).toMatchObject({ format: "vouchsafe-governed-roster/v1", genesis, expires: NOW_MS / 1000 + 6 * 86_400 })
})

test("a source that is rolled back is refused; another one that is not goes on", async () => {
  await follow({ [HERE]: second })
  const alone = await follow({ [HERE]: first })
  expect(() => rosterInForce(alone, NOW_MS)).toThrow(expect.objectContaining({ code: "ROSTER_REFUSED" }))
  expect(store.load().current?.roster.version).toBe(2)
  const both = await follow({ [HERE]: first, [THERE]: second })
  expect(rosterInForce(both, NOW_MS).roster.version).toBe(2)
  expect(both.failures).toMatchObject([{ source: HERE, error: { code: "ROSTER_REFUSED" } }])
})

test("sources that nobody reaches: what is remembered counts to its end, and not a second longer", async () => {
  const { current } = await follow({ [HERE]: first })
  const away = await follow({ [HERE]: 503, [THERE]: 404 })
  expect(away).toMatchObject({ fresh: false, failures: [{ error: { code: "UNREACHABLE" } }, { error: { code: "UNREACHABLE" } }] })
  const endMs = (current?.expires ?? 0) * 1000
  expect(rosterInForce(away, endMs - 1).roster.version).toBe(1)
  expect(() => rosterInForce(away, endMs)).toThrow(expect.objectContaining({ code: "ROSTER_EXPIRED" }))
})

describe("nothing remembered", () => {
  test.each([
    ["unreachable", 500, "UNREACHABLE"], ["no repository", 404, "UNREACHABLE"],
    ["another genesis", new Map([["1.root.json", "{}"]]), "ROSTER_REFUSED"],
    ["oversized", new Map([["1.root.json", "x".repeat(200_000)]]), "ROSTER_REFUSED"],
  ] as const)("%s", async (_, files, code) => {
    const result = await follow({ [HERE]: files })
    expect(() => rosterInForce(result, NOW_MS)).toThrow(expect.objectContaining({ code }))
    expect(store.load().current).toBeUndefined()
  })

  test("no source", async () => {
    expect(() => rosterInForce({ current: undefined, chain: new Map(), fresh: false, failures: [], warnings: [] }, NOW_MS)).toThrow(expect.objectContaining({ code: "ROSTER_EXPIRED" }))
  })

  test("a frozen source", async () => {
    const result = await follow({ [HERE]: first }, NOW_MS + 7 * DAY_MS)
    expect(() => rosterInForce(result, NOW_MS + 7 * DAY_MS)).toThrow(expect.objectContaining({ code: "ROSTER_EXPIRED" }))
  })
})

/** What two keyholders signed outside of `propose`. */
function withRoster(text: string): Map<string, string> {
  const files = new Map(second)
  const part = partOf(files.get("2.roster.json") as string)
  const targets = { "roster.json": { length: Buffer.byteLength(text), hashes: { sha256: sha256(text) } } }
  files.set(`targets/${sha256(text)}.roster.json`, text)
  return reSnapshot(files, { roster: metadata("roster", { ...part, version: 3, targets }, [ALICE, BOB]) })
}

test.each([
  ["an older version of the roster itself", rosterText(1)],
  ["another roster of the same version", rosterText(2, "alpha", "bravo", "delta")],
  ["no roster", '{"format":"vouchsafe-roster/v1"}'],
])("well signed, and refused: %s", async (_, text) => {
  await follow({ [HERE]: second })
  const result = await follow({ [HERE]: withRoster(text) })
  expect(() => rosterInForce(result, NOW_MS)).toThrow(expect.objectContaining({ code: "ROSTER_REFUSED" }))
  expect(store.load().current?.roster.version).toBe(2)
})

test("two processes: what the other one stored is not overwritten by what is older", async () => {
  let calls = 0
  const racing: RosterStore = {
    load: () => store.load(),
    async store(based, chain, current) {
      calls += 1
      if (calls === 1) await follow({ [THERE]: second })
      return await store.store(based, chain, current)
    },
  }
  const result = await follow({ [HERE]: first }, NOW_MS, racing)
  expect(calls).toBe(2)
  expect(store.load().current?.roster.version).toBe(2)
  expect(result.failures).toMatchObject([{ error: { code: "ROSTER_REFUSED" } }])
})

test.each([
  ["chain.json", "{}"], ["chain.json", "not JSON"], ["current.json", "{}"], ["current.json", '{"format":"vouchsafe-governed-roster/v1","genesis":"00","expires":1,"roster":""}'],
])("a damaged memory is an error, not an empty one: %s %s", async (name, text) => {
  await follow({ [HERE]: first })
  writeFileSync(join(directory, name), text)
  await expect(follow({ [HERE]: first })).rejects.toThrow(VouchsafeError)
})

test("a chain is stored onto the one that it was made from, and onto no other", async () => {
  const based = store.load()
  expect(await store.store(based, new Map([["1.root.json", first.get("1.root.json") as string]]), undefined)).toBe(true)
  expect(await store.store(based, first, undefined)).toBe(false)
  expect([...store.load().chain.keys()]).toEqual(["1.root.json"])
})
