/**
 * The cryptography of a bundle, by `@sigstore/verify`: certificate chain or key, signed certificate timestamp, log entry, time, signature.
 *
 * @packageDocumentation
 */
import type { Bundle } from "@sigstore/bundle"
import { type KeyFinderFunc, type Signer, toSignedEntity, toTrustMaterial, type TrustMaterial, Verifier } from "@sigstore/verify"
import { RFC3161Timestamp } from "@sigstore/core"
import type { RegistryKeys } from "../trust/keys.ts"
import type { Trust } from "../trust/trust.ts"
import { areOfSigner } from "./logged.ts"

/** What verified: who signed, and when at the latest. */
export type VerifiedBundle =
  | { readonly ok: true; readonly signer: Signer; /** Unix seconds, the earliest of the verified times. */ readonly signedAt: number }
  | { readonly ok: false; readonly fault: "LOG_UNKNOWN" | "UNVERIFIED"; readonly detail: string }

/** A verifier of bundles for one root of trust. */
export interface BundleVerifier {
  /** Never throws. `artifact`: the signed bytes, or their digest, for a bundle with a message signature. */
  verify(bundle: Bundle, artifact?: Buffer): VerifiedBundle
}

/** How much a bundle must bring. */
export interface Thresholds {
  /** Entries of transparency logs. Default 1. */
  readonly logs?: number
  /** Verified times: of a log's promise, or of a timestamp authority. Default 1. */
  readonly times?: number
}

/** Keys of a registry as the library asks for them. */
export function keyFinder(keys: RegistryKeys | undefined): KeyFinderFunc {
  return (hint) => {
    const key = keys?.find(hint, "attestations")
    if (key === undefined) throw new RangeError(`key ${hint} is not known`)
    return {
      publicKey: key.key,
      validFor: (date) => (key.fromMs === undefined || key.fromMs <= date.getTime()) && (key.untilMs === undefined || date.getTime() < key.untilMs),
    }
  }
}

/** @see BundleVerifier */
export function createBundleVerifier(trust: Pick<Trust, "trustedRoot">, keys: KeyFinderFunc, thresholds: Thresholds = {}): BundleVerifier {
  const material: TrustMaterial = toTrustMaterial(trust.trustedRoot, keys)
  const verifier = new Verifier(material, { ctlogThreshold: 1, tlogThreshold: thresholds.logs ?? 1, timestampThreshold: thresholds.times ?? 1 })
  return {
    verify(bundle, artifact) {
      const unknown = bundle.verificationMaterial.tlogEntries.some(({ logId }) => !material.tlogs.some((log) => logId !== undefined && log.logID.equals(logId.keyId)))
      if (unknown) return { ok: false, fault: "LOG_UNKNOWN", detail: "a transparency log that the trusted root does not name" }
      try {
        const signer = verifier.verify(toSignedEntity(bundle, artifact))
        const signedAt = earliestTime(bundle)
        if (!areOfSigner(bundle, signer.key)) return unverified("a log entry names another signer than the bundle")
        if (!wereLogsValid(bundle, material, signedAt)) return unverified("a log entry is of a time at which its log's key was not valid")
        return { ok: true, signer, signedAt }
      } catch (error) {
        // The library throws VerificationError for what it refuses, and other errors for what it cannot read: both are refusals.
        return unverified(error instanceof Error ? error.message : "verification failed")
      }
    },
  }
}

function unverified(detail: string): VerifiedBundle {
  return { ok: false, fault: "UNVERIFIED", detail }
}

/** The library asks this of promises only: an entry that has just a proof could be of a key that was given up. */
function wereLogsValid({ verificationMaterial: { tlogEntries } }: Bundle, { tlogs }: TrustMaterial, signedAt: number): boolean {
  const ms = signedAt * 1000
  return tlogEntries.every(({ logId }) => tlogs.some(({ logID, validFor: { start, end } }) => logId !== undefined && logID.equals(logId.keyId) && start.getTime() <= ms && ms <= end.getTime()))
}

/** Only times that the verifier has just verified: those of entries with a promise, and those of timestamp authorities. */
function earliestTime(bundle: Bundle): number {
  const { tlogEntries, timestampVerificationData } = bundle.verificationMaterial
  const times = [
    ...tlogEntries.flatMap(({ inclusionPromise, integratedTime }) => (inclusionPromise === undefined || integratedTime === "0" ? [] : [Number(integratedTime)])),
    ...(timestampVerificationData?.rfc3161Timestamps ?? []).map(({ signedTimestamp }) => Math.floor(RFC3161Timestamp.parse(Buffer.from(signedTimestamp)).signingTime.getTime() / 1000)),
  ]
  return times.length === 0 ? 0 : Math.min(...times)
}
