import { utf8Decode } from "@vouchsafe/core"
import type { IncomingMessage } from "node:http"
import { type Answer, refusal } from "./answer.ts"
import type { Share } from "./memory.ts"

/** A request body, or the refusal that it earned. */
export type Body = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly answer: Answer }

/** What each request may hold of the listener's memory; a request of another server holds what it likes. */
const shares = new WeakMap<IncomingMessage, Share>()

/** Counts a request's body from here on. */
export function countBody(request: IncomingMessage, share: Share): void {
  shares.set(request, share)
}

/** Bodies that were read to compare their digest, for whoever handles the request then. */
const bodies = new WeakMap<IncomingMessage, Uint8Array>()

/** Reads a request body of at most `bytesMax` bytes; a longer one is refused without being read on. Read again it is the same. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Body> {
  const known = bodies.get(request)
  if (known !== undefined) return known.length > bytesMax ? tooLarge(String(known.length), bytesMax) : { ok: true, bytes: known }
  const declared = request.headers["content-length"]
  if (declared !== undefined && Number(declared) > bytesMax) return tooLarge(declared, bytesMax)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > bytesMax) return tooLarge(`more than ${bytesMax}`, bytesMax)
      if (shares.get(request)?.grow(chunk.length) === false) return { ok: false, answer: tooMuchHeld({ connection: "close" }) }
      chunks.push(chunk)
    }
  } catch (error) {
    // The connection is gone; nobody will read this answer, but the request ends in order.
    return { ok: false, answer: refusal("REQUEST_MALFORMED", `the body broke off after ${length} bytes (${(error as Error).name})`) }
  }
  const bytes = Buffer.concat(chunks)
  bodies.set(request, bytes)
  return { ok: true, bytes }
}

/** The refusal where this caller, or all together, hold too much of the node's memory. */
export function tooMuchHeld(headers: Readonly<Record<string, string>> = {}): Answer {
  return refusal("BUSY", "this address, or all together, have too much on its way", "ask again in some seconds, and read the answers", { "retry-after": "2", ...headers })
}

function tooLarge(found: string, bytesMax: number): Body {
  // The rest of the body is not worth reading: the connection ends with the answer.
  return { ok: false, answer: refusal("REQUEST_TOO_LARGE", `body has ${found} bytes, expected at most ${bytesMax}`, undefined, { connection: "close" }) }
}

/** @throws VouchsafeError UTF8_MALFORMED. */
export function bodyText(bytes: Uint8Array): string {
  return utf8Decode(bytes)
}
