/**
 * The shim: a registry on loopback that passes on only what the network vouches for.
 *
 * @packageDocumentation
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { acceptsAbbreviated, parseRegistryRequest, type RegistryRequest } from "@vouchsafe/registry-view"
import { createAsker } from "./batch.ts"
import { createDenials, type Denials, ownRefusal, printable } from "./denials.ts"
import { createFallback } from "./fallback.ts"
import { createGuard, type GuardRefusal } from "./guard.ts"
import { REQUEST_KEPT_LENGTH_MAX, REQUESTS_KEPT_MAX, TOKEN_LENGTH_MIN } from "./limits.ts"
import { createNodes, type NodesOptions } from "./nodes.ts"
import { createPackuments, type Packuments } from "./packuments.ts"
import { passThrough, refuseUnknown } from "./passthrough.ts"
import { sendBytes, sendEncoded, sendFailure, sendJson, sendPackument, sendRefusal, sendTarball } from "./send.ts"
import { openStore, type TarballStore } from "./store.ts"
import { createTarballs, type Tarballs } from "./tarballs.ts"
import type { Check, Refusal, Registries, ShimClock, ShimEvent } from "./types.ts"
import { createUpstream, type Upstream, type UpstreamOptions } from "./upstream.ts"

export interface ShimOptions {
  readonly registries: Registries
  readonly check: Check
  /** At least 128 bits of randomness, printable, without spaces. */
  readonly token: string
  /** Folder for verified tarballs. Made when missing; 0700. */
  readonly cacheDir: string
  readonly clock: ShimClock
  readonly emit: (event: ShimEvent) => void
  /** Default 127.0.0.1. Only loopback addresses are accepted. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Code that dependencies from git, URLs and files are refused with; absent: they stay as the packument has them. */
  readonly exoticCode?: string
  readonly agents?: UpstreamOptions["agents"]
  /** Nodes that may have what a registry lost, and which digests operators observed; absent: nobody is asked. */
  readonly nodes?: Pick<NodesOptions, "sources" | "observed" | "registries"> | undefined
  readonly upstreamIdleMs?: number
  /** For tests: when a batch of requests is sent off. */
  readonly defer?: (run: () => void) => void
}

export interface Shim {
  readonly url: string
  readonly port: number
  counts(): { readonly allowed: number; readonly denied: number }
  /** Ends all connections; the port is free afterwards. */
  close(): Promise<void>
}

interface Parts { readonly registries: Registries; readonly upstream: Upstream; readonly packuments: Packuments; readonly tarballs: Tarballs; readonly store: TarballStore; readonly denials: Denials; readonly emit: (event: ShimEvent) => void }

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"])
const HEADERS_TIMEOUT_MS = 30_000

/** Starts the shim. @throws RangeError for an address that is not loopback or a short token; VouchsafeError DISK */
export async function startShim(options: ShimOptions): Promise<Shim> {
  const { registries, clock, emit, host = "127.0.0.1" } = options
  if (!LOOPBACK.has(host)) throw new RangeError(`the shim listens on loopback only, not on ${host}`)
  if (options.token.length < TOKEN_LENGTH_MIN || !/^[\x21-\x7e]+$/.test(options.token)) throw new RangeError(`the token needs at least 128 bits: ${TOKEN_LENGTH_MIN} printable characters`)
  const store = await openStore(options.cacheDir, clock)
  await store.trim()
  const upstream = createUpstream({ registries, ...(options.agents === undefined ? {} : { agents: options.agents }), ...(options.upstreamIdleMs === undefined ? {} : { idleMs: options.upstreamIdleMs }) })
  const denials = createDenials(clock, emit)
  let url = ""
  const packuments = createPackuments({ upstream, registries, clock, base: () => url, denied: denials.of, exoticCode: options.exoticCode })
  const asker = createAsker({ check: options.check, clock, emit, ...(options.defer === undefined ? {} : { defer: options.defer }) })
  const fallback = options.nodes === undefined ? undefined : createFallback({ nodes: createNodes({ ...options.nodes, store, clock, emit, defer: options.defer }), asker, emit })
  const tarballs = createTarballs({ registries, upstream, packuments, asker, store, denials, fallback, emit })
  const parts: Parts = { registries, upstream, packuments, tarballs, store, denials, emit }

  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0 })
  await new Promise<void>((resolve, reject) => { server.on("error", reject).listen(options.port ?? 0, host, resolve) })
  const port = (server.address() as AddressInfo).port
  const authority = host === "::1" ? `[::1]:${port}` : `${host}:${port}`
  url = `http://${authority}/`
  const guard = createGuard(new Set([authority, `127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]), options.token)
  const prefixes = basePaths(registries)
  const parse = rememberingParser()
  server.on("request", (request, response) => {
    const target = withoutBase(request.url ?? "/", prefixes)
    const asked = parse(request.method ?? "GET", target)
    const refused = guard.refuse(request)
    if (refused) { refuseStranger(response, refused, asked); return }
    // a plain answer in memory takes no promise: this is most of the requests of a warm install
    const answered = route(parts, request, response, asked, target)
    answered?.catch((error: unknown) => sendFailure(response, error))
  })
  return {
    url, port,
    counts: () => ({ allowed: tarballs.allowed(), denied: denials.count() }),
    close: () => new Promise((resolve, reject) => {
      server.close((error) => { upstream.close(); if (error) reject(error); else resolve() })
      server.closeAllConnections()
    }),
  }
}

function route(parts: Parts, request: IncomingMessage, response: ServerResponse, asked: RegistryRequest, target: string): void | Promise<void> {
  const { packuments, tarballs, registries, upstream } = parts
  const passTo = (registry: string): Promise<void> => passThrough(request, response, { upstream, registry, target: target.slice(1) })
  switch (asked.kind) {
    case "packument": {
      // what is read to be written back must come back as it was
      if (asked.write) return passTo(registries.registryFor(asked.name))
      const form = acceptsAbbreviated(request.headers.accept) ? "abbreviated" : "full"
      const body = packuments.fresh(asked.name, form)
      return body ? sendEncoded(request, response, body) : packuments.get(asked.name, form).then((answer) => sendPackument(request, response, answer))
    }
    case "manifest": return packuments.version(asked.name, asked.selector).then((answer) => sendPackument(request, response, answer))
    case "tarball": {
      const hot = tarballs.hot(asked.name, asked.version)
      return hot ? sendBytes(request, response, hot) : serveTarball(parts, request, response, asked)
    }
    // asked about again, not refused by its address: the document that shows it may be older than the verdict
    case "denied": return serveTarball(parts, request, response, asked)
    case "denied-source": return serveDeniedSource(parts, response, asked)
    case "write": return passTo(registries.registryFor(asked.name)).finally(() => packuments.forget(asked.name))
    case "endpoint": return passTo(asked.name === undefined ? registries.default : registries.registryFor(asked.name))
    case "root": return passTo(registries.default)
    case "unknown": return refuseUnknown(response, asked.why)
  }
}

async function serveTarball({ tarballs, store, emit }: Parts, request: IncomingMessage, response: ServerResponse, { name, version }: { readonly name: string; readonly version: string }): Promise<void> {
  const outcome = await tarballs.get(name, version)
  await sendTarball(request, response, outcome, async (sha512) => {
    emit({ event: "warning", code: "CACHE_POISONED", message: ownRefusal("CACHE_POISONED", `pkg:npm/${name}@${version}`, "had changed on disk; removed, connection cut").reason })
    await store.drop(sha512)
  })
}

/** Yarn sends no token to an address that it takes for a foreign one: it is told the reason, and nothing is counted. */
function refuseStranger(response: ServerResponse, refused: GuardRefusal, asked: RegistryRequest): void {
  if (refused.status === 401 && asked.kind === "denied-source") sendRefusal(response, sourceRefusal(asked))
  else sendJson(response, refused.status, { error: refused.error }, { connection: "close" })
}

/** A dependency from git, a URL or a file, whose address the packument's rewriting put here. */
function serveDeniedSource({ denials }: Parts, response: ServerResponse, { code, name }: { readonly code: string; readonly name: string }): void {
  const refusal = sourceRefusal({ code, name })
  denials.addOther(`pkg:generic/${encodeURIComponent(name)}`, refusal)
  sendRefusal(response, refusal)
}

function sourceRefusal({ code, name }: { readonly code: string; readonly name: string }): Refusal {
  return { code, reason: printable(`${code}: ${name} comes from git, a URL or a file, which nobody attests`) }
}

/** Clients ask for the same addresses again and again. */
function rememberingParser(): typeof parseRegistryRequest {
  const known = new Map<string, RegistryRequest>()
  return (method, target) => {
    const key = `${method} ${target}`
    const found = known.get(key)
    if (found) return found
    const asked = parseRegistryRequest(method, target)
    if (known.size >= REQUESTS_KEPT_MAX) known.clear()
    if (target.length <= REQUEST_KEPT_LENGTH_MAX) known.set(key, asked)
    return asked
  }
}

/** Paths of the configured registries: some clients keep them when they swap a lockfile's host for ours. */
function basePaths({ default: main, scopes }: Registries): string[] {
  const paths = [main, ...Object.values(scopes)].map((registry) => new URL(registry).pathname).filter((path) => path !== "/")
  return [...new Set(paths)].sort((a, b) => b.length - a.length)
}

function withoutBase(target: string, prefixes: readonly string[]): string {
  const prefix = prefixes.find((path) => target.startsWith(path))
  return prefix === undefined ? target : target.slice(prefix.length - 1)
}
