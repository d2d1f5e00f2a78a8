/**
 * What a monitor reads, and what it says (spec/mirror.md, "Monitor").
 *
 * @packageDocumentation
 */
import type { Bytes, MisbehaviorProof, VerifierKey } from "@vouchsafe/core"
import type { SignedHead } from "@vouchsafe/ports"

/** Every kind of report. */
export const REPORT_KINDS = [
  "fork", "double-observation", "copied-statement", "token-mismatch", "foreign-origin", "unreadable-entry", "disagreement", "notices-flood", "time-backwards", "stopped-head",
] as const
export type ReportKind = (typeof REPORT_KINDS)[number]

/** A log under a head that was verified: whatever is read of it hangs from that head. */
export interface MonitoredLog {
  readonly operator: string
  readonly role: "log" | "notices"
  readonly key: VerifierKey
  readonly head: SignedHead
  /** When a quorum had cosigned the head, Unix seconds. */
  readonly headTime: number
  entries(indices: readonly number[]): Promise<Bytes[]>
  /** Inclusion under the head. */
  proveInclusion(index: number): Promise<Bytes[]>
}

/** Where an entry stands. */
export interface EntryPlace {
  readonly origin: string
  readonly index: number
}

/** One thing that was seen, before it is put together with others like it. */
export interface Finding {
  readonly kind: ReportKind
  /** The log that this is held against. */
  readonly origin: string
  readonly operator: string
  /** What it is about: findings of one kind, log and subject are one report. */
  readonly subject: string
  readonly entries: readonly EntryPlace[]
  readonly detail: string
  readonly proof?: MisbehaviorProof
}

/** A report as it is kept. Times are Unix seconds. */
export interface Report {
  readonly kind: ReportKind
  readonly origin: string
  readonly operator: string
  readonly subject: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly count: number
  /** False once what was reported is over. */
  readonly active: boolean
  readonly entries: readonly EntryPlace[]
  readonly detail: string
  /** Hex SHA-256 of the proof document's text. */
  readonly proof: string | null
}

/** What was seen of an artifact, or of a token, in one log first. */
export interface Seen {
  readonly origin: string
  readonly operator: string
  readonly index: number
  /** Hex SHA-512 of the tarball. */
  readonly sha512: string
}

/** What one page adds: to the index, to the reports, and the new place. */
export interface PageResult {
  readonly origin: string
  readonly operator: string
  readonly readTo: number
  /** Newest observation so far, Unix seconds. */
  readonly newestTime: number
  /** First observation of each artifact of this log, by the digest of purl and registry. */
  readonly artifacts: readonly (Seen & { readonly key: Bytes })[]
  /** First use of each token of this log. */
  readonly tokens: readonly (Seen & { readonly key: Bytes })[]
  /** Notices added, by day since the epoch. */
  readonly days: ReadonlyMap<number, number>
  readonly findings: readonly Finding[]
}

/** What a monitor remembers. Bounded memory. What was written survives the process; after a power cut the newest pages may be read again. */
export interface MonitorStore {
  /** Up to which entry a log was read, and its newest observation. */
  place(origin: string): { readonly read: number; readonly newestTime: number }
  /** First observations of an artifact, at most one a log. */
  artifact(key: Bytes): readonly Seen[]
  /** First uses of a token, at most one a log. */
  token(key: Bytes): readonly Seen[]
  noticesOn(origin: string, day: number): number
  /** Stores a page: all of it or nothing. */
  addPage(page: PageResult, nowSeconds: number): void
  addFinding(finding: Finding, nowSeconds: number): void
  /** Ends what is no longer so. */
  endReports(kind: ReportKind, origin: string, nowSeconds: number): void
  /** Newest first. */
  reports(limit: number): readonly Report[]
  /** Reports that were not kept. */
  dropped(): number
  /** Reports of each kind that are active. */
  counts(): ReadonlyMap<ReportKind, number>
  /** A proof document by the hex SHA-256 of its text. */
  proof(digest: string): string | undefined
  /** All proofs that were kept, with the origin of the log that each convicts. */
  proofs(): readonly { readonly origin: string; readonly document: string }[]
  close(): void
}
