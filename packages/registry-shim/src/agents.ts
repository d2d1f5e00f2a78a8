/**
 * Connections as the person's npm configuration wants them: certificates, and a proxy of the company.
 *
 * @packageDocumentation
 */
import { readFileSync } from "node:fs"
import { Agent as HttpAgent, request as httpRequest } from "node:http"
import { Agent as HttpsAgent, type AgentOptions } from "node:https"
import type { Duplex } from "node:stream"
import { connect as tlsConnect, type ConnectionOptions } from "node:tls"
import { VouchsafeError } from "@vouchsafe/core"
import { UPSTREAM_IDLE_MS_MAX, UPSTREAM_SOCKETS_MAX } from "./limits.ts"
import { plainAgents, type UpstreamOptions } from "./upstream.ts"

export interface AgentSettings {
  /** A value of the npm configuration. */
  readonly raw: (key: string) => unknown
  readonly env: Readonly<Record<string, string | undefined>>
}

/** @throws VouchsafeError CONFIG_MALFORMED, DISK */
export function configuredAgents({ raw, env }: AgentSettings): NonNullable<UpstreamOptions["agents"]> {
  const tls = tlsOptions(raw)
  const agents = plainAgents(tls)
  const httpsProxy = text(raw("https-proxy")) ?? text(raw("proxy")) ?? env["HTTPS_PROXY"] ?? env["https_proxy"]
  if (httpsProxy === undefined || httpsProxy === "") return agents
  const proxy = parseProxy(httpsProxy)
  const direct = noProxy(raw("noproxy"))
  return { http: agents.http, https: tunnelAgent(proxy, direct, tls) }
}

function tlsOptions(raw: (key: string) => unknown): AgentOptions {
  const cafile = text(raw("cafile"))
  const ca = raw("ca")
  const authorities = cafile === undefined ? ca : read(cafile)
  return {
    ...(typeof authorities === "string" || Array.isArray(authorities) ? { ca: authorities as string | string[] } : {}),
    ...(text(raw("cert")) === undefined ? {} : { cert: String(raw("cert")) }),
    ...(text(raw("key")) === undefined ? {} : { key: String(raw("key")) }),
    ...(raw("strict-ssl") === false ? { rejectUnauthorized: false } : {}),
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (cause) {
    throw new VouchsafeError("DISK", `cannot read the certificates that npm's cafile names: ${(cause as NodeJS.ErrnoException).code ?? "error"}`, { cause, hint: "check `npm config get cafile`" })
  }
}

function parseProxy(proxy: string): URL {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined
  if (url?.protocol !== "http:") throw new VouchsafeError("CONFIG_MALFORMED", "the proxy of the npm configuration is no http: URL", { hint: "check `npm config get https-proxy`" })
  return url
}

/** Hosts that are reached without the proxy; a leading dot or none stands for subdomains too. */
function noProxy(value: unknown): (host: string) => boolean {
  const listed = (Array.isArray(value) ? value : String(value ?? "").split(",")).map((entry) => String(entry).trim().replace(/^\./, "").toLowerCase()).filter((entry) => entry !== "")
  return (host) => listed.some((entry) => host === entry || host.endsWith(`.${entry}`))
}

/** An agent whose connections go through an HTTP proxy's CONNECT. */
function tunnelAgent(proxy: URL, isDirect: (host: string) => boolean, tls: AgentOptions): HttpsAgent {
  const agent = new HttpsAgent({ ...tls, keepAlive: true, maxSockets: UPSTREAM_SOCKETS_MAX })
  const own = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const host = String(options.host)
    if (isDirect(host)) return own(options, callback)
    const authorization = proxy.username === "" ? {} : { "proxy-authorization": `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString("base64")}` }
    const target = `${host}:${options.port ?? 443}`
    const failed = (error: Error): void => { callback?.(error, undefined as unknown as Duplex) }
    httpRequest({ host: proxy.hostname, port: proxy.port || 80, method: "CONNECT", path: target, headers: { host: target, ...authorization }, timeout: UPSTREAM_IDLE_MS_MAX, agent: new HttpAgent() })
      .on("connect", ({ statusCode }, socket) => {
        if (statusCode !== 200) { socket.destroy(); failed(new Error(`the proxy answered ${statusCode ?? 0}`)); return }
        callback?.(null, tlsConnect({ ...(options as ConnectionOptions), socket, servername: String(options.servername ?? host) }))
      })
      .on("timeout", function (this: { destroy(error: Error): void }) { this.destroy(new Error("the proxy did not answer")) })
      .on("error", failed)
      .end()
    return undefined
  }
  return agent
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined
}
