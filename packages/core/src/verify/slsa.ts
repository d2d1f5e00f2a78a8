/**
 * Statements in other people's words, derived from ours: SLSA Provenance v1 of a rebuild, SLSA VSA v1 of a verdict
 * (STANDARDS §10; packages/spec/rebuild.md, packages/spec/verdict.md). Whoever exports them signs them.
 *
 * @packageDocumentation
 */
import { hexOfH1 } from "../dirhash.ts"
import type { JsonObject } from "../jcs.ts"
import { npmNameOf } from "../purl.ts"
import { STATEMENT_TYPE, type Statement } from "../statement.ts"
import { isPlaceholder } from "./facts.ts"
import { type Rebuild, REBUILD_MATCHES, type RebuildMatch } from "./rebuild.ts"
import { REBUILD_TYPE } from "./statement-text.ts"
import { SLSA_PROVENANCE_V1_TYPE } from "./upstream.ts"
import type { RebuildClaim, Verdict } from "./verdict.ts"

export const SLSA_SUMMARY_TYPE = "https://slsa.dev/verification_summary/v1"
/** Property of a summary: independent platforms built the same (SLSA). */
export const SLSA_REPRODUCED = "SLSA_BUILD_REPRODUCED"
/** Operators that must agree before a summary may say so; SLSA's number, whatever a policy asks. */
export const REPRODUCED_OPERATORS_MIN = 2

/** RFC 3339 in UTC of Unix seconds. */
function time(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace(".000Z", "Z")
}

/** An id that somebody must be able to act on. @throws RangeError */
function idOf(id: string, what: string): string {
  if (isPlaceholder(id)) throw new RangeError(`${what} is empty or a placeholder, expected a URI`)
  return id
}

/** Name of the file that `npm pack` of a version gives, without the scope. */
function fileNameOf(purl: string): string {
  const { name, version } = npmNameOf(purl)
  return `${name.slice(name.indexOf("/") + 1)}-${version}.tgz`
}

/**
 * SLSA Provenance v1 of what a rebuild produced. Its subject is the rebuilt package, never the published one under another's digest.
 * @param builderId - URI of the rebuilder, `runDetails.builder.id`
 * @throws RangeError for an empty builder id.
 */
export function provenanceOf(rebuild: Rebuild, builderId: string): Statement {
  const { purl, registry, match, source, recipe, environment, rebuilt, differences } = rebuild
  const document = differences.document
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: match === "tgz" ? purl : `rebuild/${fileNameOf(purl)}`, digest: { sha512: rebuilt.sha512, dirHash: hexOfH1(rebuilt.h1) } }],
    predicateType: SLSA_PROVENANCE_V1_TYPE,
    predicate: {
      buildDefinition: {
        buildType: REBUILD_TYPE,
        externalParameters: { package: purl, registry, recipe: recipe.sha256, ...(source.directory === "" ? {} : { directory: source.directory }) },
        internalParameters: { frozenAt: time(environment.frozenAt), environment: { node: environment.node, manager: environment.manager, platform: environment.platform, sandbox: environment.sandbox } },
        resolvedDependencies: [{ uri: `git+${source.repository}@${source.ref}`, digest: { gitCommit: source.commit } }],
      },
      runDetails: {
        builder: { id: idOf(builderId, "builder id") },
        metadata: { startedOn: time(rebuild.startedAt), finishedOn: time(rebuild.rebuiltAt) },
        ...(document === null ? {} : { byproducts: [{ name: "differences.json", mediaType: "application/json", digest: { sha256: document } }] }),
      },
      vouchsafe_match: { level: match, published: { name: purl, digest: { sha512: rebuild.sha512 } } },
    },
  }
}

/** Who concludes, when, and under which policy. */
export interface SummaryOptions {
  /** URI of the verifier. */
  readonly verifierId: string
  readonly version?: string
  /** Unix seconds of the verdict. */
  readonly timeVerified: number
  /** The policy that was applied: a URI, and hex SHA-256 of its document. */
  readonly policy: { readonly uri: string; readonly sha256: string }
}

/**
 * SLSA Verification Summary v1 of a verdict: what this verifier concluded about exactly these bytes.
 * @throws RangeError for a verdict without digest, which is about no bytes, and for empty ids.
 */
export function summaryOf(verdict: Verdict, options: SummaryOptions): Statement {
  const { purl, sha512, ok } = verdict
  if (sha512 === undefined) throw new RangeError(`verdict on ${purl} has no sha512, expected the bytes that it is about`)
  const agreeing = agreeingRebuilds(verdict)
  const predicate: JsonObject = {
    verifier: { id: idOf(options.verifierId, "verifier id"), ...(options.version === undefined ? {} : { version: { vouchsafe: options.version } }) },
    timeVerified: time(options.timeVerified),
    resourceUri: purl,
    policy: { uri: idOf(options.policy.uri, "policy URI"), digest: { sha256: options.policy.sha256 } },
    verificationResult: ok ? "PASSED" : "FAILED",
    verifiedLevels: ok ? [buildLevel(verdict), ...(agreeing.length === 0 ? [] : [SLSA_REPRODUCED])] : ["FAILED"],
    slsaVersion: "1.1",
    ...(agreeing.length === 0 || !ok ? {} : { vouchsafe_match: weakest(agreeing) }),
  }
  return { _type: STATEMENT_TYPE, subject: [{ name: purl, digest: { sha512 } }], predicateType: SLSA_SUMMARY_TYPE, predicate }
}

/**
 * What verified provenance is worth on SLSA's build track: signed by a hosted platform, or merely there. Beside the level `rebuilt` only where
 * all operators that count verified it, since the verdict does not say then whether a quorum did.
 */
function buildLevel({ level, provenance, claims }: Verdict): string {
  const isQuorum = provenance !== undefined && (level === "provenance" || provenance.saidBy.length === new Set(claims.map(({ operator }) => operator)).size)
  if (level === undefined || !isQuorum) return "SLSA_BUILD_LEVEL_0"
  return provenance.runner === "github-hosted" ? "SLSA_BUILD_LEVEL_2" : "SLSA_BUILD_LEVEL_1"
}

/** The rebuilds behind the level `rebuilt`, where independent operators made them; empty where too few did. */
function agreeingRebuilds({ level, rebuilds }: Verdict): readonly RebuildClaim[] {
  const agreeing = (rebuilds ?? []).filter(({ agrees, match }) => agrees && match !== "none")
  return level === "rebuilt" && new Set(agreeing.map(({ operator }) => operator)).size >= REPRODUCED_OPERATORS_MIN ? agreeing : []
}

function weakest(rebuilds: readonly RebuildClaim[]): RebuildMatch {
  return REBUILD_MATCHES[Math.max(...rebuilds.map(({ match }) => REBUILD_MATCHES.indexOf(match)))] ?? "none"
}
