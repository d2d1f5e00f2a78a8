/**
 * The root of trust that comes with this package: the seed of `@sigstore/tuf`, as it was when that version was published. Offline.
 *
 * @packageDocumentation
 */
import seeds from "@sigstore/tuf/seeds.json" with { type: "json" }
import { registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { loadTrust, type Trust, type TrustTexts } from "./trust.ts"

interface Seed { readonly "root.json": string; readonly targets: Readonly<Record<string, string>> }

export const TRUSTED_ROOT_TARGET = "trusted_root.json"

/** The TUF target that holds a registry's keys is named after the registry's host. */
export function registryKeysTarget(registry: string): string {
  return `${new URL(registry).host}/keys.json`
}

function seedTarget(name: string): string | undefined {
  const [seed] = Object.values(seeds as unknown as Readonly<Record<string, Seed>>)
  const encoded = seed?.targets[encodeURIComponent(name)] ?? seed?.targets[name]
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8")
}

/** The mirror that the seed was taken from, and its TUF root at that time. */
export function seedRepository(): { readonly mirrorUrl: string; readonly rootJson: string } {
  const [[mirrorUrl, seed] = []] = Object.entries(seeds as unknown as Readonly<Record<string, Seed>>)
  if (mirrorUrl === undefined || seed === undefined) throw new VouchsafeError("TRUST_ROOT_MALFORMED", "the embedded seed names no repository")
  return { mirrorUrl, rootJson: Buffer.from(seed["root.json"], "base64").toString("utf8") }
}

/** The embedded `trusted_root.json`. */
export function embeddedTrustedRoot(): string {
  const text = seedTarget(TRUSTED_ROOT_TARGET)
  if (text === undefined) throw new VouchsafeError("TRUST_ROOT_MALFORMED", "the embedded seed has no trusted root")
  return text
}

/**
 * The texts of the embedded root of trust. Keys are there for npm's default registry only.
 *
 * @param defaultRegistry - registry id or URL that npm comes with, as npm's own configuration says
 */
export function embeddedTrustTexts(defaultRegistry: string): TrustTexts {
  const registry = registryIdOf(defaultRegistry)
  const trustedRootJson = embeddedTrustedRoot()
  const keys = seedTarget(registryKeysTarget(registry))
  return { trustedRootJson, registryKeysByRegistry: new Map(keys === undefined ? [] : [[registry, keys]]) }
}

/** The embedded root of trust. Touches neither network nor disk. @see embeddedTrustTexts */
export async function embeddedTrust(defaultRegistry: string): Promise<Trust> {
  return loadTrust(embeddedTrustTexts(defaultRegistry))
}
