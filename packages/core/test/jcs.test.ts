import peerModule from "canonicalize"
import fc from "fast-check"
import { expect, test } from "vitest"
import { canonicalize, isVouchsafeError, JSON_DEPTH_MAX, type JsonValue, parseCanonicalJson } from "../src/index.ts"
import { allowOnly, expectRefusal, PROPERTY_RUNS } from "./support.ts"

// A CommonJS module whose types announce a default export that is the module itself.
const peer = peerModule as unknown as (value: unknown) => string | undefined

test.each([
  { name: "nothing", text: "" },
  { name: "not JSON", text: "{" },
  { name: "white space inside", text: '{"a": 1}' },
  { name: "a final newline", text: "{}\n" },
  { name: "a byte order mark", text: "\ufeff{}" },
  { name: "members out of order", text: '{"b":1,"a":2}' },
  { name: "nested members out of order", text: '{"a":[{"d":1,"c":2}]}' },
  { name: "a repeated member", text: '{"a":1,"a":1}' },
  { name: "a repeated member, other value last", text: '{"a":1,"a":2}' },
  { name: "an integer-like member out of order", text: '{"9":1,"10":2}' },
  { name: "integer-like names before shorter ones", text: '{"2":1,"10":1,"1":1}' },
  { name: "supplementary before BMP by code point", text: '{"\uff61":1,"\ud83d\ude00":2}' },
  { name: "minus zero", text: "-0" },
  { name: "minus zero in a list", text: "[0,-0]" },
  { name: "a fraction of zero", text: "1.0" },
  { name: "an exponent where digits belong", text: "1e2" },
  { name: "a capital exponent", text: "1E+21" },
  { name: "an exponent without plus", text: "1e21" },
  { name: "more digits than a double holds", text: "0.10000000000000000001" },
  { name: "an integer beyond 2^53", text: "9007199254740993" },
  { name: "a number too large", text: "1e400" },
  { name: "a needless escape", text: '"\\u0041"' },
  { name: "an escaped slash", text: '"\\/"' },
  { name: "a long escape of newline", text: '"\\u000a"' },
  { name: "an upper-case escape", text: '"\\u001F"' },
  { name: "an escaped lone surrogate", text: '"\\ud800"' },
  { name: "an escaped lone surrogate as a name", text: '{"\\udfff":1}' },
  { name: "a bare lone surrogate", text: '"\ud800"' },
  { name: "an escaped surrogate pair", text: '"\\ud83d\\ude00"' },
  { name: "a bare control character", text: '"\u0001"' },
  { name: "nesting one too deep", text: "[".repeat(JSON_DEPTH_MAX + 1) + "]".repeat(JSON_DEPTH_MAX + 1) },
  { name: "nesting that would overflow the stack", text: "[".repeat(200_000) + "]".repeat(200_000) },
])("refuses: $name", ({ text }) => {
  expectRefusal(() => parseCanonicalJson(text), "JSON_NOT_CANONICAL")
})

test.each([
  "{}", "[]", '""', "0", "-1", "1e+21", "1e-7", "0.1", "333333333.3333333", "null", "true",
  '{"1":1,"10":2,"9":3}', '{"":1,"a":{"":[]}}', '{"\\n":1,"\\r":2,"1":3,"</script>":4}', '{"__proto__":{"x":1}}', '{"constructor":1,"toJSON":2}', '{"\ud83d\ude00":1,"\uff61":2}',
  '"\u007f\u2028\u2029"', '"\\\\ud800"', "[".repeat(JSON_DEPTH_MAX) + "]".repeat(JSON_DEPTH_MAX),
])("accepts: %s", (text) => {
  expect(canonicalize(parseCanonicalJson(text))).toBe(text)
})

test("a member named __proto__ is data", () => {
  const value = parseCanonicalJson('{"__proto__":{"polluted":true}}') as Record<string, unknown>
  expect(Object.keys(value)).toEqual(["__proto__"])
  expect((value as { polluted?: unknown }).polluted).toBeUndefined()
})

test.each<{ name: string; value: unknown }>([
  { name: "undefined", value: undefined },
  { name: "undefined in an object", value: { a: undefined } },
  { name: "undefined in a list", value: [undefined] },
  { name: "a hole in a list", value: new Array(1) },
  { name: "a function", value: () => 1 },
  { name: "a bigint", value: 1n },
  { name: "a symbol", value: Symbol("s") },
])("writing $name is the caller's mistake", ({ value }) => {
  expect(() => canonicalize(value as JsonValue)).toThrow(TypeError)
})

const circular: unknown[] = []
circular.push(circular)

test.each<{ name: string; value: unknown }>([
  { name: "NaN", value: Number.NaN },
  { name: "infinity", value: [Number.POSITIVE_INFINITY] },
  { name: "a lone surrogate", value: "\udead" },
  { name: "a lone surrogate as a name", value: { "\udead": 1 } },
  { name: "a circle", value: circular },
])("writing refuses: $name", ({ value }) => {
  expectRefusal(() => canonicalize(value as JsonValue), "JSON_NOT_CANONICAL")
})

const keys = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("1", "2", "10", "01", "-1", "4294967295", "9007199254740993", "__proto__", "a", "b", "\uff61", "\ud83d\ude00"))
const numbers = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 1e21, 1e-7, 2 ** 53, 5e-324, 1.7976931348623157e308)).filter(Number.isFinite)
const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.constant(null), fc.boolean(), numbers, fc.string({ unit: "binary" }),
    fc.array(tie("value"), { maxLength: 4 }), fc.dictionary(keys, tie("value"), { maxKeys: 5, noNullPrototype: true })),
})).value

/** The definition, without the fast path. */
function isCanonical(text: string): boolean {
  try {
    return canonicalize(JSON.parse(text) as JsonValue) === text
  } catch (error) {
    if (error instanceof SyntaxError || isVouchsafeError(error, "JSON_NOT_CANONICAL")) return false
    throw error
  }
}

test("writing agrees with another implementation and reads back", () => {
  fc.assert(fc.property(json, (value) => {
    const text = canonicalize(value)
    expect(text).toBe(peer(value))
    expect(isCanonical(text)).toBe(true)
    expect(canonicalize(parseCanonicalJson(text))).toBe(text)
  }), { numRuns: PROPERTY_RUNS * 2 })
})

test("reading accepts exactly what the definition accepts: values as the engine writes them", () => {
  let [accepted, refused] = [0, 0]
  fc.assert(fc.property(json, fc.boolean(), (value, sorted) => {
    // Unsorted members, integer-like names and lone surrogates come out of JSON.stringify as the fast path meets them.
    const text = sorted ? canonicalize(value) : JSON.stringify(value)
    let result = true
    try {
      parseCanonicalJson(text)
    } catch (error) {
      if (!isVouchsafeError(error, "JSON_NOT_CANONICAL")) throw error
      result = false
    }
    expect(result).toBe(isCanonical(text))
    if (result) accepted++
    else refused++
  }), { numRuns: PROPERTY_RUNS * 2 })
  expect(Math.min(accepted, refused), "both answers must occur").toBeGreaterThan(0)
})

test("reading accepts exactly what the definition accepts: mangled text", () => {
  fc.assert(fc.property(json, fc.nat(), fc.constantFrom("", " ", "0", "-", "\\u0041", "\\ud800", "\ud800", ",", '"', "e", ".0"), (value, seed, insert) => {
    const good = canonicalize(value)
    const at = seed % (good.length + 1)
    const text = good.slice(0, at) + insert + good.slice(at + (seed % 3))
    let result = true
    try {
      parseCanonicalJson(text)
    } catch (error) {
      if (!isVouchsafeError(error, "JSON_NOT_CANONICAL")) throw error
      result = false
    }
    expect(result).toBe(isCanonical(text))
  }), { numRuns: PROPERTY_RUNS * 5 })
})

test("throws nothing but JSON_NOT_CANONICAL", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => { allowOnly(() => parseCanonicalJson(text), "JSON_NOT_CANONICAL") }), { numRuns: PROPERTY_RUNS })
})
