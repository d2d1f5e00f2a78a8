import type { LockfileFinding } from "@vouchsafe/client/lockfile"
import { type ArtifactRequest, npmPurl, type Policy, type RuleCode, unlessRefused, weighFinding } from "@vouchsafe/core"

/**
 * Findings about a lockfile as the policy takes them: rule, overrides, preset, exceptions (packages/spec/verify.md, step 11).
 *
 * @param now - Unix seconds
 */
export function weighFindings(policy: Policy, findings: readonly LockfileFinding[], now: number): LockfileFinding[] {
  return findings.flatMap((finding) => {
    const weighed = weighFinding(policy, now, requestOf(finding), { ...finding, code: finding.code as RuleCode })
    return weighed === undefined ? [] : [{ ...finding, ...weighed }]
  })
}

/** What overrides and exceptions look at. No exception is about something that has no version. */
function requestOf({ name, version, sha512 }: LockfileFinding): ArtifactRequest {
  const purl = unlessRefused(() => npmPurl(name, version === "" ? "0" : version)) ?? name
  return { purl, registry: "", ...(version === "" || sha512 === undefined ? {} : { sha512 }) }
}
