import {
  equalBytes, formatLockLine, type LockLine, lockLineOf, lockLines, lockRoot, type NoticesHead, npmPurl, nobleCrypto, parseEntry, parseLockset, rootOfLeaves, utf8Decode, utf8Encode,
} from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createLocksets, LOCKSET_REUSE_SECONDS, locksetKey, type LocksetsOptions } from "../src/index.ts"
import { createWorld, NOTICES_ORIGIN, ORIGIN, REGISTRY, type World } from "./support/world.ts"

const NAMES = ["fixture-a", "fixture-b", "fixture-c"]
const HEAD: NoticesHead = { log: NOTICES_ORIGIN, size: 0, root: rootOfLeaves(nobleCrypto, []) }

/** A world in which three packages were observed, the locksets of its attester, and the lines that an honest client makes. */
async function project(more: Partial<LocksetsOptions> = {}) {
  const world = createWorld()
  for (const name of NAMES) {
    world.publish({ name })
    await world.attester.observe({ purl: npmPurl(name, "1.0.0"), registry: REGISTRY })
  }
  const artifacts = NAMES.map((_, i) => lockLineOf(world.observation(i)))
  const locksets = createLocksets({
    log: world.log, blobs: world.blobs, clock: world.clock, crypto: nobleCrypto, registries: [REGISTRY], roster: () => 3, notices: async () => [HEAD], pause: async () => undefined, ...more,
  })
  return { world, artifacts, locksets, lines: textsOf(artifacts) }
}

const textsOf = (artifacts: readonly LockLine[]): readonly string[] => lockLines(nobleCrypto, artifacts, REGISTRY).texts
const saidIn = (world: World, index: number) => parseLockset(utf8Decode(world.log.entries[index]?.bytes ?? new Uint8Array()))

test("derives the lines itself, and says which, under which roster, with which notices known, and when", async () => {
  const { world, artifacts, locksets, lines } = await project()
  const made = await locksets.make({ registry: REGISTRY, lines })
  expect(made).toMatchObject({ index: 3, isNew: true })
  const said = saidIn(world, 3)
  expect(said).toMatchObject({ log: ORIGIN, registry: REGISTRY, count: 3, bits: [true, true, true], roster: 3, notices: [{ log: NOTICES_ORIGIN, size: 0 }], time: world.clock.now / 1_000 })
  expect(equalBytes(said.root, lockRoot(nobleCrypto, lockLines(nobleCrypto, artifacts, REGISTRY)))).toBe(true)
  expect(parseEntry(made.entry).kind).toBe("lockset")
  expect(world.log.entries[3]?.keys).toEqual([locksetKey(said)])
})

describe("A2: sets no bit for a line that it cannot derive exactly", () => {
  test.each<{ name: string; change: (line: LockLine) => LockLine }>([
    { name: "other bytes", change: (line) => ({ ...line, facts: { ...line.facts, sha512: "ab".repeat(64) } }) },
    { name: "other contents", change: (line) => ({ ...line, facts: { ...line.facts, h1: `h1:${"B".repeat(42)}A=` } }) },
    { name: "another time of publishing", change: (line) => ({ ...line, facts: { ...line.facts, publishedAt: 1 } }) },
    { name: "another publisher", change: (line) => ({ ...line, facts: { ...line.facts, publisher: "mallory" } }) },
    { name: "no publisher", change: (line) => ({ ...line, facts: { ...line.facts, publisher: null } }) },
    { name: "provenance of its own making", change: (line) => ({ ...line, facts: { ...line.facts, provenance: { repository: "https://git.example/a/b", repositoryId: null, ownerId: null, commit: "ab".repeat(20), workflow: null, builder: "b", runner: null } } }) },
    { name: "a flag more", change: (line) => ({ ...line, facts: { ...line.facts, flags: [...line.facts.flags, { word: "script" as const, detail: "postinstall" }] } }) },
    { name: "scripts that there are not", change: (line) => ({ ...line, facts: { ...line.facts, runsScripts: !line.facts.runsScripts } }) },
    { name: "a bundled package that there is not", change: (line) => ({ ...line, bundled: ["node_modules/evil"] }) },
    { name: "another registry", change: (line) => ({ ...line, facts: { ...line.facts, registry: "https://other.example/" } }) },
    { name: "a version that it never observed", change: (line) => ({ ...line, facts: { ...line.facts, purl: npmPurl("fixture-b", "9.9.9") } }) },
  ])("$name", async ({ change }) => {
    const { artifacts, locksets, lines } = await project()
    const forged = textsOf([artifacts[0] as LockLine, change(artifacts[1] as LockLine), artifacts[2] as LockLine])
    expect(forged).not.toEqual(lines)
    const { lockset } = await locksets.make({ registry: REGISTRY, lines: forged })
    expect(lockset.bits).toEqual([true, false, true])
  })
  test("what stands in the log under the artifact's key and is not its own observation derives nothing", async () => {
    const { world, artifacts, locksets } = await project()
    const line = artifacts[0] as LockLine
    const evil = { ...line, facts: { ...line.facts, purl: npmPurl("planted", "1.0.0") } }
    const planted = JSON.stringify({ ...JSON.parse(utf8Decode(world.log.entries[0]?.bytes ?? new Uint8Array())) as object, subject: [{ name: evil.facts.purl, digest: { sha512: evil.facts.sha512 } }] })
    // Bound to another log, as a copied statement is.
    await world.log.append([{ bytes: utf8Encode(planted.replace(ORIGIN, "beta.example/log")), keys: [`${REGISTRY} ${evil.facts.purl}`] }])
    expect((await locksets.make({ registry: REGISTRY, lines: [formatLockLine(evil, REGISTRY)] })).lockset.bits).toEqual([false])
  })
})

describe("refuses what is no lock's lines, and writes nothing", () => {
  test.each<{ name: string; edit: (lines: string[]) => string[]; says: string }>([
    { name: "none", edit: () => [], says: "0 lines" },
    { name: "too many", edit: ([line = ""]) => new Array<string>(20_001).fill(line), says: "20001 lines" },
    { name: "one purl twice", edit: ([a = "", ...rest]) => [a, a, ...rest], says: "line 2 is a second one about" },
    { name: "one purl twice with other facts", edit: ([a = "", ...rest]) => [a.replace(/ by=\S+/, " by=aaa"), a, ...rest], says: "a second one about" },
    { name: "another order", edit: (lines) => lines.reverse(), says: "line 2 is not in order" },
    { name: "a line with its mark", edit: ([a = "", ...rest]) => [`${a} #abcd`, ...rest], says: "line 1" },
    { name: "a line in another spelling", edit: ([a = "", ...rest]) => [a.replace("by=ann", "by=%61nn"), ...rest], says: "one spelling" },
    { name: "a root in place of lines", edit: () => ["ab".repeat(32)], says: "does not begin with a purl" },
    { name: "a line feed in a line", edit: (lines) => [lines.join("\n")], says: "line 1" },
  ])("$name", async ({ edit, says }) => {
    const { world, locksets, lines } = await project()
    await expect(locksets.make({ registry: REGISTRY, lines: edit([...lines]) })).rejects.toMatchObject({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) })
    expect(world.log.entries).toHaveLength(3)
  })
})

describe("the same word is not written twice", () => {
  test("within a while, and by two who ask at once", async () => {
    const { world, locksets, lines } = await project()
    const [one, other] = await Promise.all([locksets.make({ registry: REGISTRY, lines }), locksets.make({ registry: REGISTRY, lines })])
    world.clock.now += (LOCKSET_REUSE_SECONDS - 1) * 1_000
    const later = await locksets.make({ registry: REGISTRY, lines })
    expect([one.index, other.index, later.index, later.isNew]).toEqual([3, 3, 3, false])
    expect(world.log.entries).toHaveLength(4)
  })
  test.each<{ name: string; then: (state: { world: World; head: { size: number }; roster: { version: number } }) => void }>([
    { name: "after a while", then: ({ world }) => void (world.clock.now += LOCKSET_REUSE_SECONDS * 1_000) },
    { name: "when a notice came", then: ({ head }) => void (head.size += 1) },
    { name: "under another roster", then: ({ roster }) => void (roster.version += 1) },
    { name: "when the clock was set back", then: ({ world }) => void (world.clock.now -= 1_000) },
  ])("but $name it is", async ({ then }) => {
    const head = { size: 0 }
    const roster = { version: 3 }
    const { world, locksets, lines } = await project({ roster: () => roster.version, notices: async () => [{ ...HEAD, size: head.size }] })
    await locksets.make({ registry: REGISTRY, lines })
    then({ world, head, roster })
    expect(await locksets.make({ registry: REGISTRY, lines })).toMatchObject({ index: 4, isNew: true })
  })
  test("once it can derive more, it is", async () => {
    const { world, locksets, lines } = await project()
    world.publish({ name: "fixture-z" })
    const unseen = createWorld()
    unseen.publish({ name: "fixture-z" })
    await unseen.attester.observe({ purl: npmPurl("fixture-z", "1.0.0"), registry: REGISTRY })
    const all = [...lines, formatLockLine(lockLineOf(unseen.observation(0)), REGISTRY)]
    expect((await locksets.make({ registry: REGISTRY, lines: all })).lockset.bits).toEqual([true, true, true, false])
    await world.attester.observe({ purl: npmPurl("fixture-z", "1.0.0"), registry: REGISTRY })
    expect((await locksets.make({ registry: REGISTRY, lines: all })).lockset.bits).toEqual([true, true, true, true])
  })
})

test("whoever hangs up ends the work", async () => {
  const { world, locksets, lines } = await project()
  const gone = new AbortController()
  gone.abort()
  await expect(locksets.make({ registry: REGISTRY, lines }, gone.signal)).rejects.toMatchObject({ code: "TIMEOUT" })
  expect(world.log.entries).toHaveLength(3)
})
