import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
mkdirSync(join(dir, "sub"))
const files: Readonly<Record<string, string>> = {
  "used.txt": "# ours\nacme-widgets\n\n@acme/gears\n",
  "broken.txt": "acme-widgets, acme-gears\n",
  "package-lock.json": JSON.stringify({ name: "app", lockfileVersion: 3, packages: { "": {}, "node_modules/acme-widgets": { version: "1.0.0" } } }),
}
for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
const run = (...argv: string[]) => vouchsafe(dir, ["names", "check", ...argv], { env: environment(dir) })

describe("names check", () => {
  test("says which name each could be taken for, and in which way", async () => {
    const ran = await run("lodahs", "lodash", "crossenv", "--json")
    expect(ran.status).toBe(1)
    expect(documentIn(ran.out)).toEqual([
      { name: "lodahs", verdict: "lookalike", target: "lodash", kind: "edit" },
      { name: "lodash", verdict: "ok", target: null, kind: null },
      { name: "crossenv", verdict: "lookalike", target: "cross-env", kind: "separator" },
    ])
  })

  test("for a person", async () => {
    const { status, out } = await run("lodahs", "lodash", "l\u001b[31modash\u202e")
    expect([status, out.trimEnd().replace(/ +/g, " ").split("\n")]).toEqual([1, [
      "lodahs lookalike could be taken for lodash: one slip of the hand away",
      "lodash ok",
      expect.not.stringContaining("\u001b"),
    ]])
  })

  test("nothing found is status 0", async () => expect((await run("lodash", "zebra-fish")).status).toBe(0))

  test.each([{ file: "used.txt" }, { file: "package-lock.json" }])("compares with names in use: $file", async ({ file }) => {
    expect((await run("acme-wigdets", "acme-widgets")).status).toBe(0)
    const ran = await run("acme-wigdets", "acme-widgets", "--used", file, "--json")
    expect([ran.status, documentIn(ran.out)]).toEqual([1, [{ name: "acme-wigdets", verdict: "lookalike", target: "acme-widgets", kind: "edit" }, { name: "acme-widgets", verdict: "ok", target: null, kind: null }]])
  })

  test.each([
    { name: "no name", argv: [], code: "USAGE" },
    { name: "a list that is not there", argv: ["a", "--used", "gone.txt"], code: "USAGE" },
    { name: "a lockfile that is not there", argv: ["a", "--used", "gone/package-lock.json"], code: "LOCKFILE_MALFORMED" },
    { name: "a list with several names a line", argv: ["a", "--used", "broken.txt"], code: "USAGE" },
    { name: "a folder", argv: ["a", "--used", "sub"], code: "USAGE" },
  ])("wrong: $name", async ({ argv, code }) => {
    const ran = await run(...argv, "--json")
    expect([ran.status, documentIn(ran.out)]).toMatchObject([2, { error: { code } }])
  })
})
