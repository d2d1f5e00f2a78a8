import { utf8Decode } from "@vouchsafe/core"
import type { IncomingMessage } from "node:http"
import { type Answer, refusal } from "./answer.ts"

/** A request body, or the refusal that it earned. */
export type Body = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly answer: Answer }

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

function tooLarge(found: string, bytesMax: number): Body {
  // The rest of the body is not worth reading: the connection ends with the answer.
  return { ok: false, answer: refusal("REQUEST_TOO_LARGE", `body has ${found} bytes, expected at most ${bytesMax}`, undefined, { connection: "close" }) }
}

/** @throws VouchsafeError UTF8_MALFORMED. */
export function bodyText(bytes: Uint8Array): string {
  return utf8Decode(bytes)
}
