import { beforeAll, describe, expect, test } from "vitest"
import { memorySource, verifySource } from "../src/index.ts"
import { keyIdOf } from "../src/keys.ts"
import { ALICE, BOB, CAROL, change, DAVE, DAY_MS, filesOf, genesisIn, key, metadata, NOW_MS, ONLINE, OTHER_ONLINE, partOf, reSnapshot, rosterText, sha256, signersOf, temporaryFolder } from "./support/world.ts"

type Files = Map<string, string>
let genesis: string
let first: Files
let second: Files

beforeAll(async () => {
  const folder = temporaryFolder()
  ;({ genesis } = await genesisIn(folder))
  first = filesOf(folder)
  await change(folder, { targets: new Map([["roster.json", rosterText(2, "alpha", "bravo", "delta", "echo")]]) }, [ALICE, CAROL])
  second = filesOf(folder)
})

const verify = (files: ReadonlyMap<string, string>, known: ReadonlyMap<string, string> = new Map(), nowMs: number = NOW_MS) => verifySource({ genesis, known, fetch: memorySource(files), nowMs })
const copy = (files: Files): Files => new Map(files)
const time = (days: number): string => new Date(NOW_MS + days * DAY_MS).toISOString().replace(".000Z", "Z")

/** The newest roles, changed and signed again. */
function resigned(role: "root" | "targets" | "roster", version: number, members: object, people = [ALICE, BOB]): (files: Files) => Files {
  return (files) => {
    const name = `${version}.${role}.json`
    const before = [...files.keys()].filter((file) => file.endsWith(`.${role}.json`) && !file.startsWith("targets/")).sort().at(-1) as string
    const text = metadata(role, { ...partOf(files.get(before) as string), version, ...members }, people)
    files.set(name, text)
    return role === "root" ? files : reSnapshot(files, { [role]: text })
  }
}

const withMember = (name: string, member: string, value: unknown, people = [ONLINE]) => (files: Files): Files => {
  const role = name.replace(/^\d+\.|\.json$/g, "") as "timestamp"
  files.set(name, metadata(role, { ...partOf(files.get(name) as string), [member]: value }, people))
  return files
}
const raw = (name: string, edit: (text: string) => string) => (files: Files): Files => files.set(name, edit(files.get(name) as string))

test("a repository is followed from its genesis, and a later state from an earlier one", async () => {
  const one = await verify(first)
  expect(one.refusal).toBeUndefined()
  expect([...one.chain.keys()].sort()).toEqual(["1.root.json", "1.roster.json", "1.snapshot.json", "1.targets.json", `targets/${sha256(rosterText(1))}.roster.json`, "timestamp.json"])
  const two = await verify(second, one.chain)
  expect(two.refusal).toBeUndefined()
  expect([...two.chain.keys()]).toContain("2.roster.json")
  expect([...two.chain.keys()]).not.toContain("1.roster.json")
})

/** One way to be wrong a row. `from`: what was known; nothing where it is left out. */
const ROWS: readonly { readonly name: string; readonly code?: string; readonly says: string; readonly known?: () => Files; readonly files: () => Files; readonly nowMs?: number }[] = [
  { name: "another genesis", says: "expected the pinned genesis", files: () => raw("1.root.json", (text) => `${text} `)(copy(first)) },
  { name: "no root at all", code: "UNREACHABLE", says: "no 1.root.json", files: () => new Map() },
  { name: "freeze: the timestamp's time is over", code: "ROSTER_EXPIRED", says: "timestamp metadata expired", files: () => first, nowMs: NOW_MS + 6.5 * DAY_MS },
  { name: "freeze: the snapshot's time is over", code: "ROSTER_EXPIRED", says: "snapshot metadata expired", files: () => reSnapshot(copy(first), {}, { snapshot: { expires: time(-1) } }) },
  { name: "freeze: the roster's time is over", code: "ROSTER_EXPIRED", says: "roster metadata expired", files: () => resigned("roster", 2, { expires: time(-1) })(copy(first)) },
  { name: "freeze: the targets' time is over", code: "ROSTER_EXPIRED", says: "targets metadata expired", files: () => resigned("targets", 2, { expires: time(-1) })(copy(first)) },
  { name: "freeze: the last root's time is over", code: "ROSTER_EXPIRED", says: "Final root.json is expired", files: () => resigned("root", 2, { expires: time(-1) })(copy(first)) },
  { name: "a timestamp for 8 days", says: "expected at most 7", files: () => withMember("timestamp.json", "expires", time(8))(copy(first)) },
  { name: "targets for 31 days", says: "expected at most 30", files: () => resigned("targets", 2, { expires: time(31) })(copy(first)) },
  { name: "a roster for 31 days", says: "expected at most 30", files: () => resigned("roster", 2, { expires: time(31) })(copy(first)) },
  { name: "a snapshot for 31 days", says: "expected at most 30", files: () => reSnapshot(copy(first), {}, { snapshot: { expires: time(31) } }) },
  { name: "a root for 401 days", says: "expected at most 400", files: () => resigned("root", 2, { expires: time(401) })(copy(first)) },
  { name: "rollback of the timestamp", says: "less than current version", known: () => second, files: () => first },
  { name: "rollback of the snapshot under a newer timestamp", says: "less than current version", known: () => second, files: () => withMember("timestamp.json", "version", 9)(copy(first)) },
  { name: "rollback of the roster in a newer snapshot", says: "less than current version", known: () => second, files: () => {
    const files = copy(second)
    return reSnapshot(files, { roster: first.get("1.roster.json") as string })
  } },
  { name: "a role that the snapshot no longer names", says: "signed.meta.roster.json is missing", known: () => second, files: () => {
    const files = copy(second)
    const { "roster.json": _, ...meta } = partOf(files.get("2.snapshot.json") as string)["meta"] as Record<string, unknown>
    return reSnapshot(files, {}, { snapshot: { meta } })
  } },
  { name: "mix-and-match: an old snapshot under the new timestamp", says: "snapshot", files: () => copy(second).set("2.snapshot.json", first.get("1.snapshot.json") as string) },
  { name: "mix-and-match: an old roster role under the new snapshot", says: "says version 1", files: () => copy(second).set("2.roster.json", first.get("1.roster.json") as string) },
  { name: "a swapped target", says: "expected", files: () => {
    const files = copy(first)
    const name = [...files.keys()].find((file) => file.startsWith("targets/")) as string
    return files.set(name, rosterText(7, "mallory"))
  } },
  { name: "a target that is withheld", code: "UNREACHABLE", says: "the source has no targets/", files: () => new Map([...first].filter(([name]) => !name.startsWith("targets/"))) },
  { name: "a roster that one person signed", says: "1/2 keys", files: () => resigned("roster", 2, {}, [ALICE])(copy(first)) },
  { name: "a roster that one person and a stranger signed", says: "1/2 keys", files: () => resigned("roster", 2, {}, [ALICE, DAVE])(copy(first)) },
  { name: "a roster that the online key signed", says: "0/2 keys", files: () => resigned("roster", 2, {}, [ONLINE])(copy(first)) },
  { name: "targets that one person signed", says: "1/2 keys", files: () => resigned("targets", 2, {}, [CAROL])(copy(first)) },
  { name: "a root that one person signed", says: "1/2 keys", files: () => resigned("root", 2, {}, [ALICE])(copy(first)) },
  { name: "a root that nobody of the old one signed", says: "0/2 keys", files: () => {
    const files = copy(first)
    const root = partOf(files.get("1.root.json") as string)
    const people = [signersOf(2, DAVE, OTHER_ONLINE)].flatMap(({ keys }) => keys)
    const ids = { keyids: people.map(keyIdOf), threshold: 2 }
    const keys = Object.fromEntries([...people, key(ONLINE)].map((one) => [keyIdOf(one), one]))
    return files.set("2.root.json", metadata("root", { ...root, version: 2, keys, roles: { ...root["roles"] as object, root: ids, targets: ids } }, [DAVE, OTHER_ONLINE]))
  } },
  { name: "a root that leaves a version out", says: "says version 3", files: () => copy(first).set("2.root.json", metadata("root", { ...partOf(first.get("1.root.json") as string), version: 3 }, [ALICE, BOB])) },
  { name: "a timestamp of a stranger", says: "0/1 keys", files: () => withMember("timestamp.json", "version", 2, [DAVE])(copy(first)) },
  { name: "a timestamp of a keyholder", says: "0/1 keys", files: () => withMember("timestamp.json", "version", 2, [ALICE])(copy(first)) },
  { name: "a signature that stands twice", says: "one signature for each key", files: () => {
    const files = copy(first)
    const document = JSON.parse(files.get("1.roster.json") as string) as { signatures: unknown[] }
    document.signatures = [document.signatures[0], document.signatures[0]]
    return reSnapshot(files, { roster: JSON.stringify(document) })
  } },
  { name: "a flipped signature", says: "1/2 keys", files: () => {
    const text = (first.get("1.roster.json") as string).replace(/"sig":"(.)/, (_, digit: string) => `"sig":"${digit === "0" ? "1" : "0"}`)
    return reSnapshot(copy(first), { roster: text })
  } },
  { name: "timestamp: no JSON", says: "not JSON", files: () => copy(first).set("timestamp.json", "{") },
  { name: "timestamp: no UTF-8", says: "not JSON", files: () => copy(first).set("timestamp.json", "\u0000") },
  { name: "timestamp: an unknown member", says: "no such member", files: () => withMember("timestamp.json", "also", 1)(copy(first)) },
  { name: "timestamp: an array", says: "expected an object", files: () => copy(first).set("timestamp.json", "[]") },
  { name: "timestamp: another type", says: "signed._type", files: () => copy(first).set("timestamp.json", first.get("1.snapshot.json") as string) },
  { name: "timestamp: oversized", says: "expected at most", files: () => raw("timestamp.json", (text) => `${text}${" ".repeat(20_000)}`)(copy(first)) },
  { name: "snapshot: longer than named", says: "snapshot", files: () => raw("1.snapshot.json", (text) => `${text} `)(copy(first)) },
  { name: "timestamp: a time that never comes", says: "signed.expires", files: () => withMember("timestamp.json", "expires", "never")(copy(first)) },
  { name: "timestamp: a day that is none", says: "signed.expires", files: () => withMember("timestamp.json", "expires", "2026-11-31T00:00:00Z")(copy(first)) },
  { name: "timestamp: a time with parts of a second", says: "signed.expires", files: () => withMember("timestamp.json", "expires", "2026-11-25T00:00:00.000Z")(copy(first)) },
  { name: "timestamp: version 0", says: "signed.version", files: () => withMember("timestamp.json", "version", 0)(copy(first)) },
  { name: "timestamp: version as text", says: "signed.version", files: () => raw("timestamp.json", (text) => text.replace('"version":1,"expires"', '"version":"1","expires"'))(copy(first)) },
  { name: "timestamp: another standard", says: "signed.spec_version", files: () => raw("timestamp.json", (text) => text.replace("1.0.31", "2.0.0"))(copy(first)) },
  { name: "timestamp: no digest of the snapshot", says: "hashes is missing", files: () => withMember("timestamp.json", "meta", { "snapshot.json": { version: 1, length: 3 } })(copy(first)) },
  { name: "timestamp: the digest of another algorithm only", says: "hashes.sha512", files: () => withMember("timestamp.json", "meta", { "snapshot.json": { version: 1, length: 3, hashes: { sha512: "00" } } })(copy(first)) },
  { name: "targets: a target of its own", says: "signed.targets", files: () => resigned("targets", 2, { targets: { "roster.json": { length: 1, hashes: { sha256: "0".repeat(64) } } } })(copy(first)) },
  { name: "roster role: a path of another role", says: "recipes.json", files: () => resigned("roster", 2, { targets: { "recipes.json": { length: 1, hashes: { sha256: "0".repeat(64) } } } })(copy(first)) },
  { name: "roster role: no roster", says: "roster.json is missing", files: () => resigned("roster", 2, { targets: {} })(copy(first)) },
]

describe("refused", () => {
  test.each(ROWS)("$name", async ({ files, known, says, code, nowMs }) => {
    const before = known === undefined ? new Map<string, string>() : (await verify(known())).chain
    const { refusal, chain } = await verify(files(), before, nowMs)
    expect(refusal).toMatchObject({ code: code ?? "ROSTER_REFUSED", message: expect.stringContaining(says) as string })
    // Nothing that was known is lost.
    for (const [name, text] of before) if (name.endsWith(".root.json")) expect(chain.get(name)).toBe(text)
  })
})

/** Roots and delegations that say what no root may say; each signed by everybody who could be asked for. */
type Root = { keys: Record<string, Record<string, unknown>>; roles: Record<string, { keyids: string[]; threshold: number }>; consistent_snapshot: boolean }
const ROOTS: readonly { readonly name: string; readonly says: string; readonly edit: (root: Root) => void }[] = [
  { name: "one keyholder with two keys", says: "holder", edit: ({ keys }) => { Object.assign(keys, { [keyIdOf(key(DAVE))]: { ...key(DAVE), "x-vouchsafe-holder": "alice.example" } }) } },
  { name: "one key under two ids", says: "the id", edit: ({ keys }) => { Object.assign(keys, { ["0".repeat(64)]: key(ALICE) }) } },
  { name: "a key id that stands twice in a role", says: "each one once", edit: ({ roles }) => { for (const role of ["root", "targets"]) roles[role]?.keyids.push(roles[role]?.keyids[0] as string) } },
  { name: "a threshold of 1", says: "at least 2", edit: ({ roles }) => { for (const role of ["root", "targets"]) Object.assign(roles[role] as object, { threshold: 1 }) } },
  { name: "a threshold that nobody reaches", says: "whole number from 1 to 3", edit: ({ roles }) => { for (const role of ["root", "targets"]) Object.assign(roles[role] as object, { threshold: 4 }) } },
  { name: "a threshold of 0", says: "whole number from 1", edit: ({ roles }) => { Object.assign(roles["timestamp"] as object, { threshold: 0 }) } },
  { name: "targets by fewer than the root", says: "the keyholders and the threshold", edit: ({ roles }) => { roles["targets"]?.keyids.pop() } },
  { name: "an online keyholder", says: "used online", edit: ({ roles }) => { Object.assign(roles["timestamp"] as object, { keyids: [keyIdOf(key(ALICE))] }) } },
  { name: "an RSA key", says: "keytype", edit: ({ keys }) => { Object.assign(keys[keyIdOf(key(CAROL))] as object, { keytype: "rsa" }) } },
  { name: "another scheme", says: "scheme", edit: ({ keys }) => { Object.assign(keys[keyIdOf(key(CAROL))] as object, { scheme: "rsassa-pss-sha256" }) } },
  { name: "a key without a holder", says: "x-vouchsafe-holder is missing", edit: ({ keys }) => { delete keys[keyIdOf(key(CAROL))]?.["x-vouchsafe-holder"] } },
  { name: "a key of 31 bytes", says: "64 hexadecimal digits", edit: ({ keys }) => { Object.assign(keys[keyIdOf(key(CAROL))] as object, { keyval: { public: "00".repeat(31) } }) } },
  { name: "a key that no role knows of, missing", says: "ids of keys that are there", edit: ({ keys }) => { delete keys[keyIdOf(key(CAROL))] } },
  { name: "snapshots that are not consistent", says: "consistent_snapshot", edit: (root) => { root.consistent_snapshot = false } },
  { name: "a fifth role", says: "no such member", edit: ({ roles }) => { roles["mirrors"] = { keyids: [keyIdOf(key(DAVE))], threshold: 1 } } },
  { name: "too many keys", says: "at most 64 keys", edit: ({ keys }) => { for (let i = 0; i < 70; i++) keys[i.toString(16).padStart(64, "0")] = { ...key(DAVE) } } },
]

test.each(ROOTS)("a root is refused: $name", async ({ says, edit }) => {
  const root = structuredClone(partOf(first.get("1.root.json") as string)) as unknown as Root
  edit(root)
  // Models that refuse it themselves cannot sign it; it is refused before signatures are looked at.
  const text = JSON.stringify({ signatures: [], signed: { ...root, version: 2 } })
  const { refusal } = await verify(copy(first).set("2.root.json", text))
  expect(refusal).toMatchObject({ code: "ROSTER_REFUSED", message: expect.stringContaining(says) as string })
})

type Role = { name: string; keyids: string[]; threshold: number; terminating: boolean; paths: string[] }
const DELEGATIONS: readonly { readonly name: string; readonly says: string; readonly edit: (roles: Role[], keys: Record<string, unknown>) => void }[] = [
  { name: "the roster by fewer", says: "not signed by the keyholders", edit: ([roster]) => { Object.assign(roster as object, { threshold: 1 }) } },
  { name: "the roster by a stranger", says: "not signed by the keyholders", edit: ([roster], keys) => { keys[keyIdOf(key(DAVE))] = key(DAVE); roster?.keyids.push(keyIdOf(key(DAVE))) } },
  { name: "recipes by an online key", says: "used online", edit: ([, recipes], keys) => { keys[keyIdOf(key(ONLINE))] = key(ONLINE); Object.assign(recipes as object, { keyids: [keyIdOf(key(ONLINE))], threshold: 1 }) } },
  { name: "a role that takes the roster's path", says: "recipes.json", edit: ([, recipes]) => { Object.assign(recipes as object, { paths: ["roster.json"] }) } },
  { name: "a pattern", says: "roster.json", edit: ([roster]) => { Object.assign(roster as object, { paths: ["*"] }) } },
  { name: "a search that goes on", says: "terminating", edit: ([roster]) => { Object.assign(roster as object, { terminating: false }) } },
  { name: "another order", says: "name", edit: (roles) => { roles.reverse() } },
  { name: "a role left out", says: "4 roles", edit: (roles) => { roles.pop() } },
  { name: "another holder than in the root", says: "another holder", edit: (_, keys) => { keys[keyIdOf(key(ALICE))] = { ...key(ALICE), "x-vouchsafe-holder": "mallory.example" } } },
]

test.each(DELEGATIONS)("delegations are refused: $name", async ({ says, edit }) => {
  const files = copy(first)
  const part = structuredClone(partOf(files.get("1.targets.json") as string)) as { delegations: { roles: Role[]; keys: Record<string, unknown> } }
  edit(part.delegations.roles, part.delegations.keys)
  const text = metadata("targets", { ...part, version: 2 }, [ALICE, BOB, CAROL])
  const { refusal } = await verify(reSnapshot(files, { targets: text }))
  expect(refusal).toMatchObject({ code: "ROSTER_REFUSED", message: expect.stringContaining(says) as string })
})

test("a root once seen is kept though the rest is refused: its withdrawn keys do not come back", async () => {
  const folder = temporaryFolder()
  await genesisIn(folder)
  const before = (await verify(first)).chain
  await change(folder, { keyholders: signersOf(2, BOB, CAROL, DAVE), onlineKey: key(OTHER_ONLINE) }, [BOB, CAROL], NOW_MS, OTHER_ONLINE)
  const rotated = filesOf(folder)
  const cut = await verify(new Map([...rotated].filter(([name]) => name !== "timestamp.json")), before)
  expect(cut.refusal).toMatchObject({ code: "UNREACHABLE" })
  expect(cut.chain.has("2.root.json")).toBe(true)
  // The old online key signs a newer timestamp, and nobody listens.
  const replay = await verify(reSnapshot(copy(first), {}), cut.chain)
  expect(replay.refusal).toMatchObject({ code: "ROSTER_REFUSED", message: expect.stringContaining("0/1 keys") as string })
  expect((await verify(rotated, cut.chain)).refusal).toBeUndefined()
})

test("many rotations are followed some at a time", async () => {
  const files = copy(first)
  const root = partOf(files.get("1.root.json") as string)
  for (let version = 2; version <= 40; version++) files.set(`${version}.root.json`, metadata("root", { ...root, version }, [ALICE, BOB]))
  const one = await verify(files)
  expect(one.chain.has("33.root.json")).toBe(true)
  expect(one.chain.has("34.root.json")).toBe(false)
  expect((await verify(files, one.chain)).chain.has("40.root.json")).toBe(true)
})

test("what only another role needs may be over; the roster is followed all the same", async () => {
  const folder = temporaryFolder()
  const { genesis: other } = await genesisIn(folder, { targets: new Map([["roster.json", rosterText(1)], ["recipes.json", "{}"]]) })
  const files = filesOf(folder)
  const text = metadata("recipes", { ...partOf(files.get("1.recipes.json") as string), version: 2, expires: time(-1) }, [ALICE, BOB])
  const { refusal, warnings } = await verifySource({ genesis: other, known: new Map(), fetch: memorySource(reSnapshot(files, { recipes: text })), nowMs: NOW_MS })
  expect(refusal).toBeUndefined()
  expect(warnings).toEqual([expect.stringContaining("recipes metadata expired")])
})

test.each(["2020-02-02T00:00:00Z", "2040-02-02T00:00:00Z"])("one clock judges, and it is the one that is given: %s", async (day) => {
  const nowMs = Date.parse(day)
  const folder = temporaryFolder()
  const { genesis: other } = await genesisIn(folder, {}, nowMs)
  const at = async (ms: number) => (await verifySource({ genesis: other, known: new Map(), fetch: memorySource(filesOf(folder)), nowMs: ms })).refusal
  expect(await at(nowMs)).toBeUndefined()
  expect(await at(nowMs + 6 * DAY_MS)).toMatchObject({ code: "ROSTER_EXPIRED" })
})
