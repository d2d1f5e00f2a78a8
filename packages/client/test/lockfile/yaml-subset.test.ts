import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { parseAllDocuments } from "yaml"
import { readYamlSubset } from "../../src/lockfile/yaml-subset.ts"
import { fixture } from "./support.ts"

/** What the whole parser makes of a text; its complaint, where it has one. */
function wholly(text: string): unknown {
  try {
    return parseAllDocuments(text, { prettyErrors: false }).map((document) => {
      const [error] = [...document.errors, ...document.warnings]
      if (error !== undefined) throw error
      return document.toJS({ maxAliasCount: 0 }) as unknown
    })
  } catch (error) {
    return String(error)
  }
}

const FILES = ["pnpm-6", "pnpm-9", "pnpm-9-config"].map((name) => [name, fixture(name).text] as const)
const OWN = readFileSync(join(import.meta.dirname, "../../../../pnpm-lock.yaml"), "utf8")

test.each([...FILES, ["this project's own", OWN] as const])("%s is read as the whole parser reads it", (_, text) => {
  const read = readYamlSubset(text)
  expect(read).toBeDefined()
  expect(read).toEqual(wholly(text))
})

describe("left to the whole parser", () => {
  test.each([
    ["no line's end at the end", "a: b"], ["nothing", "\n"], ["a tab", "a:\tb\n"], ["a carriage return", "a: b\r\n"], ["a control character", "a: b\u0000\n"], ["a separator of lines", "a: b\u2028\n"],
    ["an anchor", "a: &x b\n"], ["an alias", "a: *x\n"], ["a tag", "a: !!str b\n"], ["a comment", "# a\na: b\n"], ["a comment behind a value", "a: b # c\n"], ["a directive", "%YAML 1.2\n---\na: b\n"],
    ["double quotes", 'a: "b"\n'], ["a folded text", "a: >-\n  b\n"], ["a text over two lines", "a: b\n  c\n"], ["a text in quotes over two lines", "a: 'b\n  c'\n"], ["brackets over two lines", "a: {b: c,\n  d: e}\n"],
    ["a key twice", "a: b\na: c\n"], ["a key twice in brackets", "a: {b: c, b: d}\n"], ["a key that is a number", "1.0: b\n"], ["a key that is nothing", "null: b\n"], ["a merge key", "'<<': b\n"], ["a prototype", "__proto__: b\n"],
    ["a question", "? a\n: b\n"], ["a number", "a: 1.0\n"], ["another number", "a: 0x10\n"], ["nothing, spelled", "a: ~\n"], ["a number in brackets", "a: {b: 1e3}\n"], ["a map in a list", "a:\n  - b: c\n"],
    ["a list without indentation", "a:\n- b\n"], ["indentation by three", "a:\n   b: c\n"], ["indentation that goes on", "a:\n  b: c\n    d: e\n"], ["a value that holds a key", "a: b: c\n"], ["a comma at the end", "a: [b,]\n"], ["maps within brackets", "a: {b: {c: d}}\n"],
    ["a text that begins with empty lines", "a: |-\n\n  b\n"], ["a text that keeps its end", "a: |\n  b\n"], ["more than brackets", "a: {b: c} d\n"], ["an end of documents", "a: b\n...\n"],
  ])("%s", (_, text) => {
    expect(readYamlSubset(text)).toBeUndefined()
  })
})

test("whatever is changed in a lockfile, it is read as the whole parser reads it, or not at all", () => {
  const pieces = ["'", '"', ": ", ":", " ", "  ", "#", " #", "- ", "-", "&a ", "*a", "!!str ", "|-", ">-", "{", "}", "[", "]", ",", "~", "null", "1.0", "\n", "\n  ", "? ", "%", "@", "<<: ", "---\n", "...\n", "a: b", "''", "\\", "é"]
  const lines = [...FILES.map(([, text]) => text), OWN].map((text) => text.split("\n"))
  let seed = 7
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 4_294_967_296) * limit)
  }
  let read = 0
  for (let i = 0; i < 4_000; i++) {
    const of = lines[below(lines.length)] as string[]
    const part = of.slice(below(of.length)).slice(0, 1 + below(14))
    const indent = Math.min(...part.map((line) => line.search(/\S|$/)))
    let text = `${part.map((line) => line.slice(indent)).join("\n")}\n`
    for (let changes = below(4); changes > 0; changes--) {
      const at = below(text.length)
      text = `${text.slice(0, at)}${String(pieces[below(pieces.length)])}${text.slice(at + below(3))}`
    }
    const value = readYamlSubset(text)
    if (value === undefined) continue
    read += 1
    expect(value, JSON.stringify(text)).toEqual(wholly(text))
  }
  expect(read).toBeGreaterThan(300)
})
