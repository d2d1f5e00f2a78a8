import { displayName, escapeForDisplay, formatRefusal, formatWarnings, type Observation, type Rebuild, signerKeyOf, type Upstream, type Verdict } from "@vouchsafe/core"
import { table } from "../output.ts"
import type { Said, SaidObservation, SaidRebuild, SaidRelease } from "./said.ts"

/** Everything for a person: the verdict, who says what, where it comes from. */
export function describe(verdict: Verdict, said: Said): string[] {
  const lines = [`${displayName(verdict.purl)} from ${verdict.registry}`, `sha512 ${verdict.sha512 ?? "(none)"}`, ""]
  lines.push(verdict.ok ? describeAllowed(verdict) : formatRefusal([verdict], { installs: false }))
  const warnings = verdict.ok ? formatWarnings([verdict]) : ""
  if (warnings !== "") lines.push(warnings)
  for (const section of [observations(said.observations), provenance(verdict, said.observations), rebuilds(said.rebuilds), releases(said.releases)]) {
    if (section.length > 0) lines.push("", ...section)
  }
  const [first] = said.observations
  if (first !== undefined) lines.push("", `what ${first.operator} read in the tarball that it was given:`, ...facts(first.observation).map((line) => `  ${line}`))
  return lines
}

function describeAllowed({ claims, labels, level }: Verdict): string {
  const marks = [...(level === undefined ? [] : [`level ${level}`]), ...labels]
  return `allowed${marks.length === 0 ? "" : ` (${marks.join(", ")})`}: ${claims.length} ${claims.length === 1 ? "operator vouches" : "operators vouch"} for these bytes`
}

function observations(said: readonly SaidObservation[]): string[] {
  if (said.length === 0) return []
  return table([["operator", "entry", "counts", "observed", "sha512"], ...said.map(({ operator, index, counts, observation }) => [
    operator, String(index), yesNo(counts), timeOf(observation.observedAt), `${observation.sha512.slice(0, 16)}…`,
  ])])
}

/** What most operators verified, then whoever says otherwise. */
function provenance({ provenance: claim }: Verdict, said: readonly SaidObservation[]): string[] {
  if (said.length === 0) return []
  const rows = claim === undefined ? [["provenance", "none verified"]] : [
    ["provenance", escapeForDisplay(claim.repository)],
    ["", `commit ${claim.commit}`],
    ["", escapeForDisplay(`workflow ${claim.workflow ?? "(not told)"}, builder ${claim.builder}${claim.runner === null ? "" : ` (${claim.runner})`}`)],
    ["", `verified by ${[...claim.saidBy].sort().join(", ")}`],
  ]
  for (const { operator, observation: { upstream } } of said) {
    const other = upstream.provenance
    if (other !== null && (claim === undefined || other.repository !== claim.repository || other.commit !== claim.commit)) rows.push(["", escapeForDisplay(`${operator} verified ${other.repository} at ${other.commit}`)])
    if (upstream.refused.length > 0) rows.push(["", `${operator} refused: ${upstream.refused.join(", ")}`])
  }
  rows.push(["registry", whoVerified(said, "its signature", ({ signature }) => signature !== null)], ["", whoVerified(said, "its publish attestation", ({ publish }) => publish !== null)])
  return table(rows)
}

function whoVerified(said: readonly SaidObservation[], what: string, isVerified: (upstream: Upstream) => boolean): string {
  const operators = said.filter(({ observation }) => isVerified(observation.upstream)).map(({ operator }) => operator)
  return `${what}: ${operators.length === 0 ? "verified by nobody" : `verified by ${operators.sort().join(", ")}`}`
}

const STANDING: Readonly<Record<SaidRebuild["standing"], string>> = { agrees: "agrees", apart: "stands apart", superseded: "superseded" }

function rebuilds(said: readonly SaidRebuild[]): string[] {
  if (said.length === 0) return ["rebuilt by nobody; `vouchsafe build` asks the network for it"]
  return table([["rebuilt by", "entry", "got", "commit", "recipe", "", "source"], ...said.map(({ operator, index, standing, rebuild }) => [
    operator, String(index), got(rebuild), rebuild.source.commit.slice(0, 12), `${rebuild.recipe.sha256.slice(0, 8)}${rebuild.recipe.override ? " (its own)" : ""}`, STANDING[standing], source(rebuild),
  ])])
}

function got({ match, differences: { count, classes } }: Rebuild): string {
  if (match !== "none") return `same ${match}`
  const kinds = [...classes].map(([name, number]) => `${name} ${number}`).join(", ")
  return `${count} ${count === 1 ? "path differs" : "paths differ"}${kinds === "" ? "" : `: ${kinds}`}`
}

function source({ source: { repository, ref, directory, foundBy, signature: { state, kind, key, signer } } }: Rebuild): string {
  const where = `${repository} ${ref}${directory === "" ? "" : ` in ${directory}`}, found by ${foundBy.join(" and ")}`
  const by = kind === null || key === null ? "" : ` by ${signerKeyOf(kind, key)}${signer === null ? "" : ` (${signer})`}`
  return escapeForDisplay(`${where}; commit signature ${state}${by}`)
}

function releases(said: readonly SaidRelease[]): string[] {
  if (said.length === 0) return []
  return table([["released with", "in the log of", "entry", "counts", "sha512"], ...said.map(({ operator, index, counts, foreign }) => [
    escapeForDisplay(foreign.envelope.signatures[0]?.keyId ?? "(a key without name)"), operator, String(index), yesNo(counts), `${foreign.sha512.slice(0, 16)}…`,
  ])])
}

function facts(observation: Observation): string[] {
  const { package: read, contents, packument } = observation
  const scripts = [...read.scripts].map(([name, command]) => `${name}: ${command}`).join("; ")
  return table([
    ["publisher", escapeForDisplay(packument.publisher ?? "(not told)")],
    ["published", packument.publishedAt === null ? "(not told)" : `${timeOf(packument.publishedAt)}, as the registry claims`],
    ["repository", escapeForDisplay(packument.repository ?? "(none)")],
    ["contents", `${contents.files} files, ${contents.unpackedSize} bytes, ${contents.h1}`],
    ["install scripts", scripts === "" ? "none" : escapeForDisplay(scripts)],
    ...(read.gyp.length === 0 ? [] : [["gyp files", escapeForDisplay(read.gyp.join(", "))]]),
  ])
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no"
}

/** ISO time, or the number where it is none: somebody else wrote it. */
function timeOf(seconds: number): string {
  const date = new Date(seconds * 1_000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}
