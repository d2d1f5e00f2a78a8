// Appends at random until it is killed, from outside or by itself. Started by kill.test.ts:
//   node --conditions=source kill-child.ts DIRECTORY SEED DIE_AT
// DIE_AT: 0, or the number of the moment (before or after a write of the storage or an operation on the disk) at which it kills itself.
// Lines on stdout, each written before the program goes on:
//   S <base64>          a checkpoint text about to be signed
//   P <base64>          a signed checkpoint that is published
//   A <index> <text>    an entry that was acknowledged
import { writeSync } from "node:fs"
import { failingLogStorage, fastCrypto } from "@vouchsafe/testkit"
import { KEY_TYPE, signerFromSeed, utf8Encode } from "@vouchsafe/core"
import { type Disk, nodeDisk, openLog, openSqliteStorage } from "../src/index.ts"
import { randomFrom } from "./random.ts"

/** Entries after which a child that nobody kills ends. */
const ENTRIES_MAX = 20_000

const [directory = "", seedText = "", dieAtText = "0"] = process.argv.slice(2)
const random = randomFrom(Number(seedText))
const dieAt = Number(dieAtText)
let moments = 0

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function moment(): void {
  if (++moments === dieAt) process.kill(process.pid, "SIGKILL")
}

function watched<A extends unknown[]>(work: (...given: A) => Promise<void>): (...given: A) => Promise<void> {
  return async (...given) => {
    moment()
    await work(...given)
    moment()
  }
}

const disk: Disk = {
  makeDirectory: watched(nodeDisk.makeDirectory), writeNew: watched(nodeDisk.writeNew), rename: watched(nodeDisk.rename),
  remove: watched(nodeDisk.remove), syncDirectory: watched(nodeDisk.syncDirectory),
}

const inner = signerFromSeed("log.example/npm", KEY_TYPE.ed25519, new Uint8Array(32).fill(1))
const signer = {
  verifier: inner.verifier,
  sign(message: Uint8Array): Uint8Array {
    say(`S ${Buffer.from(message).toString("base64")}`)
    moment()
    return inner.sign(message)
  },
}

const { storage } = failingLogStorage(await openSqliteStorage({ directory, disk }), 0, "lost", moment)
const log = await openLog({ directory, storage, origin: "log.example/npm", signer, crypto: fastCrypto })
let made = 0

async function caller(): Promise<void> {
  while (made < ENTRIES_MAX) {
    const texts = Array.from({ length: 1 + Math.floor(random() * 60) }, () => `run-${seedText}-entry-${made++}`)
    const given = await log.append(texts.map((text) => ({ bytes: utf8Encode(text), keys: [text] })))
    say(`P ${Buffer.from(log.checkpoint()).toString("base64")}`)
    // One write: an acknowledgement is for the whole call.
    say(given.map(({ index }, i) => `A ${index} ${texts[i]}`).join("\n"))
    if (random() < 0.2) await log.publishCosigned(log.checkpoint())
  }
}

await Promise.all(Array.from({ length: 1 + Math.floor(random() * 8) }, caller))
