import { HEX_SHA256 } from "@vouchsafe/core"
import type { BlobStore, Log } from "@vouchsafe/ports"
import { type Answer, refusal } from "../http/answer.ts"
import { bodyText, readBody } from "../http/body.ts"
import { guardJson } from "../http/guard.ts"
import type { Exchange, Handler, Route } from "../http/router.ts"

/** For what never changes under its name. */
export const IMMUTABLE = "public, max-age=31536000, immutable"
const OPENING_BRACE = 0x7b
const OPENING_BRACKET = 0x5b
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
export function attachment(isForeign: boolean): Record<string, string> {
  return isForeign ? { "content-disposition": "attachment" } : {}
}

/** Documents by their SHA-256 under `prefix`: manifests, bundles, recipes, differences, statements too large for the log. */
export function blobRoute(prefix: string, blobs: BlobStore): Route {
  return {
    path: prefix,
    async get({ path }) {
      const digest = path.slice(prefix.length)
      if (!HEX_SHA256.test(digest)) return refusal("NOT_FOUND", "a document is named by 64 lower-case hex digits")
      const body = await blobs.get(digest)
      if (body === undefined) return refusal("NOT_FOUND", "this node holds no document of that digest")
      return { status: 200, headers: { "content-type": contentTypeOf(body), "cache-control": IMMUTABLE, ...attachment(true) }, body }
    },
  }
}

/** All documents are JSON but the readable difference of a rebuild. */
function contentTypeOf(body: Uint8Array): string {
  return body[0] === OPENING_BRACE || body[0] === OPENING_BRACKET ? "application/json" : "text/plain; charset=utf-8"
}
