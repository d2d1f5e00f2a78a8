import { chmodSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseVerifierKey } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { askEvidence, evidence, registryOf, spawnBin, spawnDaemon } from "./network.ts"
import { ask, tempFolder } from "./support.ts"

const LISTEN = ["--listen", "127.0.0.1:0", "--allow-private-addresses"]

describe("the process", () => {
  test("says in one line that it is ready, writes logs to standard error, and SIGTERM ends it with 0", async () => {
    const registry = await registryOf(1)
    const data = join(tempFolder(), "data")
    const daemon = await spawnDaemon(["--data", data, ...LISTEN, "--operator", "alpha", "--registry", registry.url], { HOME: data })
    expect(daemon.ready).toEqual({ event: "ready", url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/), operator: "alpha", data, roster: join(data, "roster.json") })
    const answer = await evidence(daemon.ready.url, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }] })
    expect(answer.artifacts[0]?.status).toBe("observed")
    daemon.child.kill("SIGTERM")
    expect(await daemon.ended).toBe(0)
    const lines = daemon.stderr().trim().split("\n").map((line) => JSON.parse(line) as { level: string; msg: string })
    expect(lines).toContainEqual(expect.objectContaining({ level: "info", msg: "ready" }))
    expect(lines.filter(({ level }) => level !== "info")).toEqual([])
    for (const line of lines) expect(line).toMatchObject({ level: expect.any(String), time: expect.stringMatching(/^20\d\d-.*Z$/), msg: expect.any(String) })
  })
  test("SIGINT ends it with 0 while requests wait, and these are answered", async () => {
    const registry = await registryOf(0, { intercept: () => new Promise(() => undefined) })
    const data = join(tempFolder(), "data")
    const daemon = await spawnDaemon(["--data", data, ...LISTEN, "--registry", registry.url], { HOME: data })
    const waiting = askEvidence(daemon.ready.url, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }], deadlineMs: 60_000 })
    await expect.poll(async () => (JSON.parse((await ask(daemon.ready.url, { path: "/v1/status" })).body) as { queue: { running: number } }).queue.running).toBe(1)
    daemon.child.kill("SIGINT")
    expect((await waiting).status).toBe(200)
    expect(await daemon.ended).toBe(0)
  })
  test("a second process on the folder is refused with 3 and harms nothing", async () => {
    const data = join(tempFolder(), "data")
    const first = await spawnDaemon(["--data", data, ...LISTEN], { HOME: data, npm_config_registry: "https://registry.example/" })
    for (const command of [[], ["fsck"]]) {
      const second = spawnBin([...command, "--data", data, ...LISTEN], { HOME: data })
      expect(await second.ended).toBe(3)
      expect(second.stderr()).toContain("STATE_UNSAFE")
      expect(second.stdout()).toBe("")
    }
    expect((await ask(first.ready.url, { path: "/-/healthz" })).body).toBe("ok\n")
  })

  test.each([
    { name: "an unknown option", args: ["--lissen"], code: "USAGE" },
    { name: "a wrong listener", args: ["--listen", "x"], code: "CONFIG_MALFORMED" },
    { name: "a roster that is not there", args: ["--roster", "/nowhere/roster.json"], code: "CONFIG_MALFORMED" },
    { name: "keys without an operator", args: ["keys", "--url", "http://127.0.0.1:1/"], code: "USAGE" },
    { name: "fsck of a folder that is none of a node", args: ["fsck"], code: "USAGE" },
  ])("2 for $name", async ({ args, code }) => {
    const data = join(tempFolder(), "data")
    const child = spawnBin([...args, "--data", data], { HOME: data })
    expect(await child.ended).toBe(2)
    expect(child.stderr()).toMatch(new RegExp(`^${code}: `))
  })
  test("3 for keys that others can read", async () => {
    const data = join(tempFolder(), "data")
    expect(await spawnBin(["keys", "--data", data, "--operator", "alpha", "--url", "http://127.0.0.1:1/"]).ended).toBe(0)
    chmodSync(join(data, "keys", "witness.key"), 0o644)
    const child = spawnBin(["--data", data, ...LISTEN], { HOME: data })
    expect([await child.ended, child.stderr()]).toEqual([3, expect.stringContaining("witness.key has mode 0644, expected 0600")])
  })
  test("keys prints a roster entry, the same each time, and makes what the daemon then uses", async () => {
    const data = join(tempFolder(), "data")
    const show = async (args: string[]): Promise<Record<string, string>> => {
      const child = spawnBin(["keys", "--data", data, ...args])
      expect(await child.ended).toBe(0)
      return JSON.parse(child.stdout()) as Record<string, string>
    }
    const first = await show(["--operator", "alpha", "--url", "http://127.0.0.1:4001"])
    expect(Object.keys(first)).toEqual(["operator", "url", "log", "notices", "witness"])
    expect(first).toMatchObject({ operator: "alpha", url: "http://127.0.0.1:4001/" })
    expect([first["log"], first["notices"], first["witness"]].map((vkey) => parseVerifierKey(vkey ?? "")).map(({ name, type }) => [name, type])).toEqual([
      ["alpha.vouchsafe.local/log", 1], ["alpha.vouchsafe.local/notices", 1], ["alpha.vouchsafe.local/witness", 4],
    ])
    expect(await show(["--url", "http://127.0.0.1:4001/"])).toEqual(first)
  })
})

describe("an old Node", () => {
  const source = (name: string): string => readFileSync(fileURLToPath(new URL(`../src/${name}`, import.meta.url)), "utf8")
  test("meets nothing at import but the check itself", () => {
    // Whatever else the binary loads, it loads after the check: node:sqlite alone would end an old Node with a stack trace.
    expect(source("bin.ts").match(/^import .*$/gm)).toEqual(['import { warningLine, whyTooOld } from "./runtime.ts"'])
    expect(source("runtime.ts")).not.toMatch(/\bimport\b/)
    expect(source("bin.ts").indexOf("whyTooOld(process")).toBeLessThan(source("bin.ts").indexOf("import("))
  })
})
