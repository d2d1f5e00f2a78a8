/**
 * Rebuilds are counted on their own (DESIGN §6): enough operators that agree reach the level `rebuilt`; those that got other files are
 * shown, never averaged, and refuse where two say so, or where nobody else rebuilt.
 *
 * @packageDocumentation
 */
import { artifactKey } from "../evidence.ts"
import { lockedOf } from "../lock/open.ts"
import type { LogView, SeenArtifact, SeenRebuild } from "../log-view.ts"
import type { Rebuild } from "../rebuild.ts"
import type { ArtifactRequest, Finding, RebuildClaim } from "../verdict.ts"
import { type DecisionContext, type Demands, explainHint, list, operatorsText, rebuildersNeeded } from "./context.ts"
import { severityOf } from "./ruleset.ts"
import { seenBy } from "./locked.ts"
import { staleness } from "./tally.ts"

/** One operator's newest rebuild of the requested bytes. */
export interface OperatorRebuild {
  readonly operator: string
  readonly origin: string
  readonly index: number
  readonly rebuild: Rebuild
  /** It may count in favour: some level of equality, fresh notices, and nothing that contradicts its own facts. */
  readonly isCounted: boolean
}

export interface RebuildsView {
  readonly all: readonly OperatorRebuild[]
  /** The widest agreement: same commit, same recipe. */
  readonly agreeing: readonly OperatorRebuild[]
  readonly isReached: boolean
}

export const NO_REBUILDS: RebuildsView = { all: [], agreeing: [], isReached: false }

export function viewRebuilds(context: DecisionContext, request: ArtifactRequest): RebuildsView {
  const byOperator = new Map<string, OperatorRebuild>()
  const key = artifactKey(request)
  for (const view of context.views) {
    if (view.misbehavior !== undefined) continue
    const newest = newestOf(view.rebuilds.get(key), request.sha512)
    if (newest === undefined) continue
    const operator = view.node.operator
    const other = byOperator.get(operator)
    if (other !== undefined && other.rebuild.rebuiltAt >= newest.rebuild.rebuiltAt) continue
    byOperator.set(operator, { operator, origin: view.node.log.name, ...newest, isCounted: isCounted(context, view, request, newest.rebuild) })
  }
  if (byOperator.size === 0) return NO_REBUILDS
  const all = [...byOperator.values()]
  const agreeing = widest(all.filter((one) => one.isCounted), ({ rebuild: { source, recipe } }) => `${source.commit} ${recipe.sha256}`)
  return { all, agreeing, isReached: agreeing.length >= rebuildersNeeded(context) }
}

/** A later rebuild, with a better recipe perhaps, replaces an earlier one of the same log. */
function newestOf(seen: readonly SeenRebuild[] | undefined, sha512: string | undefined): SeenRebuild | undefined {
  let newest: SeenRebuild | undefined
  for (const one of seen ?? []) if (one.rebuild.sha512 === sha512 && (newest === undefined || one.index > newest.index)) newest = one
  return newest
}

function isCounted(context: DecisionContext, view: LogView, request: ArtifactRequest, rebuild: Rebuild): boolean {
  const locked = lockedOf(context.lock, request)
  return rebuild.match !== "none" && staleness(context, view, request, locked) === undefined && isShown(rebuild, seenBy(context, view, request, locked))
}

/** The level must be the one that the node's own observation of the published bytes shows beside the rebuild (rebuild.md 4). */
function isShown({ match, sha512, rebuilt }: Rebuild, seen: SeenArtifact | undefined): boolean {
  if (match === "tgz") return rebuilt.sha512 === sha512
  if (seen?.facts.sha512 !== sha512) return false
  return match === "tar" ? rebuilt.tarSha256 === seen.tarSha256 : rebuilt.h1 === seen.facts.h1
}

/** The largest group of one key; of equal ones the first. */
export function widest(items: readonly OperatorRebuild[], keyOf: (item: OperatorRebuild) => string): readonly OperatorRebuild[] {
  const groups = new Map<string, OperatorRebuild[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  let best: readonly OperatorRebuild[] = []
  for (const group of groups.values()) if (group.length > best.length) best = group
  return best
}

/** The rebuilds as a verdict shows them: all of them, in the roster's order. */
export function rebuildClaims(view: RebuildsView): RebuildClaim[] {
  return view.all.map((one) => {
    const { match, source, recipe } = one.rebuild
    return {
      operator: one.operator, origin: one.origin, index: one.index, match, repository: source.repository, commit: source.commit,
      recipe: recipe.sha256, override: recipe.override, signature: source.signature, agrees: view.agreeing.includes(one),
    }
  })
}

/** Other files than the published ones came out of the source. */
export function mismatchFindings(demands: Demands, view: RebuildsView): Finding[] {
  const severity = severityOf(demands.rules, "SOURCE_MISMATCH")
  const differing = view.all.filter(({ rebuild }) => rebuild.match === "none")
  if (differing.length === 0 || severity === "off") return []
  const same = view.all.filter((one) => one.isCounted)
  const denies = severity === "deny" && (differing.length >= 2 || same.length === 0)
  const against = same.length === 0 ? "" : `; ${list(same.map(({ operator }) => operator))} got the same`
  return [{
    code: "SOURCE_MISMATCH", severity: denies ? "deny" : "warn", saidBy: differing.map(({ operator }) => operator).sort(),
    message: `${list(differing.map(({ operator }) => operator))} rebuilt it from source and got other files than were published${against}`,
    expected: "the files of the published tarball",
    found: differing.map(({ operator, rebuild }) => `${operator}: ${describeDifferences(rebuild)}, from ${rebuild.source.repository} at ${rebuild.source.commit.slice(0, 12)}`).join("; "),
    hint: `a wrong recipe differs too, a package with a hidden payload always does; ${explainHint(differing[0]?.rebuild.purl ?? "")}`,
  }]
}

function describeDifferences({ differences: { count, classes } }: Rebuild): string {
  const kinds = [...classes].map(([name, number]) => `${name} ${number}`).join(", ")
  return `${count} ${count === 1 ? "path differs" : "paths differ"}${kinds === "" ? "" : ` (${kinds})`}`
}

/** Where the level `rebuilt` is asked for. */
export function levelFindings(context: DecisionContext, demands: Demands, view: RebuildsView): Finding[] {
  const severity = severityOf(demands.rules, "NOT_REBUILT")
  if (severity === "off" || !demands.levels.has("rebuilt") || view.isReached) return []
  const needed = rebuildersNeeded(context)
  return [{
    code: "NOT_REBUILT", severity, saidBy: view.all.map(({ operator }) => operator).sort(),
    message: `the policy asks for a rebuild that ${operatorsText(needed)} agree on, and ${view.agreeing.length === 0 ? "none is known" : `only ${list(view.agreeing.map(({ operator }) => operator))} has one`}`,
    expected: `${operatorsText(needed)} that rebuilt these bytes from one commit with one recipe`,
    found: view.all.map(({ operator, rebuild }) => `${operator}: ${rebuild.match} from ${rebuild.source.commit.slice(0, 12)}`).join("; "),
    hint: "ask the network for it with `npx vouchsafe build`, then try again",
  }]
}
