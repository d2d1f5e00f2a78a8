import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import type { FakeRegistry, FixturePackage, TamperRule } from "./types.ts"
import { readBody } from "./writes.ts"

/** HTTP control of a registry that runs in another process. */
export interface Control { readonly url: string; close(): Promise<void> }

/**
 * Starts the control endpoint on loopback. Bodies and answers are JSON:
 * `POST /publish` a fixture (answers name, version, integrity, sha512) · `POST /unpublish` {name, version?} ·
 * `POST /tag` {name, tag, version} · `POST /tamper` [rules] · `GET /requests` · `DELETE /requests` · `POST /stop`.
 * In JSON a file that is not text is {"base64": …}, also `tarball` and a rule's `bytes`.
 */
export async function startControl(registry: FakeRegistry, options: { port?: number; onStop?: () => void } = {}): Promise<Control> {
  const server = createServer((request, response) => {
    control(registry, request, options.onStop ?? (() => undefined)).then(
      (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body ?? {})),
      (error: unknown) => response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: String(error) })))
  })
  await new Promise<void>((resolve, reject) => { server.on("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() }),
  }
}

async function control(registry: FakeRegistry, request: IncomingMessage, onStop: () => void): Promise<unknown> {
  const action = `${request.method ?? ""} ${request.url ?? ""}`
  const body = request.method === "POST" ? (await readBody(request)).toString("utf8") : ""
  const value = <T>(): T => JSON.parse(body, reviveBytes) as T
  switch (action) {
    case "POST /publish": {
      const { name, version, integrity, sha512, shasum } = registry.publish(value<FixturePackage>())
      return { name, version, integrity, sha512, shasum }
    }
    case "POST /unpublish": { const { name, version } = value<{ name: string; version?: string }>(); registry.unpublish(name, version); return {} }
    case "POST /tag": { const { name, tag, version } = value<{ name: string; tag: string; version: string }>(); registry.setTag(name, tag, version); return {} }
    case "POST /tamper": registry.tamper(value<TamperRule[]>()); return {}
    case "GET /requests": return registry.requests.map(({ method, url, userAgent, kind, name, status }) => ({ method, url, userAgent, kind, name, status }))
    case "DELETE /requests": registry.clearRequests(); return {}
    case "POST /stop": onStop(); return {}
    default: throw new RangeError(`unknown control request ${action}`)
  }
}

/** Turns {"base64": …} back into bytes; used for fixtures in JSON. */
export function reviveBytes(_key: string, value: unknown): unknown {
  const holder = value as { base64?: unknown } | null
  return typeof holder === "object" && holder !== null && typeof holder.base64 === "string" && Object.keys(holder).length === 1 ? Buffer.from(holder.base64, "base64") : value
}
