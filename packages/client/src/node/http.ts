/**
 * HTTP with Node's own modules: no redirect, no cookies, every answer bounded in bytes and time.
 *
 * The modules are loaded at the first request: a client that decides from its cache never pays for them.
 *
 * @packageDocumentation
 */
import type * as Http from "node:http"
import type * as Https from "node:https"
import type { Socket } from "node:net"
import { VouchsafeError } from "@vouchsafe/core"
import type { HttpRequest, HttpResponse, HttpTransport } from "@vouchsafe/ports"
import { readBody } from "./http-body.ts"

/** A host that accepts no connection for this long is taken for dead, in ms; answers may take the request's whole `timeoutMs`. */
export const CONNECT_TIMEOUT_MS = 2_000
/** Connections kept per host. */
const SOCKETS_PER_HOST_MAX = 4

export interface HttpTransportOptions {
  /** Sent as User-Agent; names the program, never the person or project. */
  readonly userAgent?: string
  readonly connectTimeoutMs?: number
}

/** A transport that keeps connections open between requests. Idle ones do not keep the process alive. */
export interface NodeHttpTransport extends HttpTransport {
  /** Closes all idle connections. */
  close(): void
}

/** Modules and agents, made at first use. */
interface Engine {
  readonly request: typeof Http.request
  readonly agent: Http.Agent
}

async function loadHttp(): Promise<typeof Http> {
  // About a third of what `import` costs, where the process has it (Node 20.16 and later).
  return process.getBuiltinModule?.("node:http") ?? await import("node:http")
}

async function loadHttps(): Promise<typeof Https> {
  return process.getBuiltinModule?.("node:https") ?? await import("node:https")
}

/** Makes the transport that clients use outside of tests. */
export function httpTransport(options: HttpTransportOptions = {}): NodeHttpTransport {
  const engines = new Map<string, Engine>()
  const settings = { userAgent: options.userAgent ?? "vouchsafe-client", connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS }

  const engineFor = async (protocol: string): Promise<Engine> => {
    const known = engines.get(protocol)
    if (known !== undefined) return known
    const module = protocol === "https:" ? await loadHttps() : await loadHttp()
    const agent = new module.Agent({ keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX })
    const engine: Engine = { request: module.request as typeof Http.request, agent }
    engines.set(protocol, engine)
    return engine
  }

  return {
    async request(request) {
      const url = new URL(request.url)
      if (url.protocol !== "http:" && url.protocol !== "https:") throw new TypeError(`cannot request ${url.protocol} URLs`)
      const engine = await engineFor(url.protocol)
      const first = await exchange(engine, request, url, settings)
      // A kept connection may have been closed by the other side just as it was used again: nothing was answered, ask once more.
      const outcome = first === "stale" ? await exchange(engine, request, url, settings) : first
      if (outcome === "stale") throw new VouchsafeError("UNREACHABLE", `${url.host}: the connection was closed before an answer, twice`)
      return outcome
    },
    close() {
      for (const engine of engines.values()) engine.agent.destroy()
      engines.clear()
    },
  }
}

type Settings = { readonly userAgent: string; readonly connectTimeoutMs: number }

function optionsOf(engine: Engine, request: HttpRequest, url: URL, settings: Settings): Http.RequestOptions {
  const where = request.socketPath === undefined
    ? { agent: engine.agent, hostname: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? undefined : url.port }
    : { agent: engine.agent, socketPath: request.socketPath }
  return {
    ...where, protocol: url.protocol, method: request.method, path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host, "user-agent": settings.userAgent, "accept-encoding": "gzip",
      ...request.headers,
      ...(request.body === undefined ? {} : { "content-length": String(request.body.length) }),
    },
  }
}

/** One attempt. `stale`: a kept connection died before the first byte of an answer. */
async function exchange(engine: Engine, request: HttpRequest, url: URL, settings: Settings): Promise<HttpResponse | "stale"> {
  if (request.signal?.aborted === true) throw new VouchsafeError("TIMEOUT", `${url.host}: stopped before the request was sent`)
  return new Promise((resolve, reject) => {
    const outgoing = engine.request(optionsOf(engine, request, url, settings))
    let isSettled = false
    const settle = (finish: () => void): void => {
      if (isSettled) return
      isSettled = true
      clearTimeout(overall)
      clearTimeout(connecting)
      request.signal?.removeEventListener("abort", onAbort)
      finish()
    }
    const fail = (error: VouchsafeError): void => {
      settle(() => reject(error))
      outgoing.destroy()
    }
    const onAbort = (): void => fail(new VouchsafeError("TIMEOUT", `${url.host}: stopped while waiting for an answer`))
    const overall = setTimeout(() => fail(new VouchsafeError("TIMEOUT", `${url.host}: no whole answer within ${request.timeoutMs} ms`)), request.timeoutMs)
    let connecting: NodeJS.Timeout | undefined

    request.signal?.addEventListener("abort", onAbort)
    outgoing.on("socket", (socket: Socket) => {
      if (!socket.connecting) return
      const limit = settings.connectTimeoutMs
      const giveUp = (): void => { if (socket.connecting) fail(new VouchsafeError("UNREACHABLE", `${url.host}: no connection within ${limit} ms`)) }
      // After a look at what has arrived: in a process that was busy for as long, timers come first.
      connecting = setTimeout(() => setImmediate(giveUp), limit)
      socket.once("connect", () => clearTimeout(connecting))
    })
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      if (outgoing.reusedSocket && error.code === "ECONNRESET") settle(() => resolve("stale"))
      else fail(unreachable(url, error))
    })
    outgoing.on("response", (incoming) => {
      readBody(incoming, request.maxBytes, url.host).then(
        (body) => settle(() => resolve({ status: incoming.statusCode ?? 0, headers: joinedHeaders(incoming.headers), body })),
        (error: unknown) => fail(error instanceof VouchsafeError ? error : unreachable(url, error)),
      )
    })
    outgoing.end(request.body)
  })
}

function unreachable(url: URL, cause: unknown): VouchsafeError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error"
  return new VouchsafeError("UNREACHABLE", `${url.host}: no connection, or it was cut (${code})`, { cause, details: { cause: code } })
}

function joinedHeaders(headers: Http.IncomingHttpHeaders): Record<string, string> {
  const joined: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(", ") : value
  }
  return joined
}
