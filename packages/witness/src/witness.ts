/**
 * A witness: cosigns a log's checkpoint when it extends the one cosigned before (C2SP tlog-witness, main of 2026; STANDARDS §6).
 *
 * @packageDocumentation
 */
import { join } from "node:path"
import {
  type Bytes, checkConsistency, cosign, type Crypto, emptyRoot, equalBytes, formatNote, formatSignatureLine, hexEncode, isVouchsafeError, KEY_TYPE,
  openNote, shown, type Signer, utf8Encode, type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import type { Clock, WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"
import { CLOCK_STEP_BACK_SECONDS_MAX, MISBEHAVIOR_PER_LOG_MAX, RACES_MAX, REFRESH_SECONDS_MIN } from "./limits.ts"
import { type AddCheckpoint, parseAddCheckpoint } from "./request.ts"
import { openSqliteWitnessStore } from "./sqlite-store.ts"

/** A log to cosign for whose origin is not the name of its key. */
export interface WitnessedLog {
  readonly origin: string
  /** Type 0x01. */
  readonly key: VerifierKey
}

type Logs = Iterable<VerifierKey | WitnessedLog>

/** What a witness needs besides its memory. */
export interface WitnessRole {
  /** Cosigns: type 0x04. One key MUST NOT be used with two stores: the store is what keeps it honest. */
  readonly signer: Signer
  /** The logs, by key or by key and origin; a function is asked at each request. Several keys of one origin are each enough. */
  readonly logs: Logs | (() => Logs)
  readonly crypto: Crypto
  readonly clock: Clock
  /**
   * Whether a log may have one more larger head cosigned. Each is a durable write, and a log's operator could sign any number. Asked for nothing that
   * somebody else could bring again: a head that was cosigned before is free. Always, where it is left out.
   */
  readonly admit?: ((origin: string) => boolean) | undefined
}

/** What a witness needs. Its memory is a folder of its own, or a store. */
export type WitnessOptions = WitnessRole & ({ readonly directory: string } | { readonly store: WitnessStore })

/** An HTTP answer. `body` is prose, but for 200 (signature lines) and 409 (a size). */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 429
  readonly contentType: string
  readonly body: Bytes
}

/** See {@link openWitness}. */
export interface Witness {
  readonly verifier: VerifierKey
  /**
   * Answers add-checkpoint. Checks in this order, each failure ends the request: 400 unreadable, 404 unknown log, 403 not its signature,
   * 400 `old` beyond the checkpoint, 409 `old` is not the size cosigned last, 422 wrong proof or another root at the same size,
   * 429 too many larger heads of this log.
   * Before 200 is answered the new head is durable. Rejects with DISK when it cannot be stored, CLOCK_BEHIND when the clock shows no time
   * at all, or one long before the last cosignature of this log: nothing was cosigned then.
   */
  addCheckpoint(body: Bytes): Promise<WitnessAnswer>
  /** The last checkpoint cosigned, with the log's and the witness's signatures, by lower-case hexadecimal SHA-256 of the origin. */
  checkpoint(originHashHex: string): Promise<string | undefined>
  /** Answers a GET of `<hex sha256(origin)>/checkpoint`, below the witness's prefix: 200 with that checkpoint, or 404. */
  monitor(path: string): Promise<WitnessAnswer>
  /** Signed checkpoints that contradict each other, for the operator. */
  misbehavior(): Promise<WitnessedMisbehavior[]>
  close(): Promise<void>
}

const TEXT = "text/plain; charset=utf-8"
const SIZE = "text/x.tlog.size"
const MONITOR_SUFFIX = "/checkpoint"
/** The store's file inside a witness's directory. */
const DATABASE_NAME = "witness.sqlite"

function answer(status: WitnessAnswer["status"], text: string, contentType = TEXT): WitnessAnswer {
  return { status, contentType, body: utf8Encode(text) }
}

function keyOf(log: VerifierKey | WitnessedLog): WitnessedLog {
  const { origin, key } = "origin" in log ? log : { origin: log.name, key: log }
  // A cosigner's key would let a witness speak for the log.
  if (key.type !== KEY_TYPE.ed25519) throw new TypeError(`the key ${key.vkey} of log ${origin} has type ${key.type}, expected ${KEY_TYPE.ed25519}`)
  return { origin, key }
}

/** What is judged: the request, and the head that the witness cosigned last. */
interface Case {
  readonly request: AddCheckpoint
  readonly known: WitnessedHead | undefined
  readonly empty: Bytes
}

/** The refusal of a consistent-looking request, or undefined when it may be cosigned. */
function refusalOf(crypto: Crypto, { request, known, empty }: Case): WitnessAnswer | undefined {
  const { oldSize, proof, checkpoint: { size, root } } = request
  const knownSize = known?.size ?? 0
  if (oldSize !== knownSize) return answer(409, `${knownSize}\n`, SIZE)
  // Nothing but the empty tree's root is ever stored for size 0, so a wrong root of size 0 is another root at the same size.
  const oldRoot = known?.root ?? empty
  if (oldSize === size && !equalBytes(root, oldRoot)) return answer(422, `another root was cosigned at size ${size}: consistency proof impossible\n`)
  const outcome = checkConsistency(crypto, { oldSize, newSize: size, oldRoot, newRoot: root, proof })
  return outcome === "consistent" ? undefined : answer(422, `consistency proof from ${oldSize} to ${size} does not verify\n`)
}

/** Evidence in the request that its log signed two histories. */
function evidenceIn(crypto: Crypto, { request, known }: Case): readonly Bytes[] | undefined {
  const { proof, checkpoint: { size, root } } = request
  if (known === undefined) return undefined
  // Two roots at one size speak for themselves, whatever else the request says.
  const consistency = size === known.size ? [] : proof
  const claim = { oldSize: known.size, newSize: size, oldRoot: known.root, newRoot: root, proof: consistency }
  return checkConsistency(crypto, claim) === "fork" ? consistency : undefined
}

function listLogs(logs: WitnessRole["logs"]): WitnessedLog[] {
  return [...typeof logs === "function" ? logs() : logs].map(keyOf)
}

function readRequest(body: Bytes): AddCheckpoint | WitnessAnswer {
  try {
    return parseAddCheckpoint(body)
  } catch (error) {
    if (!isVouchsafeError(error, "REQUEST_MALFORMED")) throw error
    return answer(400, `${error.message}\n`)
  }
}

function checkSignature(crypto: Crypto, request: AddCheckpoint, keys: readonly VerifierKey[]): readonly VerifierKey[] | WitnessAnswer {
  try {
    return openNote(crypto, request.note, keys).verified
  } catch (error) {
    if (!isVouchsafeError(error, "NOTE_UNVERIFIED")) throw error
    return answer(403, `invalid signature: ${error.message}\n`)
  }
}

/** The checkpoint with the lines that were checked and no others: a submitter could add any, even one in the witness's own name. */
function signedText({ note }: AddCheckpoint, verified: readonly VerifierKey[], ownLine: string): string {
  const logLines = verified.flatMap(({ name, keyId }) => {
    const found = note.signatures.find((one) => one.name === name && one.keyId === keyId)
    return found === undefined ? [] : [formatSignatureLine(name, keyId, found.signature)]
  })
  return formatNote(note.text, ownLine === "" ? logLines : [...logLines, ownLine])
}

/**
 * A time for a cosignature. It says "the largest tree I had seen by then", so a later one must never name an earlier time: that would be a
 * proof against this witness (spec/misbehavior.md). After a long step back nothing is cosigned until the clock has caught up.
 */
function timeFor(clock: Clock, known: WitnessedHead | undefined): number {
  const now = Math.floor(clock.nowMs() / 1000)
  if (now <= 0) throw new VouchsafeError("CLOCK_BEHIND", `the clock shows ${now} s, expected a time after 1970: nothing was cosigned`)
  const last = known?.timeSeconds ?? 0
  if (last - now > CLOCK_STEP_BACK_SECONDS_MAX) {
    throw new VouchsafeError("CLOCK_BEHIND", `the clock shows ${now} s, but ${shown(known?.origin ?? "")} was cosigned at ${last} s: nothing was cosigned`, {
      hint: "set the clock; if it was ahead before, wait until that time has come, or give the witness a new key and the roster its name",
    })
  }
  return Math.max(last, now)
}

/** Judges a request whose log and signature are right, and cosigns when nothing is wrong. */
async function judge(role: WitnessRole, store: WitnessStore, request: AddCheckpoint, verified: readonly VerifierKey[]): Promise<WitnessAnswer> {
  const { crypto, signer, clock } = role
  const { origin, size, root } = request.checkpoint
  const originHash = hexEncode(crypto.sha256(utf8Encode(origin)))
  const empty = emptyRoot(crypto)
  let known: WitnessedHead | undefined
  for (let race = 0; race < RACES_MAX; race++) {
    known = await store.read(originHash)
    const timeSeconds = timeFor(clock, known)
    const consistency = evidenceIn(crypto, { request, known, empty })
    if (consistency !== undefined && known !== undefined) {
      const newer = signedText(request, verified, "")
      await store.addMisbehavior(originHash, { origin, older: known.text, newer, consistency, seenAtSeconds: timeSeconds }, MISBEHAVIOR_PER_LOG_MAX)
    }
    const refusal = refusalOf(crypto, { request, known, empty })
    if (refusal !== undefined) return refusal
    if (known?.size === size) {
      // Anybody can bring the same head again. What was just said is said again, in the words that are durable.
      if (timeSeconds - known.timeSeconds < REFRESH_SECONDS_MIN) return answer(200, cosign(signer, request.note.text, known.timeSeconds))
    } else if (role.admit?.(origin) === false) return answer(429, `too many checkpoints of ${shown(origin)}\n`)
    const line = cosign(signer, request.note.text, timeSeconds)
    const next: WitnessedHead = { origin, size, root, text: signedText(request, verified, line), timeSeconds }
    // Durable before it is answered, and only if nobody else moved the head since it was read.
    if (await store.compareAndSet(originHash, known, next)) return answer(200, line)
  }
  return answer(409, `${known?.size ?? 0}\n`, SIZE)
}

/**
 * Starts a witness.
 *
 * @throws VouchsafeError as {@link openSqliteWitnessStore}. @throws TypeError when the signer is no cosigner, or a log's key is no log's.
 */
export async function openWitness(options: WitnessOptions): Promise<Witness> {
  const { signer, crypto, logs } = options
  if (signer.verifier.type !== KEY_TYPE.cosignatureEd25519) {
    throw new TypeError(`key ${signer.verifier.name} has type ${signer.verifier.type}, expected ${KEY_TYPE.cosignatureEd25519}`)
  }
  listLogs(logs)
  const store = "store" in options ? options.store : await openSqliteWitnessStore(join(options.directory, DATABASE_NAME))

  const checkpoint = async (originHashHex: string): Promise<string | undefined> =>
    /^[0-9a-f]{64}$/.test(originHashHex) ? (await store.read(originHashHex))?.text : undefined

  return {
    verifier: signer.verifier,
    async addCheckpoint(body) {
      const request = readRequest(body)
      if ("status" in request) return request
      const { origin, size } = request.checkpoint
      // By text form: a roster may list one key twice.
      const keys = [...new Map(listLogs(logs).filter((log) => log.origin === origin).map(({ key }) => [key.vkey, key])).values()]
      if (keys.length === 0) return answer(404, `unknown log: ${shown(origin)}\n`)
      const verified = checkSignature(crypto, request, keys)
      if ("status" in verified) return verified
      if (request.oldSize > size) return answer(400, `invalid input: old size ${request.oldSize} exceeds the checkpoint's ${size}\n`)
      return judge(options, store, request, verified)
    },
    checkpoint,
    async monitor(path) {
      const text = path.endsWith(MONITOR_SUFFIX) ? await checkpoint(path.slice(0, -MONITOR_SUFFIX.length)) : undefined
      return text === undefined ? answer(404, "not found\n") : answer(200, text)
    },
    misbehavior: () => store.misbehavior(),
    close: () => store.close(),
  }
}
