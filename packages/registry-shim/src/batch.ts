import { type ArtifactRequest, displayName, escapeForDisplay, isVouchsafeError, type Verdict } from "@vouchsafe/core"
import { BATCH_REQUESTS_MAX, BATCH_WINDOW_MS, PASSING_CODES, VERDICT_FRESH_MS, VERDICTS_KEPT_MAX } from "./limits.ts"
import type { Check, ShimClock, ShimEvent } from "./types.ts"

/** Asks for single artifacts; the network is asked for many at once. */
export interface Asker {
  /** Never rejects: what fails is a refusal. */
  ask(request: ArtifactRequest): Promise<Verdict>
  /** The answer, if it was given a moment ago. */
  known(request: ArtifactRequest): Verdict | undefined
}

export interface AskerOptions {
  readonly check: Check
  readonly clock: ShimClock
  readonly emit: (event: ShimEvent) => void
  /** Calls back after a while; tests call at once. */
  readonly defer?: (run: () => void) => void
}

/** What is wrong with a node whatever is asked: every verdict carries it, a person reads it once. */
const NODE_CODES: ReadonlySet<string> = new Set(["LOG_MISBEHAVED", "PROOF_INVALID"])

interface Waiting { readonly request: ArtifactRequest; readonly answer: (verdict: Verdict) => void }

export function createAsker({ check, clock, emit, defer = (run) => { setTimeout(run, BATCH_WINDOW_MS) } }: AskerOptions): Asker {
  const kept = new Map<string, { readonly verdict: Verdict; readonly untilMs: number }>()
  const asking = new Map<string, Promise<Verdict>>()
  let waiting: Waiting[] = []

  const send = async (batch: readonly Waiting[]): Promise<void> => {
    let verdicts: readonly Verdict[]
    try {
      const checked = await check(batch.map(({ request }) => request))
      // A proof that was known before is a warning on every verdict; a new one is news, and the command's exit status.
      for (const { origin, path, isNew } of checked.misbehavior ?? []) if (isNew !== false) emit({ event: "misbehavior", origin, ...(path === undefined ? {} : { path }) })
      if (checked.verdicts.length !== batch.length) throw new TypeError(`${checked.verdicts.length} verdicts for ${batch.length} requests`)
      verdicts = checked.verdicts
    } catch (error) {
      verdicts = batch.map(({ request }) => failed(request, error))
    }
    batch.forEach(({ request, answer }, index) => answer(ofTheRequest(request, verdicts[index] as Verdict)))
  }
  const flush = (): void => {
    const all = waiting
    waiting = []
    for (let start = 0; start < all.length; start += BATCH_REQUESTS_MAX) void send(all.slice(start, start + BATCH_REQUESTS_MAX))
  }
  const known = (request: ArtifactRequest): Verdict | undefined => {
    const found = kept.get(keyOf(request))
    return found !== undefined && found.untilMs > clock.nowMs() ? found.verdict : undefined
  }
  const keep = (request: ArtifactRequest, verdict: Verdict): void => {
    if (!verdict.ok && PASSING_CODES.has(verdict.code)) return
    if (kept.size >= VERDICTS_KEPT_MAX) kept.clear()
    kept.set(keyOf(request), { verdict, untilMs: clock.nowMs() + VERDICT_FRESH_MS })
  }
  const said = new Set<string>()
  const warn = (verdict: Verdict): void => {
    for (const { severity, code, message } of verdict.findings) {
      if (severity !== "warn") continue
      const text = escapeForDisplay(message)
      if (!NODE_CODES.has(code)) emit({ event: "warning", code, message: `${displayName(verdict.purl)}: ${text}`, purl: verdict.purl })
      else if (!said.has(`${code} ${text}`)) emit({ event: "warning", code, message: text })
      said.add(`${code} ${text}`)
    }
  }
  return {
    known,
    ask(request) {
      const found = known(request)
      if (found) return Promise.resolve(found)
      const key = keyOf(request)
      const inFlight = asking.get(key)
      if (inFlight) return inFlight
      const started = new Promise<Verdict>((answer) => {
        waiting.push({ request, answer })
        if (waiting.length === 1) defer(flush)
      }).then((verdict) => {
        asking.delete(key)
        keep(request, verdict)
        warn(verdict)
        return verdict
      })
      asking.set(key, started)
      return started
    },
  }
}

function keyOf({ purl, registry, sha512 }: ArtifactRequest): string {
  return `${purl}\n${registry}\n${sha512 ?? ""}`
}

/** An answer about something else decides nothing. */
function ofTheRequest(request: ArtifactRequest, verdict: Verdict): Verdict {
  if (verdict.purl === request.purl && verdict.registry === request.registry && (verdict.sha512 === undefined || verdict.sha512 === request.sha512)) return verdict
  return failed(request, new TypeError("the verdict is about another artifact"))
}

function failed(request: ArtifactRequest, error: unknown): Verdict {
  const message = error instanceof Error ? error.message : String(error)
  const hint = isVouchsafeError(error) ? error.hint : undefined
  return {
    ...request, ok: false, code: "UNREACHABLE", claims: [], labels: [],
    findings: [{ code: "UNREACHABLE", severity: "deny", saidBy: [], message: `the check failed: ${message}`, ...(hint === undefined ? {} : { hint }) }],
  }
}
