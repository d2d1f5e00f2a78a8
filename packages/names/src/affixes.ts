/**
 * Words that people put before or behind a known name without meaning another thing (spec/names.md, "Affixes").
 *
 * @packageDocumentation
 */

/** The language and its runtime: at either end, and glued to a name without a separator. */
const LANGUAGE: readonly string[] = ["js", "node", "nodejs", "npm"]
/** Behind a name only: what it is or does anyway, and what claims to be a better copy. */
const BEHIND: readonly string[] = ["ts", "mjs", "cjs", "lib", "http", "orm", "fix", "fixed", "patch", "patched", "latest", "new", "official", "original", "real", "stable"]
/** Endings of files, which count after a dot only. */
const FILE_ENDINGS: readonly string[] = ["dll", "exe", "app"]
/** Letters of what is left when a glued word is taken off. */
const GLUED_REST_MIN = 5
/** Words taken off one name. */
const STRIPPED_MAX = 2

const AT_FRONT: ReadonlySet<string> = new Set(LANGUAGE)
const AT_END: ReadonlySet<string> = new Set([...LANGUAGE, ...BEHIND])
const ENDINGS: ReadonlySet<string> = new Set(FILE_ENDINGS)

/** The words of a name, less those that say nothing at its ends: each way in which that can be done, at least one word left. */
export function withoutAffixes(words: readonly string[], tail: string): readonly (readonly string[])[] {
  const all: (readonly string[])[] = []
  const strip = (left: readonly string[], depth: number): void => {
    if (depth === STRIPPED_MAX || left.length < 2) return
    const [first, last] = [left[0] as string, left[left.length - 1] as string]
    const isEnding = depth === 0 && ENDINGS.has(last) && tail.endsWith(`.${last}`)
    for (const rest of [AT_FRONT.has(first) ? left.slice(1) : undefined, AT_END.has(last) || isEnding ? left.slice(0, -1) : undefined]) {
      if (rest === undefined) continue
      all.push(rest)
      strip(rest, depth + 1)
    }
  }
  strip(words, 0)
  return all
}

/** The same for a word of the language that is glued to the first or the last one. */
export function unglued(words: readonly string[]): readonly (readonly string[])[] {
  const [first = "", last = ""] = [words[0], words[words.length - 1]]
  const all: (readonly string[])[] = []
  for (const word of LANGUAGE) {
    if (first.length - word.length >= GLUED_REST_MIN && first.startsWith(word)) all.push([first.slice(word.length), ...words.slice(1)])
    if (last.length - word.length >= GLUED_REST_MIN && last.endsWith(word)) all.push([...words.slice(0, -1), last.slice(0, -word.length)])
  }
  return all
}

/** Whether a word says nothing beside a name. */
export function isEmptyWord(word: string): boolean {
  return AT_END.has(word)
}
