/**
 * Takes single members out of a large JSON document without building the rest of it: a popular package's packument holds
 * thousands of versions, of which one is wanted.
 *
 * Reads well-formed JSON as `JSON.parse` does, the last of repeated members included. What it skips it does not check.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Bytes [start, end) of a document: one value. */
export interface Slice {
  readonly start: number
  readonly end: number
}

/**
 * What looks at one member: its name with the quotes, and where its value starts. Whoever reads the value to its end says where that is;
 * otherwise it is skipped.
 */
export type MemberVisit = (key: Slice, start: number) => number | undefined

/**
 * Walks over the members of the object that starts at `at` (white space before it is skipped), in one pass.
 * @returns just behind the object
 * @throws VouchsafeError PACKUMENT_MALFORMED when there is no object, or it ends too early.
 */
export function eachMember(json: Buffer, at: number, visit: MemberVisit): number {
  let position = skipSpace(json, at)
  if (json[position] !== OPEN_BRACE) throw malformed(position, "an object")
  position = skipSpace(json, position + 1)
  if (json[position] === CLOSE_BRACE) return position + 1
  for (;;) {
    if (json[position] !== QUOTE) throw malformed(position, "a member's name")
    const key = { start: position, end: endOfString(json, position) }
    position = skipSpace(json, key.end)
    if (json[position] !== COLON) throw malformed(position, "a colon")
    const start = skipSpace(json, position + 1)
    position = skipSpace(json, visit(key, start) ?? endOfValue(json, start))
    if (json[position] === CLOSE_BRACE) return position + 1
    if (json[position] !== COMMA) throw malformed(position, "a comma or the object's end")
    position = skipSpace(json, position + 1)
  }
}

/**
 * Finds a member of the object that starts at `at` (white space before it is skipped).
 * @returns where its value stands, undefined when the object has no such member.
 * @throws VouchsafeError PACKUMENT_MALFORMED when there is no object, or it ends too early.
 */
export function findMember(json: Buffer, at: number, name: string): Slice | undefined {
  let found: Slice | undefined
  eachMember(json, at, (key, start) => {
    if (!isKey(json, key, name)) return undefined
    const end = endOfValue(json, start)
    found = { start, end }
    return end
  })
  return found
}

/** Parses the value that starts at `start`. @returns it, and where it ends @throws VouchsafeError PACKUMENT_MALFORMED. */
export function parseAt(json: Buffer, start: number): { readonly value: unknown; readonly end: number } {
  const end = endOfValue(json, start)
  return { value: parseSlice(json, { start, end }), end }
}

/** Parses one value. @throws VouchsafeError PACKUMENT_MALFORMED. */
export function parseSlice(json: Buffer, slice: Slice): unknown {
  try {
    return JSON.parse(json.toString("utf8", slice.start, slice.end))
  } catch (cause) {
    throw new VouchsafeError("PACKUMENT_MALFORMED", `packument: bytes ${slice.start} to ${slice.end} are not JSON`, { cause })
  }
}

/** Whether a key, with its quotes, is this name, however it is spelt. */
export function isKey(json: Buffer, key: Slice, name: string): boolean {
  // Escapes make a spelling longer, never shorter; most keys differ in length alone, or in their first letter.
  const spare = key.end - key.start - 2 - name.length
  if (spare < 0) return false
  const first = json[key.start + 1]
  if (first !== name.charCodeAt(0) && first !== BACKSLASH && name.charCodeAt(0) < 0x80) return false
  return parseSlice(json, key) === name
}

/** Whether the value that starts at `start` is an object. */
export function isObjectAt(json: Buffer, start: number): boolean {
  return json[start] === OPEN_BRACE
}

/** Just behind the closing quote of the string that opens at `start`. */
function endOfString(json: Buffer, start: number): number {
  let quote = start
  for (;;) {
    quote = json.indexOf(QUOTE, quote + 1)
    if (quote < 0) throw malformed(start, "a string that ends")
    let backslashes = 0
    while (json[quote - 1 - backslashes] === BACKSLASH) backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
  }
}

/** Just behind the value that starts at `start`. */
function endOfValue(json: Buffer, start: number): number {
  const first = json[start]
  if (first === QUOTE) return endOfString(json, start)
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return endOfNested(json, start)
  let end = start
  for (let byte = json[end]; byte !== undefined && byte !== COMMA && byte !== CLOSE_BRACE && byte !== CLOSE_BRACKET && byte > 0x20; byte = json[end]) end += 1
  if (end === start) throw malformed(start, "a value")
  return end
}

function endOfNested(json: Buffer, start: number): number {
  let depth = 0
  for (let position = start; position < json.length; position++) {
    const byte = json[position]
    if (byte === QUOTE) position = endOfString(json, position) - 1
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1
      if (depth === 0) return position + 1
    }
  }
  throw malformed(start, "a value that ends")
}

function skipSpace(json: Buffer, at: number): number {
  let position = at
  for (let byte = json[position]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = json[position]) position += 1
  return position
}

function malformed(at: number, expected: string): VouchsafeError {
  return new VouchsafeError("PACKUMENT_MALFORMED", `packument: expected ${expected} at byte ${at}`, { details: { at } })
}
