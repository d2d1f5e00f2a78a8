// One of several sequencers of a log: stands by until it is its turn, appends, says what it did. It is killed, stopped and resumed from outside.
import { writeSync } from "node:fs"
import { KEY_TYPE, signerFromSeed, utf8Encode } from "@vouchsafe/core"
import { openLog } from "@vouchsafe/log"
import type { Log } from "@vouchsafe/ports"
import { fastCrypto } from "@vouchsafe/testkit"
import { findObjectsCredentials, openSharedStorage, parseObjectsAddress, parsePostgresAddress, standBy } from "../../src/index.ts"

const ENTRIES_PER_CALL = 5
const CALLERS = 2
const POLL_MS = 20

const [name = "", objects = "", leaseMs = ""] = process.argv.slice(2)
const origin = "log.example/npm"
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

const inner = signerFromSeed(origin, KEY_TYPE.ed25519, new Uint8Array(32).fill(1))
const signer = {
  verifier: inner.verifier,
  sign(message: Uint8Array): Uint8Array {
    say(`S ${Buffer.from(message).toString("base64")}`)
    return inner.sign(message)
  },
}

const options = {
  postgres: parsePostgresAddress(process.env["TEST_POSTGRES"] ?? ""),
  log: origin,
  files: { objects: { address: parseObjectsAddress(objects), credentials: findObjectsCredentials() }, folder: "log" },
  leaseMs: Number(leaseMs),
}

let made = 0

async function caller(log: Log): Promise<void> {
  while (log.failure === undefined) {
    const texts = Array.from({ length: ENTRIES_PER_CALL }, () => `${name}-entry-${made++}`)
    const given = await log.append(texts.map((text) => ({ bytes: utf8Encode(text), keys: [text] })))
    say(`P ${Buffer.from(log.checkpoint()).toString("base64")}`)
    // One write: an acknowledgement is for the whole call.
    say(given.map(({ index }, i) => `A ${index} ${texts[i]}`).join("\n"))
  }
}

say("W")
for (;;) {
  try {
    const storage = await standBy(() => openSharedStorage(options), { pollMs: POLL_MS })
    const log = await openLog({ directory: "unused", storage, origin, signer, crypto: fastCrypto })
    say("H")
    const ends = await Promise.allSettled(Array.from({ length: CALLERS }, () => caller(log)))
    for (const end of ends) if (end.status === "rejected") say(`F ${end.reason.code}`)
    await log.close()
  } catch (error) {
    // Taken over while it recovered: back to standing by.
    say(`F ${(error as { code?: string }).code ?? String(error)}`)
  }
}
