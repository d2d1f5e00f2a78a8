import { type ParseError, parse, printParseErrorCode, visit } from "jsonc-parser"
import { malformed } from "./source.ts"

const OPTIONS = { allowTrailingComma: true, disallowComments: true } as const

/**
 * Parses JSON with commas before closing brackets, as Bun writes it, and refuses objects that name a member twice or
 * one whose name the parser would take for an object's prototype.
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function parseTrailingCommas(text: string, file: string): unknown {
  try {
    refuseAmbiguous(text)
    const errors: ParseError[] = []
    const value: unknown = parse(text, errors, OPTIONS)
    const [first] = errors
    if (first !== undefined) throw malformed(`${file}, line ${lineAt(text, first.offset)}`, `is not what Bun writes (${printParseErrorCode(first.error)})`)
    return value
  } catch (error) {
    // The parser is recursive, and throws a RangeError where the text is nested without end.
    if (error instanceof RangeError) throw malformed(file, "is nested too deeply", error)
    throw error
  }
}

function refuseAmbiguous(text: string): void {
  const open: Set<string>[] = []
  visit(text, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty(name, _offset, _length, line) {
      const keys = open[open.length - 1]
      if (keys?.has(name) === true) throw malformed(name, `stands twice, again in line ${line + 1}`)
      if (name === "__proto__") throw malformed(name, `is no package, in line ${line + 1}`)
      keys?.add(name)
    },
  }, OPTIONS)
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length
}
