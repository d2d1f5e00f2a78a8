import type { TlogPolicy } from "../policy-text.ts"
import type { Roster } from "./roster.ts"

/** A roster in which the witnesses of these verifier keys vouch for nothing. Quorums stay as large as they were: fewer are left to reach them. */
export function withoutWitnesses(roster: Roster, vkeys: ReadonlySet<string>): Roster {
  const { policy } = roster
  return vkeys.size === 0 ? roster : { ...roster, policy: { ...policy, witnesses: policy.witnesses.filter(({ key }) => !vkeys.has(key.vkey)) } }
}

/** What a member can do for two disjoint sets of witnesses: be in both, in either one, or in neither. */
type Reach = "both" | "either" | "neither"

/**
 * Tells whether any two sets of `eligible` witnesses that each satisfy the policy's quorum have a witness in common,
 * so that two inconsistent heads cannot both be cosigned unless that witness lies (THREATS A4, 2q > w).
 *
 * Exact for the trees that a tlog-policy can express, since a name is a member of at most one group.
 */
export function quorumsIntersect(policy: TlogPolicy, eligible: ReadonlySet<string>): boolean {
  const reached = new Map<string, Reach>()
  for (const witness of policy.witnesses) reached.set(witness.name, eligible.has(witness.name) ? "either" : "neither")
  for (const group of policy.groups) reached.set(group.name, reachOf(group.threshold, group.members.map((name) => reached.get(name) ?? "neither")))
  return policy.quorum !== "none" && reached.get(policy.quorum) !== "both"
}

function reachOf(threshold: number, members: readonly Reach[]): Reach {
  const both = members.filter((member) => member === "both").length
  const either = members.filter((member) => member === "either").length
  if (either >= 2 * Math.max(0, threshold - both)) return "both"
  return both + either >= threshold ? "either" : "neither"
}
