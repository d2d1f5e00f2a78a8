/**
 * What a backup is: a folder with the files of a data folder, and `backup.json`, which names each with its digest (ADR 0041).
 *
 * @packageDocumentation
 */
import { HEX_SHA256, parseJson, shapeReader } from "@vouchsafe/core"

export const BACKUP_FORMAT = "vouchsafe-backup/v1"
/** Written last: a folder without it is no backup. */
export const MANIFEST_NAME = "backup.json"
/** Left in a restored folder until the node has asked its witnesses what they have seen. */
export const RESTORED_NAME = "restored.json"
const RESTORED_FORMAT = "vouchsafe-restored/v1"

/** Most files of a backup. */
const FILES_MAX = 20_000_000
/** Longest manifest in characters: what one string can hold. */
const MANIFEST_LENGTH_MAX = 400 * 1024 * 1024
const RESTORED_LENGTH_MAX = 64 * 1024
const KEY_LENGTH_MAX = 512
const WITNESSES_MAX = 1_000
const NAME_LENGTH_MAX = 512

/** The two logs of a node, by their folders. */
export const LOG_NAMES = ["log", "notices"] as const
export type LogName = (typeof LOG_NAMES)[number]
/** Keys that a node takes along. The witness's is not among them: a memory that went back must not cosign under it. */
export const KEPT_KEYS = ["log", "notices", "export"] as const
export type KeptKey = (typeof KEPT_KEYS)[number]

/** Every file that a backup may hold. Nothing else of a manifest becomes a path. */
const FILE_PATHS = [
  /^(?:log|notices)\/log\.sqlite$/, /^(?:log|notices)\/tile\/(?:entries|[0-9]{1,2})\/(?:x[0-9]{3}\/){0,5}[0-9]{3}$/, /^witness\/witness\.sqlite$/,
  /^blobs\/[0-9a-f]{2}\/[0-9a-f]{64}$/, /^gossip\/proofs\/[0-9a-f]{64}\.(?:json|vkey)$/, /^(?:node|roster)\.json$/, /^keys\/(?:log|notices|export)\.key$/,
]

/** One file of a backup. */
export interface BackedUpFile {
  readonly path: string
  readonly size: number
  readonly sha256: string
}

/** `backup.json`. */
export interface BackupManifest {
  /** Of the program that made it. */
  readonly version: string
  readonly operator: string
  readonly takenAtSeconds: number
  /** Public keys, text form. */
  readonly keys: Readonly<Record<KeptKey, string>>
  /** Entries under the checkpoint that each log had signed. */
  readonly sizes: Readonly<Record<LogName, number>>
  readonly files: readonly BackedUpFile[]
}

const read = shapeReader("CONFIG_MALFORMED", MANIFEST_NAME)

export function formatManifest(manifest: BackupManifest): string {
  return `${JSON.stringify({ format: BACKUP_FORMAT, ...manifest })}\n`
}

/** @throws VouchsafeError CONFIG_MALFORMED: also for a path that no backup has, or one named twice. */
export function parseManifest(text: string): BackupManifest {
  if (text.length > MANIFEST_LENGTH_MAX) read.fail("document", `at most ${MANIFEST_LENGTH_MAX} characters`, `${text.length} characters`)
  const document = read.object(parseJson("CONFIG_MALFORMED", MANIFEST_NAME, text), "document", ["format", "version", "operator", "takenAtSeconds", "keys", "sizes", "files"])
  read.oneOf(document["format"], "format", [BACKUP_FORMAT])
  const keys = read.object(document["keys"], "keys", KEPT_KEYS)
  const sizes = read.object(document["sizes"], "sizes", LOG_NAMES)
  const files = read.array(document["files"], "files", FILES_MAX).map((value, i) => parseFile(value, `files[${i}]`))
  const paths = new Set(files.map(({ path }) => path))
  if (paths.size !== files.length) read.fail("files", "each path once", `${files.length - paths.size} twice`)
  for (const name of LOG_NAMES) if (!paths.has(`${name}/log.sqlite`)) read.fail("files", `${name}/log.sqlite among them`, "missing")
  const key = (role: KeptKey): string => read.string(keys[role], `keys.${role}`, KEY_LENGTH_MAX)
  const size = (name: LogName): number => read.integer(sizes[name], `sizes.${name}`, 0, Number.MAX_SAFE_INTEGER)
  return {
    version: read.string(document["version"], "version", 64), operator: read.string(document["operator"], "operator", 64),
    takenAtSeconds: read.integer(document["takenAtSeconds"], "takenAtSeconds", 0, Number.MAX_SAFE_INTEGER),
    keys: { log: key("log"), notices: key("notices"), export: key("export") }, sizes: { log: size("log"), notices: size("notices") }, files,
  }
}

function parseFile(value: unknown, at: string): BackedUpFile {
  const file = read.object(value, at, ["path", "size", "sha256"])
  const path = read.string(file["path"], `${at}.path`, 256)
  if (!FILE_PATHS.some((known) => known.test(path))) read.fail(`${at}.path`, "a file of a data folder", path)
  return { path, size: read.integer(file["size"], `${at}.size`, 0, Number.MAX_SAFE_INTEGER), sha256: read.pattern(file["sha256"], `${at}.sha256`, HEX_SHA256, "64 lower-case hex digits") }
}

/** `restored.json`: what its operator confirmed when the folder was restored. */
export interface RestoredMark {
  readonly takenAtSeconds: number
  /** No witness but the node's own can say how far its logs had come, and the operator goes on all the same. */
  readonly acceptUnwitnessed: boolean
  /** Names of witnesses that are gone and need not be asked. */
  readonly withoutWitnesses: readonly string[]
}

export function formatRestored(mark: RestoredMark): string {
  return `${JSON.stringify({ format: RESTORED_FORMAT, ...mark }, null, 2)}\n`
}

/** @throws VouchsafeError CONFIG_MALFORMED. */
export function parseRestored(text: string): RestoredMark {
  const shape = shapeReader("CONFIG_MALFORMED", RESTORED_NAME)
  if (text.length > RESTORED_LENGTH_MAX) shape.fail("document", `at most ${RESTORED_LENGTH_MAX} characters`, `${text.length} characters`)
  const document = shape.object(parseJson("CONFIG_MALFORMED", RESTORED_NAME, text), "document", ["format", "takenAtSeconds", "acceptUnwitnessed", "withoutWitnesses"])
  shape.oneOf(document["format"], "format", [RESTORED_FORMAT])
  const accept = document["acceptUnwitnessed"]
  return {
    takenAtSeconds: shape.integer(document["takenAtSeconds"], "takenAtSeconds", 0, Number.MAX_SAFE_INTEGER),
    acceptUnwitnessed: typeof accept === "boolean" ? accept : shape.fail("acceptUnwitnessed", "true or false", accept),
    withoutWitnesses: shape.array(document["withoutWitnesses"], "withoutWitnesses", WITNESSES_MAX).map((name, i) => shape.string(name, `withoutWitnesses[${i}]`, NAME_LENGTH_MAX)),
  }
}
