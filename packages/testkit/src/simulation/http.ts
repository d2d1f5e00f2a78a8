/**
 * HTTP between hosts: requests and answers are messages on links, and time out as real ones do.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { VouchsafeError } from "@vouchsafe/core"
import type { HttpRequest, HttpResponse, HttpTransport } from "@vouchsafe/ports"
import type { Hosts, Life } from "./hosts.ts"
import type { Links } from "./links.ts"
import type { VirtualTime } from "./time.ts"

/** A request as it arrives. */
export interface SimulatedRequest {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Host that sent it. */
  readonly from: string
}

/** Answers a request. A rejection breaks the connection. */
export type SimulatedHandler = (request: SimulatedRequest) => Promise<HttpResponse>

export interface SimulatedHttp {
  /** A host's way out, for its present life. */
  httpFor(host: string): HttpTransport
  /** Answers requests to `origin` (`http://name`), as long as the host lives. Takes the place of an earlier handler. */
  listen(host: string, origin: string, handle: SimulatedHandler): void
}

interface Listener {
  readonly host: string
  readonly life: Life
  handle: SimulatedHandler
}

const short = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 12)

/** Makes the HTTP of a world. */
export function createHttp(time: VirtualTime, links: Links, hosts: Hosts): SimulatedHttp {
  const listeners = new Map<string, Listener>()

  /** Sends the request to its listener, and what comes of it back. */
  const deliver = (request: HttpRequest, from: Life, answer: (response: HttpResponse) => void, cutOff: (why: string) => void): void => {
    const url = new URL(request.url)
    const listener = listeners.get(url.origin)
    const to = listener?.host ?? url.host
    const back = (label: string, run: () => void): void => links.send(to, from.host, label, () => {
      if (from.isAlive()) run()
    })
    const body = Uint8Array.from(request.body ?? [])
    const path = `${url.pathname}${url.search}`
    links.send(from.host, to, `${request.method} ${from.host}>${to}${path} ${short(body)}`, () => {
      const now = listeners.get(url.origin)
      if (now === undefined || !now.life.isAlive()) {
        back(`refused ${to}>${from.host}`, () => cutOff(`${to}: connection refused`))
        return
      }
      // The host dies while it works: the connection breaks.
      const forget = now.life.atEnd(() => back(`reset ${to}>${from.host}`, () => cutOff(`${to}: the connection broke off`)))
      now.handle({ method: request.method, path, headers: request.headers ?? {}, body, from: from.host }).then((response) => {
        forget()
        if (now.life.isAlive()) back(`${response.status} ${to}>${from.host} ${short(response.body)}`, () => answer(response))
      }, () => {
        forget()
        if (now.life.isAlive()) back(`broken ${to}>${from.host}`, () => cutOff(`${to}: the connection broke off`))
      })
    })
  }

  const send = (from: Life, request: HttpRequest): Promise<HttpResponse> => new Promise((resolve, reject) => {
    if (!from.isAlive()) return
    const host = new URL(request.url).host
    const to = listeners.get(new URL(request.url).origin)?.host ?? host
    const cleanups: (() => void)[] = []
    const once = (finish: () => void): void => {
      for (const cleanup of cleanups.splice(0)) cleanup()
      finish()
    }
    const fail = (code: "UNREACHABLE" | "TIMEOUT" | "UPSTREAM_FAILED", why: string): void => once(() => reject(new VouchsafeError(code, why)))
    const giveUp = (): void => fail("TIMEOUT", `${host}: the request was given up`)
    cleanups.push(from.timers.after(request.timeoutMs, () => fail("TIMEOUT", `${host}: no whole answer within ${request.timeoutMs} ms`)))
    request.signal?.addEventListener("abort", giveUp)
    cleanups.push(() => request.signal?.removeEventListener("abort", giveUp))
    if (request.signal?.aborted === true) return giveUp()
    if (request.socketPath !== undefined) return fail("UNREACHABLE", `${request.socketPath}: there are no sockets here`)
    if (links.cutBetween(from.host, to) === "reset") {
      cleanups.push(from.timers.after(links.delay(from.host, to), () => fail("UNREACHABLE", `${host}: no route`)))
      return
    }
    deliver(request, from, (response) => {
      if (response.body.length > request.maxBytes) fail("UPSTREAM_FAILED", `${host}: the answer has ${response.body.length} bytes, expected at most ${request.maxBytes}`)
      else once(() => resolve({ ...response, body: Uint8Array.from(response.body) }))
    }, (why) => fail("UNREACHABLE", why))
  })

  return {
    httpFor(host) {
      const life = hosts.life(host)
      return { request: (request) => send(life, request) }
    },
    listen(host, origin, handle) {
      listeners.set(origin, { host, life: hosts.life(host), handle })
    },
  }
}
