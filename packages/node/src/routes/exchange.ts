import { HEX_SHA256 } from "@vouchsafe/core"
import type { BlobStore, Log } from "@vouchsafe/ports"
import { type Answer, refusal } from "../http/answer.ts"
import { bodyText, readBody } from "../http/body.ts"
import { guardJson } from "../http/guard.ts"
import type { Exchange, Handler, Route } from "../http/router.ts"

const IMMUTABLE = "public, max-age=31536000, immutable"
/** Checkpoints and the roster change; a proxy may hold them this long. */
const SECONDS = "public, max-age=5"

/** A handler that reads a JSON body of at most `bytesMax` bytes and gives its text on. */
export function withJson(bytesMax: number, handle: (text: string, exchange: Exchange) => Promise<Answer>): Handler {
  return async (exchange) => {
    const refused = guardJson(exchange.request)
    if (refused !== undefined) return refused
    const body = await readBody(exchange.request, bytesMax)
    return body.ok ? await handle(bodyText(body.bytes), exchange) : body.answer
  }
}

/** A log's files under `prefix`, as C2SP tlog-tiles names them. */
export function logRoute(prefix: string, log: Pick<Log, "serve">): Route {
  return {
    path: prefix,
    async get({ path }) {
      const file = await log.serve(path.slice(prefix.length))
      if (file.status === 404) return refusal("NOT_FOUND", "the log has no such tile", "tiles are named as in C2SP tlog-tiles")
      return { status: 200, headers: { "content-type": file.contentType, "cache-control": file.immutable ? IMMUTABLE : SECONDS, ...attachment(file.immutable) }, body: file.body }
    },
  }
}

/** What others wrote is never shown by a browser, only saved. */
function attachment(isForeign: boolean): Record<string, string> {
  return isForeign ? { "content-disposition": "attachment" } : {}
}

/** File manifests by digest. */
export function manifestRoute(blobs: BlobStore): Route {
  const prefix = "/v1/manifest/"
  return {
    path: prefix,
    async get({ path }) {
      const digest = path.slice(prefix.length)
      if (!HEX_SHA256.test(digest)) return refusal("NOT_FOUND", "a manifest is named by 64 lower-case hex digits")
      const body = await blobs.get(digest)
      if (body === undefined) return refusal("NOT_FOUND", "this node holds no manifest of that digest")
      return { status: 200, headers: { "content-type": "application/json", "cache-control": IMMUTABLE, ...attachment(true) }, body }
    },
  }
}
