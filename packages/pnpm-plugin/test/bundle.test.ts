import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { build } from "tsup"
import { afterAll, beforeAll, expect, test } from "vitest"
import config from "../tsup.config.ts"

/** Every pnpm command loads this file, in pnpm 12 twice. */
const CORE_BYTES_MAX = 400_000

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-bundle-"))
  await build({ ...config, config: false, outDir: folder, silent: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("the guard is one file, so that a project can keep it beside its .pnpmfile.cjs", () => {
  expect(readdirSync(folder).filter((name) => /\.[cm]?js$/.test(name))).toEqual(["core.mjs"])
  expect(readFileSync(join(folder, "core.mjs")).length).toBeLessThanOrEqual(CORE_BYTES_MAX)
})

test("it answers each hook that the stub calls, and refuses where there is no project", async () => {
  const core = await import(pathToFileURL(join(folder, "core.mjs")).href) as Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>
  const stub = readFileSync(join(import.meta.dirname, "../pnpmfile.cjs"), "utf8")
  const called = [...new Set([...stub.matchAll(/(?:no|ask)\('(\w+)'/g), ...[...stub.matchAll(/\[([^\]]*)\]\) on\[h\]/g)].flatMap(([, names = ""]) => [...names.matchAll(/'(\w+)'/g)])].map(([, name]) => name))].sort()
  expect(Object.keys(core).sort()).toEqual(called)
  expect(await core["readPackage"]?.({ name: "own" })).toEqual({ ok: true })
  expect(await core["canResolve"]?.({ alias: "a", bareSpecifier: "^1.0.0" })).toEqual({ ok: true })
  const cwd = process.cwd()
  process.chdir(folder)
  try {
    expect(await core["preResolution"]?.({ wantedLockfile: {}, lockfileDir: folder, registries: {} })).toMatchObject({ ok: false, code: "CONFIG_INVALID" })
  } finally {
    process.chdir(cwd)
  }
})
