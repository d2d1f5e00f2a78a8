import { locksetKey, logKey } from "@vouchsafe/attester"
import { type Bytes, type Crypto, hexEncode, isVouchsafeError, type Observation, parseNotice, parseEntry, parseObservation, utf8Decode, type VerifierKey } from "@vouchsafe/core"
import { auditLog, fsck, type FsckFinding, type FsckOptions } from "@vouchsafe/log"
import type { NodeStorage } from "@vouchsafe/storage"
import { existsSync, readFileSync } from "node:fs"
import { blobPath } from "./state/blobs.ts"
import { rebuildKey, releaseKey } from "./log-keys.ts"
import type { HeldFolder } from "./state/folder.ts"
import { loadOrCreateKeys, operatorOfKeys } from "./state/keys.ts"

/** What `vouchsafe-node fsck` prints. */
export interface FsckResult {
  readonly logs: readonly string[]
  readonly findings: readonly (FsckFinding & { readonly log: string })[]
}

/** Recomputes the logs in a data folder from their entries: trees, tiles, checkpoints, indexes, and the documents that entries name by digest. */
export async function checkData(folder: HeldFolder, crypto: Crypto): Promise<FsckResult> {
  return await checkLogs(folder, crypto, async (role, options) => (existsSync(folder.at(role)) ? await fsck(folder.at(role), options) : undefined), async (sha256) => {
    const path = blobPath(folder.at("blobs"), sha256)
    return existsSync(path) ? readFileSync(path) : undefined
  })
}

/**
 * The same for a node whose storage is elsewhere, and what its bucket says by itself. Takes the logs, so that nobody writes meanwhile.
 * @throws VouchsafeError STATE_UNSAFE while a process holds them.
 */
export async function checkStorage(folder: HeldFolder, crypto: Crypto, storage: Pick<NodeStorage, "openLogStorage" | "openEdge" | "blobs">): Promise<FsckResult> {
  const check: CheckLog = async (role, options) => {
    const held = await storage.openLogStorage(role, options.verifierKey.name, { atOnce: true })
    try {
      const findings = await orBroken(auditLog(held, options))
      const { signed } = await held.load()
      const published = await storage.openEdge(role, { verifier: options.verifierKey, crypto })?.checkpoint()
      if (published !== undefined && published.size > (signed?.size ?? 0)) findings.push({ where: "bucket", message: `holds a checkpoint of ${published.size} entries that the log signed, and its database ${signed?.size ?? 0}` })
      return findings
    } finally {
      await held.close()
    }
  }
  return await checkLogs(folder, crypto, check, async (sha256) => await storage.blobs?.get(sha256))
}

async function orBroken(audit: Promise<FsckFinding[]>): Promise<FsckFinding[]> {
  try {
    return await audit
  } catch (error) {
    if (isVouchsafeError(error, "LOG_BROKEN")) return [{ where: "storage", message: error.message }]
    throw error
  }
}

type CheckLog = (role: "log" | "notices", options: FsckOptions) => Promise<FsckFinding[] | undefined>
type ReadBlob = (sha256: string) => Promise<Bytes | undefined>

async function checkLogs(folder: HeldFolder, crypto: Crypto, checkLog: CheckLog, blobOf: ReadBlob): Promise<FsckResult> {
  const keys = loadOrCreateKeys(folder.path, operatorOfKeys(folder.path) ?? "")
  const logs: string[] = []
  const findings: (FsckFinding & { log: string })[] = []
  const missing = (where: string, message: string): void => void findings.push({ log: keys.log.verifier.name, where, message })
  const readBlob = async (sha256: string): Promise<Bytes | undefined> => {
    try {
      const bytes = await blobOf(sha256)
      if (bytes !== undefined && hexEncode(crypto.sha256(bytes)) === sha256) return bytes
      missing(`blob ${sha256}`, bytes === undefined ? "is missing" : "holds other bytes than its name says")
    } catch (error) {
      // A store that checks what it reads says so itself.
      if (!isVouchsafeError(error, "DISK") && !isVouchsafeError(error, "LOG_BROKEN")) throw error
      missing(`blob ${sha256}`, error.message)
    }
    return undefined
  }
  const check = async (role: "log" | "notices", keysOf: NonNullable<FsckOptions["keysOf"]>): Promise<void> => {
    const verifierKey: VerifierKey = keys[role].verifier
    const found = await checkLog(role, { crypto, verifierKey, keysOf })
    if (found === undefined) return
    logs.push(verifierKey.name)
    for (const finding of found) findings.push({ log: verifierKey.name, ...finding })
  }
  await check("log", (entry) => keysOfEntry(entry, readBlob))
  await check("notices", noticeKeys)
  return { logs, findings }
}

/** Keys under which an entry of the observation log is found. */
async function keysOfEntry(entry: Bytes, readBlob: ReadBlob): Promise<readonly string[]> {
  return await orNone(async () => {
    const read = parseEntry(utf8Decode(entry))
    switch (read.kind) {
      case "observation":
        await readBlob(read.observation.contents.manifest)
        for (const bundle of bundlesOf(read.observation)) await readBlob(bundle)
        return [logKey(read.observation)]
      case "by-digest": {
        const body = await readBlob(read.sha256)
        return body === undefined ? [] : [logKey(parseObservation(utf8Decode(body)))]
      }
      case "rebuild":
        await readBlob(read.rebuild.recipe.sha256)
        if (read.rebuild.differences.document !== null) await readBlob(read.rebuild.differences.document)
        return [rebuildKey(read.rebuild)]
      case "lockset":
        return [locksetKey(read.lockset)]
      default:
        return [releaseKey(read.foreign.purl)]
    }
  })
}

function bundlesOf({ upstream }: Observation): readonly string[] {
  return [upstream.publish, upstream.provenance].flatMap((fact) => (fact === null ? [] : [fact.bundle]))
}

async function noticeKeys(entry: Bytes): Promise<readonly string[]> {
  return await orNone(async () => [logKey(parseNotice(utf8Decode(entry)))])
}

/** What does not parse as this node's own word was appended under no key. */
async function orNone(keys: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await keys()
  } catch (error) {
    if (isVouchsafeError(error) && error.kind === "input") return []
    throw error
  }
}
