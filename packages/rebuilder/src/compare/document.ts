/**
 * `vouchsafe-differences/v1`: what differs between a published tarball and a rebuilt one (packages/spec/rebuilding.md).
 *
 * @packageDocumentation
 */
import { canonicalize } from "@vouchsafe/core"
import type { UnpackedFile } from "@vouchsafe/tarball"
import type { Match, TarballFact } from "../types.ts"
import type { ChangedKeys, DifferenceClass } from "./classify.ts"
import { printablePath } from "./diff.ts"

export const DIFFERENCES_FORMAT = "vouchsafe-differences/v1"
/** Paths that a document lists; all are counted. */
export const FILES_LISTED_MAX = 1000

/** One path that differs. */
export interface Difference {
  readonly path: string
  readonly class: DifferenceClass
  readonly published: UnpackedFile | undefined
  readonly rebuilt: UnpackedFile | undefined
  /** Of package.json. */
  readonly keys: ChangedKeys | undefined
}

/** What a comparison found. */
export interface Comparison {
  readonly match: Match
  readonly published: TarballFact
  readonly rebuilt: TarballFact
  readonly count: number
  readonly classes: Readonly<Record<string, number>>
  /** Canonical JSON. */
  readonly document: string
  readonly diff: string
}

/** Counts and writes down. `differences` are sorted by path. */
export function describeDifferences(given: { readonly match: Match, readonly published: TarballFact, readonly rebuilt: TarballFact, readonly differences: readonly Difference[], readonly diff: string }): Comparison {
  const { match, published, rebuilt, differences, diff } = given
  const classes: Record<string, number> = {}
  for (const difference of differences) classes[difference.class] = (classes[difference.class] ?? 0) + 1
  const document = canonicalize({
    format: DIFFERENCES_FORMAT, match, published: { ...published }, rebuilt: { ...rebuilt }, count: differences.length, classes, diff,
    files: differences.slice(0, FILES_LISTED_MAX).map((difference) => ({
      path: difference.path, class: difference.class, published: side(difference.published), rebuilt: side(difference.rebuilt),
      ...(difference.keys === undefined ? {} : { keys: { onlyPublished: [...difference.keys.onlyPublished], onlyRebuilt: [...difference.keys.onlyRebuilt], changed: [...difference.keys.changed] } }),
    })),
  })
  return { match, published, rebuilt, count: differences.length, classes, document, diff }
}

function side(file: UnpackedFile | undefined): { size: number, sha256: string, executable: boolean } | null {
  return file === undefined ? null : { size: file.size, sha256: file.sha256, executable: file.executable }
}

const WORDS: Readonly<Record<DifferenceClass, string>> = {
  "missing-build-output": "build output that the rebuild did not make",
  "only-in-published": "only in the published tarball",
  "only-in-source": "only in the rebuilt tarball",
  "package-json": "rewritten",
  "line-endings": "line endings differ",
  "executable-bit": "executable in one of the two only",
  "changed": "content differs",
}

/** One line for a person. */
export function describeDifference({ path, class: kind, keys }: Pick<Difference, "path" | "class" | "keys">): string {
  const named = keys === undefined ? [] : [
    ...keys.onlyPublished.map((key) => `+${key}`), ...keys.onlyRebuilt.map((key) => `-${key}`), ...keys.changed.map((key) => `~${key}`),
  ]
  const list = keys === undefined ? "" : named.length === 0 ? " (only its formatting)" : ` (published against source: ${named.map(printablePath).join(" ")})`
  return `${printablePath(path)}: ${WORDS[kind]}${list}`
}
