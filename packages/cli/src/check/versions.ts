/**
 * Yarn Berry records no digest of a package's tarball, so a lockfile alone cannot be compared with what was attested.
 * What can be decided is whether a quorum vouches for the version, whatever its bytes; Yarn's plugin ties the archive to
 * those bytes when it is installed.
 *
 * @packageDocumentation
 */
import type { CheckOptions, CheckResult } from "@vouchsafe/client"
import { commonestDigests, type Project } from "@vouchsafe/client/node"
import { artifactKey, type ArtifactRequest, type Finding, type LogEvidence, type Verdict } from "@vouchsafe/core"

/** Judges versions without digests, each by the bytes that most operators observed. */
export async function checkVersions(project: Pick<Project, "check" | "policy" | "roster">, requests: readonly ArtifactRequest[], options: CheckOptions): Promise<CheckResult> {
  const first = await project.check(requests, options)
  const observed = commonestDigests(first.evidence)
  const asked = requests.flatMap((request) => {
    // What was reviewed comes before what most say.
    const sha512 = first.lock?.facts.get(artifactKey(request))?.sha512 ?? observed.get(artifactKey(request))
    return sha512 === undefined ? [] : [{ ...request, sha512 }]
  })
  const second = asked.length === 0 ? undefined : await project.check(asked, options)
  const judged = new Map(second?.verdicts.map((verdict) => [artifactKey(verdict), verdict]))
  const verdicts = first.verdicts.map((verdict) => judged.get(artifactKey(verdict)) ?? unobserved(project, verdict, first.evidence))
  return second === undefined ? { ...first, verdicts } : { ...second, ...(first.lock === undefined ? {} : { lock: first.lock }), verdicts, misbehavior: [...first.misbehavior, ...second.misbehavior.filter((proof) => proof.isNew)], stats: { ...second.stats, nodesReached: Math.max(first.stats.nodesReached, second.stats.nodesReached) } }
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
