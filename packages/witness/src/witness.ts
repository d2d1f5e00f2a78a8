/**
 * A witness: cosigns the heads of known logs, and of each log only heads that extend the one it cosigned before (C2SP tlog-witness;
 * STANDARDS §6). The new head is durable before the cosignature leaves.
 *
 * @packageDocumentation
 */
import {
  type Bytes, checkConsistency, cosign, type Crypto, emptyRoot, equalBytes, hexEncode, isVouchsafeError, openNote, type Signer, utf8Encode, type VerifierKey,
} from "@vouchsafe/core"
import type { Clock, WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"
import { MISBEHAVIOR_PER_LOG_MAX, SWAP_ATTEMPTS_MAX } from "./limits.ts"
import { type AddCheckpoint, parseAddCheckpoint } from "./request.ts"

/** An answer, as HTTP has it. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503
  readonly contentType: string
  readonly body: Bytes
}

export interface WitnessOptions {
  readonly store: WitnessStore
  /** Of type 0x04. */
  readonly signer: Signer
  /** Keys of the logs that are cosigned; a function where they change. */
  readonly logs: Iterable<VerifierKey> | (() => Iterable<VerifierKey>)
  readonly crypto: Crypto
  readonly clock: Clock
}

export interface Witness {
  readonly verifier: VerifierKey
  /** `POST add-checkpoint`. Never throws for what a caller sent. */
  addCheckpoint(body: Bytes): Promise<WitnessAnswer>
  /** Monitoring: `<hex sha256(origin)>/checkpoint` gives the last cosigned head. */
  monitor(path: string): Promise<WitnessAnswer>
  /** Two signed heads of one log that cannot both be true, kept for people. */
  misbehavior(): Promise<WitnessedMisbehavior[]>
  close(): Promise<void>
}

const TEXT = "text/plain; charset=utf-8"
const SIZE_TEXT = "text/x.tlog.size"
const MONITOR_PATH = /^([0-9a-f]{64})\/checkpoint$/

function answer(status: WitnessAnswer["status"], text: string, contentType = TEXT): WitnessAnswer {
  return { status, contentType, body: utf8Encode(text) }
}

/** Makes a witness over a store. */
export function createWitness(options: WitnessOptions): Witness {
  const { store, signer, crypto, clock } = options
  const keysFor = (origin: string): VerifierKey[] => [...(typeof options.logs === "function" ? options.logs() : options.logs)].filter((key) => key.name === origin)
  return {
    verifier: signer.verifier,
    async addCheckpoint(body) {
      let request: AddCheckpoint
      try {
        request = parseAddCheckpoint(body)
      } catch (error) {
        if (!isVouchsafeError(error)) throw error
        return answer(400, `${error.message}\n`)
      }
      const keys = keysFor(request.checkpoint.origin)
      if (keys.length === 0) return answer(404, "this witness does not know the log\n")
      const unsigned = whyUnsigned(crypto, request, keys)
      if (unsigned !== undefined) return answer(403, `${unsigned}\n`)
      if (request.checkpoint.extensions.length > 0) return answer(400, "the checkpoint has extension lines, expected none\n")
      if (request.oldSize > request.checkpoint.size) return answer(400, `old size ${request.oldSize} exceeds the checkpoint's ${request.checkpoint.size}\n`)
      for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt++) {
        const result = await extend(request)
        if (result !== undefined) return result
      }
      return answer(503, "other requests for this log came first, try again\n")
    },
    async monitor(path) {
      const hash = MONITOR_PATH.exec(path)?.[1]
      const head = hash === undefined ? undefined : await store.read(hash)
      return head === undefined ? answer(404, "not found\n") : answer(200, head.text)
    },
    misbehavior: () => store.misbehavior(),
    close: () => store.close(),
  }

  /** Checks against what was cosigned last, and takes its place; undefined when another request was faster. */
  async function extend(request: AddCheckpoint): Promise<WitnessAnswer | undefined> {
    const { checkpoint, oldSize, proof, note, signed } = request
    const originHash = hexEncode(crypto.sha256(utf8Encode(checkpoint.origin)))
    const known = await store.read(originHash)
    const knownSize = known?.size ?? 0
    if (oldSize !== knownSize) return answer(409, `${knownSize}\n`, SIZE_TEXT)
    const { size, root } = checkpoint
    if (size === 0 && !equalBytes(root, emptyRoot(crypto))) return answer(422, "size 0 with another root than the empty one\n")
    if (known === undefined || knownSize === 0) {
      if (proof.length !== 0) return answer(422, "a proof from size 0 must be empty\n")
    } else {
      const outcome = checkConsistency(crypto, { oldSize: knownSize, newSize: size, oldRoot: known.root, newRoot: root, proof })
      if (outcome === "fork") await keep(originHash, known, request)
      if (outcome !== "consistent") return answer(422, outcome === "fork" ? "the checkpoint contradicts the one cosigned before\n" : "the consistency proof does not verify\n")
    }
    const timeSeconds = Math.floor(clock.nowMs() / 1000)
    const line = cosign(signer, note.text, timeSeconds)
    const next: WitnessedHead = { origin: checkpoint.origin, size, root, text: `${logLinesOnly(signed, note.text, keysFor(checkpoint.origin))}${line}`, timeSeconds }
    const stored = await store.compareAndSet(originHash, known === undefined ? undefined : { size: known.size, root: known.root }, next)
    return stored ? answer(200, line) : undefined
  }

  async function keep(originHash: string, known: WitnessedHead, { checkpoint, proof, signed }: AddCheckpoint): Promise<void> {
    await store.addMisbehavior(originHash, {
      origin: checkpoint.origin, older: known.text, newer: signed, consistency: proof, seenAtSeconds: Math.floor(clock.nowMs() / 1000),
    }, MISBEHAVIOR_PER_LOG_MAX)
  }
}

function whyUnsigned(crypto: Crypto, request: AddCheckpoint, keys: readonly VerifierKey[]): string | undefined {
  try {
    openNote(crypto, request.note, keys)
    return undefined
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return error.message
  }
}

/** The checkpoint with the log's own signature lines: strangers' lines are not kept, nor shown to monitors. */
function logLinesOnly(signed: string, text: string, keys: readonly VerifierKey[]): string {
  const lines = signed.slice(text.length + 1).split("\n").filter((line) => keys.some((key) => line.startsWith(`\u2014 ${key.name} `)))
  return `${text}\n${lines.map((line) => `${line}\n`).join("")}`
}
