import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { findDuplicateKeys } from "../src/package/duplicate-keys.ts"

describe("repeated keys", () => {
  test.each([
    ["{\"a\":1,\"a\":2}", [["a"]]],
    ["{\"a\":1,\"a\":1}", []],
    ["{\"a\":{\"b\":1},\"a\":{\"b\":2}}", [["a"]]],
    ["{\"a\":{\"b\":1,\"b\":2}}", [["a", "b"]]],
    ["{\"a\":{\"b\":{\"c\":1,\"c\":2}}}", []],
    ["{\"\\u0061\":1,\"a\":2}", [["a"]]],
    ["{\"a\":\"\\\"a\\\":\",\"b\":\"a\"}", []],
    ["{\"a\":\"x\\\\\",\"a\":\"y\"}", [["a"]]],
    ["{\"a\":[{\"b\":1},{\"b\":2}],\"c\":[1,2,{}]}", []],
    ["{\"a\" : [1 , 2] , \"a\" : [1, 3] }", [["a"]]],
    ["{\"__proto__\":1,\"__proto__\":2}", [["__proto__"]]],
    ["[{\"a\":1,\"a\":2}]", []],
    ["\"text\"", []],
  ])("%s", (text, expected) => {
    expect(findDuplicateKeys(text, 2)).toEqual(expected)
  })

  test("an object written once has none", () => {
    fc.assert(fc.property(fc.json(), (text) => { expect(findDuplicateKeys(text, 3)).toEqual([]) }), { numRuns: 500, seed: 7 })
  })

  test("a member written again with another value is found", () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (object, pick) => {
      const keys = Object.keys(object)
      const key = keys[pick % keys.length] as string
      const text = `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(key)}:"\u0001 another"}`
      expect(findDuplicateKeys(text.replace("\u0001", "\\u0001"), 2)).toEqual([[key]])
    }), { numRuns: 300, seed: 7 })
  })

  test("deep nesting costs no more than its length", () => {
    const depth = 200_000
    expect(findDuplicateKeys(`${"{\"a\":".repeat(depth)}1${"}".repeat(depth)}`, 2)).toEqual([])
    expect(findDuplicateKeys(`${"[".repeat(depth)}${"]".repeat(depth)}`, 2)).toEqual([])
  })
})
