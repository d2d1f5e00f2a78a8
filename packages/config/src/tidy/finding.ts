/** One thing that tidy refuses. `line` counts from 1. */
export interface Finding {
  readonly file: string
  readonly line: number
  /** Short name of the rule, to search for. */
  readonly rule: string
  readonly message: string
}

/** A file of the tree under check: path from the repository's root with `/`, its text, or undefined for binary content. */
export interface TreeFile {
  readonly path: string
  readonly text: string | undefined
  readonly bytes: number
}

/** `file:line rule: message`, the form that editors and terminals turn into links. */
export function formatFinding(finding: Finding): string {
  return `${finding.file}:${finding.line} ${finding.rule}: ${finding.message}`
}
