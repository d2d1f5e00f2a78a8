/**
 * Durable appends a second over PostgreSQL and an object store or a directory, and proofs by a front end.
 * `node --conditions=source bench/append.ts POSTGRES-ADDRESS FILES [entries]`, FILES an `s3://` address or a directory; prints one JSON line.
 * It leaves its log there: give it a schema and a prefix of its own.
 *
 * @packageDocumentation
 */
import { KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import { openLog, openLogReader } from "@vouchsafe/log"
import { fastCrypto } from "@vouchsafe/testkit"
import { findObjectsCredentials, openSharedSnapshots, openSharedStorage, parseObjectsAddress, parsePostgresAddress } from "../src/index.ts"

const ENTRY_BYTES = 1500
const ENTRIES_PER_CALL = 8
const CALLERS = 256
const PROOFS = 500

const [postgres = "", files = "", count = "20000"] = process.argv.slice(2)
const entries = Number(count)
const signer = signerFromSeed("bench.example/log", KEY_TYPE.ed25519, new Uint8Array(32).fill(7))
const options = {
  postgres: parsePostgresAddress(postgres),
  log: signer.verifier.name,
  files: files.startsWith("s3:") ? { objects: { address: parseObjectsAddress(files), credentials: findObjectsCredentials() }, folder: "log" } : { directory: files },
}
const log = await openLog({ directory: "unused", storage: await openSharedStorage(options), origin: signer.verifier.name, signer, crypto: fastCrypto })
let next = 0
const started = performance.now()
await Promise.all(Array.from({ length: CALLERS }, async () => {
  while (next < entries) {
    const from = next
    next += ENTRIES_PER_CALL
    await log.append(Array.from({ length: ENTRIES_PER_CALL }, (_, i) => ({ bytes: Buffer.from(`entry ${from + i} `.padEnd(ENTRY_BYTES, "x")), keys: [`entry ${from + i}`] })))
  }
}))
const appendMs = performance.now() - started
const reader = await openLogReader({ storage: await openSharedSnapshots(options), verifier: signer.verifier, crypto: fastCrypto })
const times: number[] = []
for (let i = 0; i < PROOFS; i++) {
  const began = performance.now()
  await reader.proveInclusion((i * 7_919) % reader.size, reader.size)
  times.push(performance.now() - began)
}
times.sort((a, b) => a - b)
console.log(JSON.stringify({
  entries: log.size, entryBytes: ENTRY_BYTES, appendsPerSecond: Math.round(log.size / (appendMs / 1000)),
  frontEndProofMsMedian: Number((times[Math.floor(PROOFS / 2)] ?? 0).toFixed(2)),
}))
await reader.close()
await log.close()
