/** Lockfiles that are made to keep their reader busy, or to be read by it as something else than by the package manager. */
import { describe, expect, test } from "vitest"
import { checkBundled, checkLockfile, parseLockfile } from "../../src/lockfile/index.ts"
import { isRegistryTarball, kindOfSource } from "../../src/lockfile/source.ts"
import { readYamlSubset } from "../../src/lockfile/yaml-subset.ts"
import { CONTEXT, expectMalformed, packageLock, sri } from "./support.ts"

/** What takes longer is not linear: honest texts of this length take milliseconds. */
const MS_MAX = 2_000

function quickly<T>(run: () => T): T {
  const start = performance.now()
  const result = run()
  expect(performance.now() - start).toBeLessThan(MS_MAX)
  return result
}

describe("is read in time that grows with its length", () => {
  test.each([
    ["quotes that pair in many ways", `a: {${"'".repeat(61)}}\n`], ["spaces before what cannot be read", `a: {${" ".repeat(120_000)}'}\n`], ["a list of both", `a: [${" ".repeat(60_000)}${"'".repeat(61)}]\n`],
  ])("pnpm, in brackets: %s", (_, text) => {
    expect(quickly(() => readYamlSubset(text))).toBeUndefined()
  })
  test("pnpm: parentheses in a key", () => {
    const key = `x@1.0.0${"(".repeat(100_000)}`
    quickly(() => expect(() => parseLockfile("pnpm-lock.yaml", `lockfileVersion: '9.0'\npackages:\n  '${key}':\n    resolution: {integrity: ${sri(1)}}\nsnapshots:\n  '${key}': {}\n`)).toThrow(expect.objectContaining({ code: "LOCKFILE_MALFORMED" })))
  })
  test.each([
    ["slashes in escapes", `https://a/@${"%2f".repeat(60_000)}`], ["endings", `https://registry.example/x/-/${".tgz".repeat(60_000)}`], ["slashes", `https://a${"/".repeat(120_000)}`], ["separators", `https://a${"/-".repeat(120_000)}`],
  ])("an address with many %s", (_, url) => {
    expect(quickly(() => isRegistryTarball(url, "x", "1.0.0"))).toBe(false)
  })
  test.each([["git", "a:" + ".git#".repeat(40_000) + "\n"], ["a file", "file:" + ".tgz#".repeat(40_000) + "\n"]])("an address that looks like %s many times", (_, source) => {
    quickly(() => kindOfSource(source))
  })
  test.each([
    ["a member of many spaces", `  a${" ".repeat(60_000)}b\u2028c`], ["an entry of many colons", `a${": ".repeat(60_000)}\u2028c`],
  ])("Yarn: %s", (_, line) => {
    quickly(() => expect(() => parseLockfile("yarn.lock", `__metadata:\n  version: 8\n\nx:\n${line}\n${line}\n`)).toThrow(expect.objectContaining({ code: "LOCKFILE_MALFORMED" })))
  })
  test("npm: places inside of places without end", () => {
    const place = Array.from({ length: 20_000 }, () => "node_modules/x").join("/")
    quickly(() => expectMalformed("package-lock.json", packageLock({ [place]: { version: "1.0.0", inBundle: true } }), "nested deeper than 64 levels"))
    expect(checkBundled(parseLockfile("package-lock.json", packageLock({ [Array.from({ length: 64 }, () => "node_modules/x").join("/")]: { version: "1.0.0", integrity: sri(1) } })), [])).toEqual([])
  })
})

describe("is read as its package manager reads it", () => {
  const berry = (resolution: string) => parseLockfile("yarn.lock", `__metadata:\n  version: 8\n\n"x@npm:^1.0.0":\n  version: 1.0.0\n  resolution: ${JSON.stringify(resolution)}\n  checksum: 10c0/${"ab".repeat(64)}\n`)
  test("Yarn: a second pair of colons hides no address", () => {
    const found = checkLockfile(berry("x@npm:1.0.0::a=b::c&__archiveUrl=https%3A%2F%2Fevil.example%2Fx.tgz"), CONTEXT)
    expect(found).toMatchObject([{ code: "EXOTIC_SOURCE", message: expect.stringContaining("evil.example") as string }])
    expect(checkLockfile(berry("x@npm:1.0.0::a=b::c&__archiveUrl=https%3A%2F%2Fevil.example%2Fx%2F-%2Fx-1.0.0.tgz"), CONTEXT)).toMatchObject([{ code: "WRONG_REGISTRY" }])
  })
  test.each([["an ideographic space", "\u3000"], ["a no-break space", "\u00a0"], ["an en quad", "\u2000"]])("pnpm: %s before a member's name belongs to the name", (_, space) => {
    expect(readYamlSubset(`a: {${space}integrity: b}\n`)).toBeUndefined()
    expect(readYamlSubset(`a: {tarball: c,${space}integrity: b}\n`)).toBeUndefined()
  })
})
