/**
 * Yarn Berry records no digest of a package's tarball, so a lockfile alone cannot be compared with what was attested.
 * What can be decided is whether a quorum vouches for the version, whatever its bytes; Yarn's plugin ties the archive to
 * those bytes when it is installed.
 *
 * @packageDocumentation
 */
import type { CheckOptions, CheckResult } from "@vouchsafe/client"
import type { Project } from "@vouchsafe/client/node"
import { artifactKey, type ArtifactRequest, type Finding, hexEncode, isVouchsafeError, type LogEvidence, type Observation, parseOwnEntry, resolveObservation, utf8Encode, type Verdict } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"

/** Judges versions without digests, each by the bytes that most operators observed. */
export async function checkVersions(project: Pick<Project, "check" | "policy" | "roster">, requests: readonly ArtifactRequest[], options: CheckOptions): Promise<CheckResult> {
  const first = await project.check(requests, options)
  const observed = observedDigests(first.evidence)
  const asked = requests.flatMap((request) => {
    const sha512 = commonest(observed.get(artifactKey(request)))
    return sha512 === undefined ? [] : [{ ...request, sha512 }]
  })
  const second = asked.length === 0 ? undefined : await project.check(asked, options)
  const judged = new Map(second?.verdicts.map((verdict) => [artifactKey(verdict), verdict]))
  const verdicts = first.verdicts.map((verdict) => judged.get(artifactKey(verdict)) ?? unobserved(project, verdict, first.evidence))
  return second === undefined ? { ...first, verdicts } : { ...second, verdicts, misbehavior: [...first.misbehavior, ...second.misbehavior.filter((proof) => proof.isNew)], stats: { ...second.stats, nodesReached: Math.max(first.stats.nodesReached, second.stats.nodesReached) } }
}

/** Operators by the digest that their statements name, by artifact. Unproven: it chooses what to ask, and decides nothing. */
function observedDigests(evidence: readonly LogEvidence[]): ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, Map<string, Set<string>>>()
  for (const { operator, batches } of evidence) {
    for (const { entries, bodies } of batches) {
      for (const text of entries) {
        const observation = observationOf(text, bodies)
        if (observation === undefined) continue
        const byDigest = found.get(artifactKey(observation)) ?? new Map<string, Set<string>>()
        found.set(artifactKey(observation), byDigest.set(observation.sha512, (byDigest.get(observation.sha512) ?? new Set()).add(operator)))
      }
    }
  }
  return found
}

function observationOf(text: string, bodies: readonly string[]): Observation | undefined {
  try {
    const entry = parseOwnEntry(text)
    const byDigest = entry.kind === "by-digest" ? new Map(bodies.map((body) => [hexEncode(nodeCrypto.sha256(utf8Encode(body))), body])) : new Map<string, string>()
    return resolveObservation(entry, byDigest)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

function commonest(byDigest: ReadonlyMap<string, ReadonlySet<string>> | undefined): string | undefined {
  const [best] = [...byDigest ?? []].sort(([a, as], [b, bs]) => bs.size - as.size || (a < b ? -1 : 1))
  return best?.[0]
}

/** The verdict on a version that no operator observed; without a digest, core can only say that it has none. */
function unobserved({ policy, roster }: Pick<Project, "policy" | "roster">, verdict: Verdict, evidence: readonly LogEvidence[]): Verdict {
  if (!verdict.ok && verdict.code !== "EXOTIC_SOURCE") return verdict
  const key = artifactKey(verdict)
  const said = evidence.map(({ operator, reached, failure, statuses }) => {
    const status = statuses.find((candidate) => artifactKey(candidate) === key)
    return { operator, word: !reached ? "unreachable" : status?.status ?? "silent", detail: status?.detail ?? (reached ? status?.code : failure?.message) }
  })
  const code = said.some(({ word }) => word === "pending") ? "PENDING" : said.filter(({ word }) => word !== "unreachable").length < roster.threshold ? "UNREACHABLE" : "NOT_VOUCHED"
  const finding: Finding = {
    code, severity: policy.preset === "observe" ? "warn" : "deny", saidBy: said.map(({ operator }) => operator),
    message: "no operator has a statement about this version",
    found: said.map(({ operator, word, detail }) => `${operator} ${word}${detail === undefined ? "" : ` (${detail})`}`).join("; "),
    hint: code === "PENDING" ? "try again in a moment" : code === "UNREACHABLE" ? "check the network, then `vouchsafe status`" : "is it in the registry that this project uses?",
  }
  const common = { purl: verdict.purl, registry: verdict.registry, claims: [], labels: verdict.labels, findings: [finding, ...verdict.findings.filter((other) => other.code !== "EXOTIC_SOURCE")] }
  return finding.severity === "deny" ? { ...common, ok: false, code } : { ...common, ok: true }
}
