/**
 * The registry's word on one version, read before anything is fetched because of it.
 *
 * @packageDocumentation
 */
import { hexDecode, hexEncode, isVouchsafeError, parseSri, sha512OfSri, shown, VouchsafeError } from "@vouchsafe/core"
import type { PackumentVersion } from "@vouchsafe/ports"
import { asObject, asPlainText, type ForeignObject, member } from "@vouchsafe/tarball"
import { PUBLISHER_LENGTH_MAX, REPOSITORY_LENGTH_MAX, TARBALL_URL_LENGTH_MAX } from "../limits.ts"
import { unixSecondsOf } from "../time.ts"

/** What is used of a version's manifest in a packument. */
export interface PackumentFacts {
  readonly manifest: ForeignObject
  readonly tarballUrl: string
  /** The registry's own digests, lower-case hexadecimal; at least one. */
  readonly sha512: string | undefined
  readonly sha1: string | undefined
  /** Unix seconds, as the registry claims. */
  readonly publishedAt: number | null
  readonly publisher: string | null
  readonly repository: string | null
  /** `dist.integrity` as written; null where there is none. */
  readonly integrity: string | null
  /** `dist.signatures` and `dist.attestations`, unchecked; undefined where there are none. */
  readonly signatures: unknown
  readonly attestations: unknown
}

function refuse(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("PACKUMENT_MALFORMED", `packument: ${why}`, { cause })
}

/** @throws VouchsafeError PACKUMENT_MALFORMED. */
export function readPackument(version: PackumentVersion): PackumentFacts {
  const manifest = asObject(version.manifest)
  if (manifest === undefined) throw refuse("the version is no object")
  const dist = asObject(member(manifest, "dist"))
  if (dist === undefined) throw refuse("the version has no dist")
  const tarballUrl = asPlainText(member(dist, "tarball"), TARBALL_URL_LENGTH_MAX)
  if (tarballUrl === undefined || !/^https?:\/\//i.test(tarballUrl)) throw refuse("dist.tarball is no http or https URL")
  const digests = readDigests(member(dist, "integrity"), member(dist, "shasum"))
  const repository = member(manifest, "repository")
  return {
    manifest, tarballUrl, ...digests,
    integrity: asIntegrity(member(dist, "integrity")),
    signatures: member(dist, "signatures") ?? undefined,
    attestations: member(dist, "attestations") ?? undefined,
    publishedAt: unixSecondsOf(version.time),
    publisher: asPlainText(member(asObject(member(manifest, "_npmUser")) ?? {}, "name"), PUBLISHER_LENGTH_MAX) ?? null,
    repository: asPlainText(typeof repository === "string" ? repository : member(asObject(repository) ?? {}, "url"), REPOSITORY_LENGTH_MAX) ?? null,
  }
}

/** Read by {@link readDigests} before: text, or none. */
function asIntegrity(value: unknown): string | null {
  return typeof value === "string" ? value : null
}

/** `integrity` as npm writes it, `shasum` as it did before; a digest of an algorithm that managers do not accept alone is none. */
function readDigests(integrity: unknown, shasum: unknown): { sha512: string | undefined, sha1: string | undefined } {
  const sha1s = new Set<string>()
  let sha512: string | undefined
  if (integrity !== undefined && integrity !== null) {
    if (typeof integrity !== "string") throw refuse("dist.integrity is no text")
    try {
      sha512 = sha512OfSri(integrity)
      for (const { algorithm, digest } of parseSri(integrity)) if (algorithm === "sha1") sha1s.add(hexEncode(digest))
    } catch (cause) {
      if (!isVouchsafeError(cause)) throw cause
      throw refuse(`dist.integrity ${shown(integrity)} does not parse`, cause)
    }
  }
  if (shasum !== undefined && shasum !== null) {
    if (typeof shasum !== "string" || !/^[0-9a-f]{40}$/i.test(shasum)) throw refuse("dist.shasum is no hexadecimal sha1")
    sha1s.add(hexEncode(hexDecode(shasum.toLowerCase())))
  }
  if (sha1s.size > 1) throw refuse("dist.integrity and dist.shasum name two different sha1")
  const [sha1] = sha1s
  if (sha512 === undefined && sha1 === undefined) throw refuse("dist has neither a sha512 nor a sha1")
  return { sha512, sha1 }
}
