/**
 * Durable appends per second, in a load of many callers at once, and proofs read back from what was written.
 * Alone: `node --conditions=source bench/append.ts [entries]` prints one JSON line.
 *
 * @packageDocumentation
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Crypto, KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { openLog } from "../src/index.ts"

const ENTRIES = 50_000
/** About the size of an observation. */
const ENTRY_BYTES = 1500
/** Entries that one caller appends at once, and callers who wait at the same time. */
const ENTRIES_PER_CALL = 8
const CALLERS = 256
const PROVED_INDICES = 500
const PROOFS = 20

/** What the bench found. Times in milliseconds. */
export interface AppendBench {
  readonly entries: number
  readonly entryBytes: number
  readonly callers: number
  readonly appendMs: number
  readonly appendsPerSecond: number
  readonly cpuMs: number
  readonly multiProofMs: number
  readonly provedIndices: number
  readonly reopenMs: number
}

function entryOf(index: number): { readonly bytes: Uint8Array; readonly keys: string[] } {
  const text = `{"subject":"pkg:npm/package-${index}@1.0.0","filler":"`
  return { bytes: Buffer.from(text.padEnd(ENTRY_BYTES, "0123456789abcdef")), keys: [`pkg:npm/package-${index}@1.0.0`] }
}

/** Measures appends into a new log under the temporary folder, which is removed afterwards. */
export async function benchAppend(options: { readonly entries?: number; readonly crypto?: Crypto } = {}): Promise<AppendBench> {
  const { entries = ENTRIES, crypto = fastCrypto } = options
  const directory = await mkdtemp(join(tmpdir(), "vouchsafe-bench-log-"))
  const signer = signerFromSeed("bench.example/log", KEY_TYPE.ed25519, new Uint8Array(32).fill(7))
  const open = () => openLog({ directory: join(directory, "log"), origin: "bench.example/log", signer, crypto })
  try {
    const log = await open()
    const all = Array.from({ length: entries }, (_, i) => entryOf(i))
    let next = 0
    const caller = async (): Promise<void> => {
      while (next < all.length) {
        const from = next
        next += ENTRIES_PER_CALL
        await log.append(all.slice(from, from + ENTRIES_PER_CALL))
      }
    }
    const cpu = process.cpuUsage()
    const started = performance.now()
    await Promise.all(Array.from({ length: CALLERS }, caller))
    const appendMs = performance.now() - started
    const { user, system } = process.cpuUsage(cpu)
    const indices = Array.from({ length: PROVED_INDICES }, (_, i) => Math.floor((i * log.size) / PROVED_INDICES))
    const proving = performance.now()
    for (let i = 0; i < PROOFS; i++) await log.proveMulti(indices, log.size)
    const multiProofMs = (performance.now() - proving) / PROOFS
    await log.close()
    const reopening = performance.now()
    await (await open()).close()
    return {
      entries, entryBytes: ENTRY_BYTES, callers: CALLERS, appendMs: Math.round(appendMs),
      appendsPerSecond: Math.round(entries / (appendMs / 1000)), cpuMs: Math.round((user + system) / 1000),
      multiProofMs: Number(multiProofMs.toFixed(2)), provedIndices: PROVED_INDICES, reopenMs: Math.round(performance.now() - reopening),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const entries = process.argv[2] === undefined ? ENTRIES : Number(process.argv[2])
  console.log(JSON.stringify(await benchAppend({ entries })))
}
