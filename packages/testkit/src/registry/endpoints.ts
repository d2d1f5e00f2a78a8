import { distTags, type JsonAnswer } from "./writes.ts"
import type { Store } from "./store.ts"
import type { RegistryOptions } from "./types.ts"

const NOT_FOUND: JsonAnswer = { status: 404, body: { error: "not found" } }
const ISSUED_TOKEN = "npm_fixture-token"
const NO_VULNERABILITIES = { info: 0, low: 0, moderate: 0, high: 0, critical: 0, total: 0 }

export interface EndpointRequest {
  readonly method: string
  /** Decoded path below the registry's base, starting with `-/`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly body: Buffer
}

/** The registry's own endpoints; undefined for one that it does not know. */
export function endpoint(store: Store, options: RegistryOptions, request: EndpointRequest): JsonAnswer | undefined {
  const { method, path, body } = request
  if (path === "-/ping") return { status: 200, body: {} }
  if (path === "-/whoami") return request.authorization === undefined ? { status: 401, body: { error: "not logged in" } } : { status: 200, body: { username: "fixture" } }
  if (path === "-/v1/search") return { status: 200, body: search(store, request.query.get("text") ?? "") }
  if (path === "-/v1/login" && method === "POST") return NOT_FOUND // makes npm fall back to the login below
  if (/^-\/user\/org\.couchdb\.user:[^/]+$/.test(path) && method === "PUT") return { status: 201, body: { ok: true, id: path.slice("-/user/".length), token: ISSUED_TOKEN } }
  if (path === "-/npm/v1/security/advisories/bulk" && method === "POST") return { status: 200, body: {} }
  if (/^-\/npm\/v1\/security\/audits(\/quick)?$/.test(path) && method === "POST") {
    return { status: 200, body: { actions: [], advisories: {}, muted: [], metadata: { vulnerabilities: NO_VULNERABILITIES, dependencies: 0, devDependencies: 0, optionalDependencies: 0, totalDependencies: 0 } } }
  }
  if (path === "-/npm/v1/keys") return options.keys === undefined ? undefined : { status: 200, body: options.keys }
  const tags = /^-\/package\/((?:@[^/]+\/)?[^/]+)\/dist-tags(?:\/([^/]+))?$/.exec(path)
  if (tags) return distTags(store, method, tags[1] as string, tags[2], body)
  return undefined
}

function search(store: Store, text: string): unknown {
  const objects = store.names().filter((name) => name.includes(text)).map((name) => {
    const doc = store.packument(name, "/")
    const version = doc?.["dist-tags"]["latest"] ?? ""
    return { package: { name, version, description: doc?.versions[version]?.["description"] ?? "", date: doc?.time?.[version], links: {}, maintainers: [] }, score: { final: 1, detail: {} }, searchScore: 1 }
  })
  return { objects, total: objects.length, time: "2026-01-16T00:00:00.000Z" }
}
