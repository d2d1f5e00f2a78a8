/**
 * The routes of a front end: all that reads, and where to go for the rest (spec/log-storage.md, [S21]).
 *
 * @packageDocumentation
 */
import { parseEvidenceRequest } from "@vouchsafe/core"
import type { BlobStore, LogReader } from "@vouchsafe/ports"
import type { EvidenceService } from "../evidence/service.ts"
import { type Answer, jsonAnswer, refusal, textAnswer } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { EVIDENCE_BODY_BYTES_MAX } from "../limits.ts"
import type { Metrics } from "../metrics.ts"
import { blobRoute, logRoute, withJson } from "./exchange.ts"

/** What the routes work with. */
export interface FrontOptions {
  readonly log: Pick<LogReader, "serve">
  readonly notices: Pick<LogReader, "serve">
  readonly evidence: EvidenceService
  readonly blobs: BlobStore
  readonly metrics: Metrics
  readonly rosterText: string
  readonly status: () => unknown
  /** Why this front end should get no traffic; undefined while it works. */
  readonly unhealthy: () => string | undefined
  /** Where the node is that takes what a front end does not. */
  readonly nodeUrl: string
}

/** What a node serves and a front end does not. */
const ELSEWHERE = ["/witness/", "/v1/releases", "/v1/builds", "/v1/builds/", "/v1/envelope/", "/v1/admin/", "/v1/gather", "/v1/withdraw", "/v1/reverse", "/v1/recheck", "/v1/backup", "/v1/pin"] as const

/** @returns the routes of both listeners: there is nothing that an admin could do here. */
export function frontRoutes(options: FrontOptions): Route[] {
  const refuse = (): Answer => refusal("NOT_ALLOWED", "this front end only reads", `ask ${options.nodeUrl}`)
  return [
    logRoute("/log/", options.log),
    logRoute("/notices/", options.notices),
    { path: "/v1/evidence", post: withJson(EVIDENCE_BODY_BYTES_MAX, (text, { from, signal }) => options.evidence.answer(parseEvidenceRequest(text), from, signal)) },
    blobRoute("/v1/blob/", options.blobs),
    blobRoute("/v1/manifest/", options.blobs),
    { path: "/v1/roster", get: () => textAnswer(200, options.rosterText, { "content-type": "application/json" }) },
    { path: "/v1/status", get: () => jsonAnswer(200, options.status()) },
    { path: "/metrics", get: async () => textAnswer(200, await options.metrics.text(), { "content-type": "text/plain; version=0.0.4; charset=utf-8" }) },
    {
      path: "/-/healthz",
      get: () => {
        const why = options.unhealthy()
        return why === undefined ? textAnswer(200, "ok\n") : refusal("BUSY", why)
      },
    },
    ...ELSEWHERE.map((path): Route => ({ path, get: refuse, post: refuse })),
  ]
}
