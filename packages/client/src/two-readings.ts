/** Readers of YAML, Yarn's own and of JSON with comments end lines and comments at a carriage return alone, or do not: what stands behind it is there for some alone. */
const RETURN_ALONE = /\r(?!\n)/
/** It chooses a YAML in which other words are true or false. */
const DIRECTIVE = /^%/m

/** What makes a text other to a package manager than to us, and in which line; undefined without such a thing. */
export function twoReadings(text: string, format: "lines" | "yaml"): string | undefined {
  const at = (found: RegExpExecArray): number => text.slice(0, found.index).split("\n").length
  const alone = RETURN_ALONE.exec(text)
  if (alone !== null) return `a carriage return without a line feed in line ${at(alone)}`
  const directive = format === "yaml" ? DIRECTIVE.exec(text) : null
  return directive === null ? undefined : `a YAML directive in line ${at(directive)}`
}
