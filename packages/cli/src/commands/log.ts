import { diskState, httpTransport, nodeCrypto, type Project, systemClock } from "@vouchsafe/client/node"
import { displayName, type Entry, escapeForDisplay, formatMisbehavior, hexEncode, isVouchsafeError, MISBEHAVIOR_LENGTH_MAX, parseEntry, parseMisbehavior, parseNotice, type RosterNode, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { parseSpec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { chosenFields, csvLines, pickFields, type Row } from "../logs/columns.ts"
import { deedOf, fetchProofs, guiltyOf, witnessReports } from "../logs/proofs.ts"
import { readReports } from "../logs/reports.ts"
import { logSources, readAnywhere } from "../logs/sources.ts"
import { type LogReport, verifyLog } from "../logs/verify.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { placeOf } from "../nodes.ts"
import { usage } from "../usage.ts"
import { printJson, printLines, say, table } from "../output.ts"
import type { Register } from "./types.ts"

interface VerifyFlags {
  readonly operator?: string
  readonly from?: string
  readonly mirror?: string
  readonly json?: boolean
}

interface InspectFlags extends VerifyFlags {
  readonly package?: string
  readonly format: string
  readonly fields?: string
  readonly latest?: boolean
  readonly notices?: boolean
}

/** `log verify [PROOF]` and `log inspect`. */
export const registerLog: Register = (program, io, done) => {
  const log = program.command("log").description("read and verify the logs of the roster's nodes")
  log.command("verify").description("recompute whole logs and compare them with what was seen before; or check a proof file that a log lied")
    .argument("[proof]", "a misbehavior proof to check instead").option("--operator <name>", "only this operator's logs").option("--from <url>", "read this operator's logs there instead: a bucket, a CDN or a front end").option("--mirror <url>", "read the copies of this node instead; without it copies are read where an origin does not answer").option("--json", "one JSON document on stdout")
    .action(async (proof: string | undefined, flags: VerifyFlags) => {
      const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
      try {
        done(proof === undefined ? await verifyLogs(io, project, flags) : await checkProofFile(io, project, resolve(io.cwd, proof), flags.json === true))
      } finally {
        project.close()
      }
    })
  log.command("inspect").description("list the statements of the roster's logs, each log verified first")
    .option("--operator <name>", "only this operator's log").option("--package <spec>", "only this name, or name@version")
    .option("--mirror <url>", "read the copies of this node instead").option("--notices", "the notices logs instead").option("--format <format>", "json or csv", "json").option("--fields <names>", "columns, separated by commas")
    .option("--latest", "only the newest statement of each package").option("--json", "the same as --format json")
    .action(async (flags: InspectFlags) => {
      if (flags.format !== "json" && flags.format !== "csv") throw usage(`--format is "${flags.format}", expected json or csv`)
      const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
      try {
        const { rows, failures } = await inspect(project, flags)
        const fields = chosenFields(rows, flags.fields)
        if (flags.format === "json" || flags.json === true) printJson(io, pickFields(rows, fields))
        else printLines(io, csvLines(rows, fields))
        for (const failure of failures) say(io, `vouchsafe: ${escapeForDisplay(failure)}`)
        done(failures.length === 0 ? EXIT.done : EXIT.world)
      } finally {
        project.close()
      }
    })
  log.command("reports").description("what the monitors among the roster's nodes found; exit 4 when a report's proof convicts a log")
    .argument("[url]", "one node that monitors; all of the roster otherwise").option("--json", "one JSON document on stdout")
    .action(async (url: string | undefined, flags: { readonly json?: boolean }) => {
      const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
      try {
        done(await showReports(io, project, url, flags.json === true))
      } finally {
        project.close()
      }
    })
}

async function showReports(io: CliIo, project: Project, url: string | undefined, json: boolean): Promise<number> {
  const transport = httpTransport()
  try {
    const { reports, monitors, failures } = await readReports(nodeCrypto, transport, project.roster, url)
    if (json) printJson(io, { monitors, reports })
    else printLines(io, table(reports.map(({ by, kind, operator, subject, detail, active, proven }) => [by, kind, operator, subject, `${detail}${active ? "" : "; over"}${proven ? "; proven" : ""}`])))
    for (const failure of failures) say(io, `vouchsafe: ${escapeForDisplay(failure)}`)
    if (monitors.length === 0 && failures.length === 0) say(io, "vouchsafe: no node of the roster monitors")
    if (reports.some(({ proven }) => proven)) return EXIT.misbehavior
    return failures.length === 0 ? EXIT.done : EXIT.world
  } finally {
    transport.close()
  }
}

function nodesOf(project: Project, operator: string | undefined): readonly RosterNode[] {
  const nodes = project.roster.nodes.filter((node) => operator === undefined || node.operator === operator)
  if (nodes.length === 0) throw usage(`no operator "${operator ?? ""}" in the roster, expected one of ${project.roster.operators.join(", ")}`)
  return nodes
}

/** Where the logs are read: under whose keys stays what the roster says. */
function placesOf(nodes: readonly RosterNode[], from: string | undefined): readonly RosterNode[] {
  if (from === undefined) return nodes
  if (nodes.length !== 1) throw usage(`--from is one place, and the roster has logs of ${nodes.map(({ operator }) => operator).join(", ")}`, "name whose with --operator")
  const { url } = placeOf(from)
  return nodes.map((node) => ({ ...node, url }))
}

async function verifyLogs(io: CliIo, project: Project, flags: VerifyFlags): Promise<number> {
  const transport = httpTransport()
  try {
    const context = { crypto: nodeCrypto, transport, state: diskState(project.stateDir), roster: project.roster, now: Math.floor(systemClock.nowMs() / 1000), sources: logSources(nodeCrypto, project.roster, flags) }
    // What others have proven counts here as well, and stays.
    await fetchProofs(context, project.roster.nodes)
    const reports = (await Promise.all(placesOf(nodesOf(project, flags.operator), flags.from).map(async (node) => [await verifyLog(context, node, "log"), await verifyLog(context, node, "notices")]))).flat()
    reports.push(...witnessReports(context, nodesOf(project, flags.operator)))
    if (flags.json === true) printJson(io, { logs: reports })
    else printLines(io, table(reports.map((report) => [report.outcome, report.origin, escapeForDisplay(report.detail) + (report.proof === undefined ? "" : `; proof: ${report.proof}`)])))
    return exitOfReports(reports)
  } finally {
    transport.close()
  }
}

function exitOfReports(reports: readonly LogReport[]): number {
  if (reports.some((report) => report.outcome === "misbehaved")) return EXIT.misbehavior
  if (reports.some((report) => report.outcome === "rolled-back")) return EXIT.refused
  return reports.every((report) => report.outcome === "verified") ? EXIT.done : EXIT.world
}

/** Exit 4 when the file convicts a log or a witness of the roster, which then counts nowhere any more; 1 when it convicts nobody. */
async function checkProofFile(io: CliIo, project: Project, path: string, json: boolean): Promise<number> {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw new VouchsafeError("MISBEHAVIOR_MALFORMED", `${path} cannot be read`, { cause, hint: "name a proof file" })
  }
  if (text.length > MISBEHAVIOR_LENGTH_MAX) throw new VouchsafeError("MISBEHAVIOR_MALFORMED", `${path} has ${text.length} characters, expected at most ${MISBEHAVIOR_LENGTH_MAX}`)
  const proof = parseMisbehavior(text)
  const guilty = guiltyOf(nodeCrypto, project.roster, proof)
  const accused = "witness" in proof ? { what: "witness", name: proof.witness } : { what: "log", name: proof.origin }
  if (json) printJson(io, { proven: guilty !== undefined, kind: proof.kind, origin: proof.origin, ...("witness" in proof ? { witness: proof.witness } : {}), operator: guilty?.operator ?? null })
  else if (guilty === undefined) printLines(io, [`the proof convicts no ${accused.what} of the roster (it is about ${escapeForDisplay(accused.name)})`])
  else printLines(io, [`proven: the ${accused.what} ${accused.name} of ${guilty.operator} ${deedOf(proof)} (${proof.kind})`])
  if (guilty === undefined) return EXIT.refused
  await keepProof(io, project, guilty.key.vkey, formatMisbehavior(proof))
  return EXIT.misbehavior
}

/** From here on whoever it convicts counts in no quorum of this user. Where it cannot be kept the proof says the same, but only here. */
async function keepProof(io: CliIo, project: Project, vkey: string, document: string): Promise<void> {
  try {
    const state = diskState(project.stateDir)
    if (!state.misbehavior().some(({ log }) => log === vkey)) await state.addMisbehavior(vkey, document)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    say(io, `vouchsafe: the proof could not be kept: ${escapeForDisplay(error.message)}`)
  }
}

/** Statements of the logs that could be read and verified, and why the others could not. */
async function inspect(project: Project, flags: InspectFlags): Promise<{ rows: Row[]; failures: string[] }> {
  const transport = httpTransport()
  const which = flags.notices === true ? "notices" as const : "log" as const
  const isWanted = packageFilter(flags.package)
  const sources = logSources(nodeCrypto, project.roster, flags)
  const rows: Row[] = []
  const failures: string[] = []
  try {
    for (const node of nodesOf(project, flags.operator)) {
      try {
        const log = await readAnywhere(nodeCrypto, transport, sources(node, which))
        rows.push(...log.entries.map((entry, index) => rowOf(node.operator, index, utf8Decode(entry), which)).filter(isWanted))
      } catch (error) {
        if (!isVouchsafeError(error)) throw error
        failures.push(`the log of ${node.operator} is left out: ${error.message}`)
      }
    }
  } finally {
    transport.close()
  }
  return { rows: flags.latest === true ? latest(rows) : rows, failures }
}

/** A name takes all of its versions. */
function packageFilter(text: string | undefined): (row: Row) => boolean {
  if (text === undefined) return () => true
  if (!/^(@[^/@]+\/)?[^/@]+$/.test(text)) {
    const { purl } = parseSpec(text)
    return (row) => row["purl"] === purl
  }
  const prefix = `pkg:npm/${text.replace(/^@/, "%40")}@`
  return (row) => String(row["purl"]).startsWith(prefix)
}

function rowOf(operator: string, index: number, text: string, which: "log" | "notices"): Row {
  try {
    if (which === "notices") {
      const { purl, registry, sha512, notice, time, reason, other, reverses } = parseNotice(text)
      return { operator, index, kind: notice, purl, package: displayName(purl), registry, sha512, time, reason, ...(other === undefined ? {} : { other }), ...(reverses === undefined ? {} : { reverses }) }
    }
    return { operator, index, ...entryRow(parseEntry(text)) }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { operator, index, kind: "other", purl: null, package: null, registry: null, sha512: null, time: null }
  }
}

/** What an entry is about, and what sets its kind apart. Only an observation's or rebuild's own log stands behind it; a release's key is a claim here. */
function entryRow(entry: Entry): Row {
  const about = ({ purl, sha512 }: { purl: string; sha512: string }) => ({ kind: entry.kind, purl, package: displayName(purl), sha512 })
  switch (entry.kind) {
    case "observation": {
      const { registry, observedAt, contents, packument } = entry.observation
      return { ...about(entry.observation), registry, time: observedAt, h1: contents.h1, publisher: packument.publisher }
    }
    case "by-digest": return { ...about(entry), registry: null, time: null, body: entry.sha256 }
    case "rebuild": {
      const { registry, rebuiltAt, match, source } = entry.rebuild
      return { ...about(entry.rebuild), registry, time: rebuiltAt, match, repository: source.repository, commit: source.commit }
    }
    case "foreign": return { ...about(entry.foreign), kind: "release", registry: null, time: null, claimedKey: entry.foreign.envelope.signatures[0]?.keyId ?? null }
    case "lockset": {
      const { time, count, bits, root, roster } = entry.lockset
      return { kind: entry.kind, purl: null, package: null, registry: null, sha512: null, time, root: hexEncode(root), lines: count, derived: bits.filter(Boolean).length, roster }
    }
  }
}

/** The newest of each artifact, or lock, and operator; an observation, a rebuild and a release do not replace each other. */
function latest(rows: readonly Row[]): Row[] {
  const sort = ({ kind }: Row): string => (kind === "rebuild" || kind === "release" || kind === "lockset" ? kind : "")
  return [...new Map(rows.map((row) => [`${row["operator"] ?? ""} ${row["registry"] ?? ""} ${row["purl"] ?? row["root"] ?? ""} ${sort(row)}`, row])).values()]
}
