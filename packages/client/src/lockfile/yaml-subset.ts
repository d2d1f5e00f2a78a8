/**
 * The part of YAML that pnpm writes, read line by line.
 *
 * A whole YAML parser takes more than half a second for a lockfile of 1,300 packages, twice as long as everything else that `check` does. This
 * reader knows only spellings that have one meaning in YAML, and gives up at the first other one: then the whole parser reads the file. What it
 * reads is what that one would read; `lockfile/yaml-subset.test.ts` compares the two.
 *
 * @packageDocumentation
 */

const INDENT = 2
const DEPTH_MAX = 16
/** No tab, no carriage return, no control character, nothing that YAML takes for a line's end or a mark. */
const PLAIN_TEXT = /^[\n\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe]*$/
const LINE = /^( *)(?:'((?:[^']|'')*)'|([A-Za-z0-9_./][A-Za-z0-9_./@+~()<>=^*|:-]*?)):(?: (.*))?$/
const ITEM = /^( *)- (.*)$/
const FLOW_MEMBER = /^(?:'((?:[^']|'')*)'|([A-Za-z0-9_.-]+)): (?:'((?:[^']|'')*)'|([^'"]*))$/
/** Commas outside of quotes; a quote inside of an unquoted text makes the item unreadable. Quotes pair in one way: a doubled one ends a text and begins the next. */
const FLOW_ITEM = /((?:'[^']*'|[^',])*)(?:,|$)/y
/** Neither an indicator of YAML, nor one that YAML looks at inside of brackets. */
const FLOW_PLAIN = /^[A-Za-z0-9^~/<=+.](?:[A-Za-z0-9 ^~/<>=+.|*@:_?&%()$-]*[A-Za-z0-9^~/<>=+.|*@_?&%()$-])?$/
const BLOCK_PLAIN = /^[A-Za-z0-9^~/<=+.(](?:.*\S)?$/
/** What YAML reads as something else than text. */
const NO_TEXT = /^(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$/

/** Thrown and caught here alone: something that only the whole parser can read. */
const GIVE_UP = new Error("only the whole parser reads this")

interface Reader {
  readonly lines: readonly string[]
  at: number
}

/** Reads the documents of a text; undefined when it holds anything else than pnpm writes. */
export function readYamlSubset(text: string): unknown[] | undefined {
  if (!text.endsWith("\n") || !PLAIN_TEXT.test(text)) return undefined
  const documents = text.split(/^---\n/m)
  if (documents.length > 1 && documents[0] === "") documents.shift()
  try {
    return documents.map((document) => {
      const reader: Reader = { lines: document.split("\n"), at: 0 }
      const value = indentOf(reader) === undefined ? giveUp() : readMap(reader, 0, 0)
      return indentOf(reader) === undefined ? value : giveUp()
    })
  } catch (error) {
    if (error === GIVE_UP) return undefined
    throw error
  }
}

function giveUp(): never {
  throw GIVE_UP
}

/** Spaces before the next line that is not empty; undefined at the end. */
function indentOf(reader: Reader): number | undefined {
  const { lines } = reader
  while (lines[reader.at] === "") reader.at += 1
  const line = lines[reader.at]
  if (line === undefined) return undefined
  const indent = line.search(/[^ ]/)
  return indent < 0 || line[indent] === "#" ? giveUp() : indent
}

function readMap(reader: Reader, indent: number, depth: number): Record<string, unknown> {
  if (depth > DEPTH_MAX) giveUp()
  const map: Record<string, unknown> = {}
  for (;;) {
    const next = indentOf(reader)
    if (next === undefined || next < indent) return map
    const match = LINE.exec(reader.lines[reader.at] as string)
    if (next !== indent || match === null) return giveUp()
    const [, , quoted, plain = "", value] = match
    const key = quoted === undefined ? plain : unquoted(quoted)
    if ((quoted === undefined && NO_TEXT.test(plain)) || key === "__proto__" || key === "<<" || Object.hasOwn(map, key)) giveUp()
    reader.at += 1
    map[key] = value === undefined ? readBelow(reader, indent, depth) : readValue(reader, value, indent)
  }
}

/** What stands under a key without a value of its own: a map, a list, or nothing. */
function readBelow(reader: Reader, indent: number, depth: number): unknown {
  const next = indentOf(reader)
  if (next === undefined || next <= indent) return next === indent && ITEM.test(reader.lines[reader.at] as string) ? giveUp() : null
  if (next !== indent + INDENT) return giveUp()
  if (!ITEM.test(reader.lines[reader.at] as string)) return readMap(reader, next, depth + 1)
  const items: unknown[] = []
  for (;;) {
    const at = indentOf(reader)
    if (at === undefined || at < next) return items
    const match = ITEM.exec(reader.lines[reader.at] as string)
    if (at !== next || match === null) return giveUp()
    reader.at += 1
    const text = match[2] as string
    // `- a: b` would be a map.
    items.push(/^[{[|]/.test(text) ? giveUp() : readValue(reader, text, next))
  }
}

function readValue(reader: Reader, text: string, indent: number): unknown {
  if (text === "|-") return readLiteral(reader, indent)
  const value = scalarOrFlow(text)
  const next = indentOf(reader)
  // A text may go on in the next line, if that is further in.
  return next !== undefined && next > indent ? giveUp() : value
}

function scalarOrFlow(text: string): unknown {
  const quoted = /^'((?:[^']|'')*)'$/.exec(text)
  if (quoted !== null) return unquoted(quoted[1] as string)
  if (text === "true" || text === "false") return text === "true"
  if (text.startsWith("{") && text.endsWith("}")) return flowMap(text.slice(1, -1))
  if (text.startsWith("[") && text.endsWith("]")) return itemsOf(text.slice(1, -1)).map((item) => flowText(item))
  return !BLOCK_PLAIN.test(text) || /: | #|:$/.test(text) || NO_TEXT.test(text) ? giveUp() : text
}

function flowMap(inner: string): Record<string, unknown> {
  const map: Record<string, unknown> = {}
  for (const item of itemsOf(inner)) {
    const [, quotedKey, plainKey = "", quoted, plain = ""] = FLOW_MEMBER.exec(item) ?? giveUp()
    const key = quotedKey === undefined ? plainKey : unquoted(quotedKey)
    if ((quotedKey === undefined && (NO_TEXT.test(plainKey) || plainKey.startsWith("-"))) || key === "__proto__" || key === "<<" || Object.hasOwn(map, key)) giveUp()
    map[key] = quoted === undefined ? flowPlain(plain) : unquoted(quoted)
  }
  return map
}

function itemsOf(inner: string): string[] {
  const items: string[] = []
  FLOW_ITEM.lastIndex = 0
  for (let at = 0; at < inner.length; at = FLOW_ITEM.lastIndex) {
    const match = FLOW_ITEM.exec(inner)
    // Spaces alone: to YAML other white space is text.
    const item = match?.[1]?.replace(/^ +/, "") ?? ""
    if (item === "" || (match?.[0].endsWith(",") === true && FLOW_ITEM.lastIndex === inner.length)) return giveUp()
    items.push(item)
  }
  return items
}

function flowText(item: string): unknown {
  const quoted = /^'((?:[^']|'')*)'$/.exec(item)
  return quoted === null ? flowPlain(item) : unquoted(quoted[1] as string)
}

function flowPlain(text: string): unknown {
  if (text === "true" || text === "false") return text === "true"
  return !FLOW_PLAIN.test(text) || /: |:$/.test(text) || NO_TEXT.test(text) ? giveUp() : text
}

/** Lines as they are, without the last line's end. */
function readLiteral(reader: Reader, indent: number): string {
  const inner = " ".repeat(indent + INDENT)
  const text: string[] = []
  for (; reader.at < reader.lines.length; reader.at += 1) {
    const line = reader.lines[reader.at] as string
    if (line !== "" && !line.startsWith(inner)) break
    if (line.startsWith(`${inner} `) && text.every((one) => one === "")) giveUp()
    text.push(line.slice(inner.length))
  }
  while (text.at(-1) === "") text.pop()
  return text.length === 0 || text[0] === "" || text.some((line) => /^ *$/.test(line) && line !== "") ? giveUp() : text.join("\n")
}

function unquoted(text: string): string {
  return text.replaceAll("''", "'")
}
