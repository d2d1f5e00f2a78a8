/**
 * `GET /v1/envelope/<index>`: statements as tools of in-toto and SLSA want them (spec/builds.md, "Export").
 *
 * @packageDocumentation
 */
import { formatEnvelope, formatStatement, INTOTO_PAYLOAD_TYPE, keyHint, parseEntry, provenanceOf, signEnvelope, type Signer, unlessMalformed, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { BlobStore, Log } from "@vouchsafe/ports"
import { refusal, textAnswer } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { attachment, IMMUTABLE } from "./exchange.ts"

/** What the route works with. */
export interface EnvelopeOptions {
  readonly log: Pick<Log, "size" | "entry">
  readonly blobs: BlobStore
  /** Signs what is exported. No quorum counts this key. */
  readonly exportKey: Signer
  /** `builder.id` of this node's rebuilds. */
  readonly builderId: string
}

const PREFIX = "/v1/envelope/"
const INDEX = /^(?:0|[1-9][0-9]{0,14})$/
/** As registered for DSSE. */
const CONTENT_TYPE = "application/vnd.dsse.envelope.v1+json"

/** @returns the route, for both listeners. */
export function envelopeRoute(options: EnvelopeOptions): Route {
  return {
    path: PREFIX,
    async get({ path }) {
      const text = path.slice(PREFIX.length)
      if (!INDEX.test(text) || Number(text) >= options.log.size) return refusal("NOT_FOUND", "the log has no such entry", `entries have the numbers 0 to ${options.log.size - 1}`)
      const envelope = await envelopeOf(utf8Decode(await options.log.entry(Number(text))), options)
      if (envelope === undefined) return refusal("NOT_FOUND", "the entry is no statement that can be exported")
      return textAnswer(200, envelope, { "content-type": CONTENT_TYPE, "cache-control": IMMUTABLE, ...attachment(true) })
    },
  }
}

async function envelopeOf(text: string, options: EnvelopeOptions): Promise<string | undefined> {
  const entry = unlessMalformed(() => parseEntry(text))
  switch (entry?.kind) {
    case "observation": return signed(text, options)
    case "by-digest": {
      const body = await options.blobs.get(entry.sha256)
      return body === undefined ? undefined : signed(utf8Decode(body), options)
    }
    case "rebuild": return signed(formatStatement(provenanceOf(entry.rebuild, options.builderId)), options)
    // Somebody else's words stay under somebody else's signature: this node's key never stands under them (THREATS A1).
    case "foreign": return formatEnvelope(entry.foreign.envelope)
    default: return undefined
  }
}

function signed(statement: string, { exportKey }: EnvelopeOptions): string {
  return formatEnvelope(signEnvelope(exportKey, { payloadType: INTOTO_PAYLOAD_TYPE, payload: utf8Encode(statement), keyId: keyHint(exportKey.verifier) }))
}
