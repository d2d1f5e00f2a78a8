/**
 * What the registry and its signers attest about an artifact, after somebody verified it (packages/spec/upstream.md).
 *
 * Facts only: the signatures themselves were checked by the attester that made the observation, and can be checked again from
 * the bundles, which nodes keep by digest.
 *
 * @packageDocumentation
 */
import { commitMember, factText, nullable, SSH_FINGERPRINT } from "./facts.ts"
import { HEX_SHA256, type ShapeReader } from "./shape.ts"

export const SLSA_PROVENANCE_V1_TYPE = "https://slsa.dev/provenance/v1"
export const SLSA_PROVENANCE_V02_TYPE = "https://slsa.dev/provenance/v0.2"
const PROVENANCE_TYPES = [SLSA_PROVENANCE_V1_TYPE, SLSA_PROVENANCE_V02_TYPE] as const
const RUNNERS = ["github-hosted", "self-hosted"] as const

/** A Sigstore provenance statement that verified. */
export interface Provenance {
  /** Hex SHA-256 of the bundle's JSON document. */
  readonly bundle: string
  readonly predicateType: (typeof PROVENANCE_TYPES)[number]
  /** OIDC issuer that the certificate names. */
  readonly issuer: string
  /** Subject alternative name of the certificate. */
  readonly san: string
  /** https URL without `.git` and trailing slash. */
  readonly repository: string
  /** Decimal ids at the forge; names are registered again, ids are not. Null where the certificate is too old to say. */
  readonly repositoryId: string | null
  readonly ownerId: string | null
  readonly commit: string
  readonly ref: string | null
  readonly workflow: string | null
  readonly trigger: string | null
  /** Builder id of the predicate. */
  readonly builder: string
  readonly runner: (typeof RUNNERS)[number] | null
  /** Unix seconds, from the transparency log or a timestamp authority. */
  readonly signedAt: number
}

/** What came with an artifact from its registry and verified, and the codes of what did not. */
export interface Upstream {
  /** Key id (`SHA256:…`) whose signature over `name@version:integrity` verified. Null: there was none, or it was refused. */
  readonly signature: string | null
  /** The registry's own publish attestation. */
  readonly publish: { readonly keyid: string; readonly bundle: string } | null
  readonly provenance: Provenance | null
  /** Codes of what was there and was refused; sorted, each once. */
  readonly refused: readonly string[]
}

/** Nothing came with the artifact. */
export const NO_UPSTREAM: Upstream = Object.freeze({ signature: null, publish: null, provenance: null, refused: Object.freeze([]) as readonly string[] })

/** Most codes in `refused`. */
export const UPSTREAM_REFUSED_MAX = 32
const REFUSED_CODE = /^(?:REGISTRY_SIGNATURE|ATTESTATIONS|PUBLISH|PROVENANCE)_[A-Z0-9_]{1,48}$/
const HTTPS_REPOSITORY = /^https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?(?:\/[A-Za-z0-9._~%+-]+)+$/
const DECIMAL_ID = /^[1-9][0-9]{0,19}$/
const URL_LENGTH_MAX = 512
const NAME_LENGTH_MAX = 2_048
const MAX = Number.MAX_SAFE_INTEGER

/** Reads `predicate.upstream`. Strict: every member, no other. */
export function upstreamMember(value: unknown, at: string, read: ShapeReader): Upstream {
  const upstream = read.object(value, at, ["signature", "publish", "provenance", "refused"])
  const refused = read.array(upstream["refused"], `${at}.refused`, UPSTREAM_REFUSED_MAX).map((code, i) =>
    read.pattern(code, `${at}.refused[${i}]`, REFUSED_CODE, "a code of upstream.md"))
  if (refused.some((code, i) => i > 0 && code <= (refused[i - 1] as string))) read.fail(`${at}.refused`, "codes in order, each once", refused.join(" "))
  if (upstream["signature"] === null && upstream["publish"] === null && upstream["provenance"] === null && refused.length === 0) return NO_UPSTREAM
  return {
    signature: nullable(upstream["signature"], (keyid) => keyIdMember(keyid, `${at}.signature`, read)),
    publish: nullable(upstream["publish"], (publish) => publishMember(publish, `${at}.publish`, read)),
    provenance: nullable(upstream["provenance"], (provenance) => provenanceMember(provenance, `${at}.provenance`, read)),
    refused,
  }
}

function keyIdMember(value: unknown, at: string, read: ShapeReader): string {
  return read.pattern(value, at, SSH_FINGERPRINT, "SHA256: and 43 characters of base64")
}

function bundleMember(value: unknown, at: string, read: ShapeReader): string {
  return read.pattern(value, at, HEX_SHA256, "64 lower-case hex digits")
}

function publishMember(value: unknown, at: string, read: ShapeReader): NonNullable<Upstream["publish"]> {
  const publish = read.object(value, at, ["keyid", "bundle"])
  return { keyid: keyIdMember(publish["keyid"], `${at}.keyid`, read), bundle: bundleMember(publish["bundle"], `${at}.bundle`, read) }
}

function provenanceMember(value: unknown, at: string, read: ShapeReader): Provenance {
  const shape = read.object(value, at, [
    "bundle", "predicateType", "issuer", "san", "repository", "repositoryId", "ownerId", "commit", "ref", "workflow", "trigger", "builder", "runner", "signedAt",
  ])
  const text = (key: string, lengthMax = NAME_LENGTH_MAX) => factText(shape[key], `${at}.${key}`, lengthMax, read)
  const optional = (key: string) => nullable(shape[key], () => text(key))
  const id = (key: string) => nullable(shape[key], (digits) => read.pattern(digits, `${at}.${key}`, DECIMAL_ID, "a decimal id"))
  return {
    bundle: bundleMember(shape["bundle"], `${at}.bundle`, read),
    predicateType: read.oneOf(shape["predicateType"], `${at}.predicateType`, PROVENANCE_TYPES),
    issuer: text("issuer"),
    san: text("san"),
    repository: httpsRepository(shape["repository"], `${at}.repository`, read),
    repositoryId: id("repositoryId"),
    ownerId: id("ownerId"),
    commit: commitMember(shape["commit"], `${at}.commit`, read),
    ref: optional("ref"),
    workflow: optional("workflow"),
    trigger: optional("trigger"),
    builder: text("builder"),
    runner: nullable(shape["runner"], (runner) => read.oneOf(runner, `${at}.runner`, RUNNERS)),
    signedAt: read.integer(shape["signedAt"], `${at}.signedAt`, 1, MAX),
  }
}

function httpsRepository(value: unknown, at: string, read: ShapeReader): string {
  const url = read.string(value, at, URL_LENGTH_MAX)
  return HTTPS_REPOSITORY.test(url) && !/\.git$/i.test(url) ? url : read.fail(at, "an https URL of a repository, without .git", url)
}
