/**
 * An attester's own words, as log entries. Only here are statements of kind `own` made (THREATS A1).
 *
 * @packageDocumentation
 */
import {
  type Bytes, type Crypto, ENTRY_BYTES_MAX, formatByDigest, formatNotice, formatObservation, hexEncode, type History, isVouchsafeError, type Notice, type Observation,
  OBSERVATION_TYPE, type Upstream, utf8Encode, VouchsafeError,
} from "@vouchsafe/core"
import type { Tarball } from "@vouchsafe/tarball"
import { compareManifests } from "./package/mismatch.ts"
import type { PackumentFacts } from "./package/packument.ts"

/** What an observation is made of. */
export interface ObservationParts {
  readonly purl: string
  readonly registry: string
  /** Origin of the log that it goes into. */
  readonly origin: string
  /** Unix seconds. */
  readonly observedAt: number
  readonly tarball: Tarball
  readonly packument: PackumentFacts
  /** What came with it from its registry and verified. */
  readonly upstream: Upstream
  readonly history: History
}

/** A log entry, and the document that must be stored before it where the statement is too large for an entry. */
export interface StatementEntry {
  readonly bytes: Bytes
  readonly body: { readonly sha256: string, readonly bytes: Bytes } | undefined
}

/** Puts an observation together (packages/spec/observation.md). */
export function describeObservation(parts: ObservationParts): Observation {
  const { tarball, packument } = parts
  const { manifestText: _, ...contents } = tarball.contents
  const { manifest, scripts, gyp, bundled } = tarball.facts
  return {
    purl: parts.purl, sha512: tarball.sha512, log: parts.origin, registry: parts.registry, observedAt: parts.observedAt,
    tarball: { size: tarball.size, sha1: tarball.sha1, commitment: tarball.commitment },
    contents: { tarSha256: tarball.tarSha256, ...contents },
    package: {
      name: manifest.name, version: manifest.version, scripts, gyp, bundled,
      dependencies: manifest.dependencies, optionalDependencies: manifest.optionalDependencies, peerDependencies: manifest.peerDependencies,
    },
    packument: {
      publishedAt: packument.publishedAt, publisher: packument.publisher, repository: packument.repository,
      mismatch: compareManifests(tarball.facts, packument.manifest, tarball.paths),
    },
    upstream: parts.upstream, history: parts.history,
  }
}

/**
 * Writes an observation as a log entry, by digest where it is over 65,535 bytes.
 * @throws VouchsafeError TARBALL_TOO_LARGE where the facts are over what a statement may hold.
 */
export function observationEntry(crypto: Crypto, observation: Observation): StatementEntry {
  const text = within(() => formatObservation(observation))
  const bytes = utf8Encode(text)
  if (bytes.length <= ENTRY_BYTES_MAX) return { bytes, body: undefined }
  const { purl, sha512, log } = observation
  const entry = within(() => formatByDigest(crypto, { purl, sha512, log, predicateType: OBSERVATION_TYPE, text }))
  return { bytes: utf8Encode(entry), body: { sha256: hexEncode(crypto.sha256(bytes)), bytes } }
}

/** Writes a notice as a log entry. @throws VouchsafeError REQUEST_MALFORMED for a reason or digest that no notice may hold. */
export function noticeEntry(notice: Notice): Bytes {
  try {
    return utf8Encode(formatNotice(notice))
  } catch (cause) {
    if (!isVouchsafeError(cause) || cause.kind !== "input") throw cause
    throw new VouchsafeError("REQUEST_MALFORMED", cause.message, { cause })
  }
}

function within(format: () => string): string {
  try {
    return format()
  } catch (cause) {
    if (!isVouchsafeError(cause) || cause.kind !== "input") throw cause
    throw new VouchsafeError("TARBALL_TOO_LARGE", `tarball: its facts do not fit into an observation: ${cause.message}`, { cause })
  }
}
