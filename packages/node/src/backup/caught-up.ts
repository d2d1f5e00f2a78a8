/**
 * Whether a restored log is as far as what it had signed: asked of those who cosigned it, before anything is appended (spec/log-storage.md [S10]).
 *
 * @packageDocumentation
 */
import { checkConsistency, type Crypto, hexEncode, isVouchsafeError, openCheckpoint, quorumSatisfied, utf8Decode, utf8Encode, verifyCosignature, type VerifierKey, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport, Log } from "@vouchsafe/ports"
import { existsSync, readFileSync, rmSync } from "node:fs"
import type { OwnRoster } from "../state/roster.ts"
import { parseRestored, type RestoredMark } from "./format.ts"

/** Milliseconds for one witness to answer. */
const TIMEOUT_MS = 10_000
/** The same where nothing says that the folder went back: a start waits no longer for a witness that is gone. */
const START_TIMEOUT_MS = 3_000
const CHECKPOINT_BYTES_MAX = 65_536

type CheckedLog = Pick<Log, "origin" | "verifier" | "size" | "proveConsistency" | "head">

/** What is asked of whom. */
export interface CaughtUpOptions {
  readonly own: OwnRoster
  readonly transport: HttpTransport
  readonly crypto: Crypto
  /** For one witness to answer. */
  readonly timeoutMs?: number
}

interface Asked {
  readonly name: string
  readonly key: VerifierKey
  readonly url: string | undefined
}

/** The mark of a restored folder, or undefined. @throws VouchsafeError CONFIG_MALFORMED. */
export function restoredMark(path: string): RestoredMark | undefined {
  return existsSync(path) ? parseRestored(readFileSync(path, "utf8")) : undefined
}

/** From here on the folder is like any other: its logs are known to be as far as anybody saw them. */
export function clearMark(path: string): void {
  rmSync(path)
}

/**
 * Compares a restored log with the newest head that each witness of the roster cosigned for it.
 * @throws VouchsafeError STATE_UNSAFE when a witness holds a larger or another head: going on would sign a second history;
 * UNREACHABLE when one that must be asked does not answer.
 */
export async function requireCaughtUp(log: CheckedLog, mark: RestoredMark, options: CaughtUpOptions): Promise<void> {
  const asked = witnessesOf(options.own)
  if (asked.length === 0) {
    if (mark.acceptUnwitnessed) return
    throw new VouchsafeError("STATE_UNSAFE", `${log.origin} was restored and its roster has no other witness, expected one that can say how far the log had come`, {
      hint: "restore again with --accept-unwitnessed if nothing was observed after the backup; else begin a new log in a new data folder",
    })
  }
  const answers = await Promise.all(asked.map(async (witness) => ({ witness, failure: await failureOf(compare(log, witness, options)) })))
  const silent = answers.flatMap(({ witness, failure }) => (failure === undefined ? [] : [{ name: witness.name, failure }]))
  const unexpected = silent.find(({ name }) => !mark.withoutWitnesses.includes(name))
  if (unexpected !== undefined) {
    throw new VouchsafeError("UNREACHABLE", `${log.origin} was restored and witness ${unexpected.name} does not say how far it had come: ${unexpected.failure}`, {
      hint: `start again when it answers; if it is gone for good, restore again with --without-witness ${unexpected.name}`,
    })
  }
  if (silent.length > 0 && quorumSatisfied(options.own.roster.policy, new Set(silent.map(({ name }) => name)))) {
    throw new VouchsafeError("STATE_UNSAFE", `${log.origin} was restored and ${silent.length} silent witnesses are a quorum by themselves, expected the others to know what was cosigned`, {
      hint: "begin a new log in a new data folder: nobody who answers can say how far this one had come",
    })
  }
}

/**
 * The same at any other start, and whenever a witness claims to know more than there is: a folder may also have gone back without `restore`, with a
 * snapshot of its disk, and a second machine may sign with the same keys. Only what is proven counts: who is silent or talks nonsense stops nobody.
 * @throws VouchsafeError STATE_UNSAFE as {@link requireCaughtUp}.
 */
export async function refuseBehind(log: CheckedLog, options: CaughtUpOptions): Promise<void> {
  await Promise.all(witnessesOf(options.own).map((witness) => failureOf(compare(log, witness, { timeoutMs: START_TIMEOUT_MS, ...options }))))
}

/** All witnesses but the node's own, which went back with its log. */
function witnessesOf({ roster, self }: OwnRoster): Asked[] {
  return roster.policy.witnesses.filter(({ key }) => key.vkey !== self.witness.vkey).map(({ name, key }) => ({ name, key, url: roster.nodes.find(({ witness }) => witness.vkey === key.vkey)?.url }))
}

/** Why a witness gave no answer; what it says against the log is thrown. */
async function failureOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (!isVouchsafeError(error) || error.code === "STATE_UNSAFE") throw error
    return error.message
  }
}

async function compare(log: CheckedLog, witness: Asked, { transport, crypto, timeoutMs = TIMEOUT_MS }: CaughtUpOptions): Promise<void> {
  if (witness.url === undefined) throw new VouchsafeError("UNREACHABLE", `the roster has no address of witness ${witness.name}`)
  const hash = hexEncode(crypto.sha256(utf8Encode(log.origin)))
  const { status, body } = await transport.request({ method: "GET", url: `${witness.url}witness/${hash}/checkpoint`, timeoutMs, maxBytes: CHECKPOINT_BYTES_MAX })
  // tlog-witness: nothing was ever cosigned for this log.
  if (status === 404) return
  if (status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `it answered ${status}, expected 200 or 404`)
  // Signed by the log's own key: a witness cannot make one up.
  const { checkpoint, note } = openCheckpoint(crypto, utf8Decode(body), log.verifier)
  if (verifyCosignature(crypto, witness.key, note) === undefined) throw new VouchsafeError("UPSTREAM_FAILED", "its own cosignature is not on what it answered")
  const head = log.head()
  if (checkpoint.size > head.size) throw behind(log, witness, `a head of ${checkpoint.size} entries, more than the ${head.size} restored`)
  const proof = await log.proveConsistency(checkpoint.size, head.size)
  const outcome = checkConsistency(crypto, { oldSize: checkpoint.size, newSize: head.size, oldRoot: checkpoint.root, newRoot: head.root, proof })
  if (outcome !== "consistent") throw behind(log, witness, `another tree of ${checkpoint.size} entries than the restored one`)
}

function behind(log: CheckedLog, witness: Asked, found: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", `witness ${witness.name} cosigned for ${log.origin} ${found}, expected nothing newer than what is here: going on would sign a fork`, {
    details: { witness: witness.name, origin: log.origin },
    hint: "restore a newer backup or the disk itself, or stop the other node that has the same keys; if there is neither, this log has ended: begin a new one in a new data folder, with new keys, and have the roster name it",
  })
}
