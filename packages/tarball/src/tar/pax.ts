import { ambiguous } from "../refusal.ts"
import { decodeText } from "./header.ts"

/** What a pax extension says about the next entry, as far as it decides what is unpacked. */
export interface PaxFields {
  readonly path?: string
  readonly linkPath?: string
  readonly size?: number
}

/** Keys that decide what is unpacked. `mode` and `type` are no pax keys, yet some readers obey them. */
const DECISIVE = new Set(["path", "linkpath", "size", "mode", "type"])
const SPARSE_PREFIX = "GNU.sparse."
const SPACE = 0x20
const NEWLINE = 0x0a
const EQUALS = 0x3d
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/
/** Digits of a record's length, leading zeros not allowed. */
const LENGTH = /^[1-9][0-9]{0,6}$/

/**
 * Reads the records `length SP key=value LF` of a pax extension (POSIX pax interchange format).
 * Keys that decide nothing (times, owners, comments, attributes) are passed over. A global extension may hold only such.
 * @throws VouchsafeError TARBALL_AMBIGUOUS.
 */
export function readPax(bytes: Uint8Array, isGlobal: boolean): PaxFields {
  const found = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(SPACE, at)
    const digits = space < 0 ? "" : String.fromCharCode(...bytes.subarray(at, Math.min(space, at + 8)))
    const end = at + Number(digits)
    if (!LENGTH.test(digits) || end > bytes.length || end <= space + 1 || bytes[end - 1] !== NEWLINE) throw ambiguous("a pax record has a wrong length")
    const record = bytes.subarray(space + 1, end - 1)
    const equals = record.indexOf(EQUALS)
    if (equals < 1) throw ambiguous("a pax record has no key")
    const key = decodeText(record.subarray(0, equals), "pax key")
    if (key.startsWith(SPARSE_PREFIX)) throw ambiguous("it holds a sparse file, which only some readers can read")
    if (DECISIVE.has(key)) {
      if (isGlobal) throw ambiguous(`a global pax record sets the ${key} of all entries, which some readers obey`)
      if (found.has(key)) throw ambiguous(`a pax extension sets the ${key} twice`)
      found.set(key, decodeText(record.subarray(equals + 1), `pax ${key}`))
    }
    at = end
  }
  return fieldsOf(found)
}

function fieldsOf(found: ReadonlyMap<string, string>): PaxFields {
  for (const key of ["mode", "type"]) if (found.has(key)) throw ambiguous(`a pax record sets the ${key}, which only some readers obey`)
  const path = found.get("path")
  const linkPath = found.get("linkpath")
  const size = found.get("size")
  for (const value of [path, linkPath]) {
    if (value !== undefined && (value === "" || /[\0\n]/.test(value))) throw ambiguous("a pax path is empty or holds a NUL or a newline")
  }
  if (size !== undefined && !SIZE.test(size)) throw ambiguous("a pax size is no plain decimal number")
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkPath === undefined ? {} : { linkPath }),
    ...(size === undefined ? {} : { size: Number(size) }),
  }
}
