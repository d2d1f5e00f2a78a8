// THREATS A5: whatever a project's own files say, the policy in force is no weaker than the floor outside of its checkout.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { readPolicy } from "../../src/node/floor.ts"
import { openProject } from "../../src/node/project.ts"
import { temporaryDirectory, writeTree } from "../support/temp.ts"
import { makeWorld, outcome } from "../support/world.ts"

const document = (more: object = {}): string => JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...more })

function setUp(own: object = {}) {
  const root = temporaryDirectory()
  writeTree(root, { "project/vouchsafe.json": document(own) })
  const at = { path: join(root, "project/vouchsafe.json"), dir: join(root, "project") }
  const none = join(root, "none.json")
  const put = (name: string, text: string): string => {
    writeFileSync(join(root, name), text)
    return join(root, name)
  }
  return { root, at, none, put, read: (floor?: string, system: string = none) => readPolicy(at, floor === undefined ? {} : { VOUCHSAFE_POLICY_FLOOR: floor }, system) }
}

describe("THREATS A5: what the floor says, the project's own policy cannot take back", () => {
  const WEAKER: Record<string, unknown>[] = [
    { preset: "observe" }, { minimumAge: "0s" }, { settleAge: "1s" }, { maxNoticeAge: "30d" }, { rules: { TOO_YOUNG: "off" } }, { rules: { NEW_INSTALL_SCRIPT: "warn" } }, { threshold: 1 },
  ]
  test.each(WEAKER.map((own) => ({ name: JSON.stringify(own), own })))("$name", ({ own }) => {
    const { read, put } = setUp(own)
    const strict = read(put("floor.json", document({ threshold: 2 }))).policy
    const bare = setUp({ threshold: 2 }).read().policy
    const { layers: _, ...inForce } = strict
    expect({ ...inForce, rules: [...inForce.rules], lists: [] }).toMatchObject({ preset: bare.preset, threshold: 2, minimumAgeSeconds: bare.minimumAgeSeconds, settleAgeSeconds: bare.settleAgeSeconds, maxNoticeAgeSeconds: bare.maxNoticeAgeSeconds, rules: [...bare.rules] })
  })
  test("both floors hold: the variable cannot replace the machine's", () => {
    const { read, put } = setUp()
    const [mine, system] = [put("mine.json", document({ threshold: 2 })), put("system.json", document({ preset: "strict" }))]
    const both = read(mine, system)
    expect([both.policy.preset, both.policy.threshold, both.floors]).toEqual(["strict", 2, [mine, system]])
    expect(read(undefined, system)).toMatchObject({ floors: [system], policy: { preset: "strict" } })
    expect(read().floors).toEqual([])
  })
  test("a list of the floor is the floor's neighbour, not the project's", () => {
    const { root, read, put } = setUp({ lists: [{ name: "osv", source: "./mine" }] })
    const { policy } = read(put("floor.json", document({ lists: [{ name: "osv", source: "./floor" }] })))
    expect(policy.lists).toEqual([{ name: "osv", source: join(root, "floor"), maxAgeSeconds: 7 * 86_400 }])
  })
})

describe("a floor that cannot be used refuses everything", () => {
  test.each([
    { name: "a relative path", floor: () => "floor.json", says: "names no file" },
    { name: "no such file", floor: (root: string) => join(root, "nowhere.json"), says: "names no file" },
    { name: "a file of the project", floor: (root: string) => join(root, "project/vouchsafe.json"), says: "inside the project" },
    { name: "a file of the project that looks as if it were above", floor: (root: string) => join(root, "project/..floor.json"), says: "inside the project" },
    { name: "no JSON", floor: (root: string) => join(root, "broken.json"), says: "broken.json:1: not JSON" },
    { name: "an unknown member", floor: (root: string) => join(root, "unknown.json"), says: "unknown.json:1: document.presett is" },
  ])("$name", ({ floor, says }) => {
    const { root, read, put } = setUp()
    put("broken.json", "{")
    put("project/..floor.json", document())
    put("unknown.json", document({ presett: "strict" }))
    expect(() => read(floor(root))).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) as string }))
  })
})

test("THREATS A5: a project that only observes refuses what the floor refuses", async () => {
  const world = makeWorld()
  const root = temporaryDirectory()
  writeTree(root, { "project/vouchsafe.json": document({ preset: "observe" }), "project/vouchsafe.roster.json": world.network.rosterText, "project/.npmrc": "registry=https://registry.example/\n", "floor.json": document() })
  mkdirSync(join(root, "home"))
  const open = (more: object) => openProject({ dir: join(root, "project"), env: { HOME: join(root, "home"), PREFIX: join(root, "prefix"), VOUCHSAFE_HOME: join(root, "vouchsafe"), ...more }, transport: world.network.transport, clock: world.time.clock })
  const request = { ...world.publish("evil"), sha512: "0".repeat(128) }
  const verdictOf = async (more: object): Promise<string> => outcome((await (await open(more)).check([request])).verdicts[0])
  expect(await verdictOf({})).toBe("allowed")
  expect(await verdictOf({ VOUCHSAFE_POLICY_FLOOR: join(root, "floor.json") })).toBe("NOT_VOUCHED")
})
