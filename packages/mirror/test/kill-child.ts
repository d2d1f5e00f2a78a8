// Copies a log from a server until it is killed, from outside or by itself. Started by kill.test.ts:
//   node --conditions=source kill-child.ts DIRECTORY URL VKEY DIE_AT
// DIE_AT: 0, or the number of the operation on the disk, before or after which it kills itself.
// Lines on stdout: S <size> after each round whose outcome is durable.
import { writeSync } from "node:fs"
import { openCheckpoint, parseVerifierKey, VouchsafeError } from "@vouchsafe/core"
import { type Disk, nodeDisk } from "@vouchsafe/log"
import type { HttpTransport } from "@vouchsafe/ports"
import { fastCrypto } from "@vouchsafe/testkit"
import { openMirror } from "../src/index.ts"

/** Rounds after which a child that nobody kills ends. */
const ROUNDS_MAX = 50

const [directory = "", url = "", vkey = "", dieAtText = "0"] = process.argv.slice(2)
const dieAt = Number(dieAtText)
const key = parseVerifierKey(vkey)
let moments = 0

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

const transport: HttpTransport = {
  async request(request) {
    try {
      const response = await fetch(request.url)
      return { status: response.status, headers: {}, body: new Uint8Array(await response.arrayBuffer()) }
    } catch (cause) {
      throw new VouchsafeError("UNREACHABLE", `nobody answers ${request.url}`, { cause })
    }
  },
}

const mirror = await openMirror({
  directory, key, transport, crypto: fastCrypto, disk, clock: { nowMs: () => Date.now() }, sources: () => [{ name: "origin", url }],
  check: (signed) => ({ ok: true, head: { ...openCheckpoint(fastCrypto, signed, key).checkpoint, timeSeconds: 1 } }),
})
for (let round = 0; round < ROUNDS_MAX; round++) writeSync(1, `S ${(await mirror.sync()).size}\n`)
await mirror.close()
