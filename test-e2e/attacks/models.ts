/**
 * What three single defences would have done alone, from the facts of a fixture: models, small enough to be read.
 *
 * @packageDocumentation
 */
import type { Release, Row } from "./types.ts"

/** How much of an attack a defence stops. `no help`: it refuses things, and the attack is that something is gone. */
export type Effect = "stops" | "misses" | "stops part" | "no help"

/** What each alone would have done. */
export interface Alone {
  readonly provenance: Effect
  readonly ageGate: Effect
  readonly scriptBlocking: Effect
}

const AGE_GATE_SECONDS = 3 * 86_400

export function alone(row: Row): Alone {
  if (row.payload === "absence") return { provenance: "no help", ageGate: "no help", scriptBlocking: "no help" }
  const { releases, judged } = row.attack
  const bad = judged.flatMap((spec) => releases.find(({ name, version, registry }) => registry === undefined && `${name}@${version}` === spec) ?? [])
  return {
    provenance: effect(bad, (release) => losesProvenance(release, releases)),
    ageGate: effect(bad, ({ ageSeconds }) => ageSeconds < AGE_GATE_SECONDS),
    scriptBlocking: row.payload === "import" ? "misses" : "stops",
  }
}

/** Provenance as managers demand it today: never less than a package had before. What is attested passes, whoever attests; what never was, too. */
function losesProvenance(release: Release, all: readonly Release[]): boolean {
  return release.run === undefined && all.some(({ name, ageSeconds, run }) => name === release.name && ageSeconds > release.ageSeconds && run !== undefined)
}

/** A dependency that alone would be refused stops the install as well: one refused version is enough, unless others are installed by themselves. */
function effect(bad: readonly Release[], isRefused: (release: Release) => boolean): Effect {
  const refused = bad.filter(isRefused).length
  if (refused === 0) return "misses"
  return refused === bad.length ? "stops" : "stops part"
}
