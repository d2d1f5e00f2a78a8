/**
 * Proofs that one entry is in a log, in one file (C2SP tlog-proof; STANDARDS §7).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "./base64.ts"
import type { Bytes } from "./bytes.ts"
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts"
import { verifyCosignature } from "./cosignature.ts"
import type { Crypto } from "./crypto.ts"
import { parseDecimal } from "./decimal.ts"
import { isVouchsafeError, refusals, shown } from "./errors.ts"
import { areHashes, checkInclusion, HASH_BYTES, isTreeNumber } from "./merkle.ts"
import { NOTE_LENGTH_MAX, parseNote } from "./note.ts"
import { openNote } from "./open-note.ts"
import { quorumSatisfied, type TlogPolicy } from "./policy-text.ts"
import type { VerifierKey } from "./vkey.ts"

const HEADER = "c2sp.org/tlog-proof@v1"
/** Most hashes of an inclusion proof: trees have at most 2^63 leaves. */
export const PROOF_HASHES_MAX = 63
/** Longest application data, in bytes. */
export const PROOF_EXTRA_BYTES_MAX = 65_536

/** A proof, read but not checked. */
export interface TlogProof {
  /** Data of the application; nothing authenticates it. */
  readonly extra?: Bytes
  readonly index: number
  /** Inclusion proof, leaf sibling first. */
  readonly hashes: readonly Bytes[]
  /** The signed checkpoint, as it stands in the file. */
  readonly checkpoint: string
}

const refuse = /* @__PURE__ */ refusals("PROOF_MALFORMED", "proof: ")

function readPart<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(`${what}: ${cause.message}`, cause)
  }
}

/**
 * Reads a proof. `formatTlogProof(parseTlogProof(text)) === text`.
 * @throws VouchsafeError PROOF_MALFORMED, also for a checkpoint that does not parse.
 */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > NOTE_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${NOTE_LENGTH_MAX}`)
  const empty = text.indexOf("\n\n")
  if (empty < 0) throw refuse("has no empty line before its checkpoint")
  const lines = text.slice(0, empty).split("\n")
  if (lines.shift() !== HEADER) throw refuse(`line 1 is ${shown(text.split("\n", 1)[0] ?? "")}, expected ${HEADER}`)
  const extraLine = lines[0]?.startsWith("extra ") === true ? (lines.shift() as string) : undefined
  const extra = extraLine === undefined ? undefined : readPart("extra", () => base64Decode(extraLine.slice("extra ".length)))
  if (extra !== undefined && extra.length > PROOF_EXTRA_BYTES_MAX) throw refuse(`extra has ${extra.length} bytes, expected at most ${PROOF_EXTRA_BYTES_MAX}`)
  const indexLine = lines.shift() ?? ""
  if (!indexLine.startsWith("index ")) throw refuse(`has ${shown(indexLine)} where "index <decimal>" is expected`)
  const index = readPart("index", () => parseDecimal(indexLine.slice("index ".length)))
  if (lines.length > PROOF_HASHES_MAX) throw refuse(`has ${lines.length} hashes, expected at most ${PROOF_HASHES_MAX}`)
  const hashes = lines.map((line, i) => readPart(`hash ${i + 1}`, () => base64Decode(line)))
  if (!areHashes(hashes)) throw refuse(`has a hash that is not ${HASH_BYTES} bytes long`)
  const checkpoint = text.slice(empty + 2)
  readPart("checkpoint", () => parseCheckpoint(parseNote(checkpoint).text))
  return { ...(extra === undefined ? {} : { extra }), index, hashes, checkpoint }
}

/** Writes a proof. @throws VouchsafeError PROOF_MALFORMED when it would not read back. @throws TypeError for a bad index or hash. */
export function formatTlogProof(proof: TlogProof): string {
  if (!isTreeNumber(proof.index) || !areHashes(proof.hashes)) throw new TypeError("a proof has an index and hashes of 32 bytes")
  const lines = [
    HEADER,
    ...(proof.extra === undefined ? [] : [`extra ${base64Encode(proof.extra)}`]),
    `index ${proof.index}`,
    ...proof.hashes.map(base64Encode),
  ]
  const text = `${lines.join("\n")}\n\n${proof.checkpoint}`
  parseTlogProof(text)
  return text
}

/** What a checked proof shows, or the reason why it shows nothing. */
export type TlogProofCheck =
  | {
    readonly ok: true
    readonly checkpoint: Checkpoint
    readonly log: VerifierKey
    /** Witnesses of the policy that cosigned, by their names there. */
    readonly witnesses: readonly { readonly name: string; readonly timeSeconds: number }[]
  }
  | { readonly ok: false; readonly reason: "log" | "quorum" | "inclusion"; readonly message: string }

/**
 * Checks that the entry with this leaf hash is in a log of the policy, under a checkpoint that its quorum cosigned.
 * `reason`: `log` — no configured log signed this origin; `quorum` — too few witnesses; `inclusion` — the hashes do not lead to the root.
 * @throws VouchsafeError NOTE_MALFORMED or CHECKPOINT_MALFORMED for a `proof` that was not read by {@link parseTlogProof}.
 */
export function checkTlogProof(crypto: Crypto, proof: TlogProof, entryLeafHash: Bytes, policy: TlogPolicy): TlogProofCheck {
  const note = parseNote(proof.checkpoint)
  const checkpoint = parseCheckpoint(note.text)
  const candidates = policy.logs.map(({ key }) => key).filter(({ name }) => name === checkpoint.origin)
  let log: VerifierKey | undefined
  try {
    log = openNote(crypto, note, candidates).verified[0]
  } catch (error) {
    if (!isVouchsafeError(error, "NOTE_UNVERIFIED") && !isVouchsafeError(error, "NOTE_KEY_AMBIGUOUS")) throw error
    return { ok: false, reason: "log", message: `log ${shown(checkpoint.origin)}: ${error.message}` }
  }
  if (log === undefined) return { ok: false, reason: "log", message: `no known log signed for ${shown(checkpoint.origin)}` }
  const witnesses = policy.witnesses.flatMap(({ name, key }) => {
    const found = verifyCosignature(crypto, key, note)
    return found === undefined ? [] : [{ name, timeSeconds: found.timeSeconds }]
  })
  if (!quorumSatisfied(policy, new Set(witnesses.map(({ name }) => name)))) {
    const names = witnesses.map(({ name }) => name).join(", ")
    return { ok: false, reason: "quorum", message: `cosigned by ${names === "" ? "no known witness" : names}, expected quorum ${shown(policy.quorum)}` }
  }
  const { size, root } = checkpoint
  if (!checkInclusion(crypto, { index: proof.index, size, leafHash: entryLeafHash, proof: proof.hashes, root })) {
    return { ok: false, reason: "inclusion", message: `the entry is not shown to be number ${proof.index} of ${size}` }
  }
  return { ok: true, checkpoint, log, witnesses }
}
