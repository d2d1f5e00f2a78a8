/**
 * Names as people read them: parts, separators left out, and letters that look alike.
 *
 * @packageDocumentation
 */

/** A name taken apart. */
export interface Parts {
  /** Without `@`; null for a name without scope. */
  readonly scope: string | null
  /** What stands behind the scope. */
  readonly tail: string
  /** The tail's words, as separators (`.`, `_`, `-`) part them. */
  readonly words: readonly string[]
  /** The whole name without separators; `@` and `/` of a scope stay. */
  readonly key: string
}

const SEPARATOR = /[._-]+/
const SEPARATORS = /[._-]/g
const AT = 0x40

/** Takes a name apart. Upper case counts as lower case. */
export function partsOf(name: string): Parts {
  const lower = name.toLowerCase()
  const scope = scopeOf(lower)
  const tail = scope === null ? lower : lower.slice(scope.length + 2)
  return { scope, tail, words: wordsOf(tail), key: keyOf(lower) }
}

/** The scope of a name, without `@`; null where it has none. */
export function scopeOf(lower: string): string | null {
  const end = lower.charCodeAt(0) === AT ? lower.indexOf("/") : -1
  return end < 2 ? null : lower.slice(1, end)
}

/** The words of a text, in their order. */
export function wordsOf(text: string): readonly string[] {
  return text.search(SEPARATOR) < 0 ? [text] : text.split(SEPARATOR).filter((word) => word !== "")
}

/** A name without its separators. */
export function keyOf(lower: string): string {
  return lower.replace(SEPARATORS, "")
}

/** Digits and pairs of letters that stand for a letter. Where a digit stands for two letters, both are tried. */
const FOLDS: readonly Readonly<Record<string, string>>[] = [
  { 0: "o", 1: "l", 3: "e", 4: "a", 5: "s", 7: "t", rn: "m", vv: "w" },
  { 0: "o", 1: "i", 3: "e", 4: "a", 5: "s", 7: "t", rn: "m", vv: "w" },
]
const FOLDABLE = /rn|vv|[013457]/g

/** The readings of a text in which look-alikes of ASCII are letters; none where it holds none. */
export function foldings(text: string): readonly string[] {
  if (text.search(FOLDABLE) < 0) return []
  const [one, other] = FOLDS.map((fold) => text.replace(FOLDABLE, (found) => fold[found] ?? found)) as [string, string]
  return one === other ? [one] : [one, other]
}

/** Letters of other scripts that look like ASCII ones; more are brought back by Unicode's compatibility forms. */
const FOREIGN: ReadonlyMap<string, string> = new Map(Object.entries({
  а: "a", в: "b", е: "e", ё: "e", һ: "h", і: "i", ї: "i", ј: "j", к: "k", ӏ: "l", м: "m", н: "h", о: "o", р: "p", ԛ: "q", г: "r", ѕ: "s", т: "t", у: "y", х: "x", с: "c", ԁ: "d", ԝ: "w",
  α: "a", β: "b", ε: "e", η: "n", ι: "i", κ: "k", ν: "v", ο: "o", ρ: "p", τ: "t", υ: "u", χ: "x", ω: "w",
  ı: "i", ɡ: "g", ɑ: "a", ɩ: "i", ʟ: "l", ß: "b", ø: "o", đ: "d", ł: "l", ħ: "h", ŧ: "t", æ: "ae", œ: "oe",
  "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "․": ".", "∕": "/", "⁄": "/",
}))
const ASCII = /^[\x20-\x7e]*$/
const MARKS = /[\p{M}\p{Cf}]/gu

/** A name with letters of other scripts read as those that they look like; null for one that is ASCII. */
export function asAscii(lower: string): string | null {
  if (ASCII.test(lower)) return null
  const plain = lower.normalize("NFKD").replace(MARKS, "")
  return Array.from(plain, (letter) => FOREIGN.get(letter) ?? letter).join("").toLowerCase()
}
