/**
 * Changes to the exceptions of a vouchsafe.json that leave every other byte of it as it stands: order, indentation, line ends. The library
 * finds the places; its own edits would lay out the neighbours anew.
 *
 * @packageDocumentation
 */
import { type Node, parseTree } from "jsonc-parser"

/** An exception as it is written. */
export type WrittenException = Readonly<Record<"purl" | "code" | "owner" | "reason" | "until", string> & { sha512?: string }>

const MEMBER = "exceptions"

/** The text with one exception more, behind the others; or in the place of the one at `index`. @throws TypeError for text that is no JSON object. */
export function putException(text: string, exception: WrittenException, index?: number): string {
  const { property, list } = find(text)
  const { unit, eol } = layoutOf(text)
  const write = (depth: number): string => JSON.stringify(exception, null, unit).replaceAll("\n", eol + unit.repeat(depth))
  const whole = `[${eol}${unit.repeat(2)}${write(2)}${eol}${unit}]`
  const items = list?.children ?? []
  const last = items.at(-1)
  if (list === undefined) return insert(text, endOf(property), `,${eol}${unit}"${MEMBER}": ${whole}`)
  if (last === undefined) return text.slice(0, list.offset) + whole + text.slice(endOf(list))
  const there = index === undefined ? undefined : items[index]
  if (there !== undefined) return text.slice(0, there.offset) + write(2) + text.slice(endOf(there))
  return insert(text, endOf(last), `,${eol}${unit.repeat(2)}${write(2)}`)
}

/** The text without the exceptions at `indices`, and without an empty list of them. @throws TypeError for text that is no JSON object. */
export function dropExceptions(text: string, indices: readonly number[]): string {
  const { list, properties } = find(text)
  const items = list?.children ?? []
  if (indices.length === items.length) return drop(text, properties, properties.findIndex(isExceptions))
  return [...indices].sort((a, b) => b - a).reduce((rest, index) => drop(rest, find(rest).list?.children ?? [], index), text)
}

/** Without one of several neighbours, and without the comma and the space between it and the one before, or behind. */
function drop(text: string, nodes: readonly Node[], index: number): string {
  const [node, before, after] = [nodes[index], nodes[index - 1], nodes[index + 1]]
  if (node === undefined) return text
  if (before !== undefined) return text.slice(0, endOf(before)) + text.slice(endOf(node))
  return text.slice(0, node.offset) + text.slice(after?.offset ?? endOf(node))
}

interface Found {
  readonly properties: readonly Node[]
  /** The last member, behind which a new one is written. */
  readonly property: Node
  readonly list: Node | undefined
}

function find(text: string): Found {
  const properties = parseTree(text)?.children ?? []
  const property = properties.at(-1)
  if (property === undefined) throw new TypeError("the text is no JSON object with members")
  return { properties, property, list: properties.find(isExceptions)?.children?.[1] }
}

function isExceptions({ children }: Node): boolean {
  return children?.[0]?.value === MEMBER
}

function endOf({ offset, length }: Node): number {
  return offset + length
}

function insert(text: string, offset: number, more: string): string {
  return text.slice(0, offset) + more + text.slice(offset)
}

/** As the first indented line has it; a document on one line stays there. */
function layoutOf(text: string): { readonly unit: string; readonly eol: string } {
  const [, eol, unit] = /(\r?\n)([ \t]+)\S/.exec(text) ?? []
  return eol === undefined || unit === undefined ? { unit: "", eol: "" } : { unit, eol }
}
