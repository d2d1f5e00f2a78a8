/**
 * What the registry and its signers attest about an artifact, after somebody verified it (packages/spec/upstream.md).
 *
 * Facts only: the signatures themselves were checked by the attester that made the observation, and can be checked again from
 * the bundles, which nodes keep by digest.
 *
 * @packageDocumentation
 */
import { commitMember, factMember, SSH_FINGERPRINT } from "./facts.ts"
import { type Members, nullable, objectMember, patternMember, readMembers, sha256Member, TIME_SECONDS_MAX, wordMember } from "./members.ts"
import type { ShapeReader } from "./shape.ts"

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
  /** What else the build took in: resolved dependencies of the predicate other than the source, by URI, sorted; of each its first digest. */
  readonly inputs: readonly BuildInput[]
}

/** Something that a build took in: an action, a container image, a tool. */
export interface BuildInput {
  readonly uri: string
  /** `algorithm:hex`. */
  readonly digest: string
}

/** Most inputs of a provenance; one with more is refused. */
export const PROVENANCE_INPUTS_MAX = 256

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
const INPUT_DIGEST = /^[a-zA-Z0-9_]{1,32}:[0-9a-f]{32,128}$/
const DECIMAL_ID = /^[1-9][0-9]{0,19}$/
const URL_LENGTH_MAX = 512
const NAME_LENGTH_MAX = 2_048

const keyIdMember = /* @__PURE__ */ patternMember(SSH_FINGERPRINT, "SHA256: and 43 characters of base64")
const factOrNull = /* @__PURE__ */ nullable(factMember(NAME_LENGTH_MAX))
const idOrNull = /* @__PURE__ */ nullable(patternMember(DECIMAL_ID, "a decimal id"))

const PROVENANCE: Members<Provenance> = {
  bundle: sha256Member,
  predicateType: /* @__PURE__ */ wordMember(PROVENANCE_TYPES),
  issuer: /* @__PURE__ */ factMember(NAME_LENGTH_MAX),
  san: /* @__PURE__ */ factMember(NAME_LENGTH_MAX),
  repository: httpsRepository,
  repositoryId: idOrNull,
  ownerId: idOrNull,
  commit: commitMember,
  ref: factOrNull,
  workflow: factOrNull,
  trigger: factOrNull,
  builder: /* @__PURE__ */ factMember(NAME_LENGTH_MAX),
  runner: /* @__PURE__ */ nullable(wordMember(RUNNERS)),
  signedAt: (value, at, read) => read.integer(value, at, 1, TIME_SECONDS_MAX),
  inputs: inputsMember,
}

const keyIdOrNull = /* @__PURE__ */ nullable(keyIdMember)
const publishOrNull = /* @__PURE__ */ nullable(objectMember({ keyid: keyIdMember, bundle: sha256Member }))
const provenanceOrNull = /* @__PURE__ */ nullable(objectMember(PROVENANCE))

/** Reads `predicate.upstream`. Strict: every member, no other. */
export function upstreamMember(value: unknown, at: string, read: ShapeReader): Upstream {
  const upstream = read.object(value, at, ["signature", "publish", "provenance", "refused"])
  const refused = read.array(upstream["refused"], `${at}.refused`, UPSTREAM_REFUSED_MAX).map((code, i) =>
    read.pattern(code, `${at}.refused[${i}]`, REFUSED_CODE, "a code of upstream.md"))
  if (refused.some((code, i) => i > 0 && code <= (refused[i - 1] as string))) read.fail(`${at}.refused`, "codes in order, each once", refused.join(" "))
  if (upstream["signature"] === null && upstream["publish"] === null && upstream["provenance"] === null && refused.length === 0) return NO_UPSTREAM
  return {
    signature: keyIdOrNull(upstream["signature"], `${at}.signature`, read),
    publish: publishOrNull(upstream["publish"], `${at}.publish`, read),
    provenance: provenanceOrNull(upstream["provenance"], `${at}.provenance`, read),
    refused,
  }
}

const INPUT: Members<BuildInput> = { uri: /* @__PURE__ */ factMember(NAME_LENGTH_MAX), digest: /* @__PURE__ */ patternMember(INPUT_DIGEST, "an algorithm and a digest") }

function inputsMember(value: unknown, at: string, read: ShapeReader): readonly BuildInput[] {
  const inputs = read.array(value, at, PROVENANCE_INPUTS_MAX).map((input, i) => readMembers(input, `${at}[${i}]`, read, INPUT))
  return inputs.some(({ uri }, i) => i > 0 && uri <= (inputs[i - 1] as BuildInput).uri) ? read.fail(at, "inputs in order, each once", "another order") : inputs
}

function httpsRepository(value: unknown, at: string, read: ShapeReader): string {
  const url = read.string(value, at, URL_LENGTH_MAX)
  return HTTPS_REPOSITORY.test(url) && !/\.git$/i.test(url) ? url : read.fail(at, "an https URL of a repository, without .git", url)
}
