/**
 * Witnesses behind an HTTP transport, honest and otherwise.
 *
 * @packageDocumentation
 */
import {
  cosign, KEY_TYPE, parseCheckpoint, parseNote, type Signer, signerFromSeed, utf8Decode, utf8Encode, VouchsafeError,
} from "@vouchsafe/core"
import type { HttpRequest, HttpResponse, HttpTransport } from "@vouchsafe/ports"

/** What a witness answers a request with, given what an honest one would. A rejection is a broken connection. */
export type Answer = (honest: () => HttpResponse, request: HttpRequest) => HttpResponse | Promise<HttpResponse>

/** A witness that believes every proof: what it is there for is its answers. */
export interface FakeWitness {
  readonly name: string
  readonly signer: Signer
  /** Prefix of `add-checkpoint`. */
  readonly submissionUrl: string
  /** Size of its last checkpoint, 0 at first. */
  size: number
  answer: Answer
  /** Bodies received, oldest first. */
  readonly requests: string[]
  readonly nowSeconds: () => number
}

/** An answer with a text body. */
export function answerOf(status: number, text: string, contentType = "text/plain; charset=utf-8"): HttpResponse {
  return { status, headers: { "content-type": contentType }, body: utf8Encode(text) }
}

/** Makes a witness whose key comes from `seed`, a byte. `nowSeconds` is its clock. */
export function createFakeWitness(name: string, seed: number, nowSeconds: () => number): FakeWitness {
  return {
    name,
    nowSeconds,
    signer: signerFromSeed(`witness.example/${name}`, KEY_TYPE.cosignatureEd25519, new Uint8Array(32).fill(seed)),
    submissionUrl: `http://127.0.0.1:9/${name}/witness/`,
    size: 0,
    requests: [],
    answer: (honest) => honest(),
  }
}

function honestly(witness: FakeWitness, body: string): HttpResponse {
  const old = Number(/^old ([0-9]+)\n/.exec(body)?.[1] ?? Number.NaN)
  const { text } = parseNote(body.slice(body.indexOf("\n\n") + 2))
  const { size } = parseCheckpoint(text)
  if (old !== witness.size) return answerOf(409, `${witness.size}\n`, "text/x.tlog.size")
  witness.size = size
  return answerOf(200, cosign(witness.signer, text, witness.nowSeconds()))
}

/** A transport that reaches these witnesses and nothing else. */
export function transportTo(witnesses: readonly FakeWitness[]): HttpTransport {
  return {
    async request(request) {
      const witness = witnesses.find(({ submissionUrl }) => request.url === `${submissionUrl}add-checkpoint`)
      if (witness === undefined || request.method !== "POST") throw new VouchsafeError("UNREACHABLE", `nobody answers ${request.method} ${request.url}`)
      const body = utf8Decode(request.body ?? new Uint8Array(0))
      witness.requests.push(body)
      return witness.answer(() => honestly(witness, body), request)
    },
  }
}
