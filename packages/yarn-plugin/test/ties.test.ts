import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openTies } from "../src/ties.ts"
import { sha512 } from "./support.ts"

let folder: string
let directory: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-ties-"))
  directory = join(folder, "archives")
  file = join(directory, "yarn-archives.txt")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const [zip, tgz, other] = ["zip", "tgz", "other"].map((text) => sha512(text)) as [string, string, string]

test("what is remembered is there the next time, in files that nobody else can read or write", () => {
  openTies(directory).remember(zip, tgz)
  expect(openTies(directory).tarballOf(zip)).toBe(tgz)
  expect(openTies(directory).tarballOf(other)).toBeUndefined()
  expect([statSync(directory).mode & 0o077, statSync(file).mode & 0o077]).toEqual([0, 0])
})

test("nothing is written twice; a later record counts", () => {
  const ties = openTies(directory)
  ties.remember(zip, tgz)
  ties.remember(zip, tgz)
  openTies(directory).remember(zip, tgz)
  expect(readFileSync(file, "utf8").split("\n")).toHaveLength(2)
  ties.remember(zip, other)
  expect(openTies(directory).tarballOf(zip)).toBe(other)
})

test("damaged lines are skipped, the others count", () => {
  openTies(directory).remember(zip, tgz)
  const line = readFileSync(file, "utf8").trimEnd()
  appendFileSync(file, `garbage\n${line.slice(0, -1)}\n${line} \n${line.replace(" ", "\t")}\n\u0000\n${line.slice(5)}`)
  expect(openTies(directory).tarballOf(zip)).toBe(tgz)
})

describe("reads and writes nothing", () => {
  test.each([
    { name: "in a folder that others can write", spoil: () => chmodSync(directory, 0o777) },
    { name: "in a folder that others can read", spoil: () => chmodSync(directory, 0o750) },
    { name: "in a file that others can write", spoil: () => chmodSync(file, 0o666) },
    { name: "through a link", spoil: () => { writeFileSync(join(folder, "elsewhere"), readFileSync(file), { mode: 0o600 }); rmSync(file); symlinkSync(join(folder, "elsewhere"), file) } },
    { name: "where a folder stands in for the file", spoil: () => { rmSync(file); mkdirSync(file) } },
    { name: "where a file stands in for the folder", spoil: () => { rmSync(directory, { recursive: true }); writeFileSync(directory, "") } },
    ...(process.getuid?.() === 0 ? [{ name: "in a file of somebody else", spoil: () => chownSync(file, 12_345, 12_345) }] : []),
  ])("$name", ({ spoil }) => {
    openTies(directory).remember(zip, tgz)
    spoil()
    const ties = openTies(directory)
    expect(ties.tarballOf(zip)).toBeUndefined()
    ties.remember(other, tgz)
    expect(ties.tarballOf(other)).toBe(tgz)
    expect(openTies(directory).tarballOf(other)).toBeUndefined()
  })
})
