import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "tsup"
import { afterAll, beforeAll, expect, test } from "vitest"
import config from "../tsup.config.ts"

/** Yarn reads the file at every command. */
const PLUGIN_BYTES_MAX = 150_000

interface Plugin {
  readonly name: string
  readonly factory: (require: (request: string) => unknown) => { readonly default: { readonly hooks: Readonly<Record<string, unknown>> } }
}

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-bundle-"))
  await build({ ...config, config: false, outDir: folder, silent: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What Yarn's own `require` gives: its modules, as far as the plugin uses them, and Node's. */
function yarnModules() {
  const first = { supports: () => true }
  class MultiFetcher {
    readonly fetchers: readonly unknown[]
    constructor(fetchers: readonly unknown[]) { this.fetchers = fetchers }
  }
  class Configuration {
    makeFetcher(): MultiFetcher { return new MultiFetcher([first]) }
  }
  const modules: Readonly<Record<string, unknown>> = {
    "@yarnpkg/core": { Configuration, MultiFetcher, ReportError: Error, MessageName: {}, hashUtils: {}, structUtils: {} }, "@yarnpkg/fslib": {}, "@yarnpkg/plugin-npm": {},
  }
  const own = createRequire(import.meta.url)
  const asked = new Set<string>()
  return {
    Configuration, first, asked,
    require: (request: string): unknown => {
      asked.add(request)
      return modules[request] ?? own(request)
    },
  }
}

const load = (): Plugin => createRequire(import.meta.url)(join(folder, "yarn-plugin.cjs")) as Plugin

test("the plugin is one small file with a name and a factory", () => {
  expect(readdirSync(folder).filter((name) => /\.[cm]?js$/.test(name))).toEqual(["yarn-plugin.cjs"])
  expect(readFileSync(join(folder, "yarn-plugin.cjs")).length).toBeLessThanOrEqual(PLUGIN_BYTES_MAX)
  expect(load()).toMatchObject({ name: "@vouchsafe/yarn-plugin", factory: expect.any(Function) as unknown })
})

test("the factory takes nothing but Yarn's modules and Node's", () => {
  const { require, asked } = yarnModules()
  load().factory(require)
  expect([...asked].filter((request) => !request.startsWith("node:")).sort()).toEqual(["@yarnpkg/core", "@yarnpkg/fslib", "@yarnpkg/plugin-npm"])
})

test("the guard stands before all fetchers, once, though Yarn runs the factory twice", () => {
  const { Configuration, first, require } = yarnModules()
  const { factory } = load()
  const [one, two] = [factory(require), factory(require)]
  const { fetchers } = new Configuration().makeFetcher()
  expect(fetchers).toHaveLength(2)
  expect(fetchers[1]).toBe(first)
  expect(two.default.hooks["wrapNetworkRequest"]).toBe(one.default.hooks["wrapNetworkRequest"])
})

test("the guard is unpacked when Yarn is about to fetch, not at every command", () => {
  const { Configuration, asked, require } = yarnModules()
  load().factory(require)
  expect(asked).not.toContain("node:crypto")
  new Configuration().makeFetcher()
  expect(asked).toContain("node:crypto")
})
