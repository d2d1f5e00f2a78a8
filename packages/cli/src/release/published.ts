/**
 * The bytes that a release is about: fetched from the registry and hashed here, or a file.
 *
 * @packageDocumentation
 */
import { httpTransport, type NpmRegistries } from "@vouchsafe/client/node"
import { parseJson, shown, VouchsafeError, utf8Decode } from "@vouchsafe/core"
import { createHash } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import type { Spec } from "../check/registry.ts"

const TARBALL_BYTES_MAX = 268_435_456
const PACKUMENT_BYTES_MAX = 134_217_728
const TIMEOUT_MS = 120_000
const REDIRECTS_MAX = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** sha512 of a file, in lower-case hex. @throws VouchsafeError TARBALL_TOO_LARGE. */
export function hashFile(path: string): string {
  const { size } = statSync(path)
  if (size > TARBALL_BYTES_MAX) throw new VouchsafeError("TARBALL_TOO_LARGE", `${path} has ${size} bytes, expected at most ${TARBALL_BYTES_MAX}`)
  return createHash("sha512").update(readFileSync(path)).digest("hex")
}

/** A version as its registry has it. */
export interface Published {
  readonly bytes: Uint8Array
  /** Lower-case hexadecimal. */
  readonly sha512: string
  /** The version's manifest in the packument. */
  readonly manifest: unknown
  /** As the registry claims, as it writes it. */
  readonly time: string | undefined
}

/** {@link fetchPublished}, of which only the digest is wanted. */
export async function hashPublished(registries: NpmRegistries, spec: Spec): Promise<string> {
  return (await fetchPublished(registries, spec)).sha512
}

/**
 * Fetches a version's tarball from its configured registry and hashes it. What the packument says of its digest must hold.
 * @throws VouchsafeError NOT_FOUND, UPSTREAM_FAILED, PACKUMENT_MALFORMED, and what the transport throws.
 */
export async function fetchPublished(registries: NpmRegistries, spec: Spec): Promise<Published> {
  const transport = httpTransport()
  const get = async (url: string, maxBytes: number, redirects = 0): Promise<Uint8Array> => {
    // Only where scheme, host, port and path are those of the registry that the credentials are for (THREATS A8).
    const credentials = registries.credentialsFor(url)
    const answer = await transport.request({ method: "GET", url, timeoutMs: TIMEOUT_MS, maxBytes, headers: credentials === undefined ? {} : { authorization: credentials.header } })
    const location = answer.headers["location"]
    if (REDIRECTS.has(answer.status) && location !== undefined && redirects < REDIRECTS_MAX) {
      const next = new URL(location, url)
      if (url.startsWith("https:") && next.protocol !== "https:") throw new VouchsafeError("UPSTREAM_FAILED", "the registry redirects from https to another scheme")
      return get(next.href, maxBytes, redirects + 1)
    }
    if (answer.status === 404) throw new VouchsafeError("NOT_FOUND", `the registry has no ${shown(`${spec.name}@${spec.version}`)}`, { hint: "publish it first, or name the file with --tarball" })
    if (answer.status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `the registry answered ${answer.status} for ${shown(spec.name)}, expected 200`)
    return answer.body
  }
  try {
    const packument = utf8Decode(await get(`${registries.registryFor(spec.name)}${spec.name.replace("/", "%2f")}`, PACKUMENT_BYTES_MAX))
    const document = parseJson("PACKUMENT_MALFORMED", `packument of ${shown(spec.name)}`, packument)
    const dist = distOf(document, spec)
    const bytes = await get(dist.tarball, TARBALL_BYTES_MAX)
    const hash = createHash("sha512").update(bytes).digest()
    const said = /(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)/.exec(dist.integrity ?? "")?.[1]
    if (said !== undefined && said !== hash.toString("base64")) {
      throw new VouchsafeError("UPSTREAM_FAILED", `the registry serves a tarball with sha512-${hash.toString("base64")}, expected sha512-${said} as its packument says`, { hint: "do not release what you did not make: name your own file with --tarball" })
    }
    const { versions, time } = document as { versions: Record<string, unknown>; time?: Record<string, unknown> }
    const at = time?.[spec.version]
    return { bytes, sha512: hash.toString("hex"), manifest: versions[spec.version], time: typeof at === "string" ? at : undefined }
  } finally {
    transport.close()
  }
}

function distOf(document: unknown, { name, version }: Spec): { readonly tarball: string; readonly integrity: string | undefined } {
  const versions = (document as { versions?: Record<string, { dist?: { tarball?: unknown; integrity?: unknown } }> } | null)?.versions
  const dist = versions !== undefined && versions !== null && Object.hasOwn(versions, version) ? versions[version]?.dist : undefined
  if (dist === undefined || dist === null) throw new VouchsafeError("NOT_FOUND", `the registry has no ${shown(`${name}@${version}`)}`, { hint: "publish it first, or name the file with --tarball" })
  if (typeof dist.tarball !== "string" || !URL.canParse(dist.tarball)) throw new VouchsafeError("PACKUMENT_MALFORMED", `packument of ${shown(name)}: dist.tarball is no URL`)
  return { tarball: dist.tarball, integrity: typeof dist.integrity === "string" ? dist.integrity : undefined }
}
