/**
 * The routes that both listeners have (spec/node-http.md).
 *
 * @packageDocumentation
 */
import { parseEvidenceRequest } from "@vouchsafe/core"
import type { BlobStore, Log } from "@vouchsafe/ports"
import type { Budget } from "../evidence/budget.ts"
import type { EvidenceService } from "../evidence/service.ts"
import { type Answer, jsonAnswer, refusal, textAnswer } from "../http/answer.ts"
import { readBody } from "../http/body.ts"
import type { Route } from "../http/router.ts"
import { EVIDENCE_BODY_BYTES_MAX, RELEASE_BODY_BYTES_MAX, WITNESS_BODY_BYTES_MAX } from "../limits.ts"
import type { Metrics } from "../metrics.ts"
import type { Releases } from "../releases/releases.ts"
import { blobRoute, logRoute, withJson } from "./exchange.ts"

/** A witness's answer, as HTTP has it. */
export interface WitnessAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/** What the public routes work with. */
export interface PublicOptions {
  readonly log: Pick<Log, "serve">
  readonly notices: Pick<Log, "serve">
  readonly witness: {
    addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>
    /** `path` is below the witness's prefix. */
    monitor(path: string): Promise<WitnessAnswer>
  }
  /** How many checkpoints an address may hand in, good or bad. */
  readonly witnessBudget: Budget
  readonly evidence: EvidenceService
  readonly releases: Releases
  readonly blobs: BlobStore
  readonly metrics: Metrics
  readonly rosterText: string
  readonly status: () => unknown
  /** Why this node should get no traffic; undefined while it works. */
  readonly unhealthy: () => string | undefined
}

/** @returns the routes in no particular order. */
export function publicRoutes(options: PublicOptions): Route[] {
  const { witness } = options
  return [
    logRoute("/log/", options.log),
    logRoute("/notices/", options.notices),
    {
      path: "/witness/add-checkpoint",
      async post({ request, from }) {
        if (options.witnessBudget.take(from) !== "granted") return refusal("RATE_LIMITED", "this address has sent too many checkpoints", undefined, { "retry-after": "5" })
        // tlog-witness names no content type; what counts is a signature of a log's key over the checkpoint inside.
        const body = await readBody(request, WITNESS_BODY_BYTES_MAX)
        return body.ok ? witnessAnswer(await witness.addCheckpoint(body.bytes)) : body.answer
      },
    },
    { path: "/witness/", get: async ({ path }) => witnessAnswer(await witness.monitor(path.slice("/witness/".length))) },
    {
      path: "/v1/evidence",
      post: withJson(EVIDENCE_BODY_BYTES_MAX, (text, { from, signal }) => options.evidence.answer(parseEvidenceRequest(text), from, signal)),
    },
    { path: "/v1/releases", post: withJson(RELEASE_BODY_BYTES_MAX, (text, { from }) => options.releases.submit(text, from)) },
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

function witnessAnswer({ status, contentType, body }: WitnessAnswer): Answer {
  return { status, headers: { "content-type": contentType, "cache-control": "no-store" }, body }
}
