/**
 * Gives a node new keys and new logs, and hands the old ones over (packages/spec/roster.md, "Hand-over").
 *
 * Order: the new folder is made whole under another name → it gets its name → the old folder is marked. A crash before the last step leaves an
 * old node that may still start; what it signs after the hand-over counts for nothing once a roster took that up.
 *
 * @packageDocumentation
 */
import { logKey } from "@vouchsafe/attester"
import { applyHandover, type Crypto, formatHandover, formatNotice, type HandoverKeys, makeHandover, type Notice, noticesInForce, parseHandover, parseNotice, parseRoster, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { BATCH_ENTRIES_MAX, openLog } from "@vouchsafe/log"
import type { Clock, Log } from "@vouchsafe/ports"
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs"
import { cp, mkdir, rename, rm } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { CONFIG_NAME } from "../config/file.ts"
import { ensurePrivateFolder, holdFolder, type HeldFolder, writeFileWhole } from "../state/folder.ts"
import { loadOrCreateKeys, type NodeKeys, ownerOfKeys } from "../state/keys.ts"
import { markHandedOver, requireNotHandedOver } from "./handed-over.ts"

export const HANDOVER_NAME = "handover.json"
const ROSTER_NAME = "roster.json"
/** Copied as they are: documents that old statements name, and the node's own configuration. */
const COPIED = ["blobs", CONFIG_NAME]
/** Key names hold the number of the generation in two digits at most. */
const GENERATIONS_MAX = 99

/** What `vouchsafe-node rotate` prints. */
export interface RotateResult {
  readonly data: string
  readonly handover: string
  readonly from: Readonly<Record<keyof HandoverKeys, string>>
  readonly to: Readonly<Record<keyof HandoverKeys, string>>
  /** Notices in force that the new notices log says again. */
  readonly carried: number
}

/**
 * Rotates the keys of a node that is not running.
 * @throws VouchsafeError USAGE, STATE_UNSAFE (it runs, or was handed over before; entries that no quorum has cosigned), LOG_BROKEN, DISK.
 */
export async function rotate(options: { readonly data: string; readonly to: string; readonly crypto: Crypto; readonly clock: Clock }): Promise<RotateResult> {
  const { data, crypto, clock } = options
  const to = resolve(options.to)
  const owner = existsSync(join(data, "keys", "log.key")) ? ownerOfKeys(data) : undefined
  if (owner === undefined) throw new VouchsafeError("USAGE", `${data} is no data folder of a node`)
  if (existsSync(to) && (!lstatSync(to).isDirectory() || readdirSync(to).length > 0)) throw new VouchsafeError("USAGE", `${to} is not empty, expected an empty folder or none`)
  if (`${to}/`.startsWith(`${resolve(data)}/`)) throw new VouchsafeError("USAGE", `${to} is in the data folder, expected a place of its own`)
  if (owner.generation >= GENERATIONS_MAX) throw new VouchsafeError("STATE_UNSAFE", `the keys are of generation ${owner.generation}, expected at most ${GENERATIONS_MAX - 1}`)
  const partial = `${to}.rotating`
  if (existsSync(partial)) throw new VouchsafeError("USAGE", `${partial} exists, expected it not to`, { hint: "remove what an interrupted rotation left there" })
  const folder = holdFolder(data)
  try {
    requireNotHandedOver(data)
    await mkdir(dirname(to), { recursive: true, mode: 0o700 })
    ensurePrivateFolder(partial)
    const old = await readOld(folder, loadOrCreateKeys(data, owner.operator), crypto)
    const keys = loadOrCreateKeys(partial, owner.operator, owner.generation + 1)
    await carryOver(partial, keys, old.inForce, crypto)
    for (const name of COPIED) if (existsSync(folder.at(name))) await cp(folder.at(name), join(partial, name), { recursive: true })
    const handover = makeHandover({
      operator: owner.operator, from: publicKeys(old.keys), to: publicKeys(keys), final: { log: old.log, notices: old.notices }, time: Math.floor(clock.nowMs() / 1000),
    }, { old: [old.keys.log, old.keys.notices], next: keys.log })
    const document = formatHandover(handover)
    writeFileWhole(join(partial, HANDOVER_NAME), document, 0o644)
    takeOwnRoster(folder, partial, crypto, document, clock)
    if (existsSync(to)) await rm(to, { recursive: true })
    await rename(partial, to)
    markHandedOver(data, to)
    return { data: to, handover: join(to, HANDOVER_NAME), from: vkeysOf(old.keys), to: vkeysOf(keys), carried: old.inForce.length }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  } finally {
    folder.release()
  }
}

interface OldLogs {
  readonly keys: NodeKeys
  /** Last heads, cosigned. */
  readonly log: string
  readonly notices: string
  readonly inForce: readonly Notice[]
}

async function readOld(folder: HeldFolder, keys: NodeKeys, crypto: Crypto): Promise<OldLogs> {
  const read = async <T>(role: "log" | "notices", take: (log: Log) => Promise<T>): Promise<{ head: string; taken: T }> => {
    const log = await openLog({ directory: folder.at(role), origin: keys[role].verifier.name, signer: keys[role], crypto })
    try {
      const head = log.cosigned()
      if (head === undefined || head.size !== log.size) {
        throw new VouchsafeError("STATE_UNSAFE", `${head?.size ?? 0} of ${log.size} entries of ${log.origin} are under a head that a quorum has cosigned, expected all`, {
          hint: "start the node once more, wait until `status` says that all is cosigned, stop it, and rotate then",
        })
      }
      return { head: head.text, taken: await take(log) }
    } finally {
      await log.close()
    }
  }
  const log = await read("log", async () => undefined)
  const notices = await read("notices", async (own) => {
    const entries = await own.entries(Array.from({ length: own.size }, (_, index) => index))
    return noticesInForce(entries.map((entry) => parseNotice(utf8Decode(entry))))
  })
  return { keys, log: log.head, notices: notices.head, inForce: notices.taken }
}

/** Says in the new notices log what is in force in the old one: clients mirror only the present one. */
async function carryOver(partial: string, keys: NodeKeys, inForce: readonly Notice[], crypto: Crypto): Promise<void> {
  const log = await openLog({ directory: join(partial, "notices"), origin: keys.notices.verifier.name, signer: keys.notices, crypto })
  try {
    for (let first = 0; first < inForce.length; first += BATCH_ENTRIES_MAX) {
      const batch = inForce.slice(first, first + BATCH_ENTRIES_MAX)
      await log.append(batch.map((notice) => ({ bytes: utf8Encode(formatNotice({ ...notice, log: log.origin })), keys: [logKey(notice)] })))
    }
  } finally {
    await log.close()
  }
}

/** A node that is alone under its own roster goes on under one that has taken the hand-over up; any other roster is its keyholders' to change. */
function takeOwnRoster(folder: HeldFolder, partial: string, crypto: Crypto, document: string, clock: Clock): void {
  const path = folder.at(ROSTER_NAME)
  if (!existsSync(path)) return
  const text = readFileSync(path, "utf8")
  if (parseRoster(crypto, text).nodes.length !== 1) return
  writeFileWhole(join(partial, ROSTER_NAME), applyHandover(crypto, text, parseHandover(crypto, document), Math.floor(clock.nowMs() / 1000)), 0o644)
}

function publicKeys(keys: NodeKeys): HandoverKeys {
  return { log: keys.log.verifier, notices: keys.notices.verifier, witness: keys.witness.verifier }
}

function vkeysOf(keys: NodeKeys): RotateResult["from"] {
  return { log: keys.log.verifier.vkey, notices: keys.notices.verifier.vkey, witness: keys.witness.verifier.vkey }
}
