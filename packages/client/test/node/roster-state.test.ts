import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { openProject } from "../../src/node/project.ts"
import { genesisPath, rostersDirectory } from "../../src/node/roster-state.ts"
import { temporaryDirectory, writeTree } from "../support/temp.ts"
import { makeWorld, outcome, POLICY_TEXT } from "../support/world.ts"

const GENESIS = "ab".repeat(32)
const GOVERNED = JSON.stringify({ ...JSON.parse(POLICY_TEXT) as object, governance: { genesis: GENESIS, sources: ["https://a.example/tuf/"] } })

function setUp(policy: string = GOVERNED) {
  const world = makeWorld()
  const root = temporaryDirectory()
  writeTree(root, { "project/package.json": "{}", "project/vouchsafe.json": policy, "project/vouchsafe.roster.json": world.network.rosterText, "project/.npmrc": "registry=https://registry.example/\n" })
  const env: Record<string, string> = { HOME: join(root, "home"), PREFIX: join(root, "prefix"), VOUCHSAFE_HOME: join(root, "vouchsafe") }
  const folder = join(rostersDirectory(env), GENESIS)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const keep = (more: object = {}): void => writeFileSync(join(folder, "current.json"), JSON.stringify({
    format: "vouchsafe-governed-roster/v1", genesis: GENESIS, expires: Math.floor(world.time.clock.nowMs() / 1000) + 60, roster: world.network.rosterText.replace('"version": 1', '"version": 4'), ...more,
  }))
  const pin = (genesis: string): void => {
    const path = genesisPath(env, join(root, "project/vouchsafe.json"))
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 })
    writeFileSync(path, genesis)
  }
  const open = () => openProject({ dir: join(root, "project"), env, transport: world.network.transport, clock: world.time.clock })
  return { world, root, folder, keep, pin, open }
}

test("the verified roster rules, the committed one is its floor", async () => {
  const { world, keep, pin, open } = setUp()
  keep()
  pin(GENESIS)
  const project = await open()
  expect(project.roster.version).toBe(4)
  const request = world.publish("a")
  expect((await project.check([request])).verdicts.map(outcome)).toEqual(["allowed"])
})

type Setting = ReturnType<typeof setUp>
test.each<[string, (setting: Setting) => void, string, string]>([
  ["nothing was verified", () => undefined, "ROSTER_EXPIRED", "no verified roster is at hand"],
  ["its time is over", ({ keep, world }) => keep({ expires: Math.floor(world.time.clock.nowMs() / 1000) }), "ROSTER_EXPIRED", "is over"],
  ["its end is no time", ({ keep }) => keep({ expires: null }), "STATE_UNSAFE", "damaged"],
  ["another genesis inside", ({ keep }) => keep({ genesis: "00".repeat(32) }), "STATE_UNSAFE", "damaged"],
  ["no JSON", ({ folder }) => writeFileSync(join(folder, "current.json"), "{"), "STATE_UNSAFE", "damaged"],
  ["JSON that is no object", ({ folder }) => writeFileSync(join(folder, "current.json"), "null"), "STATE_UNSAFE", "damaged"],
  ["no roster inside", ({ keep }) => keep({ roster: "{}" }), "ROSTER_MALFORMED", "roster"],
  ["older than the committed one", ({ root, keep, world }) => { keep(); writeFileSync(join(root, "project/vouchsafe.roster.json"), world.network.rosterText.replace('"version": 1', '"version": 5')) }, "ROSTER_REFUSED", "expected the committed 5 or higher"],
  ["the project followed another genesis", ({ keep, pin }) => { keep(); pin("cd".repeat(32)) }, "ROSTER_REFUSED", "which this project followed"],
])("refused: %s", async (_, arrange, code, says) => {
  const setting = setUp()
  arrange(setting)
  await expect(setting.open()).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string })
})

test("a project that once was governed does not go back to its file", async () => {
  const { pin, open } = setUp(POLICY_TEXT)
  await open()
  pin(GENESIS)
  await expect(open()).rejects.toMatchObject({ code: "ROSTER_REFUSED", message: expect.stringContaining("names genesis none") as string })
})

test("a process that is kept running refuses when its roster is over, and when there is another", async () => {
  const { world, keep, open } = setUp()
  keep()
  const project = await open()
  const request = world.publish("a")
  keep({ roster: world.network.rosterText.replace('"version": 1', '"version": 5') })
  await expect(project.check([request])).rejects.toMatchObject({ code: "ROSTER_EXPIRED", message: expect.stringContaining("changed") as string })
  keep()
  expect((await project.check([request])).verdicts.map(outcome)).toEqual(["allowed"])
  world.time.advance(61_000)
  await expect(project.check([request])).rejects.toMatchObject({ code: "ROSTER_EXPIRED" })
  expect(readFileSync(new URL("../../src/node/roster-state.ts", import.meta.url), "utf8")).not.toContain("tuf-js")
})
