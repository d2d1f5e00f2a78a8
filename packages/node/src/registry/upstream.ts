/**
 * Whom this node believes about packages of its registries: Sigstore's authorities and the registries' keys.
 *
 * @packageDocumentation
 */
import { npmBuiltInRegistry } from "@vouchsafe/client/node"
import { parseJson, registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { createUpstreamVerifier, embeddedTrustTexts, loadTrust, REGISTRY_KEYS_LENGTH_MAX, seedRepository, TRUSTED_ROOT_LENGTH_MAX, type UpstreamVerifier } from "@vouchsafe/sigstore"
import { readFileSync, statSync } from "node:fs"
import { fixedTrust, keepTrust, type KeptTrust, type TrustOptions } from "./trust.ts"
import { createTrustStore } from "./trust-store.ts"

/** As the configuration says. */
export interface UpstreamOptions {
  /** Path of `trusted_root.json`; the embedded one where absent. */
  readonly trustRoot?: string | undefined
  /** Paths of keys by registry id. They replace the embedded ones of that registry. */
  readonly registryKeys: ReadonlyMap<string, string>
  /** TUF repository to refresh both from; without it they stay as they are. */
  readonly trustMirror?: string | undefined
  /** Path of that repository's pinned `root.json`; the embedded seed's where absent. */
  readonly trustRootJson?: string | undefined
}

/** What keeping trust works with beside the configuration. */
export type TrustWorld = Pick<TrustOptions, "registries" | "clock" | "timers" | "logger" | "onRefresh"> & {
  /** Folder of its own in the data folder. */
  readonly folder: string
}

/**
 * Reads the files of the configuration, so that what is wrong with them is said before anything listens.
 * @returns what opens the trust once the rest of the node is there
 * @throws VouchsafeError CONFIG_MALFORMED, TRUST_ROOT_MALFORMED, REGISTRY_KEYS_MALFORMED.
 */
export async function prepareTrust(options: UpstreamOptions): Promise<(world: TrustWorld) => Promise<KeptTrust>> {
  const { trustMirror } = options
  if (trustMirror === undefined) {
    if (options.trustRootJson !== undefined) throw new VouchsafeError("CONFIG_MALFORMED", "--trust-root-json is given without --trust-mirror, expected both or neither")
    const verifier = await upstreamVerifierFor(options)
    return async () => fixedTrust(verifier, options.trustRoot === undefined && options.registryKeys.size === 0 ? "embedded" : "files")
  }
  if (options.trustRoot !== undefined) throw new VouchsafeError("CONFIG_MALFORMED", "--trust-root and --trust-mirror are both given, expected one: a file does not get newer")
  const rootJson = options.trustRootJson === undefined ? seedRepository().rootJson : readRootJson(options.trustRootJson)
  const registryKeys = readKeys(options)
  loadTrust({ trustedRootJson: embeddedTrustTexts(await npmBuiltInRegistry()).trustedRootJson, registryKeysByRegistry: registryKeys })
  return async ({ folder, ...world }) => keepTrust({ ...world, mirrorUrl: trustMirror, rootJson, registryKeys, store: createTrustStore(folder, trustMirror, rootJson) })
}

/** The signatures are TUF's to judge; a file of another kind is found here. */
function readRootJson(path: string): string {
  const text = readText(path, "TUF root", TRUSTED_ROOT_LENGTH_MAX)
  const document = parseJson("CONFIG_MALFORMED", `TUF root ${path}`, text) as { readonly signed?: { readonly _type?: unknown } } | null
  if (document?.signed?._type !== "root") throw new VouchsafeError("CONFIG_MALFORMED", `TUF root ${path} has no signed part of type root`, { hint: "give the root.json of the mirror's TUF repository" })
  return text
}

function readKeys({ registryKeys }: UpstreamOptions): Map<string, string> {
  return new Map([...registryKeys].map(([registry, path]) => [registryIdOf(registry), readText(path, "registry keys", REGISTRY_KEYS_LENGTH_MAX)]))
}

/**
 * A verifier from files and the embedded seed. Uses no network.
 * @throws VouchsafeError CONFIG_MALFORMED (a file that cannot be read), TRUST_ROOT_MALFORMED, REGISTRY_KEYS_MALFORMED.
 */
export async function upstreamVerifierFor(options: UpstreamOptions): Promise<UpstreamVerifier> {
  const embedded = embeddedTrustTexts(await npmBuiltInRegistry())
  const registryKeysByRegistry = new Map([...embedded.registryKeysByRegistry, ...readKeys(options)])
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
