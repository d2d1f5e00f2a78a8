/**
 * The way out for git inside a sandbox: an HTTP proxy on a unix socket which knows the hosts that may be cloned from and nobody else
 * (THREATS A8). TLS is between git and the host; this sees names, addresses and amounts.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, shown, VouchsafeError } from "@vouchsafe/core"
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex, Readable } from "node:stream"
import { pinAddress, type Resolve, resolveBySystem } from "./guarded.ts"

/** Bytes through one proxy, both ways together: a clone larger than this is none that we build. */
export const PROXY_BYTES_MAX = 4 * 1024 * 1024 * 1024
const CONNECTIONS_MAX = 64
const IDLE_MS_MAX = 60_000
/** However much still comes, a connection ends then. */
const CONNECTION_MS_MAX = 30 * 60_000
const EVENTS_KEPT_MAX = 10_000
const HTTPS_PORT = 443
const HTTP_PORT = 80
const AUTHORITY = /^([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]):([1-9][0-9]{0,4})$/i
/** What git sends to a host that speaks its protocol over HTTP. */
const METHODS = ["GET", "HEAD", "POST"]
/** Passed on; nothing else is, credentials and cookies least of all. */
const HEADERS_TO_HOST = ["accept", "accept-encoding", "accept-language", "content-encoding", "content-length", "content-type", "git-protocol", "pragma", "range", "transfer-encoding", "user-agent"]

export interface GitProxyOptions {
  /** Path of the unix socket to make; its folder must exist. */
  readonly socket: string
  /** Hosts, lower case, with `:port` where it is not the protocol's own. An IPv6 address stands in brackets. */
  readonly hosts: readonly string[]
  /** `https`: by CONNECT. `http`: absolute-form requests, for tests and networks of one's own. */
  readonly protocols: readonly string[]
  readonly allowPrivateAddresses: boolean
  /** Default {@link PROXY_BYTES_MAX}. */
  readonly bytesMax?: number
  readonly log?: (line: string) => void
  readonly resolve?: Resolve
}

/** A request to the proxy. */
export interface GitProxyEvent {
  readonly host: string
  readonly port: number
  readonly outcome: "connected" | "refused"
  /** Why it was refused. */
  readonly detail?: string
}

export interface GitProxy {
  readonly events: readonly GitProxyEvent[]
  /** Bytes so far, both ways. */
  bytes(): number
  close(): Promise<void>
}

/** Starts a proxy. @throws VouchsafeError DISK where the socket cannot be made */
export async function startGitProxy(options: GitProxyOptions): Promise<GitProxy> {
  const meter = createMeter(options.bytesMax ?? PROXY_BYTES_MAX)
  const events: GitProxyEvent[] = []
  const open = new Set<Duplex>()
  const record = (event: GitProxyEvent): void => {
    if (events.length < EVENTS_KEPT_MAX) events.push(event)
    options.log?.(`git: ${shown(`${event.host}:${event.port}`)} ${event.outcome}${event.detail === undefined ? "" : `, ${event.detail}`}`)
  }
  const guard = async (protocol: "https" | "http", host: string, port: number): Promise<string> => {
    try {
      checkPlace(options, protocol, host, port)
      const address = await pinAddress(host, options.resolve ?? resolveBySystem, options.allowPrivateAddresses)
      record({ host, port, outcome: "connected" })
      return address
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      record({ host, port, outcome: "refused", detail: error.message })
      throw error
    }
  }
  const world: World = { guard, meter, open }
  const server = createServer((request, response) => void passRequest(request, response, world).catch((error: unknown) => refuse(response, error)))
  server.maxConnections = CONNECTIONS_MAX
  server.on("connection", (socket: Socket) => hold(open, socket))
  server.on("connect", (request: IncomingMessage, near: Duplex, head: Buffer) => {
    passTunnel(request, near, head, world).catch((error: unknown) => {
      near.end(`HTTP/1.1 403 ${reason(error)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    })
  })
  await new Promise<void>((resolve, reject) => { server.once("error", reject).listen(options.socket, resolve) }).catch((cause: unknown) => {
    throw new VouchsafeError("DISK", `cannot listen on ${shown(options.socket)}`, { cause })
  })
  return {
    events,
    bytes: () => meter.bytes(),
    async close() {
      for (const socket of open) socket.destroy()
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => resolve()) })
    },
  }
}

interface World {
  /** The address to connect to. Rejects with a VouchsafeError. */
  readonly guard: (protocol: "https" | "http", host: string, port: number) => Promise<string>
  readonly meter: Meter
  readonly open: Set<Duplex>
}

/** Counts what passes; one over the limit ends both sides. */
interface Meter {
  watch(stream: Readable, end: () => void): void
  bytes(): number
}

function createMeter(bytesMax: number): Meter {
  let bytes = 0
  return {
    bytes: () => bytes,
    watch(stream, end) {
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > bytesMax) end()
      })
    },
  }
}

function checkPlace({ hosts, protocols }: GitProxyOptions, protocol: "https" | "http", host: string, port: number): void {
  if (!protocols.includes(protocol)) throw new VouchsafeError("ADDRESS_REFUSED", `${protocol} is not allowed here`)
  const own = protocol === "https" ? HTTPS_PORT : HTTP_PORT
  if (!hosts.includes(`${host}:${port}`) && !(port === own && hosts.includes(host))) throw new VouchsafeError("ADDRESS_REFUSED", `host ${shown(host)} at port ${port} is none to clone from`)
}

async function passTunnel(request: IncomingMessage, near: Duplex, head: Buffer, { guard, meter, open }: World): Promise<void> {
  near.on("error", () => near.destroy())
  const [, host, port] = AUTHORITY.exec(request.url ?? "") ?? []
  if (host === undefined || port === undefined) throw new VouchsafeError("ADDRESS_REFUSED", "CONNECT without host and port")
  const address = await guard("https", host.toLowerCase(), Number(port))
  if (near.destroyed) return
  const far = connect({ host: address, port: Number(port), allowHalfOpen: true })
  hold(open, far)
  const end = (): void => {
    near.destroy()
    far.destroy()
  }
  far.on("error", end)
  far.on("close", () => near.destroy())
  near.on("close", () => far.destroy())
  far.on("connect", () => {
    near.write("HTTP/1.1 200 connected\r\n\r\n")
    if (head.length > 0) far.write(head)
    meter.watch(near, end)
    meter.watch(far, end)
    near.pipe(far)
    far.pipe(near)
  })
}

async function passRequest(request: IncomingMessage, response: ServerResponse, { guard, meter, open }: World): Promise<void> {
  if (!METHODS.includes(request.method ?? "")) throw new VouchsafeError("ADDRESS_REFUSED", `method ${shown(request.method ?? "")} is none of git's`)
  const url = URL.canParse(request.url ?? "") ? new URL(request.url as string) : undefined
  if (url === undefined || url.protocol !== "http:" || url.username !== "" || url.password !== "") throw new VouchsafeError("ADDRESS_REFUSED", "expected an http address without credentials")
  const port = url.port === "" ? HTTP_PORT : Number(url.port)
  const address = await guard("http", url.hostname, port)
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => HEADERS_TO_HOST.includes(name)))
  const far = httpRequest({ host: address, port, method: request.method, path: `${url.pathname}${url.search}`, headers: { ...headers, host: url.host }, agent: false, timeout: IDLE_MS_MAX })
  const end = (): void => {
    far.destroy()
    response.destroy()
  }
  far.on("socket", (socket) => hold(open, socket))
  far.on("timeout", end)
  far.on("error", (error) => (response.headersSent ? response.destroy() : refuse(response, error)))
  far.on("response", (answer) => {
    const { connection: _connection, "keep-alive": _keepAlive, "set-cookie": _cookies, ...passed } = answer.headers
    response.writeHead(answer.statusCode ?? 502, passed)
    meter.watch(answer, end)
    answer.on("error", end)
    answer.pipe(response)
  })
  response.on("close", () => far.destroy())
  meter.watch(request, end)
  request.pipe(far)
}

/** Bounds a socket in time, and lets it be ended with the proxy. */
function hold(open: Set<Duplex>, socket: Socket): void {
  if (open.has(socket)) return
  open.add(socket)
  socket.setTimeout(IDLE_MS_MAX, () => socket.destroy())
  const timer = setTimeout(() => socket.destroy(), CONNECTION_MS_MAX)
  timer.unref()
  socket.on("error", () => socket.destroy())
  socket.on("close", () => {
    clearTimeout(timer)
    open.delete(socket)
  })
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(isVouchsafeError(error) ? 403 : 502, { "content-type": "text/plain", connection: "close" }).end(`${reason(error)}\n`)
}

/** One line that may stand in a status line. */
function reason(error: unknown): string {
  return (isVouchsafeError(error) ? error.message : "the connection failed").replace(/[^\x20-\x7e]/g, "?")
}
