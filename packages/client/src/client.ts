import { type ArtifactRequest, type Finding, isVouchsafeError, type Roster, type Verdict, withoutWitnesses } from "@vouchsafe/core"
import { startBudget } from "./budget.ts"
import { type CheckEngine, runCheck } from "./check.ts"
import type { Context } from "./context.ts"
import { daemonLane, type Engine, nodeLane } from "./lanes.ts"
import { useLock } from "./locked.ts"
import { memoCrypto } from "./memo-crypto.ts"
import { createMemory } from "./memory.ts"
import type { CheckResult, Client, ClientOptions, Sleep } from "./types.ts"

const defaultSleep: Sleep = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(done, ms)
  function done(): void {
    clearTimeout(timer)
    signal?.removeEventListener("abort", done)
    resolve()
  }
  signal?.addEventListener("abort", done)
  if (signal?.aborted === true) done()
})

/** Makes a client. It holds nothing open; one may serve many checks, one after the other or at once. */
export function createClient(given: ClientOptions): Client {
  const crypto = memoCrypto(given.crypto)
  const memories = given.roster.nodes.map(createMemory)
  const options: ClientOptions = {
    ...given,
    // Read anew by whoever counts cosignatures: a witness may be convicted in the middle of a check.
    get roster() {
      return withoutWitnesses(given.roster, new Set(memories.flatMap(({ witnessLied, node }) => (witnessLied === undefined ? [] : node.witness.vkey))))
    },
  }
  const lanesEngine: Engine = { options, crypto, sleep: options.sleep ?? defaultSleep, memories }
  const engine: CheckEngine = {
    sleep: lanesEngine.sleep, memories, locked: given.lock === undefined ? undefined : useLock(crypto, given.lock),
    lanes: new Map(memories.map((memory) => [memory, nodeLane(lanesEngine, memory)])),
    daemon: options.daemonSocket === undefined ? undefined : daemonLane(lanesEngine, memories, options.daemonSocket),
  }
  return {
    async check(requests, checkOptions = {}) {
      requireRequests(requests)
      const budgetMs = checkOptions.budgetMs ?? options.policy.budgetMs
      if (!Number.isFinite(budgetMs) || budgetMs < 0) throw new TypeError(`budgetMs is ${budgetMs}, expected milliseconds`)
      const context: Context = { options, crypto, memories, notes: [], budget: startBudget(options.clock, budgetMs, checkOptions.signal) }
      try {
        return await runCheck(engine, context, requests)
      } catch (error) {
        // Whatever it was: an exception may be swallowed on its way to the package manager, a refusal is what callers handle.
        return refuseAll(context, requests, error)
      }
    },
  }
}

function requireRequests(requests: readonly ArtifactRequest[]): void {
  if (!Array.isArray(requests)) throw new TypeError("requests are no array")
  for (const [i, request] of requests.entries() as IterableIterator<[number, Partial<Record<keyof ArtifactRequest, unknown>> | null | undefined]>) {
    const isRequest = typeof request === "object" && request !== null && typeof request.purl === "string" && typeof request.registry === "string"
    if (!isRequest || (request.sha512 !== undefined && typeof request.sha512 !== "string")) {
      throw new TypeError(`request ${i} is not of the form { purl, registry, sha512? } of texts`)
    }
  }
}

function labelsOf(roster: Roster): string[] {
  return roster.singleOperator ? ["single-operator"] : []
}

/** The result of a check that could not be carried out. `observe` reports and does not block, here as everywhere. */
function refuseAll(context: Context, requests: readonly ArtifactRequest[], error: unknown): CheckResult {
  const { roster, policy } = context.options
  const isObserving = policy.preset === "observe"
  const finding: Finding = {
    code: "CONFIG_INVALID", severity: isObserving ? "warn" : "deny", saidBy: [],
    message: isVouchsafeError(error) ? error.message : `the check itself failed: ${error instanceof Error ? `${error.name}: ${error.message}` : typeof error}`,
    hint: isVouchsafeError(error) ? error.hint ?? "run `npx vouchsafe doctor`" : "this is a defect of vouchsafe; please report it",
  }
  const verdicts = requests.map(({ purl, registry, sha512 }): Verdict => {
    const common = { purl, registry, ...(sha512 === undefined ? {} : { sha512 }), claims: [], findings: [finding], labels: labelsOf(roster) }
    return isObserving ? { ...common, ok: true } : { ...common, ok: false, code: "CONFIG_INVALID" }
  })
  return {
    verdicts, misbehavior: [], failures: [], notes: context.notes, evidence: [],
    stats: { fromCache: 0, fromDaemon: 0, fromNodes: 0, nodesReached: 0, nodesTotal: roster.nodes.length },
  }
}
