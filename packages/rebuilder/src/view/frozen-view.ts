/**
 * The only registry that a build can reach: a packument shows what was there at one time, never the version that is being rebuilt,
 * and a tarball is passed on only after its bytes were hashed (THREATS A10). It holds no credentials and takes none along.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, shown, VouchsafeError } from "@vouchsafe/core"
import { ABBREVIATED_TYPE, acceptsAbbreviated, compareVersions, type FrozenPackument, parseRegistryRequest, type RegistryRequest, writeFrozenPackument, writeFrozenVersion } from "@vouchsafe/registry-view"
import { createReadStream } from "node:fs"
import { mkdtemp, rm, stat } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { dirname, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { createFrozenSource, type FrozenSource } from "./frozen-source.ts"
import { createUpstreamFetch } from "./guarded.ts"
import { type FrozenView, type FrozenViewOptions, REQUESTS_KEPT_MAX, type ServedTarball, type ViewRequest } from "./types.ts"

const CONNECTIONS_MAX = 256
const REQUEST_MS_MAX = 30_000
/** How long a target is in a record. */
const TARGET_SHOWN_MAX = 512
/** As the sandbox's clients write the view's address: loopback, with the port of the forward. */
const HOST = /^(?:127\.0\.0\.1|localhost):[1-9][0-9]{0,4}$/

/** What to answer. */
type Answer =
  | { readonly status: 200; readonly type: string; readonly text: string }
  | { readonly status: 200; readonly file: string; readonly tarball: ServedTarball }
  | { readonly status: 400 | 403 | 404 | 405 | 421 | 502; readonly why: string }

/** Starts a view on a unix socket. @throws VouchsafeError DISK where the socket cannot be made */
export async function startFrozenView(options: FrozenViewOptions): Promise<FrozenView> {
  const { upstream } = options
  const fetch = options.fetch ?? createUpstreamFetch({
    registries: [upstream.registry, ...Object.values(upstream.scopes ?? {})], allowPrivateAddresses: options.allowPrivateAddresses ?? false,
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  })
  const spool = await mkdtemp(join(dirname(options.socket), "view-"))
  const source = createFrozenSource(options, fetch, spool)
  const requests: ViewRequest[] = []
  const served = new Map<string, ServedTarball>()
  let count = 0
  const record = (request: IncomingMessage, status: number): void => {
    count += 1
    const outcome = status === 200 ? "served" : status === 404 ? "missing" : status === 502 ? "failed" : "refused"
    const seen: ViewRequest = { method: request.method ?? "", target: (request.url ?? "").slice(0, TARGET_SHOWN_MAX), outcome, status }
    if (requests.length < REQUESTS_KEPT_MAX) requests.push(seen)
    options.log?.(`view: ${seen.method} ${shown(seen.target)} ${outcome} ${status}`)
  }
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    answerOf(request, source, options).then(async (answer) => {
      record(request, answer.status)
      if ("tarball" in answer) served.set(`${answer.tarball.name}@${answer.tarball.version}`, answer.tarball)
      await send(request, response, answer)
    }).catch((error: unknown) => {
      options.log?.(`view: ${shown(String(error))}`)
      response.destroy()
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => { server.once("error", reject).listen(options.socket, resolve) }).catch(async (cause: unknown) => {
    await rm(spool, { recursive: true, force: true })
    throw new VouchsafeError("DISK", `cannot listen on ${shown(options.socket)}`, { cause })
  })
  return {
    requests,
    requestCount: () => count,
    served: () => [...served.values()].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : compareVersions(left.version, right.version))),
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => resolve()) })
      await rm(spool, { recursive: true, force: true })
    },
  }
}

async function answerOf(request: IncomingMessage, source: FrozenSource, options: FrozenViewOptions): Promise<Answer> {
  const { method = "", url = "", headers } = request
  if (method !== "GET" && method !== "HEAD") return { status: 405, why: `method ${shown(method)}, expected GET or HEAD` }
  if (headers.host === undefined || !HOST.test(headers.host)) return { status: 421, why: `host ${shown(headers.host ?? "")}, expected loopback` }
  const wanted = parseRegistryRequest(method, url)
  try {
    return await lookUp(wanted, source, { base: `http://${headers.host}/`, abbreviated: acceptsAbbreviated(headers.accept) }, options)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { status: 502, why: error.message }
  }
}

interface Form { readonly base: string; readonly abbreviated: boolean }

async function lookUp(wanted: RegistryRequest, source: FrozenSource, { base, abbreviated }: Form, { target }: FrozenViewOptions): Promise<Answer> {
  if (wanted.kind === "endpoint" && wanted.path === "-/ping") return { status: 200, type: "application/json", text: "{}" }
  if (wanted.kind === "unknown") return { status: 400, why: wanted.why }
  if (wanted.kind !== "packument" && wanted.kind !== "manifest" && wanted.kind !== "tarball") return { status: 404, why: "a frozen view has packages and nothing else" }
  const frozen = await source.packument(wanted.name)
  if (frozen === undefined || frozen.versions.size === 0) return missing(wanted.name)
  if (wanted.kind === "packument") {
    return { status: 200, type: abbreviated ? ABBREVIATED_TYPE : "application/json", text: writeFrozenPackument(frozen, base, abbreviated ? "abbreviated" : "full") }
  }
  if (wanted.kind === "manifest") {
    const text = writeFrozenVersion(frozen, wanted.selector, base)
    return text === undefined ? refusedOrMissing(frozen, wanted.selector, target) : { status: 200, type: "application/json", text }
  }
  const version = frozen.versions.get(wanted.version)
  if (version === undefined) return refusedOrMissing(frozen, wanted.version, target)
  const file = await source.tarball(version)
  return { status: 200, file, tarball: { name: frozen.name, version: version.version, integrity: version.integrity ?? "" } }
}

function refusedOrMissing({ name }: FrozenPackument, version: string, target: FrozenViewOptions["target"]): Answer {
  if (name === target.name && version === target.version) return { status: 403, why: `${name}@${version} is being rebuilt` }
  return missing(`${name}@${version}`)
}

function missing(what: string): Answer {
  return { status: 404, why: `${shown(what)} was not there at the time that this view shows` }
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const head = request.method === "HEAD"
  if ("file" in answer) {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": (await stat(answer.file)).size })
    if (head) response.end()
    else await pipeline(createReadStream(answer.file), response)
    return
  }
  const [type, text] = "text" in answer ? [answer.type, answer.text] : ["application/json", JSON.stringify({ error: answer.why })]
  response.writeHead(answer.status, { "content-type": type, "content-length": Buffer.byteLength(text) })
  response.end(head ? undefined : text)
}
