import type { IncomingMessage } from "node:http"
import { type Answer, refusal } from "./answer.ts"

/** One request on its way to its route. */
export interface Exchange {
  readonly request: IncomingMessage
  /** The request target's path, undecoded. Routes compare it as it is: no path of this node needs an escape. */
  readonly path: string
  /** Who asks: the peer's address, or `admin` on the admin socket. Budgets are kept by it. */
  readonly from: string
  /** Aborted when the client hangs up. */
  readonly signal: AbortSignal
}

/** Answers one request. May throw a VouchsafeError of kind `input` for a request that does not parse. */
export type Handler = (exchange: Exchange) => Promise<Answer> | Answer

/** A path, or every path under one that ends in `/`, and its handlers by method. */
export interface Route {
  readonly path: string
  readonly get?: Handler
  readonly post?: Handler
}

/** Finds a request's handler, or the refusal. */
export type Router = (method: string, path: string) => { readonly handler: Handler; readonly route: string } | Answer

/** Makes a router: exact paths first, then the longest prefix. */
export function createRouter(routes: readonly Route[]): Router {
  const exact = new Map<string, Route>()
  const prefixes: Route[] = []
  for (const route of routes) {
    if (route.path.endsWith("/")) prefixes.push(route)
    else exact.set(route.path, route)
  }
  prefixes.sort((a, b) => b.path.length - a.path.length)
  return (method, path) => {
    const route = exact.get(path) ?? prefixes.find((candidate) => path.startsWith(candidate.path))
    if (route === undefined) return refusal("NOT_FOUND", "nothing is served at this path", "the paths of a node are in spec/node-http.md")
    const handler = method === "GET" || method === "HEAD" ? route.get : method === "POST" ? route.post : undefined
    if (handler !== undefined) return { handler, route: route.path }
    const allow = [route.get === undefined ? [] : ["GET", "HEAD"], route.post === undefined ? [] : ["POST"]].flat().join(", ")
    return refusal("METHOD_NOT_ALLOWED", `this path answers to ${allow}`, undefined, { allow })
  }
}
