import { type ArtifactFacts, artifactKey, type ArtifactRequest, type Crypto, type LogEvidence, type Policy, type Verdict } from "@vouchsafe/core"
import type { LockCoverage } from "@vouchsafe/client"
import { attestedContents, lockedContents, servedDigests } from "./attested.ts"
import type { Contents } from "./contents.ts"
import type { Ties } from "./ties.ts"

/** The project whose policy decides. */
export interface Judged {
  readonly policy: Policy
  readonly crypto: Crypto
  /** Registry ids that the roster's nodes observe. */
  readonly registries: readonly string[]
  readonly ties: Ties
  readonly nowMs: () => number
  check(requests: readonly ArtifactRequest[], options: { readonly budgetMs: number }): Promise<{ readonly verdicts: readonly Verdict[], readonly evidence: readonly LogEvidence[], readonly lock?: Pick<LockCoverage, "facts"> }>
}

/** A verdict, and what it was made of. */
export interface Decided {
  readonly verdict: Verdict
  /** What the attested tarball holds, where all that count agree on it. */
  readonly contents: () => Contents | undefined
}

export interface Judge {
  readonly judged: Judged
  /** Brings evidence for many artifacts to this machine in one round. What goes wrong shows where an artifact is asked for. */
  prefetch(requests: readonly ArtifactRequest[]): Promise<void>
  /** Tells whether a round has brought, or is about to bring, evidence for an artifact. */
  isPrefetched(request: ArtifactRequest): boolean
  /** Digests that operators say they were served. Unproven. */
  candidates(request: ArtifactRequest): Promise<readonly string[]>
  /** Verdict on exact bytes. Questions of one turn of the event loop go together; each is asked once. */
  decide(request: ArtifactRequest & { readonly sha512: string }): Promise<Decided>
}

/** What a round brought to this machine, or found here. */
interface Brought {
  readonly evidence: readonly LogEvidence[]
  /** Facts of the project's lock, by `artifactKey`. */
  readonly locked: ReadonlyMap<string, ArtifactFacts>
}

interface Waiting {
  readonly request: ArtifactRequest
  readonly resolve: (decided: Decided) => void
  readonly reject: (error: unknown) => void
}

/** Asks the network on behalf of dozens of fetches that run at once. */
export function createJudge(judged: Judged, defer: (callback: () => void) => void): Judge {
  const evidenceOf = new Map<string, Promise<Brought>>()
  const decided = new Map<string, Promise<Decided>>()
  const digestsIn = new Map<Brought, ReadonlyMap<string, ReadonlySet<string>>>()
  let waiting: Waiting[] = []

  async function ask(requests: readonly ArtifactRequest[]): Promise<{ readonly decided: readonly Decided[], readonly brought: Brought }> {
    const { verdicts, evidence, lock } = await judged.check(requests, { budgetMs: judged.policy.budgetMs })
    const isComplete = verdicts.length === requests.length && requests.every((request, i) => keyOf(request) === keyOf(verdicts[i] as Verdict))
    if (!isComplete) throw new TypeError(`asked about ${requests.length} packages, answered about others`)
    const contentsOf = (verdict: Verdict): Contents | undefined => attestedContents(verdict, evidence, judged.crypto) ?? lockedContents(verdict, lock?.facts.get(artifactKey(verdict)))
    return { decided: verdicts.map((verdict) => ({ verdict, contents: () => contentsOf(verdict) })), brought: { evidence, locked: lock?.facts ?? new Map<string, ArtifactFacts>() } }
  }

  async function send(round: readonly Waiting[]): Promise<void> {
    try {
      const answers = await ask(round.map(({ request }) => request))
      round.forEach(({ resolve }, i) => resolve(answers.decided[i] as Decided))
    } catch (error) {
      for (const { reject } of round) reject(error)
    }
  }

  async function prefetch(requests: readonly ArtifactRequest[]): Promise<void> {
    const fresh = [...new Map(requests.map((request) => [artifactKey(request), request])).values()].filter((request) => !evidenceOf.has(artifactKey(request)))
    if (fresh.length === 0) return
    const round = ask(fresh)
    fresh.forEach((request, i) => {
      evidenceOf.set(artifactKey(request), round.then(({ brought }) => brought))
      if (request.sha512 !== undefined) decided.set(keyOf(request), round.then((answers) => answers.decided[i] as Decided))
    })
    // All of them: the answers of a round that failed must not stay without a listener.
    await Promise.allSettled(fresh.flatMap((request) => [evidenceOf.get(artifactKey(request)), decided.get(keyOf(request))]))
  }

  async function candidates(request: ArtifactRequest): Promise<readonly string[]> {
    await prefetch([request])
    const brought = await evidenceOf.get(artifactKey(request))
    if (brought === undefined) return []
    const digests = digestsIn.get(brought) ?? servedDigests(brought.evidence, judged.crypto)
    digestsIn.set(brought, digests)
    const locked = brought.locked.get(artifactKey(request))
    return [...new Set([...locked === undefined ? [] : [locked.sha512], ...digests.get(artifactKey(request)) ?? []])]
  }

  function decide(request: ArtifactRequest & { readonly sha512: string }): Promise<Decided> {
    const key = keyOf(request)
    const known = decided.get(key)
    if (known !== undefined) return known
    const answer = new Promise<Decided>((resolve, reject) => {
      waiting.push({ request, resolve, reject })
      if (waiting.length > 1) return
      defer(() => {
        const round = waiting
        waiting = []
        void send(round)
      })
    })
    decided.set(key, answer)
    return answer
  }

  return { judged, prefetch, isPrefetched: (request) => evidenceOf.has(artifactKey(request)), candidates, decide }
}

function keyOf(request: ArtifactRequest): string {
  return `${artifactKey(request)} ${request.sha512 ?? ""}`
}
