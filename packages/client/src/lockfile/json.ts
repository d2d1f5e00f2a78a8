import { malformed } from "./source.ts"

/** Strings and structure of a JSON text; between them lie only numbers, words and white space. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/gs
const COLON = /\s*:/y

/**
 * Parses JSON and refuses objects that name a member twice: which of the two counts is each reader's own choice.
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function parseStrictJson(text: string, file: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed(file, "is not JSON", cause)
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) throw malformed(twice, "stands twice in one object")
  return value
}

/** The first member name that one object has twice, in a text that is known to be JSON. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  for (const match of text.matchAll(TOKENS)) {
    const [token] = match
    if (token === "{") open.push(new Set())
    else if (token === "[") open.push(undefined)
    else if (token === "}" || token === "]") open.pop()
    else {
      COLON.lastIndex = match.index + token.length
      if (!COLON.test(text)) continue
      const keys = open[open.length - 1]
      const key = token.includes("\\") ? String(JSON.parse(token)) : token.slice(1, -1)
      if (keys?.has(key) === true) return key
      keys?.add(key)
    }
  }
  return undefined
}
