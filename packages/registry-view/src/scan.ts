/**
 * Just enough JSON to find members of objects in bytes without building them: a packument of 10 MB read as JavaScript objects takes ten times that.
 *
 * Values are skipped, not validated; what is copied from invalid JSON stays invalid JSON, which clients refuse.
 *
 * @packageDocumentation
 */

/** One member of an object; positions are into the scanned bytes. */
export interface Member {
  readonly key: string
  /** From the opening quote of the key. */
  readonly keyStart: number
  readonly valueStart: number
  readonly valueEnd: number
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d

/** The members of the object that starts at `start`, in order, doubles included. @throws SyntaxError */
export function membersOf(bytes: Buffer, start: number): { readonly members: Member[]; readonly end: number } {
  if (bytes[start] !== OPEN_OBJECT) throw new SyntaxError(`no object at ${start}`)
  const members: Member[] = []
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === CLOSE_OBJECT) return { members, end: at + 1 }
  for (;;) {
    const keyStart = at
    const keyEnd = skipString(bytes, keyStart)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) throw new SyntaxError(`no colon at ${at}`)
    const valueStart = skipSpace(bytes, at + 1)
    const valueEnd = skipValue(bytes, valueStart)
    members.push({ key: textOf(bytes, keyStart, keyEnd), keyStart, valueStart, valueEnd })
    at = skipSpace(bytes, valueEnd)
    if (bytes[at] === CLOSE_OBJECT) return { members, end: at + 1 }
    if (bytes[at] !== COMMA) throw new SyntaxError(`no comma at ${at}`)
    at = skipSpace(bytes, at + 1)
  }
}

/** Whether the value at `start` is an object. */
export function isObjectAt(bytes: Buffer, start: number): boolean {
  return bytes[start] === OPEN_OBJECT
}

/** Position after white space. */
export function skipSpace(bytes: Buffer, start: number): number {
  let at = start
  for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at]) at++
  return at
}

/** Reads a small value. @throws SyntaxError */
export function valueOf(bytes: Buffer, start: number, end: number): unknown {
  return JSON.parse(bytes.toString("utf8", start, end))
}

function textOf(bytes: Buffer, start: number, end: number): string {
  const inner = bytes.toString("utf8", start + 1, end - 1)
  // escapes spell the same key in another way
  return inner.includes("\\") ? JSON.parse(`"${inner}"`) as string : inner
}

function skipString(bytes: Buffer, start: number): number {
  if (bytes[start] !== QUOTE) throw new SyntaxError(`no string at ${start}`)
  let at = start
  for (;;) {
    at = bytes.indexOf(QUOTE, at + 1)
    if (at < 0) throw new SyntaxError(`string at ${start} has no end`)
    let slashes = 0
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return at + 1
  }
}

function skipValue(bytes: Buffer, start: number): number {
  const first = bytes[start]
  if (first === QUOTE) return skipString(bytes, start)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipWord(bytes, start)
  let depth = 0
  for (let at = start; at < bytes.length;) {
    const byte = bytes[at]
    if (byte === QUOTE) { at = skipString(bytes, at); continue }
    at++
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at
  }
  throw new SyntaxError(`value at ${start} has no end`)
}

/** A number, true, false or null. */
function skipWord(bytes: Buffer, start: number): number {
  let at = start
  for (let byte = bytes[at]; byte !== undefined && byte !== COMMA && byte !== CLOSE_OBJECT && byte !== CLOSE_ARRAY && byte > 0x20; byte = bytes[at]) at++
  if (at === start) throw new SyntaxError(`no value at ${start}`)
  return at
}
