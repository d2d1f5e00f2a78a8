import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { structUtils, type Locator } from "@yarnpkg/core"
import { parsePolicy, type ArtifactRequest, type LogEvidence, type Verdict } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { wrapNetworkRequest } from "../src/network.ts"
import { fetcherBefore, type Guard } from "../src/guard.ts"
import { createJudge, type Judge } from "../src/judge.ts"
import type { Ties } from "../src/ties.ts"
import type { Fetcher, FetchOptions, FetchResult, PackageFs, PortablePath } from "../src/yarn.ts"

export const REGISTRY = "https://registry.example/"
export const NOW_MS = Date.parse("2026-06-01T12:00:00Z")

export const sha512 = (bytes: string | Uint8Array): string => createHash("sha512").update(bytes).digest("hex")

export function locatorOf(name: string, reference = "npm:1.0.0"): Locator {
  return structUtils.makeLocator(structUtils.parseIdent(name), reference)
}

/** Files by path from the archive's root. `mode` and `kind` as far as the guard looks at them. */
export type Files = Readonly<Record<string, string | { readonly content: string, readonly mode?: number, readonly kind?: "link" }>>

/** A zip of Yarn's, as far as the guard uses one; on disk it is JSON. */
export class FakeArchive {
  readonly path: string
  readonly files: Files
  constructor(path: string, _options?: { readonly readOnly: true }) {
    this.path = path
    this.files = JSON.parse(readFileSync(path, "utf8")) as Files
  }
  getRealPath(): string { return this.path }
  saveAndClose(): void {}
  discardAndClose(): void {}
  readdirSync(folder: string): string[] {
    const prefix = folder === "/" ? "/" : `${folder}/`
    return [...new Set(Object.keys(this.files).filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length).split("/")[0] as string))]
  }
  lstatSync(path: string): { isDirectory(): boolean, isFile(): boolean, readonly mode: number } {
    const file = this.files[path]
    const { mode = 0o644, kind = "file" } = typeof file === "object" ? file : {}
    return { isDirectory: () => file === undefined, isFile: () => file !== undefined && kind === "file", mode }
  }
  readFileSync(path: string): Uint8Array {
    const file = this.files[path]
    return Buffer.from(typeof file === "object" ? file.content : file ?? "")
  }
}

export const packageFs = (archive: FakeArchive): PackageFs => archive as unknown as PackageFs

type LoadOptions = Parameters<FetchOptions["cache"]["fetchPackageFromCache"]>[2]

/** Everything that Yarn brings, small: one project, one cache, one registry, one fetcher. */
export interface World {
  readonly folder: string
  readonly registry: Map<string, string>
  readonly requested: string[]
  readonly asked: ArtifactRequest[][]
  readonly warnings: string[]
  readonly guard: Guard
  readonly opts: FetchOptions
  readonly settings: Map<string, unknown>
  readonly checksums: Map<string, string>
  readonly ties: Map<string, string>
  readonly storedPackages: Map<string, Locator>
  /** Fetches through the guard, as Yarn's fetch step does. */
  fetch(locator: Locator, more?: Partial<FetchOptions>): Promise<FetchResult>
  /** Puts an archive into the project's cache, or into the mirror, and gives its path. */
  keep(locator: Locator, files: Files, where?: "cache" | "mirror"): string
  pathOf(locator: Locator): string
  close(): void
}

export interface WorldOptions {
  readonly policy?: Readonly<Record<string, unknown>>
  readonly verdict?: (request: ArtifactRequest) => Verdict
  readonly evidence?: readonly LogEvidence[]
  readonly judgeFor?: () => Promise<Judge>
  readonly immutable?: boolean
  readonly check?: boolean
}

export const archiveFiles = (name: string, files: Readonly<Record<string, string>>): Files =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [`/node_modules/${name}/${path}`, content]))

export function allowed(request: ArtifactRequest, more: Partial<Verdict> = {}): Verdict {
  return { ...request, claims: [], labels: [], findings: [], ...more, ok: true } as Verdict
}

export function refused(request: ArtifactRequest, code: "NOT_VOUCHED" | "WITHDRAWN" = "NOT_VOUCHED"): Verdict {
  return { ...request, ok: false, code, claims: [], labels: [], findings: [{ code, severity: "deny", saidBy: ["alpha"], message: "0 of the 3 operators needed vouch for these bytes" }] }
}

export function makeWorld(options: WorldOptions = {}): World {
  const folder = mkdtempSync(join(tmpdir(), "vouchsafe-yarn-"))
  const registry = new Map<string, string>()
  const requested: string[] = []
  const asked: ArtifactRequest[][] = []
  const warnings: string[] = []
  const settings = new Map<string, unknown>([["npmRegistryServer", "https://registry.example"], ["npmScopes", new Map()], ["checksumBehavior", "throw"]])
  const checksums = new Map<string, string>()
  const ties = new Map<string, string>()
  const storedPackages = new Map<string, Locator>()
  const tieStore: Ties = { tarballOf: (archive) => ties.get(archive), remember: (archive, tarball) => void ties.set(archive, tarball) }
  const judge = createJudge({
    policy: parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./r.json", ...options.policy })),
    crypto: nodeCrypto, registries: [REGISTRY], ties: tieStore, nowMs: () => NOW_MS,
    check: (requests) => {
      asked.push([...requests])
      return Promise.resolve({ verdicts: requests.map((request) => (request.sha512 === undefined ? refused(request) : (options.verdict ?? allowed)(request))), evidence: options.evidence ?? [] })
    },
  }, (callback) => void queueMicrotask(callback))
  const guard: Guard = { judgeFor: options.judgeFor ?? (() => Promise.resolve(judge)), checked: new Map(), arrived: new Map() }

  const slug = (locator: Locator): string => `${structUtils.slugifyLocator(locator)}.zip`
  const pathOf = (locator: Locator): string => join(folder, slug(locator))
  const mirrorOf = (locator: Locator): string => join(folder, `mirror-${slug(locator)}`)
  const hashOf = (path: string): string => sha512(readFileSync(path))
  let made = 0
  const make = (files: Files): FakeArchive => {
    const path = join(folder, `made-${made++}.tmp`)
    writeFileSync(path, JSON.stringify(files))
    return new FakeArchive(path)
  }

  const cache = {
    cwd: folder, immutable: options.immutable === true, check: options.check === true,
    getLocatorPath: pathOf,
    async fetchPackageFromCache(locator: Locator, expected: string | null, { loader, onHit, onMiss, skipIntegrityCheck, unstablePackages }: LoadOptions) {
      const path = pathOf(locator)
      if (existsSync(path)) onHit?.()
      else {
        onMiss?.()
        const from = existsSync(mirrorOf(locator)) ? mirrorOf(locator) : (await loader?.())?.getRealPath() as string
        writeFileSync(path, readFileSync(from))
      }
      const isIgnored = settings.get("checksumBehavior") === "ignore" || skipIntegrityCheck === true
      const isHidden = unstablePackages?.has(locator.locatorHash) === true
      return [new FakeArchive(path), () => undefined, isHidden ? null : expected !== null && isIgnored ? expected : `10c0/${hashOf(path)}`]
    },
  }

  /** What Yarn's own fetchers do: ask the cache, else the network (npm) or a source (the others), through the guard's hook. */
  const builtIn: Fetcher = {
    supports: () => true,
    getLocalPath: ({ reference }) => (reference.startsWith("workspace:") ? join(folder, reference.slice("workspace:".length)) as PortablePath : null),
    async fetch(locator, opts) {
      const name = structUtils.stringifyIdent(locator)
      const loader = async (): Promise<FakeArchive> => {
        const source = /^patch:([^#]+)#/.exec(locator.reference)?.[1]
        if (source !== undefined) await opts.fetcher.fetch(structUtils.parseLocator(decodeURIComponent(source)), opts)
        if (!locator.reference.startsWith("npm:")) return make(archiveFiles(name, { "index.js": "derived" }))
        const url = `https://registry.example/${name}/-/${basename(name)}-1.0.0.tgz`
        const request = await wrapNetworkRequest(() => {
          requested.push(url)
          const body = registry.get(name)
          return body === undefined ? Promise.reject(new Error("Response code 404")) : Promise.resolve({ body: Buffer.from(body) })
        }, { target: url })
        const { body } = await request()
        return make(archiveFiles(name, JSON.parse(Buffer.from(body as Uint8Array).toString("utf8")) as Record<string, string>))
      }
      const [archive, releaseFs, checksum] = await opts.cache.fetchPackageFromCache(locator, opts.checksums.get(locator.locatorHash) ?? null, {
        ...opts.cacheOptions, loader, onHit: () => undefined, onMiss: () => undefined,
      } as unknown as LoadOptions)
      return { packageFs: archive as unknown as PackageFs, releaseFs, checksum, prefixPath: structUtils.getIdentVendorPath(locator) }
    },
  }
  const fetcher = fetcherBefore(guard, [builtIn])
  const opts = {
    cache, checksums, fetcher,
    project: { cwd: folder, configuration: { get: (key: string) => settings.get(key) }, storedPackages, disabledLocators: new Set<string>() },
    report: { reportWarningOnce: (_name: number, text: string) => void warnings.push(text) },
  } as unknown as FetchOptions
  return {
    folder, registry, requested, asked, warnings, guard, opts, settings, checksums, ties, storedPackages, pathOf,
    fetch: (locator, more = {}) => fetcher.fetch(locator, { ...opts, ...more }),
    keep(locator, files, where = "cache") {
      const path = where === "cache" ? pathOf(locator) : mirrorOf(locator)
      writeFileSync(path, JSON.stringify(files))
      return path
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
