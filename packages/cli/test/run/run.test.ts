// The order of a run, with a shim and a command that only tell what they are given.
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { formatRoster, signerFromSeed } from "@vouchsafe/core"
import { run, type RunParts, type RunResult, type ShimLine } from "../../src/run/index.ts"
import type { ChildOptions } from "../../src/run/child.ts"
import { environment, temporaryFolder } from "../support/io.ts"

const base = temporaryFolder()
let worlds = 0

/** A network of one operator whose node nobody can reach: nothing is vouched for. */
function rosterText(): string {
  const key = (name: string, type: 1 | 4, seed: number) => signerFromSeed(name, type, new Uint8Array(32).fill(seed)).verifier
  const [log, notices, witness] = [key("alpha.example/log", 1, 1), key("alpha.example/notices", 1, 2), key("alpha.example/witness", 4, 3)]
  if (log === undefined || notices === undefined || witness === undefined) throw new TypeError("three keys were made")
  return formatRoster([{ operator: "alpha", url: "http://127.0.0.1:1/", log, notices, witness }], ["https://registry.example/"])
}

interface Started { readonly program: string; readonly args: readonly string[]; readonly env: Record<string, string>; readonly npmrc: string; readonly mode: number }

function world(options: { status?: number; lines?: ShimLine[]; isTty?: boolean; act?: (dir: string, started: Started) => void } = {}) {
  const home = join(base, String(worlds++))
  const dir = join(home, "project")
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(home, "user.npmrc"), "//registry.example/:_authToken=canary-1\nsave-exact=true\n")
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", budget: "1s" }))
  writeFileSync(join(dir, "vouchsafe.roster.json"), rosterText())
  writeFileSync(join(dir, "package.json"), "{}")
  const order: string[] = []
  const children: Started[] = []
  const printed = { err: "" }
  let tell: (line: ShimLine) => void = () => undefined
  const parts: RunParts = {
    startShim: (_io, { onLine }) => {
      order.push("shim")
      tell = onLine
      return Promise.resolve({ url: "http://127.0.0.1:40123/", token: "shim-token", stop: () => { if (order.at(-1) !== "stop") order.push("stop"); return Promise.resolve() } })
    },
    runChild: (program: string, args: readonly string[], { env, onOutput }: ChildOptions) => {
      if (args[0] === "--version") { onOutput?.("4.18.1\n"); return Promise.resolve(0) }
      order.push(`run ${args.join(" ")}`)
      const path = env["npm_config_userconfig"] ?? ""
      const started = { program, args, env, npmrc: existsSync(path) ? readFileSync(path, "utf8") : "", mode: existsSync(path) ? statSync(path).mode & 0o777 : 0 }
      children.push(started)
      for (const line of options.lines ?? []) tell(line)
      options.act?.(dir, started)
      return Promise.resolve(options.status ?? 0)
    },
  }
  const go = (...argv: string[]): Promise<RunResult> => run(argv, { stdout: { write: () => undefined }, stderr: { write: (text) => { printed.err += text } }, env: environment(home), cwd: dir, isTty: options.isTty ?? false }, { stdout: "inherit" }, parts)
  const leftovers = (): string[] => readdirSync(home, { recursive: true, encoding: "utf8" }).filter((file) => file.includes("run-"))
  return { dir, home, order, children, printed, go, leftovers }
}

const LOCK = (resolved: string) => JSON.stringify({ name: "p", lockfileVersion: 3, packages: { "": {}, "node_modules/x": { version: "1.0.0", resolved, integrity: `sha512-${createHash("sha512").update("x").digest("base64")}` } } })

describe("a run", () => {
  test("gives the command a configuration of its own, which is gone afterwards", async () => {
    const { go, children, order, leftovers } = world()
    const result = await go("npm", "install")
    expect(result).toMatchObject({ commandStatus: 0, exit: 0, denied: [] })
    expect(order).toEqual(["shim", "run install", "stop"])
    expect(children[0]).toMatchObject({ program: "npm", mode: 0o600 })
    expect(children[0]?.npmrc).toContain("//127.0.0.1:40123/:_authToken=shim-token")
    expect(children[0]?.npmrc).toContain("save-exact=true")
    expect(children[0]?.npmrc).not.toContain("canary-1")
    expect(leftovers()).toEqual([])
  })
  test("the command's own status is the run's", async () => {
    expect(await world({ status: 7 }).go("npm", "install")).toMatchObject({ commandStatus: 7, exit: 7 })
  })
  test("exits 1 if anything was refused, though the command said 0 (a refused optional dependency)", async () => {
    const { go, printed } = world({ lines: [{ event: "denied", purl: "pkg:npm/x@1.0.0", code: "NOT_VOUCHED", reason: "NOT_VOUCHED: x@1.0.0: no\u202equorum" }, { event: "summary", allowed: 2, denied: 1 }] })
    expect(await go("npm", "install")).toMatchObject({ commandStatus: 0, exit: 1, allowed: 2, denied: [{ purl: "pkg:npm/x@1.0.0", code: "NOT_VOUCHED" }] })
    expect(printed.err).toContain("refused NOT_VOUCHED: x@1.0.0")
    expect(printed.err).not.toContain("\u202e")
  })
  test("takes its line of progress back before the command prints", async () => {
    let before = ""
    const made = world({ isTty: true, act: () => { before = made.printed.err } })
    writeFileSync(join(made.dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", preset: "observe", roster: "./vouchsafe.roster.json", budget: "1s" }))
    writeFileSync(join(made.dir, "package-lock.json"), LOCK("https://registry.example/x/-/x-1.0.0.tgz"))
    expect((await made.go("npm", "ci")).exit).toBe(0)
    expect(before).toMatch(/packages vouched for/)
    expect(before.split("\u001b[K").at(-1)).toBe("")
  })
  test("exits 4 if a log was proven to have lied", async () => {
    const { go } = world({ lines: [{ event: "misbehavior", origin: "beta/log", path: "/proof" }, { event: "denied", purl: "pkg:npm/x@1.0.0", code: "LOG_MISBEHAVED", reason: "x" }] })
    expect(await go("npm", "install")).toMatchObject({ exit: 4, misbehavior: [{ origin: "beta/log", path: "/proof" }] })
  })
  test("cleans up when the command cannot be started", async () => {
    const { go, leftovers, order } = world({ act: () => { throw new Error("no such program") } })
    await expect(go("npm", "install")).rejects.toThrow("no such program")
    expect(leftovers()).toEqual([])
    expect(order.at(-1)).toBe("stop")
  })
  test("is refused without a project: nothing is started", async () => {
    const { go, order, dir } = world()
    rmSync(join(dir, "vouchsafe.json"))
    await expect(go("npm", "install")).rejects.toMatchObject({ code: "CONFIG_MALFORMED" })
    expect(order).toEqual([])
  })
})

describe("A6: the lockfile is judged before anything starts", () => {
  test.each([
    { name: "nobody vouches", lock: LOCK("https://registry.example/x/-/x-1.0.0.tgz"), code: "UNREACHABLE" },
    { name: "another host", lock: LOCK("https://evil.example/x/-/x-1.0.0.tgz"), code: "WRONG_REGISTRY" },
    { name: "no integrity", lock: JSON.stringify({ lockfileVersion: 3, packages: { "": {}, "node_modules/x": { version: "1.0.0", resolved: "https://registry.example/x/-/x-1.0.0.tgz" } } }), code: "EXOTIC_SOURCE" },
    { name: "in a bundle, says the lockfile", lock: JSON.stringify({ lockfileVersion: 3, packages: { "": {}, "node_modules/x": { version: "1.0.0", inBundle: true } } }), code: "EXOTIC_SOURCE" },
  ])("$name", async ({ lock, code }) => {
    const { go, order, dir, printed } = world()
    writeFileSync(join(dir, "package-lock.json"), lock)
    const result = await go("npm", "ci")
    expect(result).toMatchObject({ commandStatus: undefined, exit: 1 })
    expect(result.denied.map((refusal) => refusal.code)).toContain(code)
    expect(order).toEqual([])
    expect(printed.err).toContain("before anything was installed")
  })
  test("a lockfile that cannot be read is no lockfile to install from", async () => {
    const { go, order, dir } = world()
    writeFileSync(join(dir, "package-lock.json"), "{")
    await expect(go("npm", "ci")).rejects.toMatchObject({ code: "LOCKFILE_MALFORMED" })
    expect(order).toEqual([])
  })
  test.each([["npm", "publish"], ["npm", "exec", "tool"], ["npx", "tool"], ["pnpm", "dlx", "tool"]])("%s %s does not install from it", async (...argv) => {
    const { go, dir } = world()
    writeFileSync(join(dir, argv[0] === "pnpm" ? "pnpm-lock.yaml" : "package-lock.json"), argv[0] === "pnpm" ? "lockfileVersion: '9.0'\n" : LOCK("https://evil.example/x.tgz"))
    expect((await go(...argv)).exit).toBe(0)
  })
  test.each([
    { name: "from elsewhere", from: "https://evil.example/x/-/x-1.0.0.tgz", exit: 1 },
    { name: "through the shim, whose address is undone", from: "http://127.0.0.1:40123/x/-/x-1.0.0.tgz", exit: 0 },
  ])("what the command wrote into its lockfile came $name", async ({ from, exit }) => {
    const { go, dir, printed } = world({ act: (folder) => writeFileSync(join(folder, "package-lock.json"), LOCK(from)) })
    expect(await go("npm", "install")).toMatchObject({ commandStatus: 0, exit })
    expect(readFileSync(join(dir, "package-lock.json"), "utf8")).toBe(LOCK(from.replace("http://127.0.0.1:40123/", "https://registry.example/")))
    expect(printed.err.includes("remove node_modules")).toBe(exit === 1)
  })
})

describe("pnpm: lockfile first", () => {
  const DIRECT = "--config.no-proxy=127.0.0.1,localhost,::1"
  const EMPTY = "lockfileVersion: '9.0'\n"
  const EVIL = `lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      x:\n        specifier: 1.0.0\n        version: 1.0.0\npackages:\n  x@1.0.0:\n    resolution: {integrity: sha512-${createHash("sha512").update("x").digest("base64")}}\nsnapshots:\n  x@1.0.0: {}\n`
  test("what it resolves to is refused: the command is not run, and every file is as before", async () => {
    const { go, order, dir } = world({ act: (folder) => { writeFileSync(join(folder, "pnpm-lock.yaml"), EVIL); writeFileSync(join(folder, "package.json"), '{"dependencies":{"x":"1.0.0"}}') } })
    expect(await go("pnpm", "add", "x")).toMatchObject({ commandStatus: undefined, exit: 1 })
    expect(order).toEqual(["shim", `run ${DIRECT} add x --lockfile-only --ignore-scripts`, "stop"])
    expect(existsSync(join(dir, "pnpm-lock.yaml"))).toBe(false)
    expect(readFileSync(join(dir, "package.json"), "utf8")).toBe("{}")
  })
  test("what it resolves to is allowed: the command is run", async () => {
    const { go, order } = world({ act: (folder) => writeFileSync(join(folder, "pnpm-lock.yaml"), EMPTY) })
    expect((await go("pnpm", "add", "x")).exit).toBe(0)
    expect(order).toEqual(["shim", `run ${DIRECT} add x --lockfile-only --ignore-scripts`, `run ${DIRECT} add x`, "stop"])
  })
  test("it cannot resolve: its status, and every file as before", async () => {
    const { go, order, dir } = world({ status: 5, act: (folder) => writeFileSync(join(folder, "package.json"), "half") })
    expect(await go("pnpm", "add", "x")).toMatchObject({ exit: 5 })
    expect(order).toEqual(["shim", `run ${DIRECT} add x --lockfile-only --ignore-scripts`, "stop"])
    expect(readFileSync(join(dir, "package.json"), "utf8")).toBe("{}")
  })
  test("with our plugin in the project, pnpm keeps its registry", async () => {
    const { go, children, dir } = world()
    writeFileSync(join(dir, ".pnpmfile.cjs"), "// vouchsafe")
    await go("pnpm", "install")
    for (const { env } of children) expect(env["npm_config_registry"]).toBe("https://registry.example/")
    expect(children).toHaveLength(2)
  })
})
