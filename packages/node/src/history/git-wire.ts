/**
 * The part of git's smart HTTP protocol that lists branches and tags (gitprotocol-v2(5), gitprotocol-http(5)), both versions of it.
 *
 * @packageDocumentation
 */

/** Digits of the length in front of a line, and what it says where no line follows. */
const LENGTH_DIGITS = 4
const FLUSH = "0000"
const DELIMITER = "0001"
const SERVICE = "git-upload-pack"

/** Path and query of the question that begins an exchange, behind a repository's URL. */
export const ADVERTISEMENT_PATH = `/info/refs?service=${SERVICE}`
/** Path of what follows it. */
export const COMMAND_PATH = `/${SERVICE}`
export const ADVERTISEMENT_TYPE = `application/x-${SERVICE}-advertisement`
export const COMMAND_TYPE = `application/x-${SERVICE}-request`

/** What a server answers first: all that it has, or that it wants to be asked for a part of it. */
export type Advertisement =
  | { readonly version: 0; readonly refs: string }
  | { readonly version: 2; readonly objectFormat: string | undefined }

/** Reads the first answer. Undefined for what is none. */
export function readAdvertisement(body: Buffer): Advertisement | undefined {
  const lines = readLines(body)
  if (lines === undefined) return undefined
  const content = lines.filter((line) => !line.startsWith("# service="))
  if (content[0] !== "version 2") return { version: 0, refs: content.map(refLine).join("") }
  return { version: 2, objectFormat: content.find((line) => line.startsWith("object-format="))?.slice("object-format=".length) }
}

/** The question for branches and tags, with the commits that annotated tags lead to. */
export function lsRefsCommand(objectFormat: string | undefined): Buffer {
  const lines = ["command=ls-refs\n", ...(objectFormat === undefined ? [] : [`object-format=${objectFormat}\n`])]
  const asked = ["peel\n", "ref-prefix refs/heads/\n", "ref-prefix refs/tags/\n"]
  return Buffer.from(`${lines.map(packet).join("")}${DELIMITER}${asked.map(packet).join("")}${FLUSH}`)
}

/** Reads the answer to that, as `git ls-remote` would print it. Undefined for what is none. */
export function readRefs(body: Buffer): string | undefined {
  return readLines(body)?.map((line) => {
    const [id = "", name = "", ...attributes] = line.split(" ")
    const peeled = attributes.find((attribute) => attribute.startsWith("peeled:"))?.slice("peeled:".length)
    return `${id}\t${name}\n${peeled === undefined ? "" : `${peeled}\t${name}^{}\n`}`
  }).join("")
}

function packet(line: string): string {
  return `${(Buffer.byteLength(line) + LENGTH_DIGITS).toString(16).padStart(LENGTH_DIGITS, "0")}${line}`
}

/** A ref of the older version; the first carries what the server can do behind a zero byte. */
function refLine(line: string): string {
  const [ref = ""] = line.split("\0")
  return `${ref.replace(" ", "\t")}\n`
}

/** Lines without their ends; what separates them is left out. Undefined where a length is none, or more follows than there is. */
function readLines(body: Buffer): string[] | undefined {
  const lines: string[] = []
  for (let at = 0; at < body.length;) {
    const digits = body.toString("latin1", at, at + LENGTH_DIGITS)
    if (!/^[0-9a-f]{4}$/i.test(digits)) return undefined
    const length = Number.parseInt(digits, 16)
    if (length > 0 && length < LENGTH_DIGITS) {
      at += LENGTH_DIGITS
      continue
    }
    if (length > 0) {
      if (at + length > body.length) return undefined
      lines.push(body.toString("utf8", at + LENGTH_DIGITS, at + length).replace(/\n$/, ""))
    }
    at += Math.max(length, LENGTH_DIGITS)
  }
  return lines
}
