import {
  formatForeignEntry, formatObservation, formatRebuild, formatRelease, INTOTO_PAYLOAD_TYPE, keyHint, NO_UPSTREAM, type Observation, parseObservation, type Provenance, type Rebuild, signEnvelope, signerFromSeed, utf8Encode,
} from "@vouchsafe/core"
import { observationOf } from "./log-server.ts"

export const REGISTRY = "https://registry.example/"
export const PURL = "pkg:npm/left@1.0.0"
export const COMMIT = "0123456789abcdef0123456789abcdef01234567"
export const SSH_KEY = `SHA256:${"k".repeat(43)}`
export const ann = signerFromSeed("ann.example/release", 1, new Uint8Array(32).fill(7))

export const PROVENANCE: Provenance = {
  bundle: "66".repeat(32), predicateType: "https://slsa.dev/provenance/v1", issuer: "https://token.forge.example", san: "x", repository: "https://git.example/ann/left", repositoryId: "1", ownerId: "2",
  commit: COMMIT, ref: "refs/tags/v1", workflow: ".ci/release.yml", trigger: "push", builder: "https://git.example/runner", runner: "github-hosted", signedAt: 1_600_000_000, inputs: [],
}
export const observed = (log: string, upstream: Observation["upstream"] = NO_UPSTREAM): string => formatObservation({ ...parseObservation(observationOf(log, "left")), upstream })
export const SHA512 = parseObservation(observed("a/log")).sha512
export const rebuilt = (log: string, more: Partial<Rebuild> = {}): string => formatRebuild({
  purl: PURL, sha512: SHA512, log, registry: REGISTRY, startedAt: 1, rebuiltAt: 2, match: "contents",
  source: { repository: "https://git.example/ann/left.git", commit: COMMIT, ref: "refs/tags/v1", foundBy: ["gitHead", "tag"], directory: "packages/left", signature: { state: "valid", kind: "ssh", key: SSH_KEY, signer: "ann@git.example" } },
  recipe: { sha256: "77".repeat(32), override: true }, environment: { frozenAt: 1, node: "22.21.1", manager: "npm@10.9.4", platform: "linux-x64", sandbox: "bubblewrap 0.8.0" },
  rebuilt: { sha512: "88".repeat(64), tarSha256: "99".repeat(32), h1: `h1:${"A".repeat(43)}=`, size: 2, files: 1 }, differences: { count: 0, classes: new Map(), document: null }, ...more,
})
export const DIFFERS: Partial<Rebuild> = { match: "none", differences: { count: 3, classes: new Map([["changed", 2], ["only-in-published", 1]]), document: "aa".repeat(32) } }
export const released = (log: string): string => formatForeignEntry(log, signEnvelope(ann, { payloadType: INTOTO_PAYLOAD_TYPE, payload: utf8Encode(formatRelease({ purl: PURL, sha512: SHA512 })), keyId: keyHint(ann.verifier) }))
