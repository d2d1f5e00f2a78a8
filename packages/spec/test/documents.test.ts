import { readdirSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { anchorsOf, brokenLink, linksOf, markdownFiles, read, SPEC } from "./support.ts"

test("every link of every document leads somewhere", () => {
  const files = markdownFiles()
  expect(files).toContain("README.md")
  expect(files).toContain(join("packages", "spec", "README.md"))
  expect(files.flatMap((file) => linksOf(read(SPEC, "../..", file)).flatMap((link) => brokenLink(file, link) ?? []))).toEqual([])
})

test("a link into nowhere is seen, a web address and code are none", () => {
  const links = linksOf("[a](missing.md) [b](README.md#use) [c](https://a.example/x.md) `[d](x.md)` [e](#top)\n    [f](code.md)\n")
  expect(links).toEqual([{ target: "missing.md", anchor: undefined }, { target: "README.md", anchor: "use" }, { target: "", anchor: "top" }])
  expect(brokenLink("packages/spec/README.md", { target: "missing.md", anchor: undefined })).toContain("missing.md is not there")
  expect(brokenLink("packages/spec/README.md", { target: "verdict.md", anchor: "no-such-heading" })).toContain("names no heading")
  expect(brokenLink("packages/spec/README.md", { target: "verdict.md", anchor: "codes" })).toBeUndefined()
  expect(anchorsOf("# What it proves, and `what` not\n")).toEqual(new Set(["what-it-proves-and-what-not"]))
})

test("every document of this folder is in its README", () => {
  const readme = read(SPEC, "README.md")
  const documents = readdirSync(SPEC).filter((name) => name.endsWith(".md") && name !== "README.md")
  expect(documents.filter((name) => !readme.includes(`[${name}](${name})`))).toEqual([])
})

test("decision records: numbers are unique, each is listed, each has context, options or reasons, and an outcome", () => {
  const list = read(SPEC, "adr", "README.md")
  const records = readdirSync(join(SPEC, "adr")).filter((name) => name !== "README.md")
  expect(records.filter((name) => !/^\d{4}-[a-z0-9-]+\.md$/.test(name))).toEqual([])
  const numbers = records.map((name) => name.slice(0, 4))
  expect(numbers.filter((number, i) => numbers.indexOf(number) !== i)).toEqual([])
  expect(records.filter((name) => !list.includes(`| [${name.slice(0, 4)}](${name}) |`))).toEqual([])
  const listed = [...list.matchAll(/^\| \[(\d{4})\]/gm)].map(([, number]) => number)
  expect(listed).toEqual([...numbers].sort())
  for (const name of records) {
    const text = read(SPEC, "adr", name)
    expect(text.startsWith(`# ${name.slice(0, 4)} `), `${name} starts with its number`).toBe(true)
    expect(text, name).toContain("**Context.**")
    expect(text, name).toContain("**Outcome.**")
  }
})

test("vectors: each folder and each file is listed with its origin and licence", () => {
  const readme = read(SPEC, "vectors", "README.md")
  const rows = readme.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|").map((cell) => cell.trim()))
  const folders = readdirSync(join(SPEC, "vectors"), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  expect([...new Set(rows.map((row) => row[1]))].sort()).toEqual(folders.map((name) => `\`${name}\``).sort())
  for (const folder of folders) {
    const named = rows.filter((row) => row[1] === `\`${folder}\``)
    for (const row of named) {
      expect(row[3], `${folder}: origin`).not.toBe("")
      expect(row[4], `${folder}: licence`).toMatch(/^[A-Z]/)
    }
    const files = named.flatMap((row) => [...(row[2] ?? "").matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file.replace(/\/$/, "")))
    expect(files.sort(), folder).toEqual(readdirSync(join(SPEC, "vectors", folder)).sort())
  }
})
