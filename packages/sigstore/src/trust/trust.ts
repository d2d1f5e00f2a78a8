import type { TrustedRoot } from "@sigstore/protobuf-specs"
import { isRegistryId, shown, VouchsafeError } from "@vouchsafe/core"
import { parseRegistryKeys, type RegistryKeys } from "./keys.ts"
import { parseTrustedRoot } from "./trusted-root.ts"

/** Whom a verifier believes: Sigstore's authorities and logs, and the keys of registries. */
export interface Trust {
  readonly trustedRoot: TrustedRoot
  /** By registry id. Signatures of a registry that is not in here cannot be judged. */
  readonly registries: ReadonlyMap<string, RegistryKeys>
}

/** The same as texts. */
export interface TrustTexts {
  /** `trusted_root.json`. */
  readonly trustedRootJson: string
  /** By registry id: what it answers at `/-/npm/v1/keys`, or the target of Sigstore's TUF repository. */
  readonly registryKeysByRegistry: ReadonlyMap<string, string>
}

/**
 * Reads a root of trust.
 * @throws VouchsafeError TRUST_ROOT_MALFORMED, REGISTRY_KEYS_MALFORMED.
 */
export function loadTrust(texts: TrustTexts): Trust {
  const registries = new Map<string, RegistryKeys>()
  for (const [registry, json] of texts.registryKeysByRegistry) {
    if (!isRegistryId(registry)) throw new VouchsafeError("REGISTRY_KEYS_MALFORMED", `registry keys are for ${shown(registry)}, expected a registry id such as https://registry.example/`)
    registries.set(registry, parseRegistryKeys(json))
  }
  return { trustedRoot: parseTrustedRoot(texts.trustedRootJson), registries }
}
