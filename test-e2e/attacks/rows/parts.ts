/** What rows share: times, people, payloads, and releases that came before. @packageDocumentation */
import type { Person, Release } from "../types.ts"

export const MINUTE = 60
export const HOUR = 3_600
export const DAY = 86_400

/** Past the three days of `minimumAge`, and far from the thirty after which news is old. */
export const TWIN_AGE = 5 * DAY
/** Past `settleAge`. */
export const SETTLED_AGE = 45 * DAY
/** Published and not noticed yet. */
export const FRESH = 20 * MINUTE

/** Whoever owns a package honestly. */
export const ANN: Person = { name: "ann", email: "ann@mail.replay.example" }
export const BOB: Person = { name: "bob", email: "bob@mail.replay.example" }
/** Somebody who has taken an account over, or a package. */
export const MALLORY: Person = { name: "mallory", email: "mallory@elsewhere.replay.example" }

/** Leaves a mark in the file that the replay names, and does nothing else. */
export function payload(what: string): string {
  return `if (process.env.REPLAY_MARKER) require("fs").appendFileSync(process.env.REPLAY_MARKER, ${JSON.stringify(`${what}\n`)})\n`
}

/** Two older releases of a package, in the way in which the last one was made as well. */
export function before(name: string, versions: readonly [string, string], more: Partial<Omit<Release, "name" | "version" | "ageSeconds">> = {}, ages: readonly [number, number] = [800 * DAY, 200 * DAY]): Release[] {
  return versions.map((version, i) => ({ name, version, ageSeconds: ages[i] as number, publisher: ANN, maintainers: [ANN], ...more }))
}

/** A release by the package's own people. */
export function release(name: string, version: string, ageSeconds: number, more: Partial<Omit<Release, "name" | "version" | "ageSeconds">> = {}): Release {
  return { name, version, ageSeconds, publisher: ANN, maintainers: [ANN], ...more }
}

/** A CI run of `replay/<slug>`. */
export function runOf(slug: string): NonNullable<Release["run"]> {
  return { repository: `https://github.com/replay/${slug}` }
}

/** A repository where every release has its commit and its tag. */
export function tagged(repository: string): { readonly source: NonNullable<Release["source"]> } {
  return { source: { repository, isCommitted: true } }
}

/** The same repository, of which a release knows nothing. */
export function uncommitted(repository: string): { readonly source: NonNullable<Release["source"]> } {
  return { source: { repository, isCommitted: false } }
}
