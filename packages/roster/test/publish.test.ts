import { VouchsafeError } from "@vouchsafe/core"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, test } from "vitest"
import {
  changeKeyholders, checkDraft, differenceOf, type Draft, draftChange, draftGenesis, progressOf, publishProposal, readProposal, readRepository, renewTimestamp, signDraft, writeProposal, writeSignatures,
} from "../src/index.ts"
import { sha256Hex } from "../src/keys.ts"
import { targetFile } from "../src/profile.ts"
import { ALICE, BOB, CAROL, change, crypto, DAVE, DAY_MS, filesOf, genesisIn, key, NOW_MS, ONLINE, OTHER_ONLINE, publishOptions, rosterText, signedDraft, signersOf, temporaryFolder } from "./support/world.ts"

let folder: string
const next = (version: number, ...operators: string[]) => new Map([["roster.json", rosterText(version, ...operators)]])
async function draft(changes: Partial<Parameters<typeof draftChange>[2]>, nowMs = NOW_MS): Promise<Draft> {
  const { genesis, chain } = await readRepository(folder, nowMs)
  return draftChange(genesis, chain, { targets: new Map(), ...changes }, nowMs)
}

beforeEach(async () => {
  folder = join(temporaryFolder(), "repository")
  await genesisIn(folder)
})

describe("one person alone", () => {
  test("proposes and signs, and never publishes; nothing is changed", async () => {
    const before = filesOf(folder)
    const one = await draft({ targets: next(2, "alpha", "bravo", "delta", "mallory") })
    expect(await publishProposal(signedDraft(one, [ALICE]), publishOptions(folder))).toEqual({
      progress: ["targets", "roster"].map((role) => ({ role, by: "keyholders", threshold: 2, signed: ["alice.example"], missing: ["bob.example", "carol.example"], isMet: false })),
    })
    expect(filesOf(folder)).toEqual(before)
  })

  test("does not begin a repository either", async () => {
    const fresh = draftGenesis({ keyholders: signersOf(2, ALICE, BOB), onlineKey: key(ONLINE), targets: next(1) }, NOW_MS)
    const into = join(temporaryFolder(), "fresh")
    expect(await publishProposal(signedDraft(fresh, [ALICE]), publishOptions(into))).toHaveProperty("progress")
    expect(filesOf(into).size).toBe(0)
  })

  test("does not count twice, and a signature under another's name counts for nobody", async () => {
    const one = await draft({ targets: next(2) })
    const { signatures } = signedDraft(one, [ALICE])
    const [[, alices]] = [...signatures] as [[string, ReadonlyMap<"roster" | "targets", string>]]
    const forged = new Map([...signatures, ...[BOB, CAROL].map((other) => [[...signedDraft(one, [other]).signatures.keys()][0] as string, alices] as const)])
    expect(progressOf(crypto, one, checkDraft(crypto, one, NOW_MS), forged).map(({ signed, isMet }) => ({ signed, isMet }))).toEqual([{ signed: ["alice.example"], isMet: false }, { signed: ["alice.example"], isMet: false }])
  })

  test("with a stranger is alone", async () => {
    const one = await draft({ targets: next(2) })
    expect(() => signedDraft(one, [DAVE])).toThrow(expect.objectContaining({ code: "USAGE", message: expect.stringContaining("dave.example has nothing to sign") as string }))
  })
})

test("two publish: followers see the new roster, its difference was told to those who signed", async () => {
  const one = await draft({ targets: next(2, "alpha", "bravo", "delta", "echo") })
  const told = differenceOf(crypto, one)
  expect(told.roles.map(({ role, versions }) => [role, versions])).toEqual([["targets", [1, 2]], ["roster", [1, 2]]])
  expect(told.roster).toMatchObject({ versions: [1, 2], threshold: [2, 3], nodes: { added: [expect.stringMatching(/^echo https:\/\/echo\.example\/ /)], removed: [], changed: [] }, registries: { added: [], removed: [] } })
  expect(told.roster?.policy.removed).toEqual(["group witnesses 2 alpha bravo delta"])
  expect(told).toMatchObject({ keyholders: null, online: null, delegations: [], targets: [{ path: "roster.json" }] })
  const done = await publishProposal(signedDraft(one, [BOB, CAROL]), publishOptions(folder))
  expect(done).toMatchObject({ current: { roster: { version: 2 } } })
  expect((await readRepository(folder, NOW_MS)).current.texts.get("roster.json")).toBe(rosterText(2, "alpha", "bravo", "delta", "echo"))
})

describe("refused when it is published", () => {
  const publish = async (one: Draft, people = [ALICE, BOB], online = ONLINE) => {
    const before = filesOf(folder)
    const error: unknown = await publishProposal(signedDraft(one, people), publishOptions(folder, NOW_MS, online)).then(() => undefined, (thrown: unknown) => thrown)
    expect(filesOf(folder)).toEqual(before)
    return error
  }
  const refused = (says: string, code = "ROSTER_REFUSED") => expect.objectContaining({ code, message: expect.stringContaining(says) as string }) as unknown

  test("a proposal that starts from an older state", async () => {
    const [one, two] = [await draft({ targets: next(2) }), await draft({ targets: next(2, "alpha", "bravo", "delta", "echo") })]
    await publishProposal(signedDraft(one, [ALICE, BOB]), publishOptions(folder))
    expect(await publish(two)).toEqual(refused("starts from targets version 1, and the repository has 2"))
  })

  test.each([
    ["another repository", { rootLifeMs: 300 * DAY_MS }, "the proposal is for the genesis"],
    ["another state under the same root", { targets: next(1, "alpha", "bravo", "delta", "echo") }, "starts from roster version 1"],
  ])("a proposal of %s", async (_, more, says) => {
    const other = join(temporaryFolder(), "other")
    await genesisIn(other, more)
    const { genesis, chain } = await readRepository(other, NOW_MS)
    expect(await publish(draftChange(genesis, chain, { targets: next(2) }, NOW_MS))).toEqual(refused(says))
  })

  test("a new repository over one that is there", async () => {
    expect(await publish(draftGenesis({ keyholders: signersOf(2, ALICE, BOB), onlineKey: key(ONLINE), targets: next(1) }, NOW_MS))).toEqual(refused("has a repository already"))
  })

  test.each([
    ["the roster's own version does not go up", "another roster of version 1", next(1, "alpha", "bravo", "delta", "echo")],
    ["no roster", "ROSTER_MALFORMED", new Map([["roster.json", "{}"]])],
    ["no JSON", "not JSON", new Map([["recipes.json", "{"]])],
  ])("%s", async (_, says, targets) => {
    const one = await draft({ targets })
    const error = await publish(one).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(VouchsafeError)
    expect(`${(error as VouchsafeError).code} ${(error as VouchsafeError).message}`).toContain(says)
  })

  test("an online key of somebody else's", async () => {
    expect(await publish(await draft({ targets: next(2) }), [ALICE, BOB], OTHER_ONLINE)).toEqual(refused("signs no snapshots", "USAGE"))
  })

  test.each([["root", { rootLifeMs: 401 * DAY_MS }, "at most 400"], ["targets", { renew: true, lifeMs: 31 * DAY_MS }, "at most 30"]])("%s metadata that lives too long", async (_, changes, says) => {
    const one = await draft(changes)
    expect(() => checkDraft(crypto, one, NOW_MS)).toThrow(expect.objectContaining({ code: "ROSTER_REFUSED", message: expect.stringContaining(says) as string }))
  })

  test("a timestamp that lives too long", async () => {
    await expect(renewTimestamp({ ...publishOptions(folder), timestampLifeMs: 8 * DAY_MS })).rejects.toMatchObject({ code: "ROSTER_REFUSED" })
  })

  test("an edited target, an edited version", async () => {
    const one = await draft({ targets: next(2) })
    expect(() => checkDraft(crypto, { ...one, targets: next(2, "alpha", "bravo", "mallory") }, NOW_MS)).toThrow("is not the file that its metadata names")
    expect(() => checkDraft(crypto, { ...one, targets: new Map([["roster.json", rosterText(2).replace("alpha.example", "alphq.example")]]) }, NOW_MS)).toThrow("is not the file that its metadata names")
    expect(() => checkDraft(crypto, { ...one, staged: new Map([...one.staged].map(([role, part]) => [role, { ...part, version: 5 }])) }, NOW_MS)).toThrow("has version 5, expected 2")
  })
})

describe("keyholders change", () => {
  test("by the threshold of those before and of those after; a withdrawn key signs nothing any more", async () => {
    const { current } = await readRepository(folder, NOW_MS)
    const now = { keys: [ALICE, BOB, CAROL].map(key), threshold: current.root.facts.roles.root.threshold }
    const keyholders = changeKeyholders(now, { add: [DAVE.verifier.vkey], remove: ["alice.example"], threshold: undefined })
    const one = await draft({ keyholders })
    expect(differenceOf(crypto, one).keyholders).toMatchObject({ added: [expect.stringMatching(/^dave\.example /)], removed: [expect.stringMatching(/^alice\.example /)], threshold: [2, 2] })
    // Enough of those after, one of those before.
    const half = await publishProposal(signedDraft(one, [BOB, DAVE]), publishOptions(folder))
    expect(half).toMatchObject({ progress: expect.arrayContaining([expect.objectContaining({ role: "root", by: "keyholders before", isMet: false })]) as unknown })
    // Enough of those before, one of those after.
    expect(await publishProposal(signedDraft(one, [ALICE, BOB]), publishOptions(folder))).toHaveProperty("progress")
    expect(await publishProposal(signedDraft(one, [ALICE, BOB, DAVE]), publishOptions(folder))).toHaveProperty("current")
    const later = await draft({ targets: next(2) })
    expect(() => signedDraft(later, [ALICE])).toThrow("alice.example has nothing to sign")
    expect(await publishProposal(signedDraft(later, [CAROL, DAVE]), publishOptions(folder))).toHaveProperty("current")
  })

  test.each([
    ["a name twice", { add: [ALICE.verifier.vkey], remove: [], threshold: undefined }, "is there already"],
    ["a stranger removed", { add: [], remove: ["mallory.example"], threshold: undefined }, "there is no keyholder"],
    ["no key", { add: ["mallory"], remove: [], threshold: undefined }, "expected the public half"],
  ])("refused: %s", (_, by, says) => {
    expect(() => changeKeyholders({ keys: [ALICE, BOB].map(key), threshold: 2 }, by)).toThrow(says)
  })

  test("the online key is replaced, and the old one is good for nothing", async () => {
    await change(folder, { onlineKey: key(OTHER_ONLINE) }, [ALICE, CAROL], NOW_MS, OTHER_ONLINE)
    await expect(renewTimestamp(publishOptions(folder))).rejects.toMatchObject({ code: "USAGE" })
    await expect(renewTimestamp(publishOptions(folder, NOW_MS, OTHER_ONLINE))).resolves.toHaveProperty("current")
  })
})

test("other roles have keys of their own: they publish recipes, and no roster", async () => {
  await change(folder, { delegates: new Map([["recipes", signersOf(1, DAVE)]]) }, [ALICE, BOB])
  await change(folder, { targets: new Map([["recipes.json", '{"a":1}']]) }, [DAVE])
  expect((await readRepository(folder, NOW_MS)).current.texts.get("recipes.json")).toBe('{"a":1}')
  const roster = await draft({ targets: next(2) })
  expect(() => signedDraft(roster, [DAVE])).toThrow("nothing to sign")
  const recipes = await draft({ targets: new Map([["recipes.json", "{}"]]) })
  expect(() => signedDraft(recipes, [ALICE])).toThrow("alice.example has nothing to sign here, expected one of dave.example")
})

test("a repository whose time is over is renewed, and its timestamp is renewed before that", async () => {
  await renewTimestamp(publishOptions(folder, NOW_MS + 5 * DAY_MS))
  const later = NOW_MS + 60 * DAY_MS
  const done = await change(folder, { renew: true }, [ALICE, BOB], later)
  expect(done.current.expires * 1000).toBeGreaterThan(later)
  expect(done.current.roster.version).toBe(1)
})

test.each(["recipes.json", "releases.json", "sigstore/trusted_root.json", "names.txt"])("metadata never stands there before its target: %s", async (path) => {
  const one = await draft({ targets: new Map([[path, "{}"]]) })
  const file = targetFile(path, sha256Hex("{}"))
  // A folder in the target's place: that write fails.
  mkdirSync(join(folder, file), { recursive: true })
  const before = filesOf(folder)
  await expect(publishProposal(signedDraft(one, [ALICE, BOB]), publishOptions(folder))).rejects.toMatchObject({ code: "DISK" })
  expect(filesOf(folder)).toEqual(before)
})

test("a publish that was cut off is done again; another proposal does not take its place", async () => {
  const one = await draft({ keyholders: signersOf(2, BOB, CAROL, DAVE) })
  const before = filesOf(folder)
  await publishProposal(signedDraft(one, [BOB, CAROL]), publishOptions(folder))
  writeFileSync(join(folder, "timestamp.json"), before.get("timestamp.json") as string)
  const other = { ...one, staged: new Map([...one.staged].map(([role, part]) => [role, role === "root" ? { ...part, expires: "2027-03-01T00:00:00Z" } : part])) }
  await expect(publishProposal(signedDraft(other, [BOB, CAROL]), publishOptions(folder))).rejects.toThrow("another root of version 2")
  expect(await publishProposal(signedDraft(one, [ALICE, BOB, CAROL]), publishOptions(folder))).toHaveProperty("current")
  expect((await readRepository(folder, NOW_MS)).current.root.facts.version).toBe(2)
})

describe("a proposal as a folder", () => {
  const signInto = (path: string, one: Draft, who: typeof ALICE): void => writeSignatures(path, signDraft(one, checkDraft(crypto, one, NOW_MS), who))

  test("comes back as it was written, with everybody's signatures", async () => {
    const path = join(temporaryFolder(), "proposal")
    const one = await draft({ targets: next(2) })
    writeProposal(path, one)
    signInto(path, one, ALICE)
    signInto(path, one, CAROL)
    const { draft: found, signatures } = readProposal(path)
    expect(found).toEqual(one)
    expect(await publishProposal({ draft: found, signatures }, publishOptions(folder))).toHaveProperty("current")
    expect(() => writeProposal(path, one)).toThrow("is there already")
  })

  test.each([
    ["no proposal", (path: string) => rmSync(join(path, "proposal.json")), "USAGE"],
    ["another format", (path: string) => writeFileSync(join(path, "proposal.json"), "{}"), "ROSTER_REFUSED"],
    ["metadata gone", (path: string) => rmSync(join(path, "metadata", "roster.json")), "ROSTER_REFUSED"],
    ["a target gone", (path: string) => rmSync(join(path, "targets", "roster.json")), "ROSTER_REFUSED"],
    ["base of another genesis", (path: string) => writeFileSync(join(path, "base.json"), readFileSync(join(path, "base.json"), "utf8").replace(/"genesis":"./, '"genesis":"_')), "ROSTER_REFUSED"],
    ["a path out of the folder", (path: string) => writeFileSync(join(path, "proposal.json"), readFileSync(join(path, "proposal.json"), "utf8").replace('"roster.json"', '"../../secret.json"')), "ROSTER_REFUSED"],
    ["a target of a role that is not proposed", (path: string) => {
      writeFileSync(join(path, "targets", "recipes.json"), "{}")
      writeFileSync(join(path, "proposal.json"), readFileSync(join(path, "proposal.json"), "utf8").replace('"roster.json"', '"roster.json", "recipes.json"'))
    }, "ROSTER_REFUSED"],
    ["a signature file under another name", (path: string) => writeFileSync(join(path, "signatures", "a.json"), '{"format":"vouchsafe-roster-signature/v1","keyid":"b","signatures":{}}'), "ROSTER_REFUSED"],
    ["a huge signature file", (path: string) => { mkdirSync(join(path, "signatures"), { recursive: true }); writeFileSync(join(path, "signatures", "a.json"), "x".repeat(70_000)) }, "ROSTER_REFUSED"],
  ])("refused: %s", async (_, breakIt, code) => {
    const path = join(temporaryFolder(), "proposal")
    writeProposal(path, await draft({ targets: next(2) }))
    breakIt(path)
    expect(() => readProposal(path)).toThrow(expect.objectContaining({ code }))
  })
})

