/**
 * Judges one page of a log's entries. Reads what earlier pages left in the store, and changes nothing.
 *
 * @packageDocumentation
 */
import {
  type Bytes, CLOCK_SKEW_SECONDS_MAX, type Crypto, hexDecode, isVouchsafeError, LOCKSET_SUBJECT, type MisbehaviorProof, NOTICES_PER_DAY_MAX, type Observation, parseEntry, parseNotice,
  utf8Decode, utf8Encode, verifyMisbehavior,
} from "@vouchsafe/core"
import { BACKWARDS_SECONDS_MAX } from "./limits.ts"
import type { Finding, MonitoredLog, MonitorStore, PageResult, ReportKind, Seen } from "./types.ts"

const DAY_SECONDS = 86_400
/** Bytes of a digest that tell artifacts and tokens apart in the index. */
const KEY_BYTES = 16

/** What judging needs. */
export interface PageOptions {
  readonly crypto: Crypto
  readonly store: Pick<MonitorStore, "place" | "artifact" | "token" | "noticesOn">
  /** The token of a tarball that this node holds itself, for an origin: hex SHA-256 of origin LF tarball. undefined where it has none. */
  readonly tokenOf?: ((sha512: string, origin: string) => Promise<string | undefined>) | undefined
}

type Known = Seen & { readonly key: Bytes }

/** A page while it is judged. */
interface Page {
  readonly options: PageOptions
  readonly log: MonitoredLog
  newestTime: number
  readonly artifacts: Map<string, Known>
  readonly tokens: Map<string, Known>
  readonly days: Map<number, number>
  readonly findings: Finding[]
}

function report(page: Page, kind: ReportKind, subject: string, detail: string, indices: readonly number[], more: { readonly others?: readonly Seen[]; readonly proof?: MisbehaviorProof } = {}): void {
  const { key, operator } = page.log
  const entries = [...indices.map((index) => ({ origin: key.name, index })), ...(more.others ?? []).map(({ origin, index }) => ({ origin, index }))]
  page.findings.push({ kind, origin: key.name, operator, subject, detail, entries, ...(more.proof === undefined ? {} : { proof: more.proof }) })
}

/** The earlier ones from the store, and of this page. */
function seenBefore(page: Page, map: "artifacts" | "tokens", key: Bytes): readonly Seen[] {
  const stored = map === "artifacts" ? page.options.store.artifact(key) : page.options.store.token(key)
  const here = page[map].get(key.join())
  return here === undefined ? stored : [...stored, here]
}

async function judgeArtifact(page: Page, index: number, text: string, observation: Observation): Promise<void> {
  const { crypto } = page.options
  const { key: logKey, operator } = page.log
  const subject = `${observation.purl} ${observation.registry}`
  const key = crypto.sha256(utf8Encode(`${observation.purl}\n${observation.registry}`)).slice(0, KEY_BYTES)
  const earlier = seenBefore(page, "artifacts", key)
  const own = earlier.find(({ origin }) => origin === logKey.name)
  if (own === undefined) page.artifacts.set(key.join(), { key, origin: logKey.name, operator, index, sha512: observation.sha512 })
  else if (own.sha512 !== observation.sha512) {
    const proof = await equivocationOf(page, own.index, index, text)
    report(page, "double-observation", subject, `entries ${own.index} and ${index} observe different bytes`, [own.index, index], proof === undefined ? {} : { proof })
  }
  const other = earlier.find(({ origin, sha512 }) => origin !== logKey.name && sha512 !== observation.sha512)
  if (other !== undefined) report(page, "disagreement", subject, `${operator} and ${other.operator} observed different bytes`, [index], { others: [other] })
}

async function equivocationOf({ options, log }: Page, first: number, second: number, text: string): Promise<MisbehaviorProof | undefined> {
  const [entry] = await log.entries([first])
  const proof: MisbehaviorProof = {
    kind: "equivocation", origin: log.key.name, checkpoint: log.head.text,
    first: { index: first, entry: utf8Decode(entry as Bytes), proof: await log.proveInclusion(first) },
    second: { index: second, entry: text, proof: await log.proveInclusion(second) },
  }
  return verifyMisbehavior(options.crypto, proof, log.key) ? proof : undefined
}

async function judgeToken(page: Page, index: number, observation: Observation): Promise<void> {
  const { key: logKey, operator } = page.log
  const { commitment } = observation.tarball
  const key = hexDecode(commitment).slice(0, KEY_BYTES)
  const earlier = seenBefore(page, "tokens", key)
  // The origin is part of what is hashed: in another log, or for another tarball, it cannot have been computed from the bytes.
  const same = earlier.find(({ origin, sha512 }) => origin !== logKey.name || sha512 !== observation.sha512)
  if (same !== undefined) report(page, "copied-statement", observation.purl, `its token stands in entry ${same.index} of ${same.origin} too`, [index], { others: [same] })
  if (earlier.every(({ origin }) => origin !== logKey.name)) page.tokens.set(key.join(), { key, origin: logKey.name, operator, index, sha512: observation.sha512 })
  const expected = await page.options.tokenOf?.(observation.sha512, logKey.name)
  if (expected !== undefined && expected !== commitment) report(page, "token-mismatch", observation.purl, `its token is ${commitment}, the bytes give ${expected}`, [index])
}

function judgeTime(page: Page, index: number, subject: string, time: number): void {
  if (time < page.newestTime - BACKWARDS_SECONDS_MAX) report(page, "time-backwards", subject, `entry ${index} is ${page.newestTime - time} s older than one before it`, [index])
  if (time > page.log.headTime + CLOCK_SKEW_SECONDS_MAX) report(page, "time-backwards", subject, `entry ${index} is ${time - page.log.headTime} s after the head that it stands under`, [index])
  // A time from the future must not make all that follow look old.
  else page.newestTime = Math.max(page.newestTime, time)
}

async function judgeStatement(page: Page, index: number, text: string): Promise<void> {
  const entry = parseEntry(text)
  const about = entry.kind === "observation" ? entry.observation : entry.kind === "rebuild" ? entry.rebuild : entry.kind === "foreign" ? entry.foreign : entry.kind === "lockset" ? { ...entry.lockset, purl: LOCKSET_SUBJECT } : entry
  if (about.log !== page.log.key.name) {
    report(page, "foreign-origin", about.purl, `entry ${index} is bound to the log ${about.log}`, [index])
    return
  }
  if (entry.kind === "lockset") judgeTime(page, index, LOCKSET_SUBJECT, entry.lockset.time)
  if (entry.kind !== "observation") return
  await judgeArtifact(page, index, text, entry.observation)
  await judgeToken(page, index, entry.observation)
  judgeTime(page, index, entry.observation.purl, entry.observation.observedAt)
}

function judgeNotice(page: Page, index: number, text: string): void {
  const notice = parseNotice(text)
  if (notice.log !== page.log.key.name) {
    report(page, "foreign-origin", notice.purl, `entry ${index} is bound to the log ${notice.log}`, [index])
    return
  }
  judgeTime(page, index, notice.purl, notice.time)
  const day = Math.floor(notice.time / DAY_SECONDS)
  if (notice.notice !== "reversal") page.days.set(day, (page.days.get(day) ?? 0) + 1)
}

function judgeDays(page: Page): void {
  for (const [day, added] of page.days) {
    const total = page.options.store.noticesOn(page.log.key.name, day) + added
    if (total <= NOTICES_PER_DAY_MAX) continue
    // Times are claims: a day beyond what a date can say is named by its number.
    const date = new Date(day * DAY_SECONDS * 1000)
    const name = Number.isNaN(date.getTime()) ? `day ${day}` : date.toISOString().slice(0, 10)
    report(page, "notices-flood", name, `${total} notices for ${name}, expected at most ${NOTICES_PER_DAY_MAX}`, [])
  }
}

/** Judges entries `from` to before `to`. Rejects with what reading the log rejects with. */
export async function judgePage(options: PageOptions, log: MonitoredLog, from: number, to: number): Promise<PageResult> {
  const page: Page = { options, log, newestTime: options.store.place(log.key.name).newestTime, artifacts: new Map(), tokens: new Map(), days: new Map(), findings: [] }
  const entries = await log.entries(Array.from({ length: to - from }, (_, i) => from + i))
  for (const [i, bytes] of entries.entries()) {
    const index = from + i
    try {
      const text = utf8Decode(bytes)
      if (log.role === "notices") judgeNotice(page, index, text)
      else await judgeStatement(page, index, text)
    } catch (error) {
      if (!isVouchsafeError(error) || error.kind !== "input") throw error
      report(page, "unreadable-entry", `entry ${index}`, `${error.code}: ${error.message}`, [index])
    }
  }
  judgeDays(page)
  const { newestTime, artifacts, tokens, days, findings } = page
  return { origin: log.key.name, operator: log.operator, readTo: to, newestTime, artifacts: [...artifacts.values()], tokens: [...tokens.values()], days, findings }
}
