/**
 * What a frozen view knows: packuments cut at a time, and tarballs that have been hashed.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { freezePackument, type FrozenPackument, type FrozenVersion, PACKUMENT_BYTES_MAX } from "@vouchsafe/registry-view"
import { createHash, timingSafeEqual } from "node:crypto"
import { open, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { UpstreamAnswer, UpstreamFetch } from "./guarded.ts"
import type { FrozenViewOptions } from "./types.ts"

/** Bytes of one tarball, and of all that a view keeps. */
export const TARBALL_BYTES_MAX = 512 * 1024 * 1024
export const SPOOL_BYTES_MAX = 8 * 1024 * 1024 * 1024
/** Packages that one build may ask for. */
export const PACKAGES_MAX = 20_000
const PACKUMENT_MS_MAX = 120_000
const TARBALL_MS_MAX = 600_000
const OK = 200
const GONE = [404, 410]
const SHA512 = /^sha512-([A-Za-z0-9+/]{86}==)$/

export interface FrozenSource {
  /** undefined: there is no such package. Rejects with the codes of the upstream, and PACKUMENT_MALFORMED. */
  packument(name: string): Promise<FrozenPackument | undefined>
  /** Path of a file with the tarball's bytes, which have the version's integrity. Rejects with the codes of the upstream, and SRI_MALFORMED. */
  tarball(version: FrozenVersion): Promise<string>
}

/** Asks upstream once for each thing, as long as it answers. */
export function createFrozenSource(options: FrozenViewOptions, fetch: UpstreamFetch, spool: string): FrozenSource {
  const packuments = new Map<string, Promise<FrozenPackument | undefined>>()
  const tarballs = new Map<string, Promise<string>>()
  let spooledBytes = 0
  const take = (bytes: number): void => {
    spooledBytes += bytes
    if (spooledBytes > SPOOL_BYTES_MAX) throw new VouchsafeError("UPSTREAM_FAILED", `one build asked for more than ${SPOOL_BYTES_MAX} bytes of tarballs`)
  }
  return {
    packument(name) {
      if (!packuments.has(name) && packuments.size >= PACKAGES_MAX) return Promise.reject(new VouchsafeError("UPSTREAM_FAILED", `one build asked for more than ${PACKAGES_MAX} packages`))
      return once(packuments, name, () => loadPackument(name, options, fetch))
    },
    async tarball(version) {
      const sha512 = sha512Of(version)
      if (options.target.sha512 !== undefined && options.target.sha512 === sha512.toString("hex")) throw new VouchsafeError("UPSTREAM_FAILED", "these are the bytes that are being rebuilt")
      return once(tarballs, sha512.toString("hex"), () => loadTarball(version, sha512, { fetch, spool, take }))
    },
  }
}

/** Concurrent and later calls share one answer; a failure is asked for again. */
function once<T>(known: Map<string, Promise<T>>, key: string, load: () => Promise<T>): Promise<T> {
  const found = known.get(key)
  if (found !== undefined) return found
  const started = load()
  known.set(key, started)
  started.catch(() => known.delete(key))
  return started
}

/** The registry that a name belongs to. */
function registryOf(name: string, { upstream }: FrozenViewOptions): string {
  const scope = name.startsWith("@") ? name.slice(0, name.indexOf("/")) : undefined
  const scoped = scope !== undefined && upstream.scopes !== undefined && Object.hasOwn(upstream.scopes, scope) ? upstream.scopes[scope] : undefined
  return scoped ?? upstream.registry
}

async function loadPackument(name: string, options: FrozenViewOptions, fetch: UpstreamFetch): Promise<FrozenPackument | undefined> {
  const answer = await fetch(`${registryOf(name, options)}${name.replace("/", "%2f")}`, "application/json", AbortSignal.timeout(PACKUMENT_MS_MAX))
  if (GONE.includes(answer.status)) {
    answer.close()
    return undefined
  }
  expectOk(answer, `packument of ${name}`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body) {
    bytes += chunk.length
    if (bytes > PACKUMENT_BYTES_MAX) {
      answer.close()
      throw new VouchsafeError("PACKUMENT_MALFORMED", `packument of ${name} has more than ${PACKUMENT_BYTES_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  let document: unknown
  try {
    document = JSON.parse(Buffer.concat(chunks).toString("utf8"))
  } catch (cause) {
    throw new VouchsafeError("PACKUMENT_MALFORMED", `packument of ${name} is not JSON`, { cause })
  }
  return freezePackument(document, { name, frozenAt: options.frozenAt, target: options.target, ...(options.withoutTimes === undefined ? {} : { withoutTimes: options.withoutTimes }) })
}

interface TarballTools { readonly fetch: UpstreamFetch; readonly spool: string; readonly take: (bytes: number) => void }

/** Written to a file of its own and hashed on the way; it gets its name, under which it is served, only with the right hash. */
async function loadTarball({ version, tarball }: FrozenVersion, sha512: Buffer, { fetch, spool, take }: TarballTools): Promise<string> {
  if (tarball === undefined) throw new VouchsafeError("PACKUMENT_MALFORMED", `version ${version} says not where its tarball is`)
  const path = join(spool, `${sha512.toString("hex")}.tgz`)
  const partial = `${path}.partial`
  const answer = await fetch(tarball, "*/*", AbortSignal.timeout(TARBALL_MS_MAX))
  expectOk(answer, `tarball of version ${version}`)
  const hash = createHash("sha512")
  let bytes = 0
  try {
    // opened before anything comes: a stream opens late, and would make the file after it was removed
    const file = await open(partial, "wx", 0o600)
    await pipeline(Readable.from(answer.body), async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes > TARBALL_BYTES_MAX) throw new VouchsafeError("TARBALL_TOO_LARGE", `tarball of version ${version} has more than ${TARBALL_BYTES_MAX} bytes`)
        take(chunk.length)
        hash.update(chunk)
        yield chunk
      }
    }, file.createWriteStream())
    if (!timingSafeEqual(hash.digest(), sha512)) throw new VouchsafeError("UPSTREAM_FAILED", `tarball of version ${version} has not the integrity that its packument says`)
    await rename(partial, path)
    return path
  } catch (error) {
    answer.close()
    await rm(partial, { force: true })
    throw error instanceof VouchsafeError ? error : new VouchsafeError("UPSTREAM_FAILED", `tarball of version ${version} did not come whole`, { cause: error })
  }
}

function sha512Of({ version, integrity }: FrozenVersion): Buffer {
  const digests = (integrity ?? "").split(/\s+/).map((text) => SHA512.exec(text)?.[1]).filter((text) => text !== undefined)
  const [digest] = digests
  if (digest === undefined || digests.length > 1) throw new VouchsafeError("SRI_MALFORMED", `version ${version} has the integrity ${shown(integrity ?? "")}, expected one sha512`)
  return Buffer.from(digest, "base64")
}

function expectOk(answer: UpstreamAnswer, what: string): void {
  if (answer.status === OK) return
  answer.close()
  throw new VouchsafeError("UPSTREAM_FAILED", `${what}: the registry answered ${answer.status}, expected ${OK}`)
}
