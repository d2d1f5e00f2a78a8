import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { argumentsOfParent, isWorker, mayFetch, mayInstall } from "../src/command.ts"
import { openHandover } from "../src/handover.ts"
import { lockfileDirs, readLockfile } from "../src/lockfiles.ts"
import { SHA512_SRI } from "./support.ts"

let folder: string
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), "vouchsafe-pnpm-")) })
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe("which command runs", () => {
  test.each([
    { args: ["fetch"], fetches: true, installs: true }, { args: ["--prod", "fetch"], fetches: true, installs: true }, { args: undefined, fetches: true, installs: undefined },
    { args: ["install", "--frozen-lockfile"], fetches: false, installs: true }, { args: ["-r", "i"], fetches: false, installs: true }, { args: ["add", "a"], fetches: false, installs: true },
    { args: ["run", "build"], fetches: false, installs: false }, { args: ["--version"], fetches: false, installs: false }, { args: [], fetches: false, installs: false },
  ])("$args", ({ args, fetches, installs }) => {
    expect(mayFetch(args)).toBe(fetches)
    if (args !== undefined) expect(mayInstall(args)).toBe(installs)
  })

  test("a worker has no script", () => {
    expect([["node"], ["node", "/pnpm.cjs", "install"]].map(isWorker)).toEqual([true, false])
  })

  test("reads the arguments of a process where the system tells them", () => {
    const found = argumentsOfParent(process.pid, process.platform)
    if (process.platform === "linux") expect(found).toContain(process.argv[1])
    else expect(found).toBeUndefined()
  })

  test("a process that is gone, and a system that does not tell, leave it open", () => {
    expect(argumentsOfParent(2 ** 30, "linux")).toBeUndefined()
    expect(argumentsOfParent(process.pid, "win32")).toBeUndefined()
  })
})

describe("lockfiles on disk", () => {
  const LOCKFILE = `lockfileVersion: '9.0'
packages:
  '@s/a@1.0.0':
    resolution: {integrity: ${SHA512_SRI}}
  b@2.0.0:
    resolution: {integrity: ${SHA512_SRI}, tarball: https://registry.example/b/-/b-2.0.0.tgz}
  c@file:local:
    resolution: {directory: local, type: directory}
  d@https://files.example/d.tgz:
    resolution: {tarball: https://files.example/d.tgz}
  e@git+https://git.example/e.git#0123:
    resolution: {commit: '0123', repo: https://git.example/e.git, type: git}
`
  test("are given the shape that the hooks get", () => {
    writeFileSync(join(folder, "pnpm-lock.yaml"), LOCKFILE)
    expect(readLockfile(folder)).toEqual({ dir: folder, packages: {
      "@s/a@1.0.0": { resolution: { integrity: SHA512_SRI } },
      "b@2.0.0": { resolution: { integrity: SHA512_SRI, tarball: "https://registry.example/b/-/b-2.0.0.tgz" } },
      "c@file:local": { resolution: { type: "directory", directory: "local" } },
      "d@https://files.example/d.tgz": { resolution: { type: "url" } },
      "e@git+https://git.example/e.git#0123": { resolution: { type: "git" } },
    } })
  })

  test("none, a broken one, one that cannot be read", () => {
    expect(readLockfile(folder)).toBeUndefined()
    writeFileSync(join(folder, "pnpm-lock.yaml"), "a: [")
    expect(() => readLockfile(folder)).toThrow(expect.objectContaining({ code: "LOCKFILE_MALFORMED" }))
    rmSync(join(folder, "pnpm-lock.yaml"))
    mkdirSync(join(folder, "pnpm-lock.yaml"))
    expect(() => readLockfile(folder)).toThrow(expect.objectContaining({ code: "DISK" }))
  })

  test("of members are found, those of installed packages and behind links are not", () => {
    for (const dir of [".", "packages/a", "packages/deep/b", "node_modules/x", "packages/a/node_modules/y", ".git/z"]) {
      mkdirSync(join(folder, dir), { recursive: true })
      writeFileSync(join(folder, dir, "pnpm-lock.yaml"), LOCKFILE)
    }
    symlinkSync(folder, join(folder, "packages/loop"))
    expect(lockfileDirs(folder)).toEqual([folder, join(folder, "packages/a"), join(folder, "packages/deep/b")])
  })
})

describe("from one worker to the next", () => {
  const registries = { default: "https://registry.example/", "@corp": "https://corp.example/" }

  test("what was left can be taken once, in a folder that nobody else can read", () => {
    const directory = join(folder, "state", "pnpm")
    openHandover(directory, 7, "/w").leave(registries)
    expect(statSync(directory).mode & 0o077).toBe(0)
    expect(statSync(join(directory, "7.json")).mode & 0o077).toBe(0)
    expect(openHandover(directory, 7, "/w").take()).toEqual(registries)
    expect(openHandover(directory, 7, "/w").take()).toBeUndefined()
  })

  test("what nobody took is removed an hour later", () => {
    openHandover(folder, 6, "/w").leave(registries)
    utimesSync(join(folder, "6.json"), 1, 1)
    openHandover(folder, 7, "/w").leave(registries)
    expect(openHandover(folder, 6, "/w").take()).toBeUndefined()
    expect(openHandover(folder, 7, "/w").take()).toEqual(registries)
  })

  test.each([
    { name: "nothing", leave: undefined },
    { name: "another folder's", leave: JSON.stringify({ cwd: "/other", registries }) },
    { name: "no JSON", leave: "{" },
    { name: "null", leave: "null" },
    { name: "no map", leave: JSON.stringify({ cwd: "/w", registries: "https://registry.example/" }) },
    { name: "values that are no text", leave: JSON.stringify({ cwd: "/w", registries: { default: 7 } }) },
  ])("takes nothing: $name", ({ leave }) => {
    if (leave !== undefined) writeFileSync(join(folder, "7.json"), leave)
    expect(openHandover(folder, 7, "/w").take()).toBeUndefined()
  })

  test("a folder that cannot be written says so", () => {
    writeFileSync(join(folder, "file"), "")
    expect(() => openHandover(join(folder, "file"), 7, "/w").leave(registries)).toThrow(/ENOTDIR|EEXIST/)
  })
})
