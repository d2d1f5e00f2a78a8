import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { endpoint } from "./endpoints.ts"
import { abbreviate, createStore, etagOf, tarballPath, type PackumentDoc } from "./store.ts"
import { rulesFor, ruleOf, tamperPackument, tamperedBytes } from "./tamper.ts"
import type { FakeRegistry, RecordedRequest, RegistryOptions, SeenRequest, TamperRule } from "./types.ts"
import { createUpstream } from "./upstream.ts"
import { readBody, writePackage, type JsonAnswer } from "./writes.ts"

const ABBREVIATED_TYPE = "application/vnd.npm.install-v1+json"
const GZIP_BYTES_MIN = 1024
const NOT_FOUND: JsonAnswer = { status: 404, body: { error: "not found" } }

/** Starts a registry on loopback. It knows the fixtures given, and passes everything else through to `upstream`, if any. */
export async function startRegistry(options: RegistryOptions = {}): Promise<FakeRegistry> {
  const store = createStore()
  for (const fixture of options.packages ?? []) store.publish(fixture)
  const upstream = options.upstream === undefined ? undefined : createUpstream(options.upstream, options.cacheDir)
  const basePath = options.basePath ?? "/"
  const requests: RecordedRequest[] = []
  const sockets = new Set<Socket>()
  let rules: readonly TamperRule[] = options.tamper ?? []
  let url = ""

  const fullPackument = async (name: string): Promise<PackumentDoc | undefined> => {
    const base = options.tarballBase ?? url
    const own = store.packument(name, base)
    if (own || !upstream) return own
    const answer = await upstream.get(name.replace("/", "%2f"))
    if (answer.status !== 200) return undefined
    const doc = JSON.parse(answer.body.toString("utf8")) as PackumentDoc
    for (const [version, manifest] of Object.entries(doc.versions)) if (manifest.dist) manifest.dist = { ...manifest.dist, tarball: `${base}${tarballPath(name, version)}` }
    return doc
  }
  const honestTarball = async (name: string, version: string): Promise<Buffer | undefined> => {
    const own = store.built(name, version)
    if (own || !upstream) return own?.tarball
    const answer = await upstream.get(tarballPath(name, version))
    return answer.status === 200 ? answer.body : undefined
  }
  const shownPackument = async (name: string, request: SeenRequest): Promise<PackumentDoc | undefined> => {
    const doc = await fullPackument(name)
    const active = rulesFor(rules, name, request)
    if (!doc || active.length === 0) return doc
    return tamperPackument(doc, active, async (version) => await honestTarball(name, version) ?? Buffer.alloc(0))
  }

  const serveTarball = async (name: string, version: string, request: SeenRequest, response: ServerResponse): Promise<number> => {
    const rule = ruleOf(rulesFor(rules, name, request), version)
    if (options.redirectTarballs !== undefined) return send(response, 302, { location: `${options.redirectTarballs}${tarballPath(name, version)}` }, Buffer.alloc(0))
    const honest = await honestTarball(name, version)
    if (!honest || rule?.mode === "hide") return sendJson(response, NOT_FOUND)
    if (rule?.mode === "status") return sendJson(response, { status: rule.status ?? 500, body: { error: "the registry failed" } })
    const bytes = rule && rule.mode.startsWith("swap") ? tamperedBytes(rule, honest) : honest
    if (rule?.mode === "truncate") {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length })
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy())
      return 200
    }
    return send(response, 200, { "content-type": "application/octet-stream", etag: etagOf(bytes) }, bytes)
  }

  const answer = async (incoming: IncomingMessage, request: SeenRequest, response: ServerResponse): Promise<Omit<RecordedRequest, keyof SeenRequest>> => {
    const target = new URL(request.url, "http://localhost")
    const path = decodeURIComponent(target.pathname)
    const says = (kind: RecordedRequest["kind"], name: string, status: number) => ({ kind, name, status })
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) return says("endpoint", "", sendJson(response, { status: 401, body: { error: "authentication needed" } }))
    if (!path.startsWith(basePath)) return says("endpoint", "", sendJson(response, NOT_FOUND))
    const below = path.slice(basePath.length)
    const body = request.method === "GET" || request.method === "HEAD" ? Buffer.alloc(0) : await readBody(incoming)
    if (below === "" || below.startsWith("-/")) {
      const known = endpoint(store, options, { method: request.method, path: below, query: target.searchParams, authorization: request.headers.authorization, body })
      if (known || !upstream || request.method !== "GET" || below === "") return says("endpoint", "", sendJson(response, known ?? NOT_FOUND))
      const passed = await upstream.get(`${target.pathname.slice(basePath.length)}${target.search}`)
      return says("endpoint", "", send(response, passed.status, { "content-type": passed.contentType }, passed.body))
    }
    const [, name, rest] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(below) ?? []
    if (name === undefined) return says("endpoint", "", sendJson(response, NOT_FOUND))
    if (request.method === "PUT" || request.method === "DELETE") return says("publish", name, sendJson(response, writePackage(store, request.method, name, rest ?? "", body)))
    const version = /^\/-\/.*?-(\d+\.\d+\.\d+.*)\.tgz$/.exec(rest ?? "")?.[1]
    if (version !== undefined) return says("tarball", name, await serveTarball(name, version, request, response))
    const doc = await shownPackument(name, request)
    if (rest !== undefined && rest !== "/") {
      const wanted = rest.slice(1)
      return says("version", name, sendJson(response, withBody(doc?.versions[wanted] ?? doc?.versions[doc["dist-tags"][wanted] ?? ""])))
    }
    if (!doc) return says("packument", name, sendJson(response, { status: 404, body: { error: "Not found" } }))
    const short = (request.headers.accept ?? "").includes(ABBREVIATED_TYPE)
    return says("packument", name, sendPackument(request, response, short ? abbreviate(doc) : doc, short))
  }

  const server = createServer((incoming, response) => {
    const request: SeenRequest = { method: incoming.method ?? "GET", url: incoming.url ?? "/", headers: incoming.headers, userAgent: incoming.headers["user-agent"] ?? "" }
    const handle = async (): Promise<void> => {
      if (options.intercept && await options.intercept(incoming, response)) { requests.push({ ...request, kind: "endpoint", name: "", status: 0 }); return }
      requests.push({ ...request, ...await answer(incoming, request, response) })
    }
    handle().catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else sendJson(response, { status: 502, body: { error: `fake registry: ${String(error)}` } })
    })
  })
  server.on("connection", (socket) => { sockets.add(socket); socket.on("close", () => sockets.delete(socket)) })
  await new Promise<void>((resolve, reject) => { server.on("error", reject).listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve) })
  url = `http://${options.host ?? "127.0.0.1"}:${(server.address() as AddressInfo).port}${basePath}`

  return {
    url, requests,
    clearRequests: () => { requests.length = 0 },
    publish: (fixture) => store.publish(fixture),
    unpublish: (name, version) => store.unpublish(name, version),
    setTag: (name, tag, version) => store.setTag(name, tag, version),
    tamper: (next) => { rules = next },
    built: (name, version) => store.built(name, version),
    close: () => new Promise((resolve, reject) => {
      server.close((error) => { if (error) reject(error); else resolve() })
      for (const socket of sockets) socket.destroy()
    }),
  }
}

function withBody(body: unknown): JsonAnswer {
  return body === undefined ? { status: 404, body: { error: "version not found" } } : { status: 200, body }
}

function sendPackument(request: SeenRequest, response: ServerResponse, doc: PackumentDoc, short: boolean): number {
  const body = Buffer.from(JSON.stringify(doc))
  const etag = etagOf(body)
  if (request.headers["if-none-match"] === etag) return send(response, 304, { etag }, Buffer.alloc(0))
  const zip = body.length >= GZIP_BYTES_MIN && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""))
  const headers = { "content-type": short ? ABBREVIATED_TYPE : "application/json", etag, vary: "accept, accept-encoding", "cache-control": "public, max-age=300" }
  return zip ? send(response, 200, { ...headers, "content-encoding": "gzip" }, gzipSync(body)) : send(response, 200, headers, body)
}

function sendJson(response: ServerResponse, { status, body }: JsonAnswer): number {
  return send(response, status, { "content-type": "application/json" }, Buffer.from(JSON.stringify(body)))
}

function send(response: ServerResponse, status: number, headers: Record<string, string>, body: Buffer): number {
  response.writeHead(status, status === 304 ? headers : { ...headers, "content-length": body.length })
  response.end(response.req.method === "HEAD" ? undefined : body)
  return status
}
