/**
 * Two policies, of which the stricter holds (THREATS A5; packages/spec/policy.md, "Floor").
 *
 * @packageDocumentation
 */
import { type Policy, REBUILDERS_DEFAULT } from "./policy.ts"
import { PRESETS, type Preset, RULE_CODES } from "./policy-rules.ts"
import { severityOf, stricterSeverity } from "./rules/ruleset.ts"

/** How much a preset refuses. */
export function presetRank(preset: Preset): number {
  return PRESETS.indexOf(preset)
}

/**
 * The policy that allows only what both allow. What the floor names (publishers, signers, registries, governance) the floor decides; an exception holds where
 * both have it, or where the other would not refuse. Roster path and budget are the policy's.
 */
export function stricterPolicy(policy: Policy, floor: Policy): Policy {
  const threshold = Math.max(policy.threshold ?? 0, floor.threshold ?? 0)
  const rebuilders = stricterRebuilders(policy.rebuilders, floor.rebuilders)
  const governance = floor.governance ?? policy.governance
  const { rebuilders: _, threshold: __, governance: ___, ...own } = policy
  return {
    ...own,
    preset: presetRank(policy.preset) >= presetRank(floor.preset) ? policy.preset : floor.preset,
    ...(threshold === 0 ? {} : { threshold }),
    maxNoticeAgeSeconds: Math.min(policy.maxNoticeAgeSeconds, floor.maxNoticeAgeSeconds),
    minimumAgeSeconds: Math.max(policy.minimumAgeSeconds, floor.minimumAgeSeconds),
    settleAgeSeconds: Math.max(policy.settleAgeSeconds, floor.settleAgeSeconds),
    maxLockAgeSeconds: Math.min(policy.maxLockAgeSeconds, floor.maxLockAgeSeconds),
    rules: new Map(RULE_CODES.map((code) => [code, stricterSeverity(severityOf({ severities: policy.rules }, code), severityOf({ severities: floor.rules }, code))])),
    registries: [...floor.registries, ...policy.registries],
    lists: [...floor.lists, ...policy.lists.filter(({ name }) => !floor.lists.some((list) => list.name === name))],
    exceptions: [...policy.exceptions, ...floor.exceptions],
    levels: [...floor.levels, ...policy.levels],
    publishers: [...floor.publishers, ...policy.publishers],
    signers: [...floor.signers, ...policy.signers],
    ...(rebuilders === undefined ? {} : { rebuilders }),
    ...(governance === undefined ? {} : { governance }),
    layers: [...layersOf(policy), ...layersOf(floor)],
  }
}

function layersOf(policy: Policy): readonly Policy[] {
  return policy.layers ?? [policy]
}

/** Where none is named it is the default, which a smaller number would undercut. */
function stricterRebuilders(one: number | undefined, other: number | undefined): number | undefined {
  if (one !== undefined && other !== undefined) return Math.max(one, other)
  const named = one ?? other
  return named === undefined || named <= REBUILDERS_DEFAULT ? undefined : named
}
