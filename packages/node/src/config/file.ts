/**
 * `<data>/node.json`: read strictly, with the line of what is wrong; written whole.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parseJson, shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { writeFileWhole } from "../state/folder.ts"
import { type Member, MEMBER_NAMES, type MemberKind, MEMBERS, type Said } from "./members.ts"

/** The file's name in a data folder. */
export const CONFIG_NAME = "node.json"
/** Longest configuration file, in characters. */
const CONFIG_LENGTH_MAX = 64 * 1024
const LIST_LENGTH_MAX = 100
/** Longest value, in characters: a verifier key is the longest. */
const VALUE_LENGTH_MAX = 4_096
const CONFIG_MODE = 0o600

/** A file as it was read. */
export interface ConfigFile {
  readonly said: Said
  /** Line of each member, from 1. */
  readonly lineOf: ReadonlyMap<string, number>
}

/** Reads a configuration file; one that is not there says nothing. @throws VouchsafeError CONFIG_MALFORMED naming line and member. */
export function readConfigFile(path: string): ConfigFile {
  return existsSync(path) ? parseConfig(path, readFileSync(path, "utf8")) : { said: {}, lineOf: new Map() }
}

/** @throws VouchsafeError CONFIG_MALFORMED naming line and member. */
export function parseConfig(path: string, text: string): ConfigFile {
  if (text.length > CONFIG_LENGTH_MAX) throw new VouchsafeError("CONFIG_MALFORMED", `${path} has ${text.length} characters, expected at most ${CONFIG_LENGTH_MAX}`)
  const document = jsonIn(path, text)
  const lineOf = memberLines(path, text)
  const read = shapeReader("CONFIG_MALFORMED", path)
  const file = atLine(path, lineOf, () => read.object(document, "$", [], MEMBER_NAMES))
  const said: Record<string, unknown> = {}
  for (const member of MEMBER_NAMES) {
    const value = file[member]
    if (value !== undefined) said[member] = atLine(path, lineOf, () => checkType(read, member, value))
  }
  return { said: said as Said, lineOf }
}

function checkType(read: ReturnType<typeof shapeReader>, member: Member, value: unknown): unknown {
  const kind: MemberKind = MEMBERS[member]
  const at = `$.${member}`
  if (kind === "flag") return typeof value === "boolean" ? value : read.fail(at, "true or false", value)
  if (kind === "list" || kind === "pairs") return read.array(value, at, LIST_LENGTH_MAX).map((item, i) => read.string(item, `${at}[${i}]`, VALUE_LENGTH_MAX))
  return read.string(value, at, VALUE_LENGTH_MAX)
}

/** The parser of JSON names a position; people look for a line. */
function jsonIn(path: string, text: string): unknown {
  try {
    return parseJson("CONFIG_MALFORMED", path, text)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    const position = /at position (\d+)/.exec(error.message)?.[1]
    // Without a position the text ended too early.
    const line = lineAt(text, position === undefined ? text.length : Number(position))
    throw new VouchsafeError("CONFIG_MALFORMED", `line ${line}: ${error.message}`, { cause: error })
  }
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length
}

/** Lines of the outermost members. The text is known to be JSON. @throws VouchsafeError CONFIG_MALFORMED for one that stands there twice. */
function memberLines(path: string, text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>()
  let depth = 0
  for (const token of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token[0] === "{" || token[0] === "[") depth += 1
    else if (token[0] === "}" || token[0] === "]") depth -= 1
    else if (depth === 1 && token[1] !== undefined) {
      const member = JSON.parse(token[0].slice(0, -token[1].length)) as string
      const line = lineAt(text, token.index)
      if (lines.has(member)) throw new VouchsafeError("CONFIG_MALFORMED", `${path}: line ${line}: member ${shown(member)} stands here twice, expected once`)
      lines.set(member, line)
    }
  }
  return lines
}

/** Runs a check and adds to what it throws the line of the member that it names. */
export function atLine<T>(path: string, lineOf: ReadonlyMap<string, number>, check: () => T, member?: string): T {
  try {
    return check()
  } catch (error) {
    if (!isVouchsafeError(error, "CONFIG_MALFORMED")) throw error
    const at = error.details["at"]
    const name = member ?? (typeof at === "string" ? /^\$\.([^.[]+)/.exec(at)?.[1] : undefined)
    const line = name === undefined ? undefined : lineOf.get(name)
    if (line === undefined) throw error
    throw new VouchsafeError("CONFIG_MALFORMED", `line ${line}: ${error.message.includes(path) ? error.message : `${path}: $.${name}: ${error.message}`}`, { hint: error.hint, cause: error })
  }
}

/** Writes the file whole, readable by its owner only. */
export function writeConfig(path: string, said: Said): void {
  writeFileWhole(path, `${JSON.stringify(said, null, 2)}\n`, CONFIG_MODE)
}
