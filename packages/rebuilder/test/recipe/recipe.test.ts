import { describe, expect, test } from "vitest"
import { formatRecipe, parseRecipe, type Recipe, recipeDigest } from "../../src/recipe/recipe.ts"
import { overrideFile, parseOverrides } from "../../src/recipe/overrides.ts"

const PACK = { pack: { manager: "npm", directory: "" } }
const GOOD = {
  format: "vouchsafe-recipe/v1", managers: { npm: "10.9.4", pnpm: "10.33.0" },
  steps: [
    { install: { manager: "pnpm", directory: "", frozen: true, scripts: false } }, { run: { manager: "pnpm", directory: "packages/x", script: "build:all" } },
    { tool: { name: "clean-publish", version: "5.2.2", directory: "", args: ["--without-publish", "--temp-dir", "{out}"] } }, { pack: { manager: "npm", directory: "{out}" } },
  ],
}
const withStep = (step: unknown): unknown => ({ ...GOOD, steps: [step, PACK] })
const tool = (more: object): unknown => withStep({ tool: { name: "clean-publish", version: "5.2.2", directory: "", args: [], ...more } })
const run = (more: object): unknown => withStep({ run: { manager: "npm", directory: "", script: "build", ...more } })

describe("THREATS A10: a recipe is data with a closed set of steps and no file contents", () => {
  test.each<{ name: string, recipe: unknown, says: string }>([
    { name: "no object", recipe: [], says: "the recipe is" },
    { name: "another format", recipe: { ...GOOD, format: "vouchsafe-recipe/v2" }, says: "format" },
    { name: "a member more", recipe: { ...GOOD, files: { "x.js": "evil" } }, says: "has the member \"files\"" },
    { name: "a member less", recipe: { format: GOOD.format, steps: GOOD.steps }, says: "lacks the member \"managers\"" },
    { name: "no steps", recipe: { ...GOOD, steps: [] }, says: "expected 1 to 16" },
    { name: "too many steps", recipe: { ...GOOD, steps: Array.from({ length: 17 }, () => PACK) }, says: "expected 1 to 16" },
    { name: "a last step that does not pack", recipe: { ...GOOD, steps: [GOOD.steps[0]] }, says: "does not pack" },
    { name: "packing twice", recipe: { ...GOOD, steps: [PACK, PACK] }, says: "step 1 packs" },
    { name: "a shell", recipe: withStep({ shell: { command: "curl evil" } }), says: "\"shell\"" },
    { name: "two kinds in one step", recipe: withStep({ ...PACK, run: { manager: "npm", directory: "", script: "x" } }), says: "expected one of" },
    { name: "a step that is no object", recipe: withStep("pack"), says: "expected one of" },
    { name: "a file written by a step", recipe: withStep({ write: { path: "x", content: "evil" } }), says: "\"write\"" },
    { name: "contents in a step", recipe: run({ stdin: "evil" }), says: "has the member \"stdin\"" },
    { name: "an unknown manager", recipe: { ...GOOD, managers: { npm: "1.0.0", bun: "1.0.0" } }, says: "\"bun\"" },
    { name: "no npm", recipe: { ...GOOD, managers: { pnpm: "1.0.0" } }, says: "does not list npm" },
    { name: "a range for a manager", recipe: { ...GOOD, managers: { npm: "^10.0.0" } }, says: "managers.npm" },
    { name: "an URL for a manager", recipe: { ...GOOD, managers: { npm: "https://evil.example/x.tgz" } }, says: "managers.npm" },
    { name: "a manager that is not listed", recipe: { ...GOOD, managers: { npm: "10.9.4" } }, says: "needs pnpm" },
    { name: "a script with a shell in it", recipe: run({ script: "build; evil" }), says: "script" },
    { name: "a script that is an option", recipe: run({ script: "--x" }), says: "script" },
    { name: "a folder upwards", recipe: run({ directory: "../x" }), says: "directory" },
    { name: "an absolute folder", recipe: run({ directory: "/etc" }), says: "directory" },
    { name: "git's own folder", recipe: run({ directory: ".git" }), says: "directory" },
    { name: "a folder that is an option", recipe: run({ directory: "-x" }), says: "directory" },
    { name: "a run in the folder outside", recipe: run({ directory: "{out}" }), says: "directory" },
    { name: "a tool of free choice", recipe: tool({ name: "shx" }), says: "the tool \"shx\"" },
    { name: "a tag for a tool", recipe: tool({ version: "latest" }), says: "version" },
    { name: "code in an argument", recipe: tool({ args: ["-e", "require('fs')"] }), says: "argument" },
    { name: "a way upwards in an argument", recipe: tool({ args: ["--dir=../../x"] }), says: "argument" },
    { name: "a long argument", recipe: tool({ args: ["x".repeat(70)] }), says: "argument" },
    { name: "too many arguments", recipe: tool({ args: Array.from({ length: 17 }, () => "x") }), says: "args" },
    { name: "a flag that is a text", recipe: withStep({ install: { manager: "npm", directory: "", frozen: "yes", scripts: false } }), says: "frozen" },
  ])("refuses: $name", ({ recipe, says }) => {
    expect(() => parseRecipe(recipe)).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) as string }))
  })
})

test("the digest is of the canonical form, whatever the order of members", () => {
  const turned = JSON.parse(JSON.stringify({ steps: GOOD.steps, managers: { pnpm: "10.33.0", npm: "10.9.4" }, format: GOOD.format })) as Recipe
  expect(parseRecipe(GOOD)).toEqual(GOOD)
  expect(recipeDigest(turned)).toBe(recipeDigest(GOOD as Recipe))
  expect(recipeDigest(GOOD as Recipe)).toMatch(/^[0-9a-f]{64}$/)
  expect(parseRecipe(JSON.parse(formatRecipe(turned)))).toEqual(GOOD)
  const other = { ...GOOD, managers: { ...GOOD.managers, npm: "10.9.5" } } as Recipe
  expect(recipeDigest(other)).not.toBe(recipeDigest(turned))
})

describe("reviewed recipes", () => {
  const one = { versions: ["1.2.3", "2.*"], reason: "its release runs a program that no rule knows", recipe: GOOD }
  const file = (recipes: unknown, more: object = {}): string => JSON.stringify({ format: "vouchsafe-recipes/v1", package: "@s/x", recipes, ...more })
  test("are read", () => {
    expect(parseOverrides(file([one]), "@s/x")).toEqual([one])
    expect(overrideFile("@s/x")).toBe("@s+x.json")
  })
  test.each<{ name: string, text: string }>([
    { name: "no JSON", text: "{" },
    { name: "another package", text: file([one], { package: "y" }) },
    { name: "none", text: file([]) },
    { name: "no reason", text: file([{ ...one, reason: "" }]) },
    { name: "hardly a reason", text: file([{ ...one, reason: "because" }]) },
    { name: "a member more", text: file([{ ...one, files: {} }]) },
    { name: "all versions", text: file([{ ...one, versions: ["*"] }]) },
    { name: "no versions", text: file([{ ...one, versions: [] }]) },
    { name: "a recipe that is none", text: file([{ ...one, recipe: { ...GOOD, steps: [] } }]) },
  ])("refuses: $name", ({ text }) => {
    expect(() => parseOverrides(text, "@s/x")).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED" }))
  })
})
