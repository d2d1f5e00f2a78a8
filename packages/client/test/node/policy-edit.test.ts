import { expect, test } from "vitest"
import { dropExceptions, putException } from "../../src/node/policy-edit.ts"

const ITEM = { purl: "pkg:npm/x@1.0.0", code: "TOO_YOUNG", owner: "ann", reason: 'said "yes"', until: "2026-12-31" }
const LAYOUTS = [
  '{"format":"f","roster":"r"}', '{ "format": "f" }\n', '{\n  "format": "f",\n  "roster": "r"\n}\n', '{\r\n\t"format": "f",\r\n\t"x": [ 1,2 ]\r\n}',
  '{\n    "exceptions": [],\n    "format": "f"\n}\n', '{"exceptions":[{"purl":"a"} ,  {"purl":"b"},{"purl":"c"}],"format":"f"}', '{\n  "exceptions": [\n    {"purl":"a"},\n\n    { "purl": "b" }\n  ]\n}\n',
]

test.each(LAYOUTS)("an exception more, and every other byte as it was: %j", (text) => {
  const before = JSON.parse(text) as { exceptions?: unknown[] }
  const after = putException(text, ITEM)
  expect(JSON.parse(after)).toEqual({ ...before, exceptions: [...before.exceptions ?? [], ITEM] })
  if (before.exceptions === undefined) expect(dropExceptions(after, [0])).toBe(text)
  else if (before.exceptions.length > 0) expect(dropExceptions(after, [before.exceptions.length])).toBe(text)
  expect(text.includes("\r\n") ? after.replaceAll("\r\n", "").includes("\n") : after.includes("\r")).toBe(false)
})

test("one in the place of another, and any of several away", () => {
  const text = LAYOUTS[5] as string
  const read = (changed: string): unknown[] => (JSON.parse(changed) as { exceptions: { purl: string }[] }).exceptions.map(({ purl }) => purl)
  expect(read(putException(text, ITEM, 1))).toEqual(["a", ITEM.purl, "c"])
  expect([[0], [1], [2], [0, 1], [0, 2], [1, 2], [2, 0]].map((indices) => read(dropExceptions(text, indices)))).toEqual([["b", "c"], ["a", "c"], ["a", "b"], ["c"], ["b"], ["a"], ["b"]])
  expect(dropExceptions(text, [0, 1, 2])).toBe('{"format":"f"}')
})
