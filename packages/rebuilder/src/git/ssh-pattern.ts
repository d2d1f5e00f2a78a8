/**
 * Pattern lists of OpenSSH (ssh_config(5), PATTERNS): comma-separated, `*` and `?` match anything, `!` in front excludes.
 *
 * @packageDocumentation
 */

/** Characters of one pattern; OpenSSH matches nothing where one is longer. */
const PATTERN_LENGTH_MAX = 1022

/** Tells whether a list matches: at least one pattern does, and none with `!` does. Case counts. */
export function matchesPatternList(text: string, list: string): boolean {
  let matched = false
  for (const item of list.split(",")) {
    const negated = item.startsWith("!")
    const pattern = negated ? item.slice(1) : item
    if (pattern.length > PATTERN_LENGTH_MAX) return false
    if (!matchesPattern(text, pattern)) continue
    if (negated) return false
    matched = true
  }
  return matched
}

/** Tells whether one pattern matches the whole text. Goes back to the last `*` only, so a hostile pattern costs at most text × pattern. */
export function matchesPattern(text: string, pattern: string): boolean {
  let t = 0
  let p = 0
  let star = -1
  let starText = 0
  while (t < text.length) {
    const wanted = pattern[p]
    if (wanted === "*") {
      star = p++
      starText = t
    } else if (wanted === "?" || (wanted !== undefined && wanted === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++starText
    } else return false
  }
  while (pattern[p] === "*") p++
  return p === pattern.length
}
