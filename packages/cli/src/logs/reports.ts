/**
 * `log reports`: what monitors among the roster's nodes found (spec/mirror.md, "Monitor"). A report is somebody's word; its proof is checked here.
 *
 * @packageDocumentation
 */
import type { HttpTransport } from "@vouchsafe/client"
import { type Crypto, escapeForDisplay, HEX_SHA256, isVouchsafeError, MISBEHAVIOR_LENGTH_MAX, parseMisbehavior, type Roster, type RosterNode, utf8Decode, verifyMisbehavior, VouchsafeError } from "@vouchsafe/core"
import { askNode, type NodePlace, placeOf } from "../nodes.ts"

/** 1,000 reports and 256 logs, each of bounded texts. */
const REPORTS_BYTES_MAX = 4 * 1_048_576
const REPORTS_FORMAT = "vouchsafe-reports/v1"
const TIMEOUT_MS = 30_000

/** A report, with what its proof shows here. */
export interface CheckedReport {
  /** Who reports. */
  readonly by: string
  readonly kind: string
  readonly origin: string
  readonly operator: string
  readonly subject: string
  readonly count: number
  readonly active: boolean
  readonly detail: string
  /** Whether a proof that comes with it convicts a log of the roster. */
  readonly proven: boolean
  /** Hex SHA-256 of the proof document. */
  readonly proof: string | null
}

/** Where reports are asked for, and what was found there. */
export interface ReportsFound {
  readonly reports: readonly CheckedReport[]
  /** Monitors that answered. */
  readonly monitors: readonly string[]
  readonly failures: readonly string[]
}

type Members = Readonly<Record<string, unknown>>

/** @param url - one node; all of the roster otherwise, of which those that are no monitors answer 404. @throws VouchsafeError USAGE. */
export async function readReports(crypto: Crypto, transport: HttpTransport, roster: Roster, url: string | undefined): Promise<ReportsFound> {
  const places = url === undefined ? roster.nodes.map((node: RosterNode): NodePlace => ({ name: node.operator, url: node.url })) : [placeOf(url)]
  const found: { reports: CheckedReport[]; monitors: string[]; failures: string[] } = { reports: [], monitors: [], failures: [] }
  await Promise.all(places.map(async (place) => {
    try {
      const { status, document } = await askNode(transport, place, { path: "v1/reports", maxBytes: REPORTS_BYTES_MAX })
      if (status === 404 && url === undefined) return
      if (status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} answered ${status}, expected a monitor's reports`, { hint: "only nodes that run with --monitor have reports" })
      const reports = reportsIn(place, document)
      found.monitors.push(place.name)
      for (const report of reports) found.reports.push(await checked(crypto, transport, roster, place, report))
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      found.failures.push(`${place.name}: ${error.message}`)
    }
  }))
  return found
}

function reportsIn(place: NodePlace, document: unknown): readonly Members[] {
  const { format, reports } = (document ?? {}) as Members
  if (format !== REPORTS_FORMAT || !Array.isArray(reports)) throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} answered what is no document ${REPORTS_FORMAT}`)
  return reports as readonly Members[]
}

/** Texts of others are shown escaped; a proof counts when it convicts a key of the roster, whatever the report says. */
async function checked(crypto: Crypto, transport: HttpTransport, roster: Roster, place: NodePlace, report: Members): Promise<CheckedReport> {
  const text = (name: string): string => escapeForDisplay(String(report[name] ?? ""))
  const proof = typeof report["proof"] === "string" && HEX_SHA256.test(report["proof"]) ? report["proof"] : null
  return {
    by: place.name, kind: text("kind"), origin: text("origin"), operator: text("operator"), subject: text("subject"), detail: text("detail"),
    count: Number(report["count"] ?? 0), active: report["active"] === true, proof,
    proven: proof !== null && await convicts(crypto, transport, roster, `${place.url}v1/reports/${proof}`),
  }
}

async function convicts(crypto: Crypto, transport: HttpTransport, roster: Roster, url: string): Promise<boolean> {
  const { status, body } = await transport.request({ method: "GET", url, timeoutMs: TIMEOUT_MS, maxBytes: 4 * MISBEHAVIOR_LENGTH_MAX })
  if (status !== 200) return false
  try {
    const proof = parseMisbehavior(utf8Decode(body))
    return roster.nodes.some((node) => [node.log, node.notices].some((key) => verifyMisbehavior(crypto, proof, key)))
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return false
  }
}
