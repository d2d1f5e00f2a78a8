/**
 * The routes that both listeners have (spec/node-http.md).
 *
 * @packageDocumentation
 */
import type { Budget } from "../evidence/budget.ts"
import { type Answer, refusal } from "../http/answer.ts"
import { readBody } from "../http/body.ts"
import type { Route } from "../http/router.ts"
import { RELEASE_BODY_BYTES_MAX, WITNESS_BODY_BYTES_MAX } from "../limits.ts"
import type { Releases } from "../releases/releases.ts"
import { withJson } from "./exchange.ts"
import { type ReadingOptions, readingRoutes } from "./reading.ts"

/** A witness's answer, as HTTP has it. */
export interface WitnessAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/** What the public routes work with. */
export interface PublicOptions extends ReadingOptions {
  readonly witness: {
    addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>
    /** `path` is below the witness's prefix. */
    monitor(path: string): Promise<WitnessAnswer>
  }
  /** How many checkpoints an address may hand in, good or bad. */
  readonly witnessBudget: Budget
  readonly releases: Releases
}

/** @returns the routes in no particular order. */
export function publicRoutes(options: PublicOptions): Route[] {
  const { witness } = options
  return [
    ...readingRoutes(options),
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
    { path: "/v1/releases", post: withJson(RELEASE_BODY_BYTES_MAX, (text, { from }) => options.releases.submit(text, from)) },
  ]
}

function witnessAnswer({ status, contentType, body }: WitnessAnswer): Answer {
  return { status, headers: { "content-type": contentType, "cache-control": "no-store" }, body }
}
