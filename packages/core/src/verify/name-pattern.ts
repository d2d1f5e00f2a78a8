import type { ShapeReader } from "./shape.ts"

/** Most patterns of one entry. */
export const PATTERNS_MAX = 1_000
const PATTERN_LENGTH_MAX = 214
/** A name, a name that ends in `*`, a scope with either, or `*`. A bare `@scope*` would match other people's scopes. */
const PATTERN = /^(?:\*|(?:@[^\s/@*%]+\/)?(?:\*|[^\s/@*%]+\*?))$/

/** Reads a list of name patterns: `name`, `@scope/*`, `prefix*`, `*`. */
export function patternsMember(value: unknown, at: string, read: ShapeReader): readonly string[] {
  const patterns = read.array(value, at, PATTERNS_MAX).map((pattern, i) =>
    read.pattern(read.string(pattern, `${at}[${i}]`, PATTERN_LENGTH_MAX), `${at}[${i}]`, PATTERN, 'a package name, "@scope/*", "prefix*" or "*"'))
  return patterns.length === 0 ? read.fail(at, "at least one pattern", "empty") : patterns
}

/** Tells whether one of the patterns covers a package name. */
export function matchesName(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name))
}
