import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { writeList } from "../../src/node/lists.ts"
import { openProject } from "../../src/node/project.ts"
import { temporaryDirectory, writeTree } from "../support/temp.ts"
import { makeWorld, outcome, POLICY_TEXT } from "../support/world.ts"

function setUp(files: Readonly<Record<string, string>> = {}) {
  const world = makeWorld()
  const root = temporaryDirectory()
  writeTree(root, {
    "project/package.json": "{}", "project/vouchsafe.json": POLICY_TEXT, "project/vouchsafe.roster.json": world.network.rosterText,
    "project/.npmrc": "registry=https://registry.example/\n", ...files,
  })
  mkdirSync(join(root, "project/src"), { recursive: true })
  const env: Record<string, string> = { HOME: join(root, "home"), PREFIX: join(root, "prefix"), VOUCHSAFE_HOME: join(root, "vouchsafe") }
  const open = (more: object = {}) => openProject({ dir: join(root, "project/src"), env, transport: world.network.transport, clock: world.time.clock, ...more })
  return { world, root, env, open }
}

test("a whole project: policy, roster, registries, cache and state on disk", async () => {
  const { world, root, open } = setUp()
  const project = await open()
  expect(project).toMatchObject({
    configPath: join(root, "project/vouchsafe.json"), rosterPath: join(root, "project/vouchsafe.roster.json"),
    roster: { digest: world.network.roster.digest }, policy: { preset: "recommended" }, notes: [],
  })
  expect(project.registries.registryFor("a")).toBe("https://registry.example/")
  const request = world.publish("a")
  expect((await project.check([request])).verdicts.map(outcome)).toEqual(["allowed"])
  project.close()

  // Another process, later, with nobody to ask.
  for (const node of world.network.nodes) node.mode = "dead"
  const second = await (await open()).check([request])
  expect(second.verdicts.map(outcome)).toEqual(["allowed"])
  expect(second.stats.fromCache).toBe(1)
})

test("a changed roster of the same nodes keeps cache and memory of logs; another network has another cache", async () => {
  const { world, root, open } = setUp()
  const before = await open()
  await before.check([world.publish("a")])
  writeFileSync(join(root, "project/vouchsafe.roster.json"), world.network.rosterText.replace("\"version\": 1", "\"version\": 2"))
  const after = await open()
  expect(after.cacheDir).toBe(before.cacheDir)
  expect(after.stateDir).toBe(before.stateDir)
  await after.check([world.publish("b")])
  expect(world.network.node("alpha").requests.map(({ knownSize }) => knownSize)).toEqual([0, 1])
  writeFileSync(join(root, "project/vouchsafe.roster.json"), makeWorld({ seed: 7 }).network.rosterText)
  expect((await open()).cacheDir).not.toBe(before.cacheDir)
})

test("registries that the host knows are taken as they are", async () => {
  const { open } = setUp({ "project/.npmrc": "registry=ftp://nothing.example/\n" })
  const registries = { default: "https://x.example/", scopes: {}, registryFor: () => "https://x.example/", credentialsFor: () => undefined, userConfigPath: "/x", raw: () => undefined }
  expect((await open({ registries })).registries).toBe(registries)
  await expect(open()).rejects.toMatchObject({ code: "CONFIG_MALFORMED" })
})

test("a socket that is not safe is skipped, and says so", async () => {
  const { root, env, open } = setUp()
  mkdirSync(join(root, "run/vouchsafe"), { recursive: true })
  chmodSync(join(root, "run/vouchsafe"), 0o755)
  env["XDG_RUNTIME_DIR"] = join(root, "run")
  expect((await open()).notes).toEqual([{ code: "STATE_UNSAFE", message: expect.stringContaining("the local node is not used: folder") }])
})

describe("nothing to decide with: a typed error", () => {
  test.each([
    { name: "policy is no JSON", files: { "project/vouchsafe.json": "{" }, code: "CONFIG_MALFORMED", says: "not JSON" },
    { name: "policy of another format", files: { "project/vouchsafe.json": POLICY_TEXT.replace("/v1", "/v2") }, code: "CONFIG_MALFORMED", says: "format" },
    { name: "roster is missing", files: { "project/vouchsafe.json": POLICY_TEXT.replace("./vouchsafe.roster.json", "./none.json") }, code: "ROSTER_MALFORMED", says: "none.json does not exist" },
    { name: "roster is no JSON", files: { "project/vouchsafe.roster.json": "x" }, code: "ROSTER_MALFORMED", says: "vouchsafe.roster.json: roster: not JSON" },
    { name: "policy is huge", files: { "project/vouchsafe.json": " ".repeat(3_200_000) }, code: "CONFIG_MALFORMED", says: "has 3200000 bytes" },
    { name: "roster is a folder", files: { "project/vouchsafe.json": POLICY_TEXT.replace("./vouchsafe.roster.json", "./src") }, code: "DISK", says: "EISDIR" },
  ])("$name", async ({ files, code, says }) => {
    await expect(setUp(files as Record<string, string>).open()).rejects.toMatchObject({ code, message: expect.stringContaining(says) })
  })

  test("state that others can open", async () => {
    const { root, open } = setUp()
    mkdirSync(join(root, "vouchsafe/state"), { recursive: true })
    chmodSync(join(root, "vouchsafe/state"), 0o777)
    await expect(open()).rejects.toMatchObject({ code: "STATE_UNSAFE" })
  })

  test("no policy anywhere", async () => {
    const root = temporaryDirectory()
    await expect(openProject({ dir: root, env: { HOME: root } })).rejects.toMatchObject({ code: "CONFIG_MALFORMED", hint: "run `npx vouchsafe init`" })
  })
})

test("lists of known-malicious packages: what is on one is withdrawn, and one that was never fetched refuses everything", async () => {
  const { world, root, env, open } = setUp()
  writeTree(root, { "project/vouchsafe.json": JSON.stringify({ ...JSON.parse(POLICY_TEXT) as object, lists: [{ name: "osv", source: "./osv" }] }) })
  const [bad, good] = [world.publish("bad"), world.publish("good")]
  const check = async (): Promise<string[]> => (await (await open()).check([bad, good])).verdicts.map(outcome)
  expect(await check()).toEqual(["NOTICES_STALE", "NOTICES_STALE"])
  const source = join(root, "project/osv")
  writeList(env, { name: "osv", source }, Math.floor(world.time.clock.nowMs() / 1_000), [{ name: "bad", id: "MAL-1", affected: { kind: "all" } }])
  expect(await check()).toEqual(["WITHDRAWN", "allowed"])
})
