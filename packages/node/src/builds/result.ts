/**
 * What a rebuilder's process says. It has run strangers' code beside it: everything is foreign input.
 *
 * @packageDocumentation
 */
import { type Bytes, type Crypto, formatRebuild, HEX_SHA256, HEX_SHA512, hexEncode, isVouchsafeError, parseJson, type Rebuild, REBUILD_MATCHES, shapeReader, SIGNATURE_STATES, SOURCE_WAYS, utf8Encode } from "@vouchsafe/core"
import { BUILD_DOCUMENT_BYTES_MAX } from "../limits.ts"
import type { BuildRequest } from "./request.ts"

/** One line of a rebuilder. `result` is left to {@link readResult}. */
export type RebuilderEvent =
  | { readonly type: "step"; readonly name: string }
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "result"; readonly result: unknown }

/** A comparison, as a statement can say it, with the documents that it names. */
export type RebuilderResult =
  | {
    readonly status: "compared"
    /** The canonical statement. */
    readonly statement: string
    readonly rebuild: Rebuild
    readonly documents: ReadonlyMap<string, Bytes>
    /** Digest of the readable difference; null where nothing differs. */
    readonly diff: string | null
  }
  | { readonly status: "failed"; readonly step: string; readonly code: string; readonly detail: string }

/** What the node knows of the build, which the result must agree with. */
export interface KnownOfBuild extends BuildRequest {
  readonly sha512: string
  /** Origin of the log that the statement goes into. */
  readonly log: string
  /** Unix seconds of the node's own clock. */
  readonly startedAt: number
  readonly finishedAt: number
  /** The registry view that the node asked for. */
  readonly frozenAt: number
}

/** Why a rebuild came to no comparison (packages/spec/rebuild.md). */
const FAILURE_CODES = [
  "SOURCE_NOT_FOUND", "COMMIT_UNREACHABLE", "CLONE_FAILED", "RECIPE_INVALID", "BUILD_FAILED", "BUILD_TIMEOUT", "BUILD_LIMIT", "SANDBOX_UNAVAILABLE", "TARBALL_HOSTILE", "TOOLCHAIN_FAILED",
] as const
const SIGNATURE_KINDS = ["ssh", "openpgp"] as const
const DIFFERENCES_FORMAT = "vouchsafe-differences/v1"
const STEP_LENGTH_MAX = 100
const DETAIL_LENGTH_MAX = 4_000
const TEXT_LENGTH_MAX = 2_000
const MAX = Number.MAX_SAFE_INTEGER

const read = shapeReader("STATEMENT_MALFORMED", "rebuild result")

/** Reads one line. @throws VouchsafeError STATEMENT_MALFORMED. */
export function readEvent(line: string): RebuilderEvent {
  const value = parseJson("STATEMENT_MALFORMED", "rebuilder", line)
  const { type } = (typeof value === "object" && value !== null ? value : {}) as { type?: unknown }
  switch (read.oneOf(type, "type", ["step", "log", "result"])) {
    case "step": return { type: "step", name: read.string(read.object(value, "step", ["type", "name"])["name"], "step.name", STEP_LENGTH_MAX) }
    case "log": return { type: "log", text: read.string(read.object(value, "log", ["type", "text"])["text"], "log.text", line.length) }
    default: return { type: "result", result: read.object(value, "result", ["type", "result"])["result"] }
  }
}

/**
 * Reads a result and makes the statement of it. Which package, which bytes, which log and when are the node's to say, and are not taken from the process.
 * @throws VouchsafeError of kind `input` for whatever a statement may not say, among them empty and placeholder sources.
 */
export function readResult(crypto: Crypto, value: unknown, known: KnownOfBuild): RebuilderResult {
  const { status } = (typeof value === "object" && value !== null ? value : {}) as { status?: unknown }
  if (read.oneOf(status, "status", ["compared", "failed"]) === "failed") return readFailure(value)
  const result = read.object(value, "result", ["status", "match", "source", "recipe", "environment", "rebuilt", "differences", "startedAt", "finishedAt"])
  const documents = new Map<string, Bytes>()
  const keep = (text: string): string => {
    const bytes = utf8Encode(text)
    const sha256 = hexEncode(crypto.sha256(bytes))
    documents.set(sha256, bytes)
    return sha256
  }
  const { differences, diff } = readDifferences(result["differences"], keep)
  const rebuild: Rebuild = {
    purl: known.purl, sha512: known.sha512, log: known.log, registry: known.registry, startedAt: known.startedAt, rebuiltAt: Math.max(known.startedAt, known.finishedAt),
    match: read.oneOf(result["match"], "match", REBUILD_MATCHES),
    source: readSource(result["source"], known), recipe: readRecipe(result["recipe"], keep), environment: readEnvironment(result["environment"], known),
    rebuilt: readRebuilt(result["rebuilt"]), differences,
  }
  return { status: "compared", statement: formatRebuild(rebuild), rebuild, documents, diff }
}

function readFailure(value: unknown): RebuilderResult {
  const failure = read.object(value, "result", ["status", "step", "code", "detail"])
  return {
    status: "failed", code: read.oneOf(failure["code"], "code", FAILURE_CODES),
    step: read.string(failure["step"], "step", STEP_LENGTH_MAX),
    detail: shorten(read.string(failure["detail"], "detail", MAX), DETAIL_LENGTH_MAX),
  }
}

/** The statement's own rules are checked when it is written; here only shape, and that a named source is the one that was used. */
function readSource(value: unknown, known: KnownOfBuild): Rebuild["source"] {
  const source = read.object(value, "source", ["repository", "commit", "ref", "foundBy", "directory", "signature"])
  const text = (key: string): string => read.string(source[key], `source.${key}`, TEXT_LENGTH_MAX)
  const signature = read.object(source["signature"], "source.signature", ["state", "kind", "key", "signer"])
  const textOrNull = (key: string): string | null => (signature[key] === null ? null : read.string(signature[key], `source.signature.${key}`, TEXT_LENGTH_MAX))
  const given = known.source
  if (given !== null && (source["repository"] !== given.repository || source["commit"] !== given.commit)) {
    read.fail("source", `the one that was asked for, ${given.repository} at ${given.commit}`, `${String(source["repository"])} at ${String(source["commit"])}`)
  }
  return {
    repository: text("repository"), commit: text("commit"), ref: text("ref"), directory: text("directory"),
    foundBy: read.array(source["foundBy"], "source.foundBy", SOURCE_WAYS.length).map((way, i) => read.oneOf(way, `source.foundBy[${i}]`, SOURCE_WAYS)),
    signature: {
      state: read.oneOf(signature["state"], "source.signature.state", SIGNATURE_STATES),
      kind: signature["kind"] === null ? null : read.oneOf(signature["kind"], "source.signature.kind", SIGNATURE_KINDS),
      key: textOrNull("key"), signer: textOrNull("signer"),
    },
  }
}

function readRecipe(value: unknown, keep: (text: string) => string): Rebuild["recipe"] {
  const recipe = read.object(value, "recipe", ["sha256", "override", "document"])
  const document = read.string(recipe["document"], "recipe.document", BUILD_DOCUMENT_BYTES_MAX)
  const sha256 = keep(document)
  if (recipe["sha256"] !== sha256) read.fail("recipe.sha256", `the digest of its document, ${sha256}`, recipe["sha256"])
  const { override } = recipe
  return { sha256, override: typeof override === "boolean" ? override : read.fail("recipe.override", "true or false", override) }
}

function readEnvironment(value: unknown, { frozenAt }: KnownOfBuild): Rebuild["environment"] {
  const environment = read.object(value, "environment", ["frozenAt", "node", "manager", "platform", "sandbox"])
  const text = (key: string): string => read.string(environment[key], `environment.${key}`, TEXT_LENGTH_MAX)
  if (environment["frozenAt"] !== frozenAt) read.fail("environment.frozenAt", `${frozenAt}, which was asked for`, environment["frozenAt"])
  return { frozenAt, node: text("node"), manager: text("manager"), platform: text("platform"), sandbox: text("sandbox") }
}

function readRebuilt(value: unknown): Rebuild["rebuilt"] {
  const rebuilt = read.object(value, "rebuilt", ["sha512", "tarSha256", "h1", "size", "files"])
  return {
    sha512: read.pattern(rebuilt["sha512"], "rebuilt.sha512", HEX_SHA512, "128 lower-case hex digits"),
    tarSha256: read.pattern(rebuilt["tarSha256"], "rebuilt.tarSha256", HEX_SHA256, "64 lower-case hex digits"),
    h1: read.string(rebuilt["h1"], "rebuilt.h1", TEXT_LENGTH_MAX),
    size: read.integer(rebuilt["size"], "rebuilt.size", 1, MAX),
    files: read.integer(rebuilt["files"], "rebuilt.files", 1, MAX),
  }
}

function readDifferences(value: unknown, keep: (text: string) => string): { differences: Rebuild["differences"]; diff: string | null } {
  const differences = read.object(value, "differences", ["count", "classes", "document", "diff"])
  const count = read.integer(differences["count"], "differences.count", 0, MAX)
  const document = read.string(differences["document"], "differences.document", BUILD_DOCUMENT_BYTES_MAX)
  const { format } = parseJson("STATEMENT_MALFORMED", "differences", document) as { format?: unknown }
  if (format !== DIFFERENCES_FORMAT) read.fail("differences.document.format", DIFFERENCES_FORMAT, format)
  const diff = read.string(differences["diff"], "differences.diff", BUILD_DOCUMENT_BYTES_MAX)
  const shape = differences["classes"]
  if (typeof shape !== "object" || shape === null || Array.isArray(shape)) return read.fail("differences.classes", "an object", shape)
  const classes = new Map(Object.entries(shape).map(([name, number]) => [name, read.integer(number, "differences.classes", 1, MAX)]))
  return { differences: { count, classes, document: keep(document) }, diff: diff === "" ? null : keep(diff) }
}

function shorten(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text
}

/** What a person reads of a result that does not hold. */
export function explainBadResult(error: unknown): string {
  if (isVouchsafeError(error) && error.kind === "input") return shorten(error.message, DETAIL_LENGTH_MAX)
  throw error
}
