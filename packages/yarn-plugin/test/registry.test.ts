import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import plugin from "@yarnpkg/plugin-npm"
import { loadNpmConfig } from "@vouchsafe/client/node"
import { expect, test } from "vitest"
import { registryOf } from "../src/project.ts"
import type { Project } from "../src/yarn.ts"
import { locatorOf, REGISTRY } from "./support.ts"

function projectOf(server: unknown, scopes: Readonly<Record<string, string>> = {}): Project {
  const settings: Readonly<Record<string, unknown>> = {
    npmRegistryServer: server, npmScopes: new Map(Object.entries(scopes).map(([scope, url]) => [scope, new Map([["npmRegistryServer", url]])])),
  }
  return { configuration: { get: (key: string) => settings[key] } } as unknown as Project
}

interface WithSettings {
  readonly configuration?: { readonly npmRegistryServer?: { readonly default: unknown } }
}

/** Yarn's built-in registry, and npm's, as each says itself: no host is named here. */
async function builtInRegistries(): Promise<{ readonly yarn: unknown, readonly npm: string }> {
  const module = plugin as unknown as WithSettings & { readonly default?: WithSettings }
  const { configuration } = module.default ?? module
  const folder = mkdtempSync(join(tmpdir(), "vouchsafe-npm-"))
  try {
    return { yarn: configuration?.npmRegistryServer?.default, npm: (await loadNpmConfig({ dir: folder, env: { HOME: folder, PREFIX: folder, npm_config_userconfig: join(folder, "none") } })).default }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("Yarn's built-in registry is npm's under another name, for Yarn itself and so for the roster", async () => {
  const { yarn, npm } = await builtInRegistries()
  expect(yarn).not.toBe(npm.slice(0, -1))
  expect(registryOf(locatorOf("a"), projectOf(yarn), [REGISTRY, npm])).toBe(npm)
  expect(registryOf(locatorOf("@s/a"), projectOf(yarn), [npm])).toBe(npm)
  expect(registryOf(locatorOf("a"), projectOf(yarn), [REGISTRY])).toBe(`${String(yarn)}/`)
})

test.each([
  { name: "configured and listed", server: "https://registry.example", scopes: {}, locator: locatorOf("a"), registry: REGISTRY },
  { name: "configured and not listed, which is never taken for a listed one", server: "https://corp.example/npm/", scopes: {}, locator: locatorOf("a"), registry: "https://corp.example/npm/" },
  { name: "of a scope", server: "https://registry.example", scopes: { corp: "https://corp.example" }, locator: locatorOf("@corp/a"), registry: "https://corp.example/" },
  { name: "of another scope", server: "https://registry.example", scopes: { corp: "https://corp.example" }, locator: locatorOf("@other/a"), registry: REGISTRY },
])("registry: $name", ({ server, scopes, locator, registry }) => {
  expect(registryOf(locator, projectOf(server, scopes), [REGISTRY])).toBe(registry)
})

test("a registry URL that holds credentials is refused", () => {
  expect(() => registryOf(locatorOf("a"), projectOf("https://me:secret@registry.example"), [REGISTRY])).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
})
