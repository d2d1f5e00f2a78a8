import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { findConfig } from "../../src/node/find-config.ts"
import { cacheDirectory, stateDirectory } from "../../src/node/paths.ts"
import { temporaryDirectory, writeTree } from "../support/temp.ts"

function setUp() {
  const root = temporaryDirectory()
  writeTree(root, {
    "project/vouchsafe.json": "{}", "project/packages/a/index.js": "", "project/packages/b/vouchsafe.json": "{}", "elsewhere/package.json": "{}",
    "named/other.json": "{}", "home/.config/vouchsafe/vouchsafe.json": "{}", "xdg/vouchsafe/vouchsafe.json": "{}",
  })
  return { root, env: { HOME: join(root, "home") } }
}

test("the nearest file upwards", () => {
  const { root, env } = setUp()
  expect(findConfig(join(root, "project"), env)).toEqual({ path: join(root, "project/vouchsafe.json"), dir: join(root, "project") })
  expect(findConfig(join(root, "project/packages/a"), env).dir).toBe(join(root, "project"))
  expect(findConfig(join(root, "project/packages/b"), env).dir).toBe(join(root, "project/packages/b"))
})

test("a project's file comes before the variable, which comes before the user's own", () => {
  const { root, env } = setUp()
  const named = { ...env, VOUCHSAFE_CONFIG: join(root, "named/other.json") }
  expect(findConfig(join(root, "project"), named).dir).toBe(join(root, "project"))
  expect(findConfig(join(root, "elsewhere"), named).path).toBe(join(root, "named/other.json"))
  expect(findConfig(join(root, "elsewhere"), env).path).toBe(join(root, "home/.config/vouchsafe/vouchsafe.json"))
  expect(findConfig(join(root, "elsewhere"), { ...env, XDG_CONFIG_HOME: join(root, "xdg") }).path).toBe(join(root, "xdg/vouchsafe/vouchsafe.json"))
})

test("a folder of that name is no file", () => {
  const { root, env } = setUp()
  mkdirSync(join(root, "project/packages/a/vouchsafe.json"))
  expect(findConfig(join(root, "project/packages/a"), env).dir).toBe(join(root, "project"))
})

describe("refuses", () => {
  test("none at all, with what to do", () => {
    const { root } = setUp()
    expect(() => findConfig(join(root, "elsewhere"), { HOME: join(root, "nobody") })).toThrow(expect.objectContaining({
      code: "CONFIG_MALFORMED", message: expect.stringContaining("no vouchsafe.json found in"), hint: "run `npx vouchsafe init`",
    }))
  })
  test.each(["relative.json", "/does/not/exist.json", "/"])("a variable that names no file (%s): it does not fall through to the user's", (VOUCHSAFE_CONFIG) => {
    const { root, env } = setUp()
    expect(() => findConfig(join(root, "elsewhere"), { ...env, VOUCHSAFE_CONFIG })).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining("VOUCHSAFE_CONFIG names no file") }))
  })
})

describe("folders for cache and state", () => {
  const digest = "0123456789abcdef0123456789abcdef"
  test.each([
    { env: { HOME: "/home/x" }, cache: "/home/x/.cache/vouchsafe/0123456789abcdef", state: "/home/x/.local/state/vouchsafe/logs" },
    { env: { HOME: "/home/x", XDG_CACHE_HOME: "/c", XDG_STATE_HOME: "/s" }, cache: "/c/vouchsafe/0123456789abcdef", state: "/s/vouchsafe/logs" },
    { env: { HOME: "/home/x", XDG_CACHE_HOME: "c", XDG_STATE_HOME: "" }, cache: "/home/x/.cache/vouchsafe/0123456789abcdef", state: "/home/x/.local/state/vouchsafe/logs" },
    { env: { HOME: "/home/x", XDG_CACHE_HOME: "/c", XDG_STATE_HOME: "/s", VOUCHSAFE_HOME: "/v" }, cache: "/v/cache/0123456789abcdef", state: "/v/state" },
  ])("$env", ({ env, cache, state }) => {
    expect([cacheDirectory(env, digest), stateDirectory(env)]).toEqual([cache, state])
  })
})
