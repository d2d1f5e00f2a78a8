import { httpTransport, type NpmRegistries } from "@vouchsafe/client/node"
import { isVouchsafeError, npmNameOf, npmPurl, parseJson, parseSri, sha512OfSri, shellWord, shown, utf8Decode, VouchsafeError } from "@vouchsafe/core"

const PACKUMENT_BYTES_MAX = 134_217_728
const TIMEOUT_MS = 30_000

/** One package version as a person names it. */
export interface Spec {
  readonly name: string
  readonly version: string
  readonly purl: string
}

/** Reads `name@1.2.3`, `@scope/name@1.2.3` or a purl. @throws VouchsafeError USAGE. */
export function parseSpec(text: string): Spec {
  const match = /^((?:@[^/@\s]+\/)?[^/@\s]+)@(\d[^\s]*)$/.exec(text)
  try {
    const { name, version } = text.startsWith("pkg:") ? npmNameOf(text) : { name: match?.[1] ?? "", version: match?.[2] ?? "" }
    if (version !== "") return { name, version, purl: npmPurl(name, version) }
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
  }
  throw new VouchsafeError("USAGE", `${shown(text)} is no exact package version, expected name@1.2.3 or @scope/name@1.2.3`, { hint: "name one version: `npm view NAME versions` lists them, a lockfile names those in use" })
}

/**
 * The sha512 that the configured registry gives for a version: what a package manager would be told now.
 * @throws VouchsafeError NOT_FOUND, UPSTREAM_FAILED, UNREACHABLE, TIMEOUT, PACKUMENT_MALFORMED.
 */
export async function registrySha512(registries: NpmRegistries, spec: Spec): Promise<string> {
  const transport = httpTransport()
  try {
    const url = `${registries.registryFor(spec.name)}${spec.name.replace("/", "%2f")}`
    const credentials = registries.credentialsFor(url)
    const answer = await transport.request({
      method: "GET", url, timeoutMs: TIMEOUT_MS, maxBytes: PACKUMENT_BYTES_MAX,
      headers: { accept: "application/vnd.npm.install-v1+json", ...(credentials === undefined ? {} : { authorization: credentials.header }) },
    })
    if (answer.status === 404) throw new VouchsafeError("NOT_FOUND", `the registry has no package ${shown(spec.name)}`, { hint: "check the spelling, and that your npm configuration names the right registry for it" })
    if (answer.status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `the registry answered ${answer.status} for ${shown(spec.name)}, expected 200`)
    const document = parseJson("PACKUMENT_MALFORMED", `packument of ${shown(spec.name)}`, utf8Decode(answer.body)) as { versions?: Record<string, { dist?: { integrity?: unknown } }> } | null
    const versions = document?.versions
    if (versions === undefined || versions === null || !Object.hasOwn(versions, spec.version)) throw new VouchsafeError("NOT_FOUND", `the registry has no version ${shown(spec.version)} of ${shown(spec.name)}`, { hint: `\`npm view ${shellWord(spec.name)} versions\` lists those that there are` })
    const integrity = versions[spec.version]?.dist?.integrity
    if (typeof integrity !== "string") throw new VouchsafeError("NOT_FOUND", `the registry has no integrity for ${shown(`${spec.name}@${spec.version}`)}`)
    parseSri(integrity)
    const sha512 = sha512OfSri(integrity)
    if (sha512 === undefined) throw new VouchsafeError("NOT_FOUND", `the registry has no sha512 for ${shown(`${spec.name}@${spec.version}`)}`)
    return sha512
  } finally {
    transport.close()
  }
}
