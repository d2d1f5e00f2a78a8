import { openProject, type Project } from "@vouchsafe/client/node"
import { displayName, escapeForDisplay, formatRefusal, formatWarnings, isVouchsafeError, type LogEvidence, type Observation, parseObservation, parseSri, sha512OfSri, type Verdict, verdictsExit } from "@vouchsafe/core"
import { parseSpec, registrySha512, type Spec } from "../check/registry.ts"
import { EXIT } from "../io.ts"
import { usage } from "../usage.ts"
import { printJson, printLines, table } from "../output.ts"
import { progressOn } from "../progress.ts"
import type { Register } from "./types.ts"

/** What one operator's log says about the artifact. */
interface Said {
  readonly operator: string
  readonly index: number
  readonly counts: boolean
  readonly observation: Observation
}

/** `explain SPEC`: all that is known, and what decided. */
export const registerExplain: Register = (program, io, done) => {
  program.command("explain").description("everything the network knows about one package version, and what decided")
    .argument("<spec>", "name@version").option("--integrity <sri>", "the bytes to judge (default: what the registry offers now)").option("--json", "one JSON document on stdout")
    .action(async (text: string, options: { integrity?: string; json?: boolean }) => {
      const spec = parseSpec(text)
      const project = await openProject({ dir: io.cwd, env: io.env, onProgress: progressOn(io) })
      try {
        const sha512 = options.integrity === undefined ? await registrySha512(project.registries, spec) : digestOf(options.integrity)
        const { verdict, said } = await explain(project, spec, sha512)
        if (options.json === true) printJson(io, { verdict, statements: said.map(({ observation, ...rest }) => ({ ...rest, ...factsOf(observation) })) })
        else printLines(io, describe(verdict, said))
        done(verdict.ok ? EXIT.done : verdictsExit([verdict]))
      } finally {
        project.close()
      }
    })
}

function digestOf(integrity: string): string {
  parseSri(integrity)
  const sha512 = sha512OfSri(integrity)
  if (sha512 === undefined) throw usage("--integrity has no sha512, expected sha512-…")
  return sha512
}

async function explain(project: Project, spec: Spec, sha512: string): Promise<{ verdict: Verdict; said: Said[] }> {
  const registry = project.registries.registryFor(spec.name)
  const { verdicts: [verdict], evidence } = await project.check([{ purl: spec.purl, registry, sha512 }])
  if (verdict === undefined) throw new TypeError("a check of one request gave no verdict")
  return { verdict, said: evidence.flatMap((log) => saidBy(log, spec.purl, registry, verdict)) }
}

/** Statements in a log's evidence about this artifact. Shown as that log's words; what counts is in the verdict. */
function saidBy(log: LogEvidence, purl: string, registry: string, verdict: Verdict): Said[] {
  const seen = new Map<number, Said>()
  for (const batch of log.batches) {
    for (const [i, text] of batch.entries.entries()) {
      const index = batch.indices[i] as number
      try {
        const observation = parseObservation(text)
        if (observation.purl !== purl || observation.registry !== registry) continue
        const counts = verdict.claims.some((claim) => claim.origin === log.origin && claim.index === index)
        seen.set(index, { operator: log.operator, index, counts, observation })
      } catch (error) {
        if (!isVouchsafeError(error)) throw error
      }
    }
  }
  return [...seen.values()]
}

function factsOf(observation: Observation): Record<string, unknown> {
  const { package: facts, contents, tarball, packument, sha512, observedAt } = observation
  return {
    sha512, observedAt, size: tarball.size, files: contents.files, unpackedSize: contents.unpackedSize, h1: contents.h1,
    scripts: Object.fromEntries(facts.scripts), gyp: facts.gyp, publisher: packument.publisher, publishedAt: packument.publishedAt, repository: packument.repository, mismatch: packument.mismatch,
  }
}

function describe(verdict: Verdict, said: readonly Said[]): string[] {
  const lines = [`${displayName(verdict.purl)} from ${verdict.registry}`, `sha512 ${verdict.sha512 ?? "(none)"}`, ""]
  lines.push(verdict.ok ? `allowed${verdict.labels.length === 0 ? "" : ` (${verdict.labels.join(", ")})`}: ${verdict.claims.length} ${verdict.claims.length === 1 ? "operator vouches" : "operators vouch"} for these bytes` : formatRefusal([verdict]))
  const warnings = verdict.ok ? formatWarnings([verdict]) : ""
  if (warnings !== "") lines.push(warnings)
  if (said.length > 0) {
    lines.push("", ...table([["operator", "entry", "counts", "observed", "sha512"], ...said.map(({ operator, index, counts, observation }) => [
      operator, String(index), counts ? "yes" : "no", new Date(observation.observedAt * 1000).toISOString(), `${observation.sha512.slice(0, 16)}…`,
    ])]))
    const [first] = said
    if (first !== undefined) lines.push("", `what ${first.operator} read in the tarball that it was given:`, ...facts(first.observation).map((line) => `  ${line}`))
  }
  return lines
}

function facts(observation: Observation): string[] {
  const { package: read, contents, packument } = observation
  const scripts = [...read.scripts].map(([name, command]) => `${name}: ${command}`).join("; ")
  return table([
    ["publisher", escapeForDisplay(packument.publisher ?? "(not told)")],
    ["published", packument.publishedAt === null ? "(not told)" : `${new Date(packument.publishedAt * 1000).toISOString()}, as the registry claims`],
    ["repository", escapeForDisplay(packument.repository ?? "(none)")],
    ["contents", `${contents.files} files, ${contents.unpackedSize} bytes, ${contents.h1}`],
    ["install scripts", scripts === "" ? "none" : escapeForDisplay(scripts)],
    ...(read.gyp.length === 0 ? [] : [["gyp files", escapeForDisplay(read.gyp.join(", "))]]),
  ])
}
