/**
 * What a new lock says differently from the old one: above all, who made the code.
 *
 * @packageDocumentation
 */
import { type ArtifactFacts, type Flag, type LockLine, npmNameOf } from "@vouchsafe/core"

/** One fact that is not what it was. `null`: there is none. */
export interface Difference {
  readonly what: "publisher" | "repository" | "provenance" | "workflow" | "builder" | "scripts" | "flags" | "integrity" | "contents" | "published"
  readonly before: string | null
  readonly after: string | null
}

/** One package whose line is new, or is another one. */
export interface Change {
  readonly name: string
  /** Null: it was not locked. */
  readonly before: string | null
  /** Null: it is not locked any more. */
  readonly after: string | null
  /** Between two versions: of those who made them. Within one version: everything. */
  readonly differences: readonly Difference[]
}

/** Compares locks. A package with one version before and one after changed its version; with more, versions came and went. */
export function changesBetween(before: readonly LockLine[], after: readonly LockLine[]): Change[] {
  const old = byPurl(before)
  const now = byPurl(after)
  const changed = [...now].flatMap(([purl, facts]): Change[] => {
    const known = old.get(purl)
    if (known === undefined) return []
    const differences = [...differencesIn(known, facts, WITHIN), ...differencesIn(known, facts, IDENTITY)]
    const { name, version } = npmNameOf(purl)
    return differences.length === 0 ? [] : [{ name, before: version, after: version, differences }]
  })
  const gone = byName([...old].filter(([purl]) => !now.has(purl)))
  const come = byName([...now].filter(([purl]) => !old.has(purl)))
  const moved = [...new Set([...gone.keys(), ...come.keys()])].flatMap((name): Change[] => {
    const [from = [], to = []] = [gone.get(name), come.get(name)]
    const [first, other] = [from[0], to[0]]
    if (from.length === 1 && to.length === 1 && first !== undefined && other !== undefined) {
      return [{ name, before: first.version, after: other.version, differences: differencesIn(first.facts, other.facts, IDENTITY) }]
    }
    return [...from.map(({ version }) => ({ name, before: version, after: null, differences: [] })), ...to.map(({ version }) => ({ name, before: null, after: version, differences: [] }))]
  })
  return [...changed, ...moved].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function byPurl(lines: readonly LockLine[]): Map<string, ArtifactFacts> {
  return new Map(lines.map(({ facts }) => [facts.purl, facts]))
}

interface Versioned {
  readonly version: string
  readonly facts: ArtifactFacts
}

function byName(entries: readonly (readonly [string, ArtifactFacts])[]): Map<string, Versioned[]> {
  const names = new Map<string, Versioned[]>()
  for (const [purl, facts] of entries) {
    const { name, version } = npmNameOf(purl)
    names.set(name, [...names.get(name) ?? [], { version, facts }])
  }
  return names
}

type Aspects = readonly (readonly [Difference["what"], (facts: ArtifactFacts) => string | null])[]

const IDENTITY: Aspects = [
  ["publisher", ({ publisher }) => publisher],
  ["repository", ({ repository }) => repository],
  ["provenance", ({ provenance }) => provenance?.repository ?? null],
  // The tag or branch behind the `@` is another one with each version.
  ["workflow", ({ provenance }) => provenance?.workflow?.replace(/@.*$/, "") ?? null],
  ["builder", ({ provenance }) => provenance?.builder ?? null],
  ["scripts", ({ runsScripts }) => (runsScripts ? "run at install" : null)],
  ["flags", ({ flags }) => (flags.length === 0 ? null : flags.map(flagText).join(", "))],
]
const WITHIN: Aspects = [
  ["integrity", ({ sha512 }) => sha512], ["contents", ({ h1 }) => h1],
  ["published", ({ publishedAt }) => (publishedAt === null ? null : new Date(publishedAt * 1_000).toISOString())],
]

function differencesIn(before: ArtifactFacts, after: ArtifactFacts, aspects: Aspects): Difference[] {
  return aspects.flatMap(([what, read]) => {
    const [was, is] = [read(before), read(after)]
    return was === is ? [] : [{ what, before: was, after: is }]
  })
}

function flagText({ word, detail }: Flag): string {
  return detail === "" ? word : `${word}:${detail}`
}
