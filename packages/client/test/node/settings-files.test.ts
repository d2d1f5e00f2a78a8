import { describe, expect, test } from "vitest"
import { registryLookup } from "../../src/node/registries.ts"
import { pnpmRegistries, yarnRegistries } from "../../src/node/settings-files.ts"

const BASE = { default: "https://base.example/", scopes: { "@base": "https://base.example/s/" } }

describe("pnpm-workspace.yaml", () => {
  test.each([
    { name: "empty", text: "", expected: BASE },
    { name: "without registries", text: "packages:\n  - 'packages/*'\n", expected: BASE },
    { name: "with all kinds", text: "registries:\n  default: https://registry.example\n  '@corp': https://npm.corp.example/x\n", expected: { default: "https://registry.example/", scopes: { ...BASE.scopes, "@corp": "https://npm.corp.example/x/" } } },
    { name: "with one registry", text: "registry: https://registry.example/\n", expected: { ...BASE, default: "https://registry.example/" } },
    { name: "with a merge key, which pnpm follows", text: "x: &x\n  default: https://registry.example/\nregistries:\n  <<: *x\n", expected: { ...BASE, default: "https://registry.example/" } },
    { name: "with both: the list wins", text: "registry: https://one.example/\nregistries:\n  default: https://two.example/\n", expected: { ...BASE, default: "https://two.example/" } },
  ])("$name", ({ text, expected }) => {
    expect(pnpmRegistries(text, BASE)).toEqual(expected)
  })
})

describe(".yarnrc.yml", () => {
  test.each([
    { name: "empty", text: "", expected: BASE },
    { name: "with a server", text: "npmRegistryServer: \"https://registry.example\"\n", expected: { ...BASE, default: "https://registry.example/" } },
    { name: "with scopes, one of them without a registry", text: "npmScopes:\n  corp:\n    npmRegistryServer: https://npm.corp.example\n  other:\n    npmAuthToken: x\n", expected: { ...BASE, scopes: { ...BASE.scopes, "@corp": "https://npm.corp.example/" } } },
  ])("$name", ({ text, expected }) => {
    expect(yarnRegistries(text, BASE)).toEqual(expected)
  })
})

describe("refuses", () => {
  test.each([
    { name: "a registry behind a comment and a carriage return", text: "# x\rregistry: https://registry.example/\n", says: "a carriage return without a line feed in line 1" },
    { name: "a directive", text: "%YAML 1.1\n---\nregistry: https://registry.example/\n", says: "a YAML directive in line 1" },
    { name: "no YAML", text: "a: [", says: "is not valid YAML" },
    { name: "a registry that is a list", text: "registry: [x]\nnpmRegistryServer: [x]\n", says: "is no text" },
    { name: "credentials", text: "registry: https://u:canary@registry.example/\nnpmRegistryServer: https://u:canary@registry.example/\n", says: "without credentials" },
    { name: "too long", text: "#".repeat(1_048_577), says: "expected at most 1048576" },
    { name: "aliases without end", text: `a: &a [x]\n${Array.from({ length: 20 }, (_, i) => `b${i}: &b${i} [*${i === 0 ? "a" : `b${i - 1}`}, *${i === 0 ? "a" : `b${i - 1}`}]`).join("\n")}\n`, says: "is not valid YAML" },
  ])("$name", ({ text, says }) => {
    for (const read of [pnpmRegistries, yarnRegistries]) {
      expect(() => read(text, BASE)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) }))
      expect(() => read(text, BASE)).not.toThrow("canary")
    }
  })
})

test("names that are no package's own fall to the default", () => {
  const lookup = registryLookup({ default: "d", scopes: { "@s": "s" } })
  expect(["a", "@s/a", "@t/a", "@s", "", "constructor", "@__proto__/a"].map(lookup)).toEqual(["d", "s", "d", "d", "d", "d", "d"])
})
