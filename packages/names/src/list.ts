/**
 * The list of popular names: its text and its one spelling (spec/names.md, "The list").
 *
 * @packageDocumentation
 */
import { refusals } from "@vouchsafe/core"
import { LIST_LENGTH_MAX, LIST_NAMES_MAX, NAME_LENGTH_MAX } from "./limits.ts"

/** First line of a list. */
export const LIST_FORMAT = "vouchsafe-names/v1"
/** Highest level that three digits can say. */
export const LEVEL_MAX = 999
/** Letters that one digit of base 36 can say to be shared with the name before. */
const SHARED_MAX = 35

/** A popular name. */
export interface PopularName {
  readonly name: string
  /** Hundredths of a power of ten of its downloads a month, rounded down: 600 is a million. */
  readonly level: number
}

/** A list as its text says it. */
export interface NameList {
  /** The day of the counts, `YYYY-MM-DD`. Of two lists the one of the later day counts. */
  readonly day: string
  /** By name in the order of UTF-16 code units, each once. */
  readonly names: readonly PopularName[]
}

const NAME = /^(?:@[A-Za-z0-9~_-][A-Za-z0-9~._-]*\/)?[A-Za-z0-9~_-][A-Za-z0-9~._-]*$/
const DAY = /^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$/
const LINE = /^([0-9a-z])([0-9]{3})([A-Za-z0-9~._@/-]+)$/

const malformed = refusals("NAMES_MALFORMED", "list of names: ")

/** The level of a count. @throws RangeError for a count that is no positive whole number. */
export function levelOf(downloads: number): number {
  if (!Number.isSafeInteger(downloads) || downloads < 1) throw new RangeError(`downloads are ${downloads}, expected a positive whole number`)
  return Math.min(LEVEL_MAX, Math.floor(Math.log10(downloads) * 100))
}

/** Writes a list. Names may come in any order. @throws VouchsafeError NAMES_MALFORMED for what no list holds. */
export function formatNameList({ day, names }: NameList): string {
  if (!DAY.test(day)) throw malformed(`day is ${JSON.stringify(day)}, expected YYYY-MM-DD`)
  const sorted = [...names].sort((a, b) => (a.name < b.name ? -1 : 1))
  let before = ""
  const lines = sorted.map(({ name, level }) => {
    if (!NAME.test(name) || name.length > NAME_LENGTH_MAX) throw malformed(`${JSON.stringify(name)} is no name of a package`)
    if (name === before) throw malformed(`${name} is there twice`)
    if (!Number.isInteger(level) || level < 0 || level > LEVEL_MAX) throw malformed(`level of ${name} is ${level}, expected 0 to ${LEVEL_MAX}`)
    const shared = sharedLength(before, name)
    before = name
    return `${shared.toString(36)}${String(level).padStart(3, "0")}${name.slice(shared)}`
  })
  return [LIST_FORMAT, day, ...lines, ""].join("\n")
}

/**
 * Reads a list; only the spelling of {@link formatNameList} is one.
 * @throws VouchsafeError NAMES_MALFORMED with the line.
 */
export function parseNameList(text: string): NameList {
  if (text.length > LIST_LENGTH_MAX) throw malformed(`${text.length} characters, expected at most ${LIST_LENGTH_MAX}`)
  const [format, day = "", ...lines] = text.split("\n")
  if (format !== LIST_FORMAT) throw malformed(`line 1 is not ${LIST_FORMAT}`)
  if (!DAY.test(day)) throw malformed("line 2 (day) is not YYYY-MM-DD")
  if (lines.pop() !== "") throw malformed("no newline at the end")
  if (lines.length === 0 || lines.length > LIST_NAMES_MAX) throw malformed(`${lines.length} names, expected 1 to ${LIST_NAMES_MAX}`)
  const names: PopularName[] = []
  let before = ""
  for (const [index, line] of lines.entries()) {
    const at = `line ${index + 3}`
    const match = LINE.exec(line)
    if (match === null) throw malformed(`${at} is not a shared length, a level and the rest of a name`)
    const shared = Number.parseInt(match[1] as string, 36)
    const name = before.slice(0, shared) + (match[3] as string)
    if (name.length > NAME_LENGTH_MAX || !NAME.test(name)) throw malformed(`${at} gives no name of a package`)
    if (name <= before) throw malformed(`${at}: names are not in order, each once`)
    if (shared !== sharedLength(before, name)) throw malformed(`${at} shares ${shared} letters with the name before, expected ${sharedLength(before, name)}`)
    names.push({ name, level: Number(match[2]) })
    before = name
  }
  return { day, names }
}

function sharedLength(before: string, name: string): number {
  const end = Math.min(before.length, name.length, SHARED_MAX)
  let shared = 0
  while (shared < end && before.charCodeAt(shared) === name.charCodeAt(shared)) shared++
  return shared
}
