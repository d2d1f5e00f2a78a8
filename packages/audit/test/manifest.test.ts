import { hash } from "node:crypto"
import { VouchsafeError } from "@vouchsafe/core"
import type { RosterNode } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { manifestsFrom, parseManifest } from "../src/index.ts"

const SHA = "ab".repeat(32)
const GOOD = JSON.stringify({ files: [["a.js", 1, 420, SHA], ["b.js", 2, 493, SHA]], format: "vouchsafe-manifest/v1" })

test("a manifest is read", () => {
  expect([...parseManifest(GOOD).values()]).toEqual([{ path: "a.js", size: 1, executable: false, sha256: SHA }, { path: "b.js", size: 2, executable: true, sha256: SHA }])
})

describe("refuses", () => {
  const files = (list: unknown): string => JSON.stringify({ files: list, format: "vouchsafe-manifest/v1" })
  test.each([
    ["no JSON", "{"], ["a list", "[]"], ["another format", GOOD.replace("/v1", "/v2")], ["no files", '{"format":"vouchsafe-manifest/v1"}'], ["a member more", GOOD.replace("{", '{"x":1,')], ["a file as text", files(["a.js"])],
    ["a file of three", files([["a.js", 1, 420]])], ["a path twice", files([["a.js", 1, 420, SHA], ["a.js", 1, 420, SHA]])], ["an empty path", files([["", 1, 420, SHA]])], ["a size below zero", files([["a.js", -1, 420, SHA]])],
    ["another mode", files([["a.js", 1, 511, SHA]])], ["a short digest", files([["a.js", 1, 420, "ab"]])],
  ])("%s", (_, text) => {
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: "EVIDENCE_MALFORMED" }))
  })
})

describe("from nodes", () => {
  const digest = hash("sha256", GOOD, "hex")
  const nodes = ["a", "b"].map((name) => ({ operator: name, url: `https://${name}.example/` })) as unknown as RosterNode[]
  const transport = (answers: Readonly<Record<string, string | Error>>): HttpTransport => ({
    request: ({ url }) => {
      const answer = answers[new URL(url).host[0] ?? ""]
      if (answer instanceof Error) return Promise.reject(answer)
      return Promise.resolve({ status: answer === undefined ? 404 : 200, headers: {}, body: new TextEncoder().encode(answer ?? "") })
    },
  })
  test.each([
    { name: "the first has it", answers: { a: GOOD }, has: true }, { name: "the first lies", answers: { a: GOOD.replace("a.js", "c.js"), b: GOOD }, has: true }, { name: "the first is away", answers: { a: new VouchsafeError("UNREACHABLE", "away"), b: GOOD }, has: true },
    { name: "both lie", answers: { a: "{}", b: GOOD.replace("a.js", "c.js") }, has: false }, { name: "nobody has it", answers: {}, has: false },
  ])("$name", async ({ answers, has }) => {
    expect((await manifestsFrom(transport(answers), nodes)(digest)) !== undefined).toBe(has)
  })
})
