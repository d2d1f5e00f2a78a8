/**
 * `vouchsafe-node backup` and `restore`.
 *
 * @packageDocumentation
 */
import { type Crypto, parseJson, VouchsafeError } from "@vouchsafe/core"
import { openSqliteStorage } from "@vouchsafe/log"
import type { Clock } from "@vouchsafe/ports"
import { openSqliteWitnessStore } from "@vouchsafe/witness"
import { existsSync } from "node:fs"
import { chmod, rename, rm } from "node:fs/promises"
import { request as httpRequest } from "node:http"
import { join, resolve } from "node:path"
import { create } from "tar"
import { isAnswered, withSocketPath } from "../admin/socket.ts"
import type { Invocation } from "../config/arguments.ts"
import { holdFolder } from "../state/folder.ts"
import { loadOrCreateKeys, operatorOfKeys } from "../state/keys.ts"
import { VERSION } from "../version.ts"
import { restoreBackup, type RestoreResult } from "./restore.ts"
import { type BackupRequest, type BackupResult, type BackupSource, takeBackup } from "./take.ts"

/** Names that mean one file instead of a folder. */
const ARCHIVE = /\.(?:tar|tar\.gz|tgz)$/

/** Takes a backup: through the running node, else from the folder. */
export async function backupCommand({ config: { data, storage }, told }: Invocation, clock: Clock): Promise<BackupResult> {
  requireEmbedded(storage, "backup")
  if (told.to === undefined) throw new VouchsafeError("USAGE", "backup needs --to FILE or --to FOLDER")
  const operator = existsSync(join(data, "keys", "log.key")) ? operatorOfKeys(data) : undefined
  if (operator === undefined) throw new VouchsafeError("USAGE", `${data} is no data folder of a node`)
  const to = resolve(told.to)
  if (!ARCHIVE.test(to)) return await take(data, operator, { to, withKeys: told.withKeys }, clock)
  if (existsSync(to)) throw new VouchsafeError("USAGE", `${to} exists, expected a name for a new backup`)
  const folder = `${to}.folder`
  try {
    const result = await take(data, operator, { to: folder, withKeys: told.withKeys }, clock)
    await create({ file: `${to}.partial`, cwd: folder, gzip: !to.endsWith(".tar"), portable: true }, ["."])
    await chmod(`${to}.partial`, 0o600)
    await rename(`${to}.partial`, to)
    return { ...result, to }
  } finally {
    await rm(folder, { recursive: true, force: true })
    await rm(`${to}.partial`, { force: true })
  }
}

/** A copy of the folder would look like a backup, and hold no log. */
function requireEmbedded(storage: string | undefined, command: string): void {
  if (storage === undefined) return
  throw new VouchsafeError("USAGE", `${command} is of a data folder, and this node's logs are in its --storage, expected embedded storage`, {
    hint: "back up the database and the bucket with their own tools, keys/ and node.json by copying them; a database that is restored must not be older than what its log signed",
  })
}

async function take(data: string, operator: string, request: BackupRequest, clock: Clock): Promise<BackupResult> {
  const socket = join(data, "admin.sock")
  return await isAnswered(socket) ? await askNode(socket, request) : await takeStopped(data, operator, request, clock)
}

/** Asks the node that runs. @throws VouchsafeError as the node says, UPSTREAM_FAILED when it ends before the backup does. */
async function askNode(socket: string, request: BackupRequest): Promise<BackupResult> {
  const text = await withSocketPath(socket, (socketPath) => new Promise<string>((settle, reject) => {
    const body = JSON.stringify(request)
    const asked = httpRequest({ socketPath, method: "POST", path: "/v1/backup", headers: { "host": "localhost", "content-type": "application/json", "content-length": Buffer.byteLength(body) } }, (response) => {
      let received = ""
      response.setEncoding("utf8").on("data", (part: string) => { received = (received + part).split("\n").slice(-2).join("\n") })
      response.on("error", reject).on("end", () => settle(received))
    })
    asked.on("error", reject).end(body)
  })).catch((cause: unknown) => {
    throw new VouchsafeError("UPSTREAM_FAILED", `the node ended before the backup did: ${(cause as Error).message}`, { hint: "the backup was not finished; take another", cause })
  })
  const { done, error } = parseJson("UPSTREAM_FAILED", "answer of the node", text) as { done?: BackupResult; error?: { code?: string; message?: string; hint?: string } }
  if (done !== undefined) return done
  const code = error?.code === "USAGE" || error?.code === "LOG_BROKEN" || error?.code === "DISK" ? error.code : "UPSTREAM_FAILED"
  throw new VouchsafeError(code, error?.message ?? "the node ended before the backup did", { hint: error?.hint })
}

async function takeStopped(data: string, operator: string, request: BackupRequest, clock: Clock): Promise<BackupResult> {
  const folder = holdFolder(data)
  const closers: (() => Promise<unknown>)[] = []
  const opened = async <T extends { close(): Promise<unknown> }>(opening: Promise<T>): Promise<T> => {
    const one = await opening
    closers.push(() => one.close())
    return one
  }
  try {
    const log = await opened(openSqliteStorage({ directory: folder.at("log"), mustExist: true }))
    const notices = await opened(openSqliteStorage({ directory: folder.at("notices"), mustExist: true }))
    const witness = await opened(openSqliteWitnessStore(folder.at("witness", "witness.sqlite")))
    return await takeBackup(sourceOf(data, operator, { log, notices, witness }, clock), request)
  } finally {
    for (const close of closers.reverse()) await close()
    folder.release()
  }
}

/** What a backup of a data folder is taken from. */
export function sourceOf(data: string, operator: string, databases: Pick<BackupSource, "log" | "notices" | "witness">, clock: Clock): BackupSource {
  const keys = loadOrCreateKeys(data, operator)
  return { data, version: VERSION, operator, keys: { log: keys.log.verifier.vkey, notices: keys.notices.verifier.vkey, export: keys.export.verifier.vkey }, ...databases, nowSeconds: Math.floor(clock.nowMs() / 1000) }
}

/** Restores a backup into the data folder that was named. */
export async function restoreCommand({ config: { data, storage }, told }: Invocation, crypto: Crypto): Promise<RestoreResult> {
  requireEmbedded(storage, "restore")
  if (told.from === undefined) throw new VouchsafeError("USAGE", "restore needs --from FILE or --from FOLDER")
  const { from, witnessKey, keys, acceptUnwitnessed, withoutWitnesses } = told
  return await restoreBackup(crypto, { from, data, witnessKey, keys, acceptUnwitnessed, withoutWitnesses })
}
