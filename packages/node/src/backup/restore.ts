/**
 * Restores a backup into an empty folder. What a backup cannot know is what was signed after it was taken: the restored node asks that
 * before it appends (caught-up.ts), and its witness gets a new key, for nobody can tell what the old one had cosigned since (ADR 0041).
 *
 * @packageDocumentation
 */
import { type Crypto, shown, VouchsafeError } from "@vouchsafe/core"
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs"
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { extract } from "tar"
import { checkData, type FsckResult } from "../fsck.ts"
import { holdFolder, readPrivateFile } from "../state/folder.ts"
import { loadOrCreateKeys, parsePrivateKey } from "../state/keys.ts"
import { type BackupManifest, formatRestored, KEPT_KEYS, LOG_NAMES, MANIFEST_NAME, parseManifest, RESTORED_NAME } from "./format.ts"
import { digestOf, inParallel, syncFolders } from "./take.ts"

const FOLDER_MODE = 0o700

/** What the operator says. */
export interface RestoreRequest {
  /** A backup: a folder, or an archive of one. */
  readonly from: string
  /** Folder to make; missing or empty. */
  readonly data: string
  /** Must be `new`: said aloud, because the roster has to name another witness afterwards. */
  readonly witnessKey: string | undefined
  /** Folder with log.key, notices.key and export.key, for a backup without keys. */
  readonly keys: string | undefined
  readonly acceptUnwitnessed: boolean
  readonly withoutWitnesses: readonly string[]
}

/** What was restored. */
export interface RestoreResult {
  readonly data: string
  readonly takenAt: string
  readonly sizes: BackupManifest["sizes"]
  /** The new key of the witness, for the roster. */
  readonly witness: string
  readonly fsck: FsckResult
}

/**
 * Restores.
 * @throws VouchsafeError USAGE for what was said wrongly, CONFIG_MALFORMED for what is no backup, STATE_UNSAFE for one that is damaged or has other keys.
 */
export async function restoreBackup(crypto: Crypto, request: RestoreRequest): Promise<RestoreResult> {
  if (request.witnessKey !== "new") {
    throw new VouchsafeError("USAGE", `--witness-key is ${request.witnessKey === undefined ? "missing" : shown(request.witnessKey)}, expected new`, {
      hint: "a restored witness does not know what it cosigned after the backup, and could cosign a fork: it goes on under a new key, which the roster must name",
    })
  }
  const data = resolve(request.data)
  if (existsSync(data) && (!lstatSync(data).isDirectory() || readdirSync(data).length > 0)) {
    throw new VouchsafeError("USAGE", `${data} is not empty, expected an empty folder or none`, { hint: "a backup is never laid over what is there" })
  }
  const partial = `${data}.restoring`
  if (existsSync(partial)) throw new VouchsafeError("USAGE", `${partial} exists, expected it not to`, { hint: "remove what an interrupted restore left there" })
  await mkdir(dirname(data), { recursive: true, mode: FOLDER_MODE })
  await mkdir(partial, { mode: FOLDER_MODE })
  try {
    const result = await fill(crypto, request, partial)
    await rename(partial, data)
    return { ...result, data }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  } finally {
    await rm(`${partial}.unpacked`, { recursive: true, force: true })
  }
}

async function fill(crypto: Crypto, request: RestoreRequest, partial: string): Promise<Omit<RestoreResult, "data">> {
  const from = await unpacked(resolve(request.from), `${partial}.unpacked`)
  const manifest = readManifest(from)
  await inParallel(manifest.files, async ({ path, size, sha256 }) => {
    const target = join(partial, path)
    const isKey = path.startsWith("keys/")
    if (isKey && (lstatSync(join(from, path)).mode & 0o077) !== 0) readPrivateFile(join(from, path))
    await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE })
    if (!existsSync(join(from, path)) || !lstatSync(join(from, path)).isFile()) throw damaged(path, "is missing", "a file")
    await copyFile(join(from, path), target)
    const found = await digestOf(target)
    if (found.size !== size || found.sha256 !== sha256) throw damaged(path, `has digest ${found.sha256}`, `${sha256} as ${MANIFEST_NAME} says`)
  })
  await placeKeys(manifest, request, partial)
  await writeFile(join(partial, RESTORED_NAME), formatRestored({ takenAtSeconds: manifest.takenAtSeconds, acceptUnwitnessed: request.acceptUnwitnessed, withoutWitnesses: request.withoutWitnesses }), { mode: 0o600, flush: true })
  const { witness } = loadOrCreateKeys(partial, manifest.operator)
  const fsck = await checked(crypto, partial)
  await syncFolders(partial)
  return { takenAt: new Date(manifest.takenAtSeconds * 1000).toISOString(), sizes: manifest.sizes, witness: witness.verifier.vkey, fsck }
}

/** The folder of a backup; an archive is unpacked, and its manifest says what of it is taken. */
async function unpacked(from: string, folder: string): Promise<string> {
  if (!existsSync(from)) throw new VouchsafeError("USAGE", `${from} does not exist, expected a backup`)
  if (lstatSync(from).isDirectory()) return from
  await mkdir(folder, { mode: FOLDER_MODE })
  try {
    await extract({ file: from, cwd: folder, strict: true, preserveOwner: false, filter: (_, entry) => "type" in entry && (entry.type === "File" || entry.type === "Directory") })
  } catch (cause) {
    throw new VouchsafeError("CONFIG_MALFORMED", `${from} cannot be unpacked: ${(cause as Error).message}`, { cause })
  }
  return folder
}

function readManifest(from: string): BackupManifest {
  const path = join(from, MANIFEST_NAME)
  if (!existsSync(path)) throw new VouchsafeError("CONFIG_MALFORMED", `${from} has no ${MANIFEST_NAME}, expected a finished backup`)
  return parseManifest(readFileSync(path, "utf8"))
}

/** Keys of the backup, or those that the operator kept elsewhere; in both cases the very ones that the logs were signed with. */
async function placeKeys(manifest: BackupManifest, { keys }: RestoreRequest, partial: string): Promise<void> {
  await mkdir(join(partial, "keys"), { recursive: true, mode: FOLDER_MODE })
  for (const role of KEPT_KEYS) {
    const target = join(partial, "keys", `${role}.key`)
    if (!existsSync(target)) {
      if (keys === undefined) throw new VouchsafeError("USAGE", "the backup has no keys, expected --keys DIR", { hint: "name the folder in which log.key, notices.key and export.key are kept" })
      const source = join(resolve(keys), `${role}.key`)
      if (!existsSync(source)) throw new VouchsafeError("USAGE", `${source} does not exist, expected the ${role} key of ${manifest.operator}`)
      await writeFile(target, readPrivateFile(source), { mode: 0o600, flush: true })
    }
    const { vkey } = parsePrivateKey(readPrivateFile(target)).verifier
    if (vkey !== manifest.keys[role]) throw new VouchsafeError("STATE_UNSAFE", `the ${role} key is ${vkey}, expected ${manifest.keys[role]} as in the backup`)
  }
}

/** What fsck finds wrong is not restored: the node would find it too, later. */
async function checked(crypto: Crypto, partial: string): Promise<FsckResult> {
  const folder = holdFolder(partial)
  try {
    const result = await checkData(folder, crypto)
    const [first] = result.findings
    if (first !== undefined) throw new VouchsafeError("STATE_UNSAFE", `the backup does not hold together: ${first.log} ${first.where} ${first.message}`, { details: { findings: result.findings.length } })
    if (result.logs.length < LOG_NAMES.length) throw new VouchsafeError("STATE_UNSAFE", `the backup has ${result.logs.length} logs, expected ${LOG_NAMES.length}`)
    return result
  } finally {
    folder.release()
  }
}

function damaged(path: string, found: string, expected: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", `backup: ${path} ${found}, expected ${expected}`, { hint: "this copy is damaged; use another backup" })
}
