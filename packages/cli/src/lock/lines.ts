import { formatLockLine, type LockLine, lockLineOf, type Verdict } from "@vouchsafe/core"
import type { Statements } from "./statements.ts"

/**
 * The line of each allowed artifact: of what the operators that count say, the words that most of them have in common. Whoever says it in other
 * words vouches for the same bytes, only not for this line.
 *
 * @returns lines, and the artifacts for which no operator's words are there: an exception lets them pass
 */
export function linesOf(verdicts: readonly Verdict[], statements: Statements, registry: string): { readonly lines: LockLine[]; readonly without: Verdict[] } {
  const lines: LockLine[] = []
  const without: Verdict[] = []
  for (const verdict of verdicts) {
    const line = commonest(verdict, statements, registry)
    if (line === undefined) without.push(verdict)
    else lines.push(line)
  }
  return { lines, without }
}

function commonest({ claims, purl, sha512 }: Verdict, statements: Statements, registry: string): LockLine | undefined {
  const byText = new Map<string, { readonly line: LockLine; readonly operators: Set<string> }>()
  for (const claim of claims) {
    const observation = statements.observation(claim)
    if (observation?.purl !== purl || observation.sha512 !== sha512) continue
    const line = lockLineOf(observation)
    const text = formatLockLine(line, registry)
    const said = byText.get(text) ?? { line, operators: new Set() }
    said.operators.add(claim.operator)
    byText.set(text, said)
  }
  // Equal numbers: the text decides, so that two people who lock the same thing write the same file.
  const [first] = [...byText].sort(([textA, a], [textB, b]) => b.operators.size - a.operators.size || (textA < textB ? -1 : 1))
  return first?.[1].line
}

/** The registry that most artifacts are of: lines leave it out. */
export function commonestRegistry(verdicts: readonly Verdict[], fallback: string): string {
  const counts = new Map<string, number>()
  for (const { registry } of verdicts) counts.set(registry, (counts.get(registry) ?? 0) + 1)
  return [...counts].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))[0]?.[0] ?? fallback
}
