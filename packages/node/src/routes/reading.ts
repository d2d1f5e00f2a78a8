/**
 * The routes that only read: a node's, and all that a front end has (spec/node-http.md).
 *
 * @packageDocumentation
 */
import { parseEvidenceRequest } from "@vouchsafe/core"
import type { BlobStore, LogReader } from "@vouchsafe/ports"
import type { EvidenceService } from "../evidence/service.ts"
import { jsonAnswer, refusal, textAnswer } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { EVIDENCE_BODY_BYTES_MAX } from "../limits.ts"
import type { Metrics } from "../metrics.ts"
import { blobRoute, logRoute, withJson } from "./exchange.ts"

/** What these routes work with. */
export interface ReadingOptions {
  readonly log: Pick<LogReader, "serve">
  readonly notices: Pick<LogReader, "serve">
  readonly evidence: EvidenceService
  readonly blobs: BlobStore
  readonly metrics: Metrics
  readonly rosterText: string
  readonly status: () => unknown
  /** Why this process should get no traffic; undefined while it works. */
  readonly unhealthy: () => string | undefined
}

/** @returns the routes in no particular order. */
export function readingRoutes(options: ReadingOptions): Route[] {
  return [
    logRoute("/log/", options.log),
    logRoute("/notices/", options.notices),
    {
      path: "/v1/evidence",
      post: withJson(EVIDENCE_BODY_BYTES_MAX, (text, { from, signal }) => options.evidence.answer(parseEvidenceRequest(text), from, signal)),
    },
    blobRoute("/v1/blob/", options.blobs),
    // Where file manifests were served before other documents were.
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
  ]
}
