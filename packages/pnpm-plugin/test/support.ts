import { parsePolicy, type ArtifactRequest, type Policy, type Verdict, type VerdictCode } from "@vouchsafe/core"
import type { MappingContext } from "../src/resolution.ts"

export const REGISTRY = "https://registry.example/"
export const SHA512_SRI = `sha512-${Buffer.alloc(64, 1).toString("base64")}`
export const SHA512_HEX = Buffer.alloc(64, 1).toString("hex")

export function policyOf(members: Readonly<Record<string, unknown>> = {}): Policy {
  return parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...members }))
}

/** A workspace in `/w` whose scope `@corp` has a registry of its own. */
export const CONTEXT: MappingContext = {
  registryFor: (name) => (name.startsWith("@corp/") ? "https://corp.example/npm" : "https://registry.example"),
  isInside: (from, path) => !path.startsWith("/") && !`${from}/${path}`.startsWith("./.."),
}

export function allowed(request: ArtifactRequest, findings: Verdict["findings"] = []): Verdict {
  return { ...request, ok: true, claims: [], labels: [], findings }
}

export function refused(request: ArtifactRequest, code: VerdictCode = "NOT_VOUCHED"): Verdict {
  return { ...request, ok: false, code, claims: [], labels: [], findings: [{ code, severity: "deny", saidBy: [], message: "0 of the 3 operators needed vouch for these bytes" }] }
}

export function request(name: string, sha512 = SHA512_HEX): ArtifactRequest {
  return { purl: `pkg:npm/${name}@1.0.0`, registry: REGISTRY, sha512 }
}

/** Runs what is deferred when it is told to. */
export function manualTurns(): { readonly defer: (callback: () => void) => void, turn(): Promise<void> } {
  let waiting: (() => void)[] = []
  return {
    defer: (callback) => void waiting.push(callback),
    async turn() {
      const now = waiting
      waiting = []
      for (const callback of now) callback()
      // Answers that are already there reach those who asked.
      for (let i = 0; i < 20; i++) await Promise.resolve()
    },
  }
}
