/**
 * Releases: what publishers say under keys of their own, logged as kind `foreign` (THREATS A1).
 *
 * @packageDocumentation
 */
import {
  type Crypto, type Envelope, formatForeignEntry, INTOTO_PAYLOAD_TYPE, keyHint, KEY_TYPE, openRelease, parseEnvelope, parseJson, parseOwnEntry, parseVerifierKey,
  type Release, shapeReader, utf8Decode, utf8Encode, type VerifierKey,
} from "@vouchsafe/core"
import type { Attester } from "@vouchsafe/attester"
import type { Clock, StatementLog } from "@vouchsafe/ports"
import { ADMIN, type Budget, createBudget } from "../evidence/budget.ts"
import { signerHintIn } from "../evidence/find.ts"
import { type Answer, jsonAnswer, refusal } from "../http/answer.ts"
import { RELEASES_GLOBAL, RELEASES_PER_ADDRESS, RELEASES_PER_ARTIFACT_AND_KEY_MAX, RELEASES_PER_KEY } from "../limits.ts"
import { releaseKey } from "../log-keys.ts"
import type { Logger } from "../logger.ts"

/** What the service works with. */
export interface ReleasesOptions {
  readonly log: StatementLog
  readonly attester: Pick<Attester, "find">
  /** Registry ids in which an observation is looked for. */
  readonly registries: readonly string[]
  /** Verifier keys, text form. */
  readonly publisherKeys: readonly string[]
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  /** Called when a release of a package version came into the log. */
  readonly onStatement: (purl: string) => void
}

/** @see createReleases */
export interface Releases {
  /** Takes one envelope. @throws VouchsafeError of kind `input` for what does not parse. */
  submit(text: string, from: string): Promise<Answer>
}

/** A request, whoever sent it. */
interface Submission {
  readonly envelope: Envelope
  /** A key that only the admin may bring along. */
  readonly key: VerifierKey | undefined
}

const ENVELOPE_MEMBERS = ["payload", "payloadType", "signatures"]
const TEXT_LENGTH_MAX = 40_000
const read = shapeReader("REQUEST_MALFORMED", "release")

/** @see Releases */
export function createReleases(options: ReleasesOptions): Releases {
  const { log, crypto, clock } = options
  const publishers = options.publisherKeys.map(parseVerifierKey)
  const addresses = createBudget(clock, RELEASES_PER_ADDRESS, RELEASES_GLOBAL)
  const keys = createBudget(clock, RELEASES_PER_KEY, RELEASES_GLOBAL)
  // One at a time, so that the same release sent twice at once is logged once.
  let turn: Promise<unknown> = Promise.resolve()

  const submitNow = async ({ envelope }: Submission, key: VerifierKey, release: Release): Promise<Answer> => {
    const observed = await isObserved(release, options)
    if (!observed) {
      return refusal("NOT_OBSERVED", `this node has not observed ${release.purl} with these bytes`, "ask the node for its evidence first (`vouchsafe explain`), then send the release again")
    }
    const hint = keyHint(key)
    const entry = utf8Encode(formatForeignEntry(log.origin, { ...envelope, signatures: envelope.signatures.map(({ signature }) => ({ keyId: hint, signature })) }))
    const { same, count } = await findReleases(log, release.purl, entry, hint)
    if (same !== undefined) return jsonAnswer(200, { index: same, known: true })
    if (count >= RELEASES_PER_ARTIFACT_AND_KEY_MAX) return limited(`${key.name} has ${count} releases of ${release.purl} in this log already, expected at most ${RELEASES_PER_ARTIFACT_AND_KEY_MAX}`)
    if (keys.take(key.vkey) !== "granted") return limited(`${key.name} has sent too many releases; send it again later`)
    const index = (await log.append([{ bytes: entry, keys: [releaseKey(release.purl)] }]))[0]?.index
    if (index === undefined) throw new TypeError("an append gave no index")
    options.onStatement(release.purl)
    options.logger.info({ purl: release.purl, key: key.name, index }, "a release was logged")
    return jsonAnswer(200, { index, known: false })
  }

  return {
    async submit(text, from) {
      if (addresses.take(from) !== "granted") return limited("this address has sent too many releases; send it again later")
      const submission = parseSubmission(text, from === ADMIN)
      const candidates = submission.key === undefined ? publishers : [submission.key]
      const opened = open(crypto, submission.envelope, candidates)
      if (opened === undefined) {
        options.logger.warn({ from }, "a release was refused: signed by no key of this node's publishers")
        return refusal("NOT_ALLOWED", "the envelope carries no valid signature of a publisher that this node takes releases from", "its operator names publishers with --publisher-key")
      }
      const done = turn.then(() => submitNow(submission, opened.key, opened.release))
      turn = done.catch(() => undefined)
      return await done
    },
  }
}

function limited(message: string): Answer {
  return refusal("RATE_LIMITED", message, undefined, { "retry-after": "60" })
}

/** An envelope as DSSE writes it; on the admin socket also `{"envelope","key"}`. Members that nobody knows are refused: they would not be logged. */
function parseSubmission(text: string, isAdmin: boolean): Submission {
  const value = parseJson("REQUEST_MALFORMED", "release", text)
  const isPair = isAdmin && typeof value === "object" && value !== null && Object.hasOwn(value, "envelope")
  const pair = isPair ? read.object(value, "document", ["envelope", "key"]) : { envelope: value, key: undefined }
  const shape = read.object(pair.envelope, isPair ? "envelope" : "document", ENVELOPE_MEMBERS)
  read.oneOf(shape["payloadType"], "payloadType", [INTOTO_PAYLOAD_TYPE])
  const signatures = read.array(shape["signatures"], "signatures", 1)
  if (signatures.length !== 1) read.fail("signatures", "exactly one", "none")
  read.object(signatures[0], "signatures[0]", ["sig"], ["keyid"])
  const envelope = parseEnvelope(JSON.stringify(shape))
  return { envelope, key: pair.key === undefined ? undefined : parseKey(read.string(pair.key, "key", TEXT_LENGTH_MAX)) }
}

function parseKey(text: string): VerifierKey {
  const key = parseVerifierKey(text)
  return key.type === KEY_TYPE.ed25519 ? key : read.fail("key", "an Ed25519 key", `type ${key.type}`)
}

/** The key that signed, whatever the hint says, and what it said. */
function open(crypto: Crypto, envelope: Envelope, keys: readonly VerifierKey[]): { key: VerifierKey; release: Release } | undefined {
  for (const key of keys) {
    const release = openRelease(crypto, envelope, key)
    if (release !== undefined) return { key, release }
  }
  return undefined
}

/** Only what this node itself was served is worth a line: nobody fills a log with packages that are not there. */
async function isObserved(release: Release, { log, attester, registries }: ReleasesOptions): Promise<boolean> {
  for (const registry of registries) {
    const index = await attester.find({ purl: release.purl, registry })
    if (index === undefined) continue
    const entry = parseOwnEntry(utf8Decode(await log.entry(index)))
    if ((entry.kind === "observation" ? entry.observation : entry).sha512 === release.sha512) return true
  }
  return false
}

/** The place of this very entry, and how many of the same key there are. */
async function findReleases(log: StatementLog, purl: string, entry: Uint8Array, hint: string): Promise<{ same: number | undefined; count: number }> {
  let count = 0
  for (const index of await log.indicesByKey(releaseKey(purl))) {
    const bytes = await log.entry(index)
    if (Buffer.compare(bytes, entry) === 0) return { same: index, count }
    if (signerHintIn(bytes) === hint) count += 1
  }
  return { same: undefined, count }
}
