import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isRegistryId } from "@vouchsafe/core"
import { afterAll, describe, expect, test } from "vitest"
import { loadNpmConfig, npmBuiltInRegistry, npmRewrites } from "../../src/node/index.ts"

const dir = mkdtempSync(join(tmpdir(), "vouchsafe-rewrites-"))
afterAll(() => rmSync(dir, { recursive: true }))
const env = { HOME: dir, npm_config_userconfig: join(dir, "user"), npm_config_globalconfig: join(dir, "global") }

async function rewritesWith(npmrc: string): Promise<{ readonly from: readonly string[]; readonly to: string }> {
  writeFileSync(join(dir, ".npmrc"), npmrc)
  return npmRewrites(await loadNpmConfig({ dir, env }))
}

test("npm's own default is a registry id, and what an empty configuration gives", async () => {
  const builtIn = await npmBuiltInRegistry()
  expect(isRegistryId(builtIn)).toBe(true)
  writeFileSync(join(dir, ".npmrc"), "")
  expect((await loadNpmConfig({ dir, env })).default).toBe(builtIn)
})

describe("what npm puts in the place of its default", () => {
  test.each([
    { name: "nothing set", npmrc: "registry=https://registry.example/\n", replaces: true },
    { name: "npmjs, in words", npmrc: "registry=https://registry.example/\nreplace-registry-host=npmjs\n", replaces: true },
    { name: "always: no more than the default is believed", npmrc: "registry=https://registry.example/\nreplace-registry-host=always\n", replaces: true },
    { name: "never", npmrc: "registry=https://registry.example/\nreplace-registry-host=never\n", replaces: false },
    { name: "a host of the person's own", npmrc: "registry=https://registry.example/\nreplace-registry-host=old.example\n", replaces: false },
  ])("$name", async ({ npmrc, replaces }) => {
    expect(await rewritesWith(npmrc)).toEqual({ from: replaces ? [await npmBuiltInRegistry()] : [], to: "https://registry.example/" })
  })
})
