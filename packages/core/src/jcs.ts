/**
 * Canonical JSON (RFC 8785): writing it, and reading only it.
 *
 * @packageDocumentation
 */
import { isWellFormed } from "./bytes.ts"
import { refusals, shown } from "./errors.ts"

/** Anything JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
/** A JSON object. Its own properties only: a member named `__proto__` is data like any other. */
export interface JsonObject { readonly [key: string]: JsonValue }

/** Deepest nesting of arrays and objects accepted; keeps recursion far from the stack's end. */
export const JSON_DEPTH_MAX = 64

const refuse = /* @__PURE__ */ refusals("JSON_NOT_CANONICAL", "JSON ")

function writeString(text: string): string {
  if (!isWellFormed(text)) throw refuse(`string ${shown(text)} has a lone surrogate, which RFC 8785 refuses`)
  // Since ES2019 JSON.stringify escapes exactly as RFC 8785 §3.2.2.2 asks.
  return JSON.stringify(text)
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string": return writeString(value)
    case "boolean": return value ? "true" : "false"
    case "number":
      if (!Number.isFinite(value)) throw refuse(`cannot hold the number ${value}`)
      return String(value === 0 ? 0 : value)
    case "object": break
    default: throw new TypeError(`canonical JSON cannot hold a value of type ${typeof value}`)
  }
  if (value === null) return "null"
  if (depth >= JSON_DEPTH_MAX) throw refuse(`is nested deeper than ${JSON_DEPTH_MAX} levels`)
  if (Array.isArray(value)) return `[${Array.from(value, (item: unknown) => write(item, depth + 1)).join(",")}]`
  const source = value as Readonly<Record<string, unknown>>
  // Array.prototype.sort without a comparator orders by UTF-16 units, as RFC 8785 §3.2.3 does.
  const members = Object.keys(source).sort().map((key) => `${writeString(key)}:${write(source[key], depth + 1)}`)
  return `{${members.join(",")}}`
}

/**
 * Writes canonical JSON (RFC 8785).
 * @throws VouchsafeError JSON_NOT_CANONICAL for what JSON cannot carry: NaN, infinities, lone surrogates, too deep a nesting.
 * @throws TypeError for a value that is not JSON at all (undefined, function, bigint, symbol).
 */
export function canonicalize(value: JsonValue): string {
  return write(value, 0)
}

/** True when the members of every object inside already stand in canonical order. Throws when nested too deep. */
function isSorted(value: JsonValue, depth: number): boolean {
  // Called for each scalar too, this function would be most of the cost of reading; so callers look first.
  if (typeof value !== "object" || value === null) return true
  if (depth >= JSON_DEPTH_MAX) throw refuse(`is nested deeper than ${JSON_DEPTH_MAX} levels`)
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) if (typeof item === "object" && !isSorted(item, depth + 1)) return false
    return true
  }
  const source = value as JsonObject
  let previous: string | undefined
  // Unlike Object.keys this makes no array. Members that a host put on every object would only send the text down the slow path.
  for (const key in source) {
    if (previous !== undefined && previous >= key) return false
    previous = key
    const member = source[key] as JsonValue
    if (typeof member === "object" && !isSorted(member, depth + 1)) return false
  }
  return true
}

/**
 * Reads canonical JSON and nothing else: `canonicalize(result) === text` holds for whatever is returned, so white space, another member
 * order, repeated members, other number spellings and needless escapes are refused.
 * @throws VouchsafeError JSON_NOT_CANONICAL.
 */
export function parseCanonicalJson(text: string): JsonValue {
  let value: JsonValue
  try {
    value = JSON.parse(text) as JsonValue
  } catch (cause) {
    throw refuse(`${shown(text)} does not parse`, cause)
  }
  // Fast path: members already sorted and the engine writes the same text. Its output can differ from the canonical one only in a lone
  // surrogate, which it writes as an escape starting \ud; and integer-like names, which engines move to the front, fail one of the checks.
  if (isSorted(value, 0) && JSON.stringify(value) === text && !text.includes("\\ud")) return value
  const canonical = canonicalize(value)
  if (canonical !== text) throw refuse(`${shown(text)} is not canonical (RFC 8785): ${firstDifference(text, canonical)}`)
  return value
}

function firstDifference(found: string, expected: string): string {
  let i = 0
  while (i < found.length && found[i] === expected[i]) i++
  return `at position ${i} expected ${shown(expected.slice(i, i + 20))}, found ${shown(found.slice(i, i + 20))}`
}
