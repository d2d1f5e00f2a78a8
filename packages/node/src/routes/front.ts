/**
 * The routes of a front end: all that reads, what is passed on, and where to go for the rest (spec/log-storage.md, [S21]).
 *
 * @packageDocumentation
 */
import { type Answer, refusal } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { type ReadingOptions, readingRoutes } from "./reading.ts"

/** What the routes work with. */
export interface FrontOptions extends ReadingOptions {
  /** Where the node is that takes what a front end does not. */
  readonly nodeUrl: string
  /** What is passed on to it. */
  readonly forwarded: readonly Route[]
}

/** What a node serves and a front end does not. */
const ELSEWHERE = ["/witness/", "/v1/releases", "/v1/builds", "/v1/builds/", "/v1/envelope/", "/v1/admin/", "/v1/gather", "/v1/withdraw", "/v1/reverse", "/v1/recheck", "/v1/backup", "/v1/pin"] as const

/** @returns the routes of both listeners: there is nothing that an admin could do here. */
export function frontRoutes(options: FrontOptions): Route[] {
  const refuse = (): Answer => refusal("NOT_ALLOWED", "this front end only reads", `ask ${options.nodeUrl}`)
  return [...readingRoutes(options), ...options.forwarded, ...ELSEWHERE.map((path): Route => ({ path, get: refuse, post: refuse }))]
}
