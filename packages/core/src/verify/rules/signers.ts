/**
 * Signed commits, where the policy names the keys that sign a package's source.
 *
 * @packageDocumentation
 */
import { signerKeyOf } from "../policy-names.ts"
import type { CommitSignature } from "../rebuild.ts"
import type { Finding } from "../verdict.ts"
import { type DecisionContext, type Demands, operatorsText, rebuildersNeeded } from "./context.ts"
import { severityOf } from "./ruleset.ts"
import { type RebuildsView, widest } from "./rebuilds.ts"

/**
 * As many rebuilders as a rebuild needs must have found one commit signed by a key of the list. Rebuilders check the signature itself; whether
 * their own lists know the signer does not matter, since the policy names the key.
 */
export function signerFindings(context: DecisionContext, demands: Demands, view: RebuildsView): Finding[] {
  const severity = severityOf(demands.rules, "UNSIGNED_COMMIT")
  const { signer } = demands
  if (severity === "off" || signer === undefined) return []
  const signed = view.all.filter((one) => one.isCounted && isSignedByOneOf(one.rebuild.source.signature, signer.keys))
  const needed = rebuildersNeeded(context)
  const agreeing = widest(signed, ({ rebuild }) => rebuild.source.commit)
  if (agreeing.length >= needed) return []
  return [{
    code: "UNSIGNED_COMMIT", severity, saidBy: view.all.map(({ operator }) => operator).sort(),
    message: `the policy asks for a source commit signed by a key of its list, and ${agreeing.length === 0 ? "no rebuilder" : `only ${operatorsText(agreeing.length)}`} found one`,
    expected: `${operatorsText(needed)} that rebuilt it from a commit signed by ${signer.keys.length === 1 ? signer.keys[0] ?? "" : `one of ${signer.keys.length} keys`}`,
    found: view.all.map(({ operator, rebuild }) => `${operator}: ${describeSignature(rebuild.source.signature)}`).join("; "),
    hint: view.all.length === 0 ? "ask the network for a rebuild with `npx vouchsafe build`: rebuilders are who checks commits" : "ask the publisher who signed it, or change `signers` in vouchsafe.json",
  }]
}

function isSignedByOneOf({ state, kind, key }: CommitSignature, keys: readonly string[]): boolean {
  return (state === "valid" || state === "unknown-signer") && kind !== null && key !== null && keys.includes(signerKeyOf(kind, key))
}

function describeSignature({ state, kind, key }: CommitSignature): string {
  return kind === null || key === null ? state : `${state}, ${signerKeyOf(kind, key)}`
}
