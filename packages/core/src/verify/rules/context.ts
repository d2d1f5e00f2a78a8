/**
 * What the families of rules share: the checked evidence, and what the policy asks of one package.
 *
 * @packageDocumentation
 */
import type { Crypto } from "../../crypto.ts"
import type { ArtifactFacts } from "../artifact-facts.ts"
import { displayName, shellWord } from "../format.ts"
import type { MaliciousList } from "../input.ts"
import type { OpenedLock } from "../lock/open.ts"
import type { LogView } from "../log-view.ts"
import { matchesName } from "../name-pattern.ts"
import type { NoticeIndex } from "../notices.ts"
import { type Policy, REBUILDERS_DEFAULT } from "../policy.ts"
import type { Level, PublisherRule, SignerRule } from "../policy-names.ts"
import type { RegistryBinding } from "../policy-scopes.ts"
import type { Roster } from "../roster.ts"
import type { ArtifactRequest, VerdictCode } from "../verdict.ts"
import type { LockAges } from "./locked.ts"
import { nameOf, type Ruleset } from "./ruleset.ts"
import type { Obstacle } from "./tally.ts"

/** What all requests of one verification share. */
export interface DecisionContext {
  readonly crypto: Crypto
  readonly roster: Roster
  readonly policy: Policy
  /** Unix seconds of the local clock. */
  readonly now: number
  /** The newest time that witnesses signed in this evidence: ages count from here, never from the local clock (THREATS A9). */
  readonly timeSeconds: number
  readonly threshold: number
  readonly views: readonly LogView[]
  readonly notices: NoticeIndex
  readonly rulesetOf: (request: ArtifactRequest) => Ruleset
  readonly lists: readonly MaliciousList[]
  readonly pins: ReadonlyMap<string, ArtifactFacts>
  readonly lock?: OpenedLock | undefined
  readonly lockAges: LockAges
  /** Nodes whose notices are not whole and fresh, and why. */
  readonly stale: ReadonlyMap<LogView, Obstacle>
}

/** What the policy asks of one request. */
export interface Demands {
  readonly rules: Ruleset
  readonly levels: ReadonlySet<Level>
  readonly publisher: PublisherRule | undefined
  readonly signer: SignerRule | undefined
  readonly binding: RegistryBinding | undefined
  /** Facts of the version that the lock holds of the same package. */
  readonly pin: ArtifactFacts | undefined
}

const NO_LEVELS: ReadonlySet<Level> = new Set()

/** Looks the package's name up in the policy's lists: every level applies, the first entry of the others. */
export function demandsOn({ policy, pins, rulesetOf }: DecisionContext, request: ArtifactRequest): Demands {
  const { levels, publishers, signers, registries } = policy
  const rules = rulesetOf(request)
  const isAsked = levels.length + publishers.length + signers.length + registries.length + pins.size > 0
  const name = isAsked ? nameOf(request.purl) : undefined
  // Without a name nothing can vouch for it either: entries are about named packages only.
  if (name === undefined) return { rules, levels: NO_LEVELS, publisher: undefined, signer: undefined, binding: undefined, pin: undefined }
  const covers = (rule: { readonly match: readonly string[] }): boolean => matchesName(rule.match, name)
  return {
    rules, levels: levels.length === 0 ? NO_LEVELS : new Set(levels.filter(covers).map(({ level }) => level)),
    publisher: publishers.find(covers), signer: signers.find(covers), binding: registries.find(covers), pin: pins.get(name),
  }
}

/** Operators that must agree on a rebuild. */
export function rebuildersNeeded({ policy, roster }: Pick<DecisionContext, "policy" | "roster">): number {
  return policy.rebuilders ?? Math.min(REBUILDERS_DEFAULT, roster.operators.length)
}

/** The command that shows all that is known of an artifact. */
export function explainHint(purl: string): string {
  return `\`npx vouchsafe explain ${shellWord(displayName(purl))}\` shows who says what`
}

/** The command that records an exception, for findings that a person may decide to live with. */
export function allowHint(purl: string, code: VerdictCode): string {
  return `if you know why: \`npx vouchsafe allow ${shellWord(displayName(purl))} --code ${code} --owner YOU --reason WHY --until DAY\``
}

export function brief(digest: string): string {
  return digest === "" ? "(none)" : `${digest.slice(0, 12)}…`
}

export function list(operators: Iterable<string>): string {
  const names = [...operators].sort()
  return names.length === 0 ? "nobody" : names.join(", ")
}

export function operatorsText(count: number): string {
  return count === 1 ? "1 operator" : `${count} operators`
}
