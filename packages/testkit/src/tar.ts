/** Writes tar archives byte by byte, honest ones and such as no honest tool would make. */
import { gzipSync } from "node:zlib"

const BLOCK = 512

/** Fields of a header. Texts go in as they are; numbers as npm writes them. */
export interface HeaderFields {
  readonly path?: string | Uint8Array
  readonly mode?: number | string | Uint8Array
  readonly uid?: string | Uint8Array
  readonly size?: number | string | Uint8Array
  readonly type?: string
  readonly link?: string
  readonly magic?: string
  readonly prefix?: string
  /** Added to the right checksum, or put in its place. */
  readonly checksum?: string
}

function put(block: Buffer, at: number, length: number, value: string | Uint8Array): void {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value)
  if (bytes.length > length) throw new RangeError(`field at ${at} has ${bytes.length} bytes, expected at most ${length}`)
  bytes.copy(block, at)
}

const number = (value: number | string | Uint8Array, digits: number): string | Uint8Array =>
  typeof value === "number" ? `${value.toString(8).padStart(digits, "0")} ` : value

export function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK)
  put(block, 0, 100, fields.path ?? "package/file.js")
  put(block, 100, 8, number(fields.mode ?? 0o644, 6))
  put(block, 108, 8, fields.uid ?? "")
  put(block, 124, 12, number(fields.size ?? 0, 11))
  put(block, 136, 12, "03560116604 ")
  put(block, 156, 1, fields.type ?? "0")
  put(block, 157, 100, fields.link ?? "")
  put(block, 257, 8, fields.magic ?? "ustar\u000000")
  put(block, 345, 155, fields.prefix ?? "")
  sign(block, fields.checksum)
  return block
}

/** Writes the checksum that fits, or another. */
export function sign(block: Buffer, checksum?: string): void {
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(block, 148, 8, checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `)
}

export function padded(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(typeof content === "string" ? Buffer.from(content, "utf8") : content)
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)])
}

/** A header and its content. */
export function entry(path: string | Uint8Array, content: string | Uint8Array = "", fields: HeaderFields = {}): Buffer {
  const body = padded(content)
  const size = typeof content === "string" ? Buffer.byteLength(content) : content.length
  return Buffer.concat([header({ path, size, ...fields }), body])
}

export function directory(path: string, fields: HeaderFields = {}): Buffer {
  return header({ path, type: "5", mode: 0o755, ...fields })
}

export function symlink(path: string, link: string): Buffer {
  return header({ path, link, type: "2", mode: 0o777 })
}

/** `length key=value LF` with the length that counts itself. */
export function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(typeof value === "string" ? Buffer.from(value) : value), Buffer.from("\n")])
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** A pax extension from records, or from bytes as they are. */
export function pax(records: Readonly<Record<string, string>> | Uint8Array, type = "x"): Buffer {
  const body = records instanceof Uint8Array ? records : Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)))
  return entry(type === "g" ? "pax_global_header" : "PaxHeader/file", body, { type })
}

export function gnuLongPath(path: string): Buffer {
  return entry("././@LongLink", `${path}\0`, { type: "L", magic: "ustar  \0" })
}

export const END = Buffer.alloc(2 * BLOCK)

/** An archive with its end-of-archive marker. */
export function archive(...parts: Uint8Array[]): Buffer {
  return Buffer.concat([...parts, END])
}

export const MANIFEST = { name: "fixture", version: "1.0.0" }
/** The entry that every package needs. */
export const packageJson = (manifest: object = MANIFEST): Buffer => entry("package/package.json", `${JSON.stringify(manifest)}\n`)

/** A package: package.json, `parts`, end. */
export function packageTar(...parts: Uint8Array[]): Buffer {
  return archive(packageJson(), ...parts)
}

export function tgz(tar: Uint8Array): Buffer {
  return gzipSync(tar)
}

export const packageTgz = (...parts: Uint8Array[]): Buffer => tgz(packageTar(...parts))
