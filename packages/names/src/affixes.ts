/**
 * Words that people put before or behind a known name without meaning another thing (spec/names.md, "Affixes").
 *
 * @packageDocumentation
 */

/** The language and its runtime: also glued to a name without a separator. */
const LANGUAGE: ReadonlySet<string> = new Set(["js", "node", "nodejs", "npm"])
/** What a file of it would be called, what it does anyway, and what claims to be a better copy. */
const EMPTY_WORDS: ReadonlySet<string> = new Set([
  ...LANGUAGE, "ts", "mjs", "cjs", "javascript", "typescript", "lib", "library", "pkg", "package", "module", "dll", "exe", "app", "zip", "http", "api", "orm",
  "fix", "fixed", "patch", "patched", "latest", "new", "official", "original", "real", "stable",
])
/** Letters of what is left when a glued word is taken off. */
const GLUED_REST_MIN = 5
/** Words taken off one name. */
const STRIPPED_MAX = 2

/** The words of a name, less those that say nothing at its ends: each way in which that can be done, at least one word left. */
export function withoutAffixes(words: readonly string[]): readonly (readonly string[])[] {
  const all: (readonly string[])[] = []
  let level: (readonly string[])[] = [words]
  for (let depth = 0; depth < STRIPPED_MAX; depth++) {
    const next: (readonly string[])[] = []
    for (const left of level) {
      if (left.length > 1 && EMPTY_WORDS.has(left[0] as string)) next.push(left.slice(1))
      if (left.length > 1 && EMPTY_WORDS.has(left.at(-1) as string)) next.push(left.slice(0, -1))
    }
    all.push(...next)
    level = next
  }
  return all
}

/** The same for a word that is glued to the first or the last one. */
export function unglued(words: readonly string[]): readonly (readonly string[])[] {
  const all: (readonly string[])[] = []
  const [first = "", last = ""] = [words[0], words.at(-1)]
  for (const word of LANGUAGE) {
    if (first.startsWith(word) && first.length - word.length >= GLUED_REST_MIN) all.push([first.slice(word.length), ...words.slice(1)])
    if (last.endsWith(word) && last.length - word.length >= GLUED_REST_MIN) all.push([...words.slice(0, -1), last.slice(0, -word.length)])
  }
  return all
}

/** Whether a word says nothing beside a name. */
export function isEmptyWord(word: string): boolean {
  return EMPTY_WORDS.has(word)
}
