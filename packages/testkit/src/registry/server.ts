import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { createContent } from "./content.ts"
import { route } from "./routes.ts"
import { sendJson } from "./send.ts"
import { createStore } from "./store.ts"
import type { FakeRegistry, RecordedRequest, RegistryOptions, SeenRequest, TamperRule } from "./types.ts"
import { createUpstream } from "./upstream.ts"

/** Starts a registry on loopback. It knows the fixtures given, and passes everything else through to `upstream`, if any. */
export async function startRegistry(options: RegistryOptions = {}): Promise<FakeRegistry> {
  const host = options.host ?? "127.0.0.1"
  const store = createStore()
  for (const fixture of options.packages ?? []) store.publish(fixture)
  const upstream = options.upstream === undefined ? undefined : createUpstream(options.upstream, options.cacheDir)
  const requests: RecordedRequest[] = []
  let active: readonly TamperRule[] = options.tamper ?? []
  let url = ""
  const rules = (): readonly TamperRule[] => active
  const content = createContent({ store, upstream, options, rules, url: () => url })

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/", headers } = incoming
    const request: SeenRequest = { method, url: path, headers, userAgent: headers["user-agent"] ?? "" }
    if (options.intercept && await options.intercept(incoming, response)) requests.push({ ...request, kind: "endpoint", name: "", status: 0 })
    else requests.push({ ...request, ...await route({ options, store, content, upstream, rules }, incoming, request, response) })
  }
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else sendJson(response, { status: 502, body: { error: `fake registry: ${String(error)}` } })
    })
  })
  await new Promise<void>((resolve, reject) => { server.on("error", reject).listen(options.port ?? 0, host, resolve) })
  url = `http://${host}:${(server.address() as AddressInfo).port}${options.basePath ?? "/"}`

  let closed: Promise<void> | undefined
  return {
    url, requests,
    clearRequests: () => { requests.length = 0 },
    publish: (fixture) => store.publish(fixture),
    unpublish: (name, version) => store.unpublish(name, version),
    setTag: (name, tag, version) => store.setTag(name, tag, version),
    tamper: (next) => { active = next },
    built: (name, version) => store.built(name, version),
    close: () => (closed ??= new Promise((resolve, reject) => {
      server.close((error) => { if (error) reject(error); else resolve() })
      server.closeAllConnections()
    })),
  }
}
