/**
 * What a lock says about the network that it is of (spec/client.md, "Lock"): the floor where this machine remembers nothing.
 *
 * @packageDocumentation
 */
import { artifactKey, type Finding, type Lock, type Policy, type Roster, type Verdict, VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import type { CheckResult } from "../types.ts"
import type { LockFile } from "./lock-file.ts"

/** Line of a lock that names its network. */
const NETWORK_LINE = 2
const SHOWN = 16

/**
 * Refuses a lock of another network, and a roster older than the one that the lock was made under.
 * @throws VouchsafeError LOCK_MALFORMED, ROSTER_REFUSED.
 */
export function requireSameNetwork({ lock, path }: LockFile, network: string, roster: Roster): void {
  if (lock.network !== network) {
    throw new VouchsafeError("LOCK_MALFORMED", `${path}: line ${NETWORK_LINE}: names the network ${lock.network.slice(0, SHOWN)}…, expected ${network.slice(0, SHOWN)}… of the project's roster: it is of another project, or the roster is`, {
      hint: "if the roster was changed on purpose, run `npx vouchsafe lock`", details: { line: NETWORK_LINE },
    })
  }
  if (lock.roster > roster.version) {
    throw new VouchsafeError("ROSTER_REFUSED", `roster has version ${roster.version}, expected ${lock.roster} or higher, under which ${path} was made`, { hint: "restore the roster: an older one can bring back whom a newer one removed" })
  }
}

/** How long after its end a roster still serves what the lock holds, in seconds: none where the lock's own word is as old. */
export function graceOf({ locksets }: Lock, { maxLockAgeSeconds }: Policy, clock: Clock): number {
  const oldest = Math.min(...locksets.map(({ time }) => time))
  const age = Math.floor(clock.nowMs() / 1_000) - oldest
  return locksets.length > 0 && age <= maxLockAgeSeconds ? maxLockAgeSeconds : 0
}

/** Under a roster that is over, only what the lock has a line for may be judged. */
export function refuseUncovered(result: CheckResult, { preset }: Policy): CheckResult {
  const finding: Finding = {
    code: "CONFIG_INVALID", severity: preset === "observe" ? "warn" : "deny", saidBy: [],
    message: "the verified roster is over, and vouchsafe.lock does not hold this", hint: "run `npx vouchsafe roster update`",
  }
  const isCovered = ({ purl, registry, sha512 }: Verdict): boolean => {
    const facts = result.lock?.facts.get(artifactKey({ purl, registry }))
    return facts !== undefined && (sha512 === undefined || facts.sha512 === sha512)
  }
  const verdicts = result.verdicts.map((verdict): Verdict => {
    if (isCovered(verdict)) return verdict
    const { ok: _, ...rest } = verdict
    const common = { ...rest, findings: [finding, ...verdict.findings] }
    return preset === "observe" ? { ...common, ok: true } : { ...common, ok: false, code: "CONFIG_INVALID" }
  })
  return { ...result, verdicts }
}
