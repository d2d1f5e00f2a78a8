/**
 * What changed: against the version that the project's lock holds, or else against the one before, as the attesters found it.
 *
 * @packageDocumentation
 */
import { type ArtifactFacts, DAY_SECONDS, factsOf, type LockLine, npmNameOf, type Observation } from "@vouchsafe/core"
import { changesBetween } from "../lock/changes.ts"

/** A comparison with an earlier version. */
export interface Since {
  readonly version: string
  /** `lock`: the version that the project has; `history`: the previous version of the line. */
  readonly source: "lock" | "history"
  /** One sentence each; empty where nothing of note changed. */
  readonly changes: readonly string[]
}

/** undefined for a first version of which nothing is locked, and where nobody observed it. */
export function sinceWhat(purl: string, observation: Observation | undefined, locked: readonly LockLine[]): Since | undefined {
  if (observation === undefined) return undefined
  const { name } = npmNameOf(purl)
  const mine = locked.filter(({ facts }) => npmNameOf(facts.purl).name === name)
  const [line] = mine.filter(({ facts }) => facts.purl !== purl)
  const [same] = mine.filter(({ facts }) => facts.purl === purl)
  if (same !== undefined || line !== undefined) {
    const before = (same ?? line) as LockLine
    return { version: npmNameOf(before.facts.purl).version, source: "lock", changes: againstLock(before, factsOf(observation)) }
  }
  const { previous } = observation.history
  return previous === null ? undefined : { version: previous.version, source: "history", changes: againstHistory(observation) }
}

function againstLock(before: LockLine, facts: ArtifactFacts): string[] {
  return changesBetween([before], [{ ...before, facts }]).flatMap(({ differences }) => differences.map(({ what, before: was, after: is }) => `${what}: ${was ?? "none"} → ${is ?? "none"}`))
}

const CHANGED: Readonly<Record<Observation["history"]["changed"][number], string>> = {
  builder: "another builder", inputs: "other build inputs", owner: "another owner of the repository", "publisher-domain": "the publisher has an address at another domain",
  repository: "another repository", scripts: "other install scripts", workflow: "another workflow",
}

function againstHistory({ history, upstream, packument }: Observation): string[] {
  const { previous, publisher, changed, scripts, gyp, dependencies, source, gap, lapsedDomains } = history
  const days = gap === null ? 0 : Math.floor(gap / DAY_SECONDS)
  return [
    ...(publisher === "new" ? [`published by ${packument.publisher ?? "somebody"}, who never published it before`] : publisher === "maintainer" ? [`first release by its maintainer ${packument.publisher ?? ""}`] : []),
    ...changed.map((what) => CHANGED[what]),
    ...(previous?.provenance !== "none" && upstream.provenance === null ? ["provenance: had one, has none"] : []), ...(previous?.provenance === "none" && upstream.provenance !== null ? ["provenance: had none, has one"] : []),
    ...(scripts.length === 0 ? [] : [`new install scripts: ${scripts.join(", ")}`]), ...(gyp.length === 0 ? [] : [`new gyp files: ${gyp.join(", ")}`]),
    ...(dependencies.length === 0 ? [] : [`new dependencies: ${dependencies.map(({ name }) => name).join(", ")}`]),
    ...(previous?.source === "found" && source === "absent" ? ["its source had a commit or tag, and has none"] : []),
    ...(days >= 365 ? [`${days} days after the release before it`] : []), ...(lapsedDomains.length === 0 ? [] : [`lapsed domains of maintainers: ${lapsedDomains.join(", ")}`]),
  ]
}
