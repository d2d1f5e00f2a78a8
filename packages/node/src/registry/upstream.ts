/**
 * Whom this node believes about packages of its registries: Sigstore's authorities and the registries' keys.
 *
 * @packageDocumentation
 */
import { npmBuiltInRegistry } from "@vouchsafe/client/node"
import { registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { createUpstreamVerifier, embeddedTrustTexts, loadTrust, REGISTRY_KEYS_LENGTH_MAX, TRUSTED_ROOT_LENGTH_MAX, type UpstreamVerifier } from "@vouchsafe/sigstore"
import { readFileSync, statSync } from "node:fs"

/** As the configuration says. */
export interface UpstreamOptions {
  /** Path of `trusted_root.json`; the embedded one where absent. */
  readonly trustRoot?: string | undefined
  /** Paths of keys by registry id. They replace the embedded ones of that registry. */
  readonly registryKeys: ReadonlyMap<string, string>
}

/**
 * A verifier from files and the embedded seed. Uses no network.
 * @throws VouchsafeError CONFIG_MALFORMED (a file that cannot be read), TRUST_ROOT_MALFORMED, REGISTRY_KEYS_MALFORMED.
 */
export async function upstreamVerifierFor(options: UpstreamOptions): Promise<UpstreamVerifier> {
  const embedded = embeddedTrustTexts(await npmBuiltInRegistry())
  const registryKeysByRegistry = new Map(embedded.registryKeysByRegistry)
  for (const [registry, path] of options.registryKeys) registryKeysByRegistry.set(registryIdOf(registry), readText(path, "registry keys", REGISTRY_KEYS_LENGTH_MAX))
  const trustedRootJson = options.trustRoot === undefined ? embedded.trustedRootJson : readText(options.trustRoot, "trusted root", TRUSTED_ROOT_LENGTH_MAX)
  return createUpstreamVerifier(loadTrust({ trustedRootJson, registryKeysByRegistry }))
}

function readText(path: string, what: string, lengthMax: number): string {
  try {
    const { size } = statSync(path)
    if (size > lengthMax) throw new VouchsafeError("CONFIG_MALFORMED", `${what} ${path} has ${size} bytes, expected at most ${lengthMax}`)
    return readFileSync(path, "utf8")
  } catch (cause) {
    if (cause instanceof VouchsafeError) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `${what} ${path} cannot be read`, { cause })
  }
}
