/**
 * What only the node's own user may ask, over the admin socket.
 *
 * @packageDocumentation
 */
import type { Attester } from "@vouchsafe/attester"
import { HEX_SHA512, parseJson, shapeReader } from "@vouchsafe/core"
import { gather, type GatherOptions, parseGatherRequest } from "../admin/gather.ts"
import { type Answer, jsonAnswer, refusal } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { ADMIN_BODY_BYTES_MAX, EVIDENCE_BODY_BYTES_MAX } from "../limits.ts"
import { withJson } from "./exchange.ts"

/** Longest of any text in an admin request, in characters; the attester bounds reasons itself. */
const TEXT_LENGTH_MAX = 1_000
const MAX = Number.MAX_SAFE_INTEGER

/** What the admin's routes work with. */
export interface AdminOptions {
  readonly attester: Pick<Attester, "withdraw" | "reverse" | "recheck">
  readonly gather: GatherOptions
  /** What is left of the budgets that all callers share, as a document. */
  readonly budgets: () => unknown
}

/** The routes of the admin socket beyond the public ones. */
export function adminRoutes(options: AdminOptions): Route[] {
  const { attester } = options
  return [
    { path: "/v1/gather", post: withJson(EVIDENCE_BODY_BYTES_MAX, (text, { signal }) => gather(parseGatherRequest(text), options.gather, signal)) },
    {
      path: "/v1/withdraw",
      post: withJson(ADMIN_BODY_BYTES_MAX, async (text) => {
        const { read, document } = readDocument("withdrawal", text, ["purl", "registry", "sha512", "reason"])
        const { index } = await attester.withdraw({
          ...artifactIn(read, document),
          sha512: read.pattern(document["sha512"], "sha512", HEX_SHA512, "128 lower-case hex digits"),
          reason: read.string(document["reason"], "reason", TEXT_LENGTH_MAX),
        })
        return jsonAnswer(200, { index })
      }),
    },
    {
      path: "/v1/reverse",
      post: withJson(ADMIN_BODY_BYTES_MAX, async (text) => {
        const { read, document } = readDocument("reversal", text, ["index", "reason"])
        const { index } = await attester.reverse({
          index: read.integer(document["index"], "index", 0, MAX),
          reason: read.string(document["reason"], "reason", TEXT_LENGTH_MAX),
        })
        return jsonAnswer(200, { index })
      }),
    },
    {
      path: "/v1/budgets",
      post: withJson(ADMIN_BODY_BYTES_MAX, async (text) => {
        readDocument("budgets", text, [])
        return jsonAnswer(200, options.budgets())
      }),
    },
    {
      path: "/v1/recheck",
      post: withJson(ADMIN_BODY_BYTES_MAX, async (text, { signal }) => {
        const { read, document } = readDocument("recheck", text, ["purl", "registry"])
        return recheckAnswer(await attester.recheck(artifactIn(read, document), { signal }))
      }),
    },
  ]
}

function readDocument(what: string, text: string, members: readonly string[]) {
  const read = shapeReader("REQUEST_MALFORMED", what)
  return { read, document: read.object(parseJson("REQUEST_MALFORMED", what, text), "document", members) }
}

function artifactIn(read: ReturnType<typeof shapeReader>, document: Readonly<Record<string, unknown>>): { purl: string; registry: string } {
  return { purl: read.string(document["purl"], "purl", TEXT_LENGTH_MAX), registry: read.string(document["registry"], "registry", TEXT_LENGTH_MAX) }
}

function recheckAnswer(result: Awaited<ReturnType<Attester["recheck"]>>): Answer {
  if (result.status === "refused" && result.code === "RATE_LIMITED") return refusal("RATE_LIMITED", result.detail)
  return jsonAnswer(200, result)
}
