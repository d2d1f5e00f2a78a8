import type { IncomingMessage, ServerResponse } from "node:http"
import { attestationsAnswer } from "./attestations.ts"
import type { Content } from "./content.ts"
import { endpoint } from "./endpoints.ts"
import { ABBREVIATED_TYPE, send, sendJson, sendPackument } from "./send.ts"
import { abbreviate, etagOf, tarballPath, type Store } from "./store.ts"
import { ruleOf, rulesFor, tamperedBytes } from "./tamper.ts"
import type { RecordedRequest, RegistryOptions, SeenRequest, TamperRule } from "./types.ts"
import type { Upstream } from "./upstream.ts"
import { readBody, writePackage, type JsonAnswer } from "./writes.ts"

export interface Routes {
  readonly options: RegistryOptions
  readonly store: Store
  readonly content: Content
  readonly upstream: Upstream | undefined
  readonly rules: () => readonly TamperRule[]
}
type Outcome = Omit<RecordedRequest, keyof SeenRequest>

const NOT_FOUND: JsonAnswer = { status: 404, body: { error: "not found" } }
const PACKAGE_PATH = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/
const TARBALL_PATH = /^\/-\/.*?-(\d+\.\d+\.\d+.*)\.tgz$/

/** Answers one request and says what it was. */
export async function route(routes: Routes, incoming: IncomingMessage, request: SeenRequest, response: ServerResponse): Promise<Outcome> {
  const { options, store, content } = routes
  const target = new URL(request.url, "http://localhost")
  const path = decodeURIComponent(target.pathname)
  const basePath = options.basePath ?? "/"
  if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
    return says("endpoint", "", sendJson(response, { status: 401, body: { error: "authentication needed" } }))
  }
  const below = path.startsWith(basePath) ? path.slice(basePath.length) : ""
  const body = request.method === "GET" || request.method === "HEAD" ? Buffer.alloc(0) : await readBody(incoming)
  if (below === "" || below.startsWith("-/")) return says("endpoint", "", await serveEndpoint(routes, request, target, below, body, response))
  const [, name = "", rest] = PACKAGE_PATH.exec(below) ?? []
  if (request.method === "PUT" || request.method === "DELETE") return says("publish", name, sendJson(response, writePackage(store, request.method, name, rest ?? "", body)))
  const version = TARBALL_PATH.exec(rest ?? "")?.[1]
  if (version !== undefined) return says("tarball", name, await serveTarball(routes, name, version, request, response))
  const doc = await content.packument(name, request)
  if (rest !== undefined && rest !== "/") {
    const wanted = rest.slice(1)
    const manifest = doc?.versions[wanted] ?? doc?.versions[doc["dist-tags"][wanted] ?? ""]
    return says("version", name, sendJson(response, manifest === undefined ? { status: 404, body: { error: "version not found" } } : { status: 200, body: manifest }))
  }
  if (!doc) return says("packument", name, sendJson(response, { status: 404, body: { error: "Not found" } }))
  const short = (request.headers.accept ?? "").includes(ABBREVIATED_TYPE)
  return says("packument", name, sendPackument(request, response, short ? abbreviate(doc) : doc, short))
}

const ATTESTATIONS_PATH = /^-\/npm\/v1\/attestations\/((.+)@([^@/]+))$/

async function serveEndpoint({ store, options, upstream, rules }: Routes, request: SeenRequest, target: URL, below: string, body: Buffer, response: ServerResponse): Promise<number> {
  const [, spec, name = "", version = ""] = ATTESTATIONS_PATH.exec(below) ?? []
  const answered = spec === undefined ? undefined : attestationsAnswer(options, spec, ruleOf(rulesFor(rules(), name, request), version))
  if (answered !== undefined) return send(response, answered.status, { "content-type": "application/json" }, Buffer.from(answered.text))
  const known = below === "" ? undefined : endpoint(store, options, { method: request.method, path: below, query: target.searchParams, authorization: request.headers.authorization, body })
  if (known || !upstream || request.method !== "GET" || below === "") return sendJson(response, known ?? NOT_FOUND)
  const passed = await upstream.get(`${target.pathname.slice((options.basePath ?? "/").length)}${target.search}`)
  return send(response, passed.status, { "content-type": passed.contentType }, passed.body)
}

async function serveTarball({ options, content, rules }: Routes, name: string, version: string, request: SeenRequest, response: ServerResponse): Promise<number> {
  if (options.redirectTarballs !== undefined) return send(response, 302, { location: `${options.redirectTarballs}${tarballPath(name, version)}` }, Buffer.alloc(0))
  const rule = ruleOf(rulesFor(rules(), name, request), version)
  const honest = await content.tarball(name, version)
  if (!honest || rule?.mode === "hide") return sendJson(response, NOT_FOUND)
  if (rule?.mode === "status") return sendJson(response, { status: rule.status ?? 500, body: { error: "the registry failed" } })
  const bytes = rule?.mode === "swap-tarball" || rule?.mode === "swap-bytes-only" ? tamperedBytes(rule, honest) : honest
  if (rule?.mode !== "truncate") return send(response, 200, { "content-type": "application/octet-stream", etag: etagOf(bytes) }, bytes)
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length })
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy())
  return 200
}

function says(kind: RecordedRequest["kind"], name: string, status: number): Outcome {
  return { kind, name, status }
}
