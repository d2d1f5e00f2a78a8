import { describe, expect, test } from "vitest"
import { checkTree, formatFinding, type TreeFile } from "../src/tidy/index.ts"

const manifest = (folder: string, name: string): TreeFile => file(`packages/${folder}/package.json`, `${JSON.stringify({ name })}\n`)

function file(path: string, text: string): TreeFile {
  return { path, text, bytes: Buffer.byteLength(text) }
}

/** A small tree in order: every finding below comes from the one file planted into it. */
const CLEAN: readonly TreeFile[] = [
  manifest("core", "@vouchsafe/core"),
  manifest("ports", "@vouchsafe/ports"),
  manifest("client", "@vouchsafe/client"),
  manifest("log", "@vouchsafe/log"),
  manifest("node", "@vouchsafe/node"),
  manifest("cli", "vouchsafe"),
  manifest("pnpm-plugin", "pnpm-plugin-vouchsafe"),
  manifest("yarn-plugin", "@vouchsafe/yarn-plugin"),
  manifest("testkit", "@vouchsafe/testkit"),
  manifest("spec", "@vouchsafe/spec"),
  file("packages/core/src/index.ts", 'export { now, type Clock } from "./now.ts"\nexport * from "./later.ts"\n'),
  file("packages/core/src/now.ts", [
    'import { sha512 } from "@noble/hashes/sha2.js"',
    "/** Date.now, process and fetch in a comment reach nothing. */",
    "export interface Clock { now(): number; fetch(): string }",
    "export const now = (clock: Clock): Date => new Date(clock.now())",
    "export const text = (record: { process: string }): string => record.process + clockless.fetch",
    "const clockless = { fetch: String(sha512.length), performance: 1 }",
    "",
  ].join("\n")),
  file("packages/client/src/read.ts", [
    'import { readFileSync } from "node:fs"',
    'import { now } from "@vouchsafe/core"',
    'import type { Store } from "@vouchsafe/ports"',
    'import { parse } from "yaml"',
    'import manifest from "../package.json" with { type: "json" }',
    "export function read(path: string, store: Store): unknown {",
    '  try { return parse(readFileSync(path, "utf8")) } catch (error) { return [error, now, store, manifest, Date.now()] }',
    "}",
    "",
  ].join("\n")),
  file("packages/client/test/read.test.ts", 'import { test } from "vitest"\nimport "@vouchsafe/testkit"\ntest("reads", () => {})\n'),
  file("packages/client/vitest.config.ts", "// eslint-disable-next-line import/no-default-export -- vitest reads the default export\nexport default {}\n"),
  file("packages/cli/src/start.ts", 'export const at = import.meta.resolve("@vouchsafe/node/package.json")\n'),
  file("README.md", "# Title\n"),
]

const lines = (count: number, line: string): string => `${line}\n`.repeat(count)
const HOST = `registry.${["npm", "js.org"].join("")}`
const PROMISE = ["TO", "DO"].join("")

interface Planted {
  readonly name: string
  readonly path: string
  readonly text: string
  readonly rule: string
  readonly says: string
  readonly line?: number
}

const inCore = (name: string, text: string, says: string): Planted => ({ name, path: "packages/core/src/planted.ts", text, rule: "pure", says })
const arrow = (name: string, path: string, text: string, says: string): Planted => ({ name, path, text, rule: "arrows", says })

const PLANTED: readonly Planted[] = [
  inCore("the clock", "export const a = Date.now()\n", "Date.now differs from run to run"),
  inCore("the clock as a value", "export const a = Date.now\n", "Date.now"),
  inCore("the clock in brackets", 'export const a = Date["now"]()\n', "Date.now"),
  inCore("a new Date of now", "export const a = new Date()\n", "new Date() reads the clock"),
  inCore("a new Date without brackets", "export const a = new Date\n", "new Date() reads the clock"),
  inCore("Date as a function", "export const a = Date()\n", "Date() reads the clock"),
  inCore("randomness", "export const a = Math.random()\n", "Math.random"),
  inCore("random bytes", "export const a = crypto.getRandomValues(b)\n", "crypto.getRandomValues"),
  inCore("a timer's clock", "export const a = performance.now()\n", "performance comes from outside"),
  inCore("the network", "export const a = await fetch(url)\n", "fetch comes from outside"),
  inCore("the environment", "export const a = process.env\n", "process comes from outside"),
  inCore("the environment in braces", "const { env } = process\nexport const a = { process }\n", "process comes from outside"),
  inCore("the environment as a member's value", "export const a = { b: process }\n", "process comes from outside"),
  inCore("Node's bytes", "export const a = Buffer.from(b)\n", "Buffer comes from outside"),
  inCore("Node's bytes as a type", "export type A = Buffer\n", "Buffer comes from outside"),
  inCore("the global object", "export const a = globalThis[b]\n", "globalThis comes from outside"),
  inCore("a timer", "setTimeout(a, 1)\n", "setTimeout comes from outside"),
  inCore("printing", "console.log(1)\n", "console comes from outside"),
  inCore("the module's address", "export const a = import.meta.url\n", "import.meta"),
  { ...inCore("the clock in ports", "export const a = Date.now()\n", "ports is pure"), path: "packages/ports/src/planted.ts" },

  arrow("a Node module in core", "packages/core/src/planted.ts", 'import { readFileSync } from "node:fs"\n', 'core is pure: "node:fs"'),
  arrow("a Node module by its old name", "packages/ports/src/planted.ts", 'import { join } from "path"\n', 'ports is pure: "path"'),
  arrow("core importing client", "packages/core/src/planted.ts", 'import { check } from "@vouchsafe/client"\n', "core may import nothing, found client"),
  arrow("core importing a type of ports", "packages/core/src/planted.ts", 'import type { Store } from "@vouchsafe/ports"\n', "found ports"),
  arrow("core importing more than noble", "packages/core/src/planted.ts", 'import ssri from "ssri"\n', 'found "ssri"'),
  arrow("ports exporting from client", "packages/ports/src/planted.ts", 'export { check } from "@vouchsafe/client/node"\n', "ports may import core, found client"),
  arrow("a plugin importing another", "packages/yarn-plugin/src/planted.ts", 'import "pnpm-plugin-vouchsafe"\n', "found pnpm-plugin"),
  arrow("a plugin loading another late", "packages/pnpm-plugin/src/planted.ts", 'export const a = () => import("@vouchsafe/yarn-plugin")\n', "found yarn-plugin"),
  arrow("the command line importing the node", "packages/cli/src/planted.ts", 'import { start } from "@vouchsafe/node"\n', "cli starts node as a process"),
  arrow("the command line requiring the node", "packages/cli/src/planted.ts", 'export const a = require("@vouchsafe/node")\n', "cli starts node as a process"),
  arrow("a type from the node", "packages/cli/src/planted.ts", 'export type A = import("@vouchsafe/node").A\n', "cli starts node as a process"),
  arrow("the command line importing a service", "packages/cli/src/planted.ts", 'import "@vouchsafe/log"\n', "found log"),
  arrow("a service importing the client", "packages/log/src/planted.ts", 'import "@vouchsafe/client"\n', "log may import core, ports, sqlite, found client"),
  arrow("an escape by a relative path", "packages/log/src/deep/planted.ts", 'import "../../../client/src/read.ts"\n', "leaves the package"),
  arrow("an escape by a reference", "packages/log/src/planted.ts", '/// <reference path="../../client/src/read.ts" />\n', "leaves the package"),
  arrow("an absolute path", "packages/log/src/planted.ts", 'import "/tmp/a.ts"\n', "leaves the package"),
  arrow("src importing its tests", "packages/log/src/planted.ts", 'import "../test/help.ts"\n', "leaves src"),
  arrow("a computed import", "packages/log/src/planted.ts", "export const a = (b: string) => import(b)\n", "a computed import cannot be checked"),
  arrow("an unknown package", "packages/log/src/planted.ts", 'import "@vouchsafe/missing"\n', "no package of this workspace"),
  arrow("a package importing itself by name", "packages/log/src/planted.ts", 'import "@vouchsafe/log"\n', "is this package"),
  arrow("a dependency nobody recorded", "packages/log/src/planted.ts", 'import "left-pad"\n', 'from outside, found "left-pad"'),
  arrow("testkit in src", "packages/client/src/planted.ts", 'import "@vouchsafe/testkit"\n', "for tests only"),
  arrow("vitest in src", "packages/client/src/planted.ts", 'import { test } from "vitest"\n', "for tests only"),
  arrow("vitest in testkit's src", "packages/testkit/src/planted.ts", 'import { test } from "vitest"\n', "for tests only"),
  arrow("fast-check in src", "packages/core/src/planted.ts", 'import fc from "fast-check"\n', "for tests only"),
  arrow("code in spec", "packages/spec/src/planted.ts", "export const a = 1\n", "spec holds no code"),
  arrow("a package without a row", "packages/planted/package.json", '{"name":"@vouchsafe/planted"}\n', "has no row"),

  { name: "a default export", path: "packages/log/src/planted.ts", text: "export default 1\n", rule: "default-export", says: "no default exports" },
  { name: "a default function", path: "packages/log/src/planted.ts", text: "export default function a(): void { b() }\n", rule: "default-export", says: "no default exports" },
  { name: "a default by renaming", path: "packages/log/src/planted.ts", text: 'export { a as default } from "./a.ts"\n', rule: "default-export", says: "no default exports" },
  { name: "a default export without a reason", path: "test-e2e/planted.ts", text: "// eslint-disable-next-line import/no-default-export\nexport default 1\n", rule: "default-export", says: "why", line: 2 },
  { name: "an enum", path: "packages/log/test/planted.ts", text: "export enum A { B }\n", rule: "enum", says: "no enums" },
  { name: "a const enum", path: "packages/log/src/planted.ts", text: "\nexport const enum A { B }\n", rule: "enum", says: "no enums", line: 2 },
  { name: "an empty catch", path: "packages/log/src/planted.ts", text: "try { a() } catch {}\n", rule: "empty-catch", says: "never nothing" },
  { name: "a catch with only a comment", path: "packages/log/src/planted.mjs", text: "try { a() } catch (e) {\n  // fine\n}\n", rule: "empty-catch", says: "never nothing" },
  { name: "a promise's empty catch", path: "examples/planted.cjs", text: "a().catch(() => {})\n", rule: "empty-catch", says: "never nothing" },
  { name: "a promise's empty catch function", path: "packages/log/src/planted.ts", text: "a().catch(function () {})\n", rule: "empty-catch", says: "never nothing" },
  { name: "a long file", path: "packages/log/src/planted.ts", text: lines(301, "a()"), rule: "file-length", says: "301 lines, expected at most 300", line: 301 },
  { name: "a long function", path: "packages/log/src/planted.ts", text: `function a(): void {\n${lines(69, "  b()")}}\n`, rule: "function-length", says: "function of 71 lines" },
  { name: "a long arrow function", path: "packages/log/src/planted.ts", text: `export const a = () => ([\n${lines(69, "  b(),")}])\n`, rule: "function-length", says: "function of 71 lines" },
  { name: "a long method", path: "packages/log/src/planted.ts", text: `const a = {\n  b() {\n${lines(69, "    c()")}  },\n}\n`, rule: "function-length", says: "function of 71 lines", line: 2 },
  { name: "a long function around a short one", path: "packages/log/src/planted.ts", text: `function a(): void {\n  const c = () => {\n    d()\n  }\n${lines(69, "  b()")}}\n`, rule: "function-length", says: "function of 72 lines" },
  { name: "a value in an index", path: "packages/log/src/index.ts", text: 'export * from "./a.ts"\nexport const a = 1\n', rule: "index", says: "table of contents", line: 2 },
  { name: "an import in an index", path: "packages/log/src/deep/index.ts", text: 'import { a } from "./a.ts"\n', rule: "index", says: "table of contents" },
  { name: "a local export in an index", path: "packages/log/src/index.ts", text: "export {}\n", rule: "index", says: "table of contents" },
  { name: "a long index", path: "packages/log/src/index.ts", text: lines(61, 'export * from "./a.ts"'), rule: "index", says: "61 lines" },

  { name: "a registry's host in a document", path: "docs/a.md", text: `a\nhttps://${HOST}/x\n`, rule: "registry-host", says: "registry's host", line: 2 },
  { name: "a registry's host in capitals", path: ".npmrc", text: `registry=https://${HOST.toUpperCase()}/\n`, rule: "registry-host", says: "registry's host" },
  { name: "a registry's host in a fixture", path: "test-e2e/fixtures/a.json", text: `"${HOST}"\n`, rule: "registry-host", says: "registry's host" },
  { name: "yarn's registry", path: "a.yml", text: `a: registry.${["yarn", "pkg.com"].join("")}\n`, rule: "registry-host", says: "registry's host" },
  { name: "white space at a line's end", path: "README.md", text: "a\nb \n", rule: "trailing-whitespace", says: "white space", line: 2 },
  { name: "carriage returns", path: "a.ts", text: "a()\r\n", rule: "trailing-whitespace", says: "white space" },
  { name: "a promise", path: "a.sh", text: `# ${PROMISE}: later\n`, rule: "promise", says: "finish it" },
  { name: "another promise", path: "a.md", text: `${["FIX", "ME"].join("")}\n`, rule: "promise", says: "finish it" },
  ...["only", "skip", "todo", "fails", "skipIf", "concurrent.only", "each.skip"].map((word): Planted => (
    { name: `a test that says ${word}`, path: "packages/log/test/a.test.ts", text: `${["te", "st"].join("")}.${word}("a", () => b())\n`, rule: "not-run", says: "does not always run" })),
  { name: "a suite that says skip", path: "test-e2e/a.e2e.ts", text: `${["desc", "ribe"].join("")}.skip("a", b)\n`, rule: "not-run", says: "does not always run" },
]

test("accepts a clean tree", () => {
  expect(checkTree(CLEAN).map(formatFinding)).toEqual([])
})

describe("refuses", () => {
  test.each(PLANTED)("$name", ({ path, text, rule, says, line }) => {
    const findings = checkTree([...CLEAN.filter((clean) => clean.path !== path), file(path, text)])
    expect(findings).toContainEqual({ file: path, line: line ?? expect.any(Number), rule, message: expect.stringContaining(says) })
    expect(new Set(findings.map((finding) => finding.file))).toEqual(new Set([path]))
  })

  test("a file that is too large, binary or not", () => {
    for (const text of [undefined, "a\n"]) {
      const findings = checkTree([...CLEAN, { path: "packages/spec/vectors/a.bin", text, bytes: 524_289 }])
      expect(findings.map(formatFinding)).toEqual(["packages/spec/vectors/a.bin:1 size: 524289 bytes in git, expected at most 524288"])
    }
  })
})

describe("accepts what only looks alike", () => {
  test.each<{ name: string, path: string, text: string }>([
    { name: "a file of exactly 300 lines", path: "packages/log/src/a.ts", text: lines(300, "a()") },
    { name: "a function of exactly 70 lines", path: "packages/log/src/a.ts", text: `function a(): void {\n${lines(68, "  b()")}}\n` },
    { name: "a long factory of short functions", path: "packages/log/src/a.ts", text: `export function a() {\n  return {\n${lines(30, "    b() {\n      c()\n    },")}  }\n}\n` },
    { name: "a long test", path: "packages/log/test/a.test.ts", text: `function a(): void {\n${lines(400, "  b()")}}\n` },
    { name: "the registry's host in the lockfile", path: "pnpm-lock.yaml", text: `a: ${HOST}\n` },
    { name: "white space in a recorded vector", path: "packages/spec/vectors/note/a.txt", text: "a \r\n" },
    { name: "a catch that answers", path: "packages/log/src/a.ts", text: "export const a = b().catch(() => undefined)\n" },
    { name: "a document that names a test's switch", path: "docs/a.md", text: `${["te", "st"].join("")}.only\n` },
    { name: "the clock in a package that is not pure", path: "packages/log/src/a.ts", text: "export const a = Date.now() + performance.now()\n" },
    { name: "Node in the tests of a pure package", path: "packages/core/test/a.test.ts", text: 'import { readFileSync } from "node:fs"\nexport const a = readFileSync(process.argv[2])\n' },
  ])("$name", ({ path, text }) => {
    expect(checkTree([...CLEAN, file(path, text)]).map(formatFinding)).toEqual([])
  })
})
