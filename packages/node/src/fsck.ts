import { logKey } from "@vouchsafe/attester"
import { type Bytes, type Crypto, hexEncode, isVouchsafeError, type Observation, parseNotice, parseEntry, parseObservation, utf8Decode, type VerifierKey } from "@vouchsafe/core"
import { fsck, type FsckFinding } from "@vouchsafe/log"
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
  const operator = operatorOfKeys(folder.path) ?? ""
  const keys = loadOrCreateKeys(folder.path, operator)
  const logs: string[] = []
  const findings: (FsckFinding & { log: string })[] = []
  const check = async (directory: string, verifierKey: VerifierKey, keysOf: (entry: Bytes) => readonly string[]): Promise<void> => {
    if (!existsSync(directory)) return
    logs.push(verifierKey.name)
    for (const finding of await fsck(directory, { crypto, verifierKey, keysOf })) findings.push({ log: verifierKey.name, ...finding })
  }
  const missing = (where: string, message: string): void => void findings.push({ log: keys.log.verifier.name, where, message })
  const readBlob = (sha256: string): Bytes | undefined => {
    const path = blobPath(folder.at("blobs"), sha256)
    const bytes = existsSync(path) ? readFileSync(path) : undefined
    if (bytes === undefined) missing(`blob ${sha256}`, "is missing")
    else if (hexEncode(crypto.sha256(bytes)) !== sha256) missing(`blob ${sha256}`, "holds other bytes than its name says")
    else return bytes
    return undefined
  }
  await check(folder.at("log"), keys.log.verifier, (entry) => keysOfEntry(entry, readBlob))
  await check(folder.at("notices"), keys.notices.verifier, noticeKeys)
  return { logs, findings }
}

/** Keys under which an entry of the observation log is found. */
function keysOfEntry(entry: Bytes, readBlob: (sha256: string) => Bytes | undefined): readonly string[] {
  return orNone(() => {
    const read = parseEntry(utf8Decode(entry))
    switch (read.kind) {
      case "observation":
        readBlob(read.observation.contents.manifest)
        for (const bundle of bundlesOf(read.observation)) readBlob(bundle)
        return [logKey(read.observation)]
      case "by-digest": {
        const body = readBlob(read.sha256)
        return body === undefined ? [] : [logKey(parseObservation(utf8Decode(body)))]
      }
      case "rebuild":
        readBlob(read.rebuild.recipe.sha256)
        if (read.rebuild.differences.document !== null) readBlob(read.rebuild.differences.document)
        return [rebuildKey(read.rebuild)]
      default:
        return [releaseKey(read.foreign.purl)]
    }
  })
}

function bundlesOf({ upstream }: Observation): readonly string[] {
  return [upstream.publish, upstream.provenance].flatMap((fact) => (fact === null ? [] : [fact.bundle]))
}

function noticeKeys(entry: Bytes): readonly string[] {
  return orNone(() => [logKey(parseNotice(utf8Decode(entry)))])
}

/** What does not parse as this node's own word was appended under no key. */
function orNone(keys: () => readonly string[]): readonly string[] {
  try {
    return keys()
  } catch (error) {
    if (isVouchsafeError(error) && error.kind === "input") return []
    throw error
  }
}
