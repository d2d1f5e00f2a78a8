/**
 * What a client asks a node and what the node answers (packages/spec/evidence.md). Everything here is somebody's
 * unproven word until `verify` has checked it.
 *
 * @packageDocumentation
 */
import { base64DecodeExact, base64Encode } from "../base64.ts"
import type { Bytes } from "../bytes.ts"
import { VouchsafeError } from "../errors.ts"
import { HASH_BYTES } from "../merkle.ts"
import { ENTRY_BYTES_MAX } from "../tile.ts"
import { shapeReader, type ShapeReader } from "./shape.ts"
import { artifactPurl, BODY_LENGTH_MAX, registryMember } from "./statement-text.ts"

export const EVIDENCE_REQUEST_FORMAT = "vouchsafe-evidence-request/v1"
export const EVIDENCE_FORMAT = "vouchsafe-evidence/v1"
export const REQUEST_ARTIFACTS_MAX = 2_000
export const REQUEST_LENGTH_MAX = 2_097_152
export const DEADLINE_MS_MAX = 60_000
export const ANSWER_BYTES_MAX = 67_108_864
/** Statements about one artifact in one answer: its observation, rebuilds, and releases. One is normal. */
export const STATEMENTS_PER_ARTIFACT_MAX = 16
const ENTRIES_MAX = REQUEST_ARTIFACTS_MAX * STATEMENTS_PER_ARTIFACT_MAX
/** Entries of a notices log that one answer may carry; a client asks again for the rest. */
export const NOTICES_PER_ANSWER_MAX = 10_000
const PROOF_HASHES_MAX = 400_000
const CONSISTENCY_HASHES_MAX = 63
const CHECKPOINT_LENGTH_MAX = 65_536
const DETAIL_LENGTH_MAX = 1_000
const MAX = Number.MAX_SAFE_INTEGER
const CODE = /^[A-Z][A-Z0-9_]{0,62}$/

export interface ArtifactName {
  readonly purl: string
  readonly registry: string
}

export interface EvidenceRequest {
  readonly artifacts: readonly ArtifactName[]
  /** How long the node may work before it answers. */
  readonly deadlineMs: number
  /** Size of the newest head of the node's log that the client holds; 0 for none. */
  readonly knownSize: number
  /** The client holds the entries [0, noticesFrom) of the notices log. */
  readonly noticesFrom: number
}

export const ARTIFACT_STATUSES = ["observed", "pending", "absent", "refused"] as const
export type ArtifactStatus = (typeof ARTIFACT_STATUSES)[number]

/** What a node says of one artifact; unsigned, so it may explain a refusal and never allow. */
export interface ArtifactAnswer extends ArtifactName {
  readonly status: ArtifactStatus
  /** For `pending` and `refused`: why. */
  readonly code?: string
  readonly detail?: string
  /** Entries of the answer's log part that are about this artifact. */
  readonly indices: readonly number[]
}

export interface EvidenceAnswer {
  readonly log: {
    /** Signed note: the log's signature and the witnesses' cosignatures. */
    readonly checkpoint: string
    /** From the request's knownSize to this checkpoint. */
    readonly consistency: readonly Bytes[]
    /** Ascending. */
    readonly indices: readonly number[]
    /** Parallel to `indices`. */
    readonly entries: readonly string[]
    /** Multi-inclusion proof of all `indices`. */
    readonly proof: readonly Bytes[]
    /** Full texts of by-digest entries. */
    readonly bodies: readonly string[]
  }
  readonly notices: { readonly checkpoint: string; readonly from: number; readonly entries: readonly string[] }
  /** In the request's order. */
  readonly artifacts: readonly ArtifactAnswer[]
}

const readRequest = /* @__PURE__ */ shapeReader("REQUEST_MALFORMED", "evidence request")
const read = shapeReader("EVIDENCE_MALFORMED", "evidence answer")

/** Reads a request, as a node does. @throws VouchsafeError REQUEST_MALFORMED, PURL_MALFORMED. */
export function parseEvidenceRequest(text: string): EvidenceRequest {
  const document = readRequest.object(readRequest.json(text, REQUEST_LENGTH_MAX), "document",
    ["format", "artifacts", "deadlineMs", "knownSize", "noticesFrom"])
  readRequest.oneOf(document["format"], "format", [EVIDENCE_REQUEST_FORMAT])
  const artifacts = readRequest.array(document["artifacts"], "artifacts", REQUEST_ARTIFACTS_MAX).map((value, i) => {
    const at = `artifacts[${i}]`
    return parseName(readRequest.object(value, at, ["purl", "registry"]), at, readRequest)
  })
  requireUnique(artifacts, readRequest)
  return {
    artifacts,
    deadlineMs: readRequest.integer(document["deadlineMs"], "deadlineMs", 0, DEADLINE_MS_MAX),
    knownSize: readRequest.integer(document["knownSize"], "knownSize", 0, MAX),
    noticesFrom: readRequest.integer(document["noticesFrom"], "noticesFrom", 0, MAX),
  }
}

/** Writes a request. */
export function formatEvidenceRequest(request: EvidenceRequest): string {
  const { deadlineMs, knownSize, noticesFrom } = request
  const artifacts = request.artifacts.map(({ purl, registry }) => ({ purl, registry }))
  return JSON.stringify({ format: EVIDENCE_REQUEST_FORMAT, artifacts, deadlineMs, knownSize, noticesFrom })
}

/** Reads an answer, as a client does. @throws VouchsafeError EVIDENCE_MALFORMED, PURL_MALFORMED. */
export function parseEvidenceAnswer(text: string): EvidenceAnswer {
  return evidenceAnswerOf(read.json(text, ANSWER_BYTES_MAX))
}

/** Reads an answer that is a member of a larger document, already parsed as JSON. */
export function evidenceAnswerOf(value: unknown): EvidenceAnswer {
  const document = read.object(value, "document", ["format", "log", "notices", "artifacts"])
  read.oneOf(document["format"], "format", [EVIDENCE_FORMAT])
  const artifacts = read.array(document["artifacts"], "artifacts", REQUEST_ARTIFACTS_MAX).map((artifact, i) => parseArtifact(artifact, `artifacts[${i}]`))
  requireUnique(artifacts, read)
  return { log: parseLogPart(document["log"]), notices: parseNoticesPart(document["notices"]), artifacts }
}

/** Writes an answer. `parseEvidenceAnswer` gives it back. */
export function formatEvidenceAnswer(answer: EvidenceAnswer): string {
  const { log, notices, artifacts } = answer
  return JSON.stringify({
    format: EVIDENCE_FORMAT,
    log: {
      checkpoint: log.checkpoint, consistency: log.consistency.map(base64Encode), indices: log.indices,
      entries: log.entries, proof: log.proof.map(base64Encode), bodies: log.bodies,
    },
    notices: { checkpoint: notices.checkpoint, from: notices.from, entries: notices.entries },
    artifacts: artifacts.map(({ purl, registry, status, code, detail, indices }) => ({
      purl, registry, status, ...(code === undefined ? {} : { code }), ...(detail === undefined ? {} : { detail }), indices,
    })),
  })
}

function parseLogPart(value: unknown): EvidenceAnswer["log"] {
  const log = read.object(value, "log", ["checkpoint", "consistency", "indices", "entries", "proof", "bodies"])
  const indices = parseIndices(log["indices"], "log.indices", ENTRIES_MAX)
  const entries = read.array(log["entries"], "log.entries", ENTRIES_MAX).map((entry, i) => read.string(entry, `log.entries[${i}]`, ENTRY_BYTES_MAX))
  if (entries.length !== indices.length) read.fail("log.entries", `${indices.length} items, as many as log.indices`, `${entries.length} items`)
  return {
    checkpoint: read.string(log["checkpoint"], "log.checkpoint", CHECKPOINT_LENGTH_MAX),
    consistency: parseHashes(log["consistency"], "log.consistency", CONSISTENCY_HASHES_MAX),
    indices, entries,
    proof: parseHashes(log["proof"], "log.proof", PROOF_HASHES_MAX),
    bodies: read.array(log["bodies"], "log.bodies", ENTRIES_MAX).map((body, i) => read.string(body, `log.bodies[${i}]`, BODY_LENGTH_MAX)),
  }
}

function parseNoticesPart(value: unknown): EvidenceAnswer["notices"] {
  const notices = read.object(value, "notices", ["checkpoint", "from", "entries"])
  return {
    checkpoint: read.string(notices["checkpoint"], "notices.checkpoint", CHECKPOINT_LENGTH_MAX),
    from: read.integer(notices["from"], "notices.from", 0, MAX),
    entries: read.array(notices["entries"], "notices.entries", NOTICES_PER_ANSWER_MAX)
      .map((entry, i) => read.string(entry, `notices.entries[${i}]`, ENTRY_BYTES_MAX)),
  }
}

function parseArtifact(value: unknown, at: string): ArtifactAnswer {
  const artifact = read.object(value, at, ["purl", "registry", "status", "indices"], ["code", "detail"])
  return {
    ...parseName(artifact, at, read),
    status: read.oneOf(artifact["status"], `${at}.status`, ARTIFACT_STATUSES),
    ...(artifact["code"] === undefined ? {} : { code: read.pattern(artifact["code"], `${at}.code`, CODE, "a code") }),
    ...(artifact["detail"] === undefined ? {} : { detail: read.string(artifact["detail"], `${at}.detail`, DETAIL_LENGTH_MAX) }),
    indices: parseIndices(artifact["indices"], `${at}.indices`, STATEMENTS_PER_ARTIFACT_MAX),
  }
}

function parseName(members: Readonly<Record<string, unknown>>, at: string, reader: ShapeReader): ArtifactName {
  const registry = registryMember(members["registry"], `${at}.registry`, reader)
  return { purl: artifactPurl(members["purl"], `${at}.purl`, reader), registry }
}

function requireUnique(artifacts: readonly ArtifactName[], reader: ShapeReader): void {
  const seen = new Set<string>()
  for (const [i, artifact] of artifacts.entries()) {
    const key = artifactKey(artifact)
    if (seen.has(key)) reader.fail(`artifacts[${i}]`, "every artifact once", artifact.purl)
    seen.add(key)
  }
}

function parseIndices(value: unknown, at: string, max: number): number[] {
  let last = -1
  return read.array(value, at, max).map((index, i) => (last = read.integer(index, `${at}[${i}]`, last + 1, MAX)))
}

function parseHashes(value: unknown, at: string, max: number): Bytes[] {
  return read.array(value, at, max).map((hash, i) => {
    const bytes = typeof hash === "string" ? base64DecodeExact(hash, HASH_BYTES) : undefined
    if (bytes === undefined) throw new VouchsafeError("EVIDENCE_MALFORMED", `evidence answer: ${at}[${i}] is no base64 of ${HASH_BYTES} bytes`)
    return bytes
  })
}

/** Key of an artifact in maps and in a log's index. */
export function artifactKey(artifact: ArtifactName): string {
  return `${artifact.registry}\n${artifact.purl}`
}
