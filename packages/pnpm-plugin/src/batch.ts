import type { ArtifactRequest, Verdict } from "@vouchsafe/core"

/**
 * Longest time that one hook call may spend on evidence, in ms. pnpm 12 gives up on a hook after 30 s, and says then
 * that the hook was slow instead of what is wrong with the package.
 */
export const HOOK_BUDGET_MS = 20_000
/** What a question that waited long still gets, in ms. */
export const HOOK_BUDGET_MS_MIN = 1_000
/**
 * Rounds of questions at once; more questions wait and go together. Each round is answered under a log head of its own,
 * whose signatures every later install checks again, so few and large ones are better than many and early ones.
 */
export const ROUNDS_MAX = 2
/** How long a question waits for others to go with, in ms. pnpm asks in bursts, as answers of the registry come in. */
export const GATHER_MS = 15
/** Questions in one round; a request to a node holds as many. */
export const ROUND_SIZE_MAX = 2_000

/** Asks for verdicts, in the order of the requests. */
export type Check = (requests: readonly ArtifactRequest[], options: { readonly budgetMs: number }) => Promise<readonly Verdict[]>

export interface BatcherParts {
  readonly check: Check
  /** Calls back after `GATHER_MS`. */
  readonly defer: (callback: () => void) => void
  readonly nowMs: () => number
}

/** Answers single questions in common rounds, each question once. */
export interface Batcher {
  ask(request: ArtifactRequest): Promise<Verdict>
  /** Asks many as one round with a budget of its own. Questions answered before are not asked again. */
  askAll(requests: readonly ArtifactRequest[], budgetMs: number): Promise<readonly Verdict[]>
}

interface Waiting {
  readonly request: ArtifactRequest
  readonly sinceMs: number
  readonly resolve: (verdict: Verdict) => void
  readonly reject: (error: unknown) => void
}

/**
 * pnpm asks package by package, from dozens of places at once. What comes within `GATHER_MS` becomes one round of
 * questions; while `ROUNDS_MAX` rounds are on their way, the next one grows.
 */
export function createBatcher(parts: BatcherParts): Batcher {
  const answers = new Map<string, Promise<Verdict>>()
  const waiting: Waiting[] = []
  let rounds = 0
  let isDeferred = false

  function defer(): void {
    if (isDeferred) return
    isDeferred = true
    parts.defer(() => {
      isDeferred = false
      while (waiting.length > 0 && rounds < ROUNDS_MAX) void send(waiting.splice(0, ROUND_SIZE_MAX))
    })
  }

  async function send(round: readonly Waiting[]): Promise<void> {
    rounds += 1
    try {
      const waitedMs = parts.nowMs() - Math.min(...round.map(({ sinceMs }) => sinceMs))
      const budgetMs = Math.max(HOOK_BUDGET_MS_MIN, HOOK_BUDGET_MS - waitedMs)
      const verdicts = await checked(round.map(({ request }) => request), budgetMs)
      round.forEach(({ resolve }, i) => resolve(verdicts[i] as Verdict))
    } catch (error) {
      for (const { reject } of round) reject(error)
    } finally {
      rounds -= 1
      if (waiting.length > 0) defer()
    }
  }

  async function checked(requests: readonly ArtifactRequest[], budgetMs: number): Promise<readonly Verdict[]> {
    const verdicts = await parts.check(requests, { budgetMs })
    const isComplete = verdicts.length === requests.length && requests.every((request, i) => keyOf(verdicts[i] as Verdict) === keyOf(request))
    if (!isComplete) throw new TypeError(`asked about ${requests.length} packages, answered about others`)
    return verdicts
  }

  function ask(request: ArtifactRequest): Promise<Verdict> {
    const key = keyOf(request)
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = new Promise<Verdict>((resolve, reject) => { waiting.push({ request, sinceMs: parts.nowMs(), resolve, reject }) })
    answers.set(key, answer)
    defer()
    return answer
  }

  async function askAll(requests: readonly ArtifactRequest[], budgetMs: number): Promise<readonly Verdict[]> {
    const fresh = [...new Map(requests.map((request) => [keyOf(request), request])).entries()].filter(([key]) => !answers.has(key))
    if (fresh.length > 0) {
      const round = checked(fresh.map(([, request]) => request), budgetMs)
      fresh.forEach(([key], i) => {
        const answer = round.then((verdicts) => verdicts[i] as Verdict)
        // Whoever asks gets the error; an answer that nobody waits for must not end the process.
        answer.catch(() => undefined)
        answers.set(key, answer)
      })
    }
    return Promise.all(requests.map((request) => answers.get(keyOf(request)) as Promise<Verdict>))
  }

  return { ask, askAll }
}

function keyOf({ purl, registry, sha512 }: ArtifactRequest): string {
  return `${registry} ${purl} ${sha512 ?? ""}`
}
