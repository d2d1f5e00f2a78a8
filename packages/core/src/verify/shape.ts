import { VouchsafeError, type ErrorCode } from "../errors.ts"

/**
 * Reads values of unknown JSON by shape, strictly: a missing, an unknown or a wrongly typed member is an error that
 * names the place. One reader carries the error code of the document that it reads.
 */
export interface ShapeReader {
  fail(at: string, expected: string, found: unknown): never
  /** A whole document: JSON of at most `lengthMax` UTF-16 code units. */
  json(text: string, lengthMax: number): unknown
  /** An object with every `required` member, perhaps `optional` ones, and no other. */
  object(value: unknown, at: string, required: readonly string[], optional?: readonly string[]): Readonly<Record<string, unknown>>
  string(value: unknown, at: string, maxLength: number): string
  /** A string that `pattern` matches whole. */
  pattern(value: unknown, at: string, pattern: RegExp, says: string): string
  /** One of a fixed list of strings. */
  oneOf<T extends string>(value: unknown, at: string, choices: readonly T[]): T
  /** A whole number within [min, max]. */
  integer(value: unknown, at: string, min: number, max: number): number
  array(value: unknown, at: string, maxLength: number): readonly unknown[]
  /** A map whose keys are somebody's words, as a Map, so that `__proto__` is a key like any other. */
  stringMap(value: unknown, at: string, maxEntries: number, maxLength: number): ReadonlyMap<string, string>
}

/** Longest excerpt of a wrong value that an error repeats, in UTF-16 code units. */
const EXCERPT_LENGTH_MAX = 60

export const HEX_SHA256 = /^[0-9a-f]{64}$/
export const HEX_SHA512 = /^[0-9a-f]{128}$/
export const HEX_SHA1 = /^[0-9a-f]{40}$/

/** Most maps of most packages. Shared, since a statement has several. */
const NO_ENTRIES: ReadonlyMap<string, string> = new Map()

export function shapeReader(code: ErrorCode, document: string): ShapeReader {
  const reader: ShapeReader = {
    fail(at, expected, found) {
      throw new VouchsafeError(code, `${document}: ${at} is ${excerpt(found)}, expected ${expected}`, { details: { at } })
    },
    json(text, lengthMax) {
      if (text.length > lengthMax) reader.fail("document", `at most ${lengthMax} characters`, `${text.length} characters`)
      return parseJson(code, document, text)
    },
    object(value, at, required, optional = []) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return reader.fail(at, "an object", value)
      const members = value as Readonly<Record<string, unknown>>
      let known = 0
      for (const key of Object.keys(members)) {
        if (required.includes(key)) known += 1
        else if (!optional.includes(key)) reader.fail(`${at}.${excerpt(key, false)}`, "no such member", "present")
      }
      if (known !== required.length) {
        for (const key of required) if (!Object.hasOwn(members, key)) reader.fail(`${at}.${key}`, "a value", undefined)
      }
      return members
    },
    string(value, at, maxLength) {
      if (typeof value !== "string") return reader.fail(at, "a string", value)
      if (value.length > maxLength) return reader.fail(at, `at most ${maxLength} characters`, `${value.length} characters`)
      return value
    },
    pattern(value, at, pattern, says) {
      return typeof value === "string" && pattern.test(value) ? value : reader.fail(at, says, value)
    },
    oneOf(value, at, choices) {
      const choice = choices.find((candidate) => candidate === value)
      return choice ?? reader.fail(at, `one of ${choices.join(", ")}`, value)
    },
    integer(value, at, min, max) {
      return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max && !Object.is(value, -0)
        ? value
        : reader.fail(at, `a whole number from ${min} to ${max}`, value)
    },
    array(value, at, maxLength) {
      if (!Array.isArray(value)) return reader.fail(at, "an array", value)
      if (value.length > maxLength) return reader.fail(at, `at most ${maxLength} items`, `${value.length} items`)
      return value
    },
    stringMap(value, at, maxEntries, maxLength) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return reader.fail(at, "an object", value)
      const keys = Object.keys(value)
      if (keys.length === 0) return NO_ENTRIES
      if (keys.length > maxEntries) return reader.fail(at, `at most ${maxEntries} members`, `${keys.length} members`)
      const map = new Map<string, string>()
      for (const key of keys) {
        const text = (value as Readonly<Record<string, unknown>>)[key]
        if (key.length > maxLength) reader.fail(at, `keys of at most ${maxLength} characters`, `${key.length} characters`)
        // The place is only spelt out where it is wrong: it costs more than the look.
        map.set(key, typeof text === "string" && text.length <= maxLength ? text : reader.string(text, `${at}.${excerpt(key, false)}`, maxLength))
      }
      return map
    },
  }
  return reader
}

/** Parses JSON text that arrives from outside; the error says where it stops being JSON. */
export function parseJson(code: ErrorCode, document: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const detail = cause instanceof SyntaxError ? escapeForDisplay(cause.message) : "unreadable"
    throw new VouchsafeError(code, `${document}: not JSON: ${detail}`, { cause })
  }
}

function excerpt(value: unknown, quote = true): string {
  if (value === undefined) return "missing"
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object"
  const text = escapeForDisplay(String(value))
  const short = text.length > EXCERPT_LENGTH_MAX ? `${text.slice(0, EXCERPT_LENGTH_MAX)}…` : text
  return quote && typeof value === "string" ? `"${short}"` : short
}

// C0 and C1 controls, line and paragraph separators, zero-width and bidirectional formatting characters, BOM, lone surrogates
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/**
 * Makes somebody's text safe to show in a terminal, a header or a page: control, zero-width and bidirectional
 * characters become `\u{hex}` (THREATS, row "hostile metadata shown to people").
 */
export function escapeForDisplay(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`)
}
