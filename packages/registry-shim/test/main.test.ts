// The process: what it wants, what it prints, how it ends.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { afterAll, describe, expect, test } from "vitest"
import { formatRoster, signerFromSeed } from "@vouchsafe/core"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { main } from "../src/main.ts"
import { ask, TOKEN } from "./world.ts"

const dir = mkdtempSync(join(tmpdir(), "vs-main-"))
const empty = mkdtempSync(join(tmpdir(), "vs-main-empty-"))
afterAll(() => { for (const path of [dir, empty]) rmSync(path, { recursive: true }) })
const key = (name: string, type: 1 | 4, seed: number) => signerFromSeed(name, type, new Uint8Array(32).fill(seed)).verifier

function project(registry: string): void {
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./roster.json", budget: "1s" }))
  writeFileSync(join(dir, "roster.json"), formatRoster([{ operator: "alpha", url: "http://127.0.0.1:1/", log: key("a/log", 1, 1), notices: key("a/notices", 1, 2), witness: key("a/witness", 4, 3) }], [registry]))
  writeFileSync(join(dir, "user.npmrc"), `registry=${registry}\n`)
}
interface Process { readonly lines: () => { event: string; url?: string }[]; readonly err: () => string; readonly stdin: PassThrough; readonly end: () => void; readonly status: Promise<number> }
function start(argv: readonly string[], env: Record<string, string> = { VOUCHSAFE_SHIM_TOKEN: TOKEN }): Process {
  const printed = { out: "", err: "" }
  const stdin = new PassThrough()
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => { end = resolve })
  const status = main({
    argv, stdin, ended, stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } },
    env: { HOME: dir, VOUCHSAFE_HOME: join(dir, "home"), npm_config_userconfig: join(dir, "user.npmrc"), npm_config_globalconfig: join(dir, "none"), ...env },
  })
  return { lines: () => printed.out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as { event: string; url?: string }), err: () => printed.err, stdin, end, status }
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => { setImmediate(resolve) })
}

describe("refuses to start", () => {
  test.each([
    { name: "without a project", argv: [], says: "--project is missing" },
    { name: "without a token", argv: ["--project", dir], env: {}, says: "VOUCHSAFE_SHIM_TOKEN is missing" },
    { name: "with a short token", argv: ["--project", dir], env: { VOUCHSAFE_SHIM_TOKEN: "short" }, says: "128 bits" },
    { name: "on another address than loopback", argv: ["--project", dir, "--listen", "0.0.0.0:0"], says: "loopback only" },
    { name: "on an address that is none", argv: ["--project", dir, "--listen", "4873"], says: "expected host:port" },
    { name: "with an unknown argument", argv: ["--project", dir, "--nonsense"], says: "--nonsense" },
    { name: "with registries that are no JSON", argv: ["--project", dir, "--registries", "x"], says: "--registries is not of the form" },
    { name: "with registries that are no registry ids", argv: ["--project", dir, "--registries", '{"default":"registry.example","scopes":{}}'], says: "--registries is not of the form" },
    { name: "with a scope that is none", argv: ["--project", dir, "--registries", '{"default":"https://registry.example/","scopes":{"s":"https://registry.example/"}}'], says: "--registries is not of the form" },
    { name: "where no project is", argv: ["--project", empty], says: "no vouchsafe.json" },
  ])("$name", async ({ argv, env, says }) => {
    project("https://registry.example/")
    const { status, err, lines } = start(argv, env)
    expect(await status).toBe(2)
    expect(err()).toContain(says)
    expect(lines()).toEqual([])
  })
})

test("tells where it is, refuses what nobody vouches for, sums up, and ends with its standard input or a signal", async () => {
  const registry = await startRegistry({ packages: [{ name: "zz-good", version: "1.0.0" }] })
  project(registry.url)
  for (const how of ["stdin", "signal"] as const) {
    const shim = start(["--project", dir, ...(how === "stdin" ? ["--exit-with-stdin"] : [])])
    await until(() => shim.lines().length > 0)
    const [ready] = shim.lines()
    expect(ready).toMatchObject({ event: "ready", url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/) as string })
    expect((await ask(ready?.url ?? "", { path: "/zz-good" })).status).toBe(200)
    expect((await ask(ready?.url ?? "", { path: "/zz-good/-/zz-good-1.0.0.tgz" })).status).toBe(403)
    if (how === "stdin") shim.stdin.end()
    else shim.end()
    expect(await shim.status).toBe(0)
    expect(shim.lines().slice(1)).toEqual([expect.objectContaining({ event: "denied", code: "UNREACHABLE", purl: "pkg:npm/zz-good@1.0.0" }), { event: "summary", allowed: 0, denied: 1 }])
    expect(shim.err()).toBe("")
  }
  await registry.close()
})

test("registries of another manager's settings are used instead of npm's", async () => {
  const [main, scoped] = [await startRegistry({ packages: [{ name: "zz-good", version: "1.0.0" }] }), await startRegistry({ packages: [{ name: "@zz/good", version: "1.0.0" }] })]
  project("https://registry.example/")
  const shim = start(["--project", dir, "--registries", JSON.stringify({ default: main.url, scopes: { "@zz": scoped.url } })])
  await until(() => shim.lines().length > 0)
  const url = shim.lines()[0]?.url ?? ""
  expect([(await ask(url, { path: "/zz-good" })).status, (await ask(url, { path: "/@zz%2fgood" })).status]).toEqual([200, 200])
  shim.end()
  await shim.status
  await Promise.all([main.close(), scoped.close()])
})
