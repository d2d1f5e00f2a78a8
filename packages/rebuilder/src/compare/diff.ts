/**
 * A readable difference of two files: bounded, printable, never a reason to wait.
 *
 * @packageDocumentation
 */
import { isUtf8 } from "node:buffer"
import { createTwoFilesPatch } from "diff"

/** Bytes of a file that is compared line by line. */
export const DIFF_FILE_BYTES_MAX = 512 * 1024
/** Lines that differ at most; beyond it the files are said to have little in common. */
const EDITS_MAX = 1000
/** Characters of one file's difference, of one line, and of all differences together. */
export const DIFF_TEXT_MAX = 16 * 1024
export const DIFF_LINE_MAX = 300
export const DIFFS_TEXT_MAX = 128 * 1024
const CONTEXT_LINES = 2

/** Foreign text for a terminal or a page: control, format, and line-separating characters are spelt out; `\n` and `\t` stay. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    character === "\n" || character === "\t" ? character : `\\u{${(character.codePointAt(0) as number).toString(16)}}`)
}

/** A path in one line. */
export function printablePath(path: string): string {
  return printable(path).replace(/[\n\t]/g, "?")
}

/** Whether bytes are text that a person can read. */
export function isText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0)
}

/**
 * The unified difference from the published file to the rebuilt one.
 * Absent files are empty; binary, large and entirely different ones are named and not printed.
 */
export function unifiedDiff(path: string, published: Uint8Array | undefined, rebuilt: Uint8Array | undefined): string {
  const name = printablePath(path)
  const sides = [published ?? new Uint8Array(0), rebuilt ?? new Uint8Array(0)] as const
  if (sides.some((bytes) => bytes.length > DIFF_FILE_BYTES_MAX)) return `${name}: larger than ${DIFF_FILE_BYTES_MAX} bytes, not shown\n`
  if (!sides.every(isText)) return `${name}: binary, not shown\n`
  const [before, after] = sides.map((bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)) as [string, string]
  const patch = createTwoFilesPatch(published === undefined ? "/dev/null" : `published/${name}`, rebuilt === undefined ? "/dev/null" : `rebuilt/${name}`, before, after, "", "", {
    context: CONTEXT_LINES, maxEditLength: EDITS_MAX,
  })
  if (patch === undefined) return `${name}: more than ${EDITS_MAX} lines differ, not shown\n`
  const lines = patch.replace(/^=+\n/, "").split("\n").map((line) => printable(line)).map((line) => line.length > DIFF_LINE_MAX ? `${line.slice(0, DIFF_LINE_MAX).replace(/[\uD800-\uDBFF]$/, "")}… (${line.length - DIFF_LINE_MAX} more)` : line)
  return cut(lines.join("\n"), DIFF_TEXT_MAX, name)
}

function cut(text: string, lengthMax: number, name: string): string {
  if (text.length <= lengthMax) return text
  const end = text.lastIndexOf("\n", lengthMax)
  return `${text.slice(0, Math.max(end, 0))}\n${name}: the rest is not shown\n`
}
