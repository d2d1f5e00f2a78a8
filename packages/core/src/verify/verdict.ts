/**
 * What a decision is made of. A verdict is a value, never an exception (DESIGN §2, STYLE 21).
 *
 * @packageDocumentation
 */
import type { DependencyKind } from "./policy-scopes.ts"
import type { Level } from "./policy-names.ts"
import type { CommitSignature, RebuildMatch } from "./rebuild.ts"

/** Every reason that a package can be refused for; never renamed, never reused (packages/spec/verdict.md). */
export const VERDICT_CODES = [
  "CONFIG_INVALID", // the project's own configuration cannot be used
  "CLOCK_BEHIND", // the local clock is behind the time that a quorum of witnesses signed
  "POLICY_WEAKENED", // a change weakens its own judge
  "WITHDRAWN", // a trusted operator withdrew this artifact, or a known-malicious list names it
  "DIGEST_CONFLICT", // operators were served different bytes for one version
  "MANIFEST_MISMATCH", // the packument lies about the tarball
  "PROVENANCE_INVALID", // a registry signature or attestation was there and was refused
  "SOURCE_MISMATCH", // rebuilders got other files from the source
  "IDENTITY_CHANGED", // publisher, repository, owner, workflow or builder is not the one pinned, or the one before
  "PROVENANCE_LOST", // earlier versions had provenance, this one has none
  "MAINTAINER_DOMAIN_LAPSED", // the e-mail domain of a maintainer does not resolve, or was registered anew
  "NEW_INSTALL_SCRIPT", // a lifecycle script or gyp file that the previous version had not
  "NEWBORN_DEPENDENCY", // a new dependency that is itself too young
  "SOURCE_NOT_FOUND", // no commit or tag for this version where earlier ones had one
  "PUBLISH_BURST", // many versions or packages by one identity within minutes
  "DORMANT_REVIVED", // a release after years, by a new identity
  "LOOKALIKE_NAME", // its name could be taken for a popular one
  "NOT_RELEASED", // the publisher's keys that the policy names did not release these bytes
  "UNSIGNED_COMMIT", // the source commit is not signed by a key that the policy names
  "NOT_REBUILT", // the policy asks for a rebuild that enough operators agree on
  "NO_PROVENANCE", // the policy asks for verified provenance
  "TARBALL_AMBIGUOUS", // parsers could disagree about the tarball
  "WRONG_REGISTRY", // a lockfile or a name points to a registry that is not the configured one
  "EXOTIC_SOURCE", // git, URL, file, or no sha512 at all: no digest that somebody attested
  "TOO_YOUNG", // published less than the policy's minimum age ago
  "LOG_MISBEHAVED", // a log was proven to have shown two histories
  "PROOF_INVALID", // evidence arrived and did not verify
  "LOCK_STALE", // the lock's proofs are too old, or do not cover the artifact
  "NOTICES_STALE", // withdrawals of enough operators could not be seen fresh
  "UNREACHABLE", // not enough nodes answered
  "PENDING", // nodes are still observing
  "NOT_VOUCHED", // fewer operators than the threshold vouch for these bytes
] as const
/** Label of a verdict whose level rests on a reviewed recipe of the package's own (THREATS A10). */
export const RECIPE_LABEL = "rebuilt (recipe)"
/** Label of every verdict where the roster has one operator. */
export const SINGLE_LABEL = "single-operator"

export type VerdictCode = (typeof VERDICT_CODES)[number]

export type Severity = "deny" | "warn"

/** One thing that was found, for a person. Texts may hold foreign words: escape them when printing. */
export interface Finding {
  readonly code: VerdictCode
  readonly severity: Severity
  readonly message: string
  /** Operators behind the finding; empty when it is this verifier's own. */
  readonly saidBy: readonly string[]
  readonly expected?: string
  readonly found?: string
  readonly hint?: string
}

/** One operator's word that counted. */
export interface Claim {
  readonly operator: string
  /** Origin of the log that holds the statement. */
  readonly origin: string
  readonly index: number
  readonly predicateType: string
  /** Unix seconds at which a quorum of witnesses had cosigned the head (THREATS A9). */
  readonly checkpointTime: number
  /** Directories of other packages inside the tarball, as this operator read them (THREATS A6). */
  readonly bundled: readonly string[]
}

/** Where an artifact was built, as verified provenance says it. */
export interface ProvenanceClaim {
  readonly repository: string
  readonly commit: string
  readonly workflow: string | null
  readonly builder: string
  readonly runner: "github-hosted" | "self-hosted" | null
  /** Operators that verified it and count. */
  readonly saidBy: readonly string[]
}

/** One operator's newest rebuild of these bytes, whatever came of it. */
export interface RebuildClaim {
  readonly operator: string
  readonly origin: string
  readonly index: number
  readonly match: RebuildMatch
  readonly repository: string
  readonly commit: string
  /** Hex SHA-256 of the recipe. */
  readonly recipe: string
  readonly override: boolean
  readonly signature: CommitSignature
  /** It is one of the rebuilds that agree most widely: same commit, same recipe, some level of equality. */
  readonly agrees: boolean
}

/** A publisher's release that counted, and where it stands. */
export interface ReleaseClaim {
  /** `name+keyid` of the key that signed it. */
  readonly key: string
  readonly origin: string
  readonly index: number
}

/** What somebody is about to install. */
export interface ArtifactRequest {
  /** `pkg:npm/name@version`, no qualifiers. */
  readonly purl: string
  /** Registry id: the one spelling that `registryIdOf` gives. */
  readonly registry: string
  /** Lower-case hex of the .tgz; absent where the source has no sha512, which is itself a finding. */
  readonly sha512?: string
  /** How the project depends on it, for the policy's overrides; absent: `prod`. */
  readonly dependency?: DependencyKind
  /** Workspace that it is installed for, as a path relative to the project's root; absent: of none that is known. */
  readonly workspace?: string
}

interface VerdictCommon extends Pick<ArtifactRequest, "purl" | "registry" | "sha512"> {
  /** Operators whose statements counted. */
  readonly claims: readonly Claim[]
  readonly findings: readonly Finding[]
  /** `single-operator` when one operator's word is all that the roster asks for; `rebuilt (recipe)`. */
  readonly labels: readonly string[]
  /** The highest level reached; absent for bytes alone. */
  readonly level?: Level
  readonly provenance?: ProvenanceClaim
  readonly rebuilds?: readonly RebuildClaim[]
  readonly releases?: readonly ReleaseClaim[]
}
export interface Allowed extends VerdictCommon {
  readonly ok: true
}
export interface Refused extends VerdictCommon {
  readonly ok: false
  readonly code: VerdictCode
}
export type Verdict = Allowed | Refused

/** Exit status for a set of verdicts (DESIGN §11): 0 allowed, 1 refused, 3 when the local clock is what failed. */
export function verdictsExit(verdicts: readonly Verdict[]): 0 | 1 | 3 {
  let status: 0 | 1 | 3 = 0
  for (const verdict of verdicts) {
    if (verdict.ok) continue
    if (verdict.code !== "CLOCK_BEHIND") return 1
    status = 3
  }
  return status
}
