/**
 * The registry's signatures over `name@version:integrity` (`dist.signatures`, STANDARDS §11).
 *
 * @packageDocumentation
 */
import { base64Decode, isVouchsafeError, utf8Encode } from "@vouchsafe/core"
import type { RegistrySignatureCode } from "./codes.ts"
import { verifyEcdsaP256 } from "./ecdsa.ts"
import { FACT_LENGTH_MAX, REGISTRY_SIGNATURE_LENGTH_MAX, REGISTRY_SIGNATURES_MAX } from "./limits.ts"
import type { RegistryKeys } from "./trust/keys.ts"

/** What a registry signed. */
export interface SignedVersion {
  readonly name: string
  readonly version: string
  /** `dist.integrity` as the registry wrote it. */
  readonly integrity: string
  /** Unix seconds, as the registry claims; null: it says nothing. */
  readonly publishedAt: number | null
}

/** `keyid` of a key whose signature verified; null where there was none, or any was refused. */
export interface SignatureResult {
  readonly keyid: string | null
  readonly refused: readonly RegistrySignatureCode[]
}

const NONE: SignatureResult = { keyid: null, refused: [] }

/**
 * Judges all signatures of a version: a bad one beside a good one refuses them all. Never throws.
 * A registry whose keys are not known cannot be judged: neither verified nor refused.
 *
 * @param signatures - `dist.signatures` of a packument, unchecked
 */
export function verifyRegistrySignature(keys: RegistryKeys | undefined, signed: SignedVersion, signatures: unknown): SignatureResult {
  if (keys === undefined || signatures === undefined || signatures === null) return NONE
  if (!Array.isArray(signatures) || signatures.length > REGISTRY_SIGNATURES_MAX) return { keyid: null, refused: ["REGISTRY_SIGNATURE_MALFORMED"] }
  if (signatures.length === 0) return NONE
  const data = utf8Encode(`${signed.name}@${signed.version}:${signed.integrity}`)
  const judged = signatures.map((signature: unknown) => judge(keys, signed, data, signature))
  const refused = [...new Set(judged.flatMap(({ refused }) => refused))].sort()
  return refused.length > 0 ? { keyid: null, refused } : { keyid: judged[0]?.keyid ?? null, refused }
}

function judge(keys: RegistryKeys, signed: SignedVersion, data: Uint8Array, value: unknown): SignatureResult {
  const refuse = (code: RegistrySignatureCode): SignatureResult => ({ keyid: null, refused: [code] })
  if (typeof value !== "object" || value === null) return refuse("REGISTRY_SIGNATURE_MALFORMED")
  const { keyid, sig } = value as { readonly keyid?: unknown; readonly sig?: unknown }
  if (typeof keyid !== "string" || keyid.length > FACT_LENGTH_MAX || typeof sig !== "string" || sig.length > REGISTRY_SIGNATURE_LENGTH_MAX) return refuse("REGISTRY_SIGNATURE_MALFORMED")
  const bytes = decode(sig)
  if (bytes === undefined || bytes.length === 0) return refuse("REGISTRY_SIGNATURE_MALFORMED")
  const key = keys.find(keyid, "signatures")
  if (key === undefined) return refuse("REGISTRY_SIGNATURE_KEY_UNKNOWN")
  // As npm does: a key that expires signs only what was published before. A newer key may sign what is older than itself.
  const isExpired = key.untilMs !== undefined && (signed.publishedAt === null || signed.publishedAt * 1000 >= key.untilMs)
  if (isExpired) return refuse("REGISTRY_SIGNATURE_KEY_EXPIRED")
  return verifyEcdsaP256(key.key, data, bytes) ? { keyid, refused: [] } : refuse("REGISTRY_SIGNATURE_INVALID")
}

function decode(text: string): Uint8Array | undefined {
  try {
    return base64Decode(text)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}
