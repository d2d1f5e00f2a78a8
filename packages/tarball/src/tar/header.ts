/**
 * One tar header block, read strictly: what two tar readers could read differently is refused
 * (packages/spec/adr/0011-tarballs.md holds the table of which readers differ, and how).
 *
 * @packageDocumentation
 */
import { isVouchsafeError, utf8Decode } from "@vouchsafe/core"
import { ambiguous, hostile } from "../refusal.ts"

export const BLOCK_BYTES = 512

/** What a header is about. `pax`, `pax-global` and `long-path` describe the entry that follows. */
export type HeaderType = "file" | "directory" | "symlink" | "pax" | "pax-global" | "long-path"

/** The fields that decide what is unpacked; times and owners decide nothing. */
export interface TarHeader {
  readonly type: HeaderType
  /** Name with the ustar prefix. */
  readonly path: string
  readonly linkPath: string
  /** Permission bits, at most 0o7777. */
  readonly mode: number
  readonly size: number
}

interface Field { readonly at: number, readonly bytes: number, readonly name: string }
const NAME: Field = { at: 0, bytes: 100, name: "name" }
const MODE: Field = { at: 100, bytes: 8, name: "mode" }
const SIZE: Field = { at: 124, bytes: 12, name: "size" }
const CHECKSUM: Field = { at: 148, bytes: 8, name: "checksum" }
const TYPE_AT = 156
const LINK_NAME: Field = { at: 157, bytes: 100, name: "link name" }
const MAGIC: Field = { at: 257, bytes: 8, name: "magic" }
const PREFIX: Field = { at: 345, bytes: 155, name: "prefix" }
const IDLE_NUMBERS: readonly Field[] = [
  { at: 108, bytes: 8, name: "owner" }, { at: 116, bytes: 8, name: "group" }, { at: 136, bytes: 12, name: "time" },
  { at: 329, bytes: 8, name: "device number" }, { at: 337, bytes: 8, name: "device number" },
]
const POSIX_MAGIC = "ustar\u000000"
const MODE_BITS = 0o10000

/** True when all of `bytes` are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * Reads a header block that is not all zero.
 * @throws VouchsafeError TARBALL_AMBIGUOUS or TARBALL_HOSTILE.
 */
export function readHeader(block: Uint8Array): TarHeader {
  if (block[0] === 0) throw ambiguous("a header has an empty name, which some readers take for the end of the archive")
  checkChecksum(block)
  for (const field of IDLE_NUMBERS) checkIdleNumber(block, field)
  const type = typeOf(block[TYPE_AT] as number)
  const header: TarHeader = {
    type, path: readPath(block), linkPath: text(block, LINK_NAME),
    mode: octal(block, MODE) % MODE_BITS, size: octal(block, SIZE),
  }
  if (type !== "symlink" && header.linkPath !== "") throw ambiguous("an entry that is no link has a link name, and readers disagree on what follows it")
  if ((type === "directory" || type === "symlink") && header.size !== 0) throw ambiguous(`a ${type} has the size ${header.size}, and readers disagree on where the next header is`)
  return header
}

function typeOf(flag: number): HeaderType {
  switch (String.fromCharCode(flag)) {
    case "\0": case "0": return "file"
    case "2": return "symlink"
    case "5": return "directory"
    case "x": return "pax"
    case "g": return "pax-global"
    case "L": return "long-path"
    case "1": throw ambiguous("it holds a hard link, which readers skip, refuse or unpack")
    case "3": case "4": case "6": throw hostile("it holds a device or a pipe, expected files only")
    default: throw ambiguous(`it holds an entry of type 0x${flag.toString(16).padStart(2, "0")}, which readers treat differently`)
  }
}

function checkChecksum(block: Uint8Array): void {
  let sum = CHECKSUM.bytes * 0x20
  for (let i = 0; i < BLOCK_BYTES; i++) if (i < CHECKSUM.at || i >= CHECKSUM.at + CHECKSUM.bytes) sum += block[i] as number
  if (octal(block, CHECKSUM) !== sum) throw ambiguous("a header has a wrong checksum, which some readers skip and others stop at")
}

function readPath(block: Uint8Array): string {
  const magic = String.fromCharCode(...block.subarray(MAGIC.at, MAGIC.at + MAGIC.bytes))
  if (!magic.startsWith("ustar")) throw ambiguous("a header has no ustar magic, expected the ustar, pax or GNU format")
  const name = text(block, NAME)
  if (magic !== POSIX_MAGIC) {
    // GNU keeps other things there, which some readers take for a folder name.
    if (!isZero(block.subarray(PREFIX.at, PREFIX.at + PREFIX.bytes))) throw ambiguous("a header that is not POSIX ustar has bytes where ustar has its path prefix")
    return name
  }
  const prefix = text(block, PREFIX)
  return prefix === "" ? name : `${prefix}/${name}`
}

/** A string field: UTF-8 up to the first zero or the end of the field. */
function text(block: Uint8Array, field: Field): string {
  const whole = block.subarray(field.at, field.at + field.bytes)
  const end = whole.indexOf(0)
  return decodeText(end < 0 ? whole : whole.subarray(0, end), field.name)
}

/** Strict UTF-8: readers replace other bytes, which makes different names equal. */
export function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return utf8Decode(bytes)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw ambiguous(`a ${what} is not UTF-8`, cause)
  }
}

/**
 * A number field: octal digits, then zeros or spaces only, or nothing but zeros. Base-256, leading spaces, signs and junk are
 * read differently by different readers. The checksum needs its terminator: one reader reads on into the next field.
 */
function octal(block: Uint8Array, field: Field): number {
  let value = 0
  let i = field.at
  const end = field.at + field.bytes
  for (; i < end; i++) {
    const digit = (block[i] as number) - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  if (field === CHECKSUM && (i === field.at || i === end)) throw ambiguous("a header has no terminated octal checksum")
  for (let rest = i; rest < end; rest++) {
    const byte = block[rest]
    if (byte !== 0 && (byte !== 0x20 || i === field.at)) throw ambiguous(`a header's ${field.name} is no plain octal number, and readers disagree on such`)
  }
  return value
}

/** A number that decides nothing. Some readers skip the whole entry when they cannot read it, so octal in any common spelling, or base-256. */
function checkIdleNumber(block: Uint8Array, field: Field): void {
  const bytes = block.subarray(field.at, field.at + field.bytes)
  if (bytes[0] === 0x80) {
    const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
    if (value <= Number.MAX_SAFE_INTEGER) return
  } else if (/^ *[0-7]*[ \0]*$/.test(String.fromCharCode(...bytes))) return
  throw ambiguous(`a header's ${field.name} is no number, and some readers skip the entry`)
}
