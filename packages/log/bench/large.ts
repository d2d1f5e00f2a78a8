/**
 * A large log: durable appends a second, the time of a proof of a random entry, and the memory of the process, callers included.
 * `node --conditions=source bench/large.ts [entries]` prints one JSON line.
 *
 * @packageDocumentation
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import { fastCrypto } from "@vouchsafe/testkit"
import { openLog } from "../src/index.ts"

const ENTRIES = 100_000
/** About the size of an observation. */
const ENTRY_BYTES = 1500
const ENTRIES_PER_CALL = 8
const CALLERS = 256
const PROOFS = 1000
/** Looked at once in so many entries. */
const MEMORY_EVERY = 10_000
const MEGABYTE = 1024 * 1024
/** What is promised of a log with a million entries on two cores; the soak compares. */
const APPENDS_PER_SECOND_MIN = 10_000
const PROOF_MS_MAX = 2
const RSS_MAX = 300

/** What the bench found. Times in milliseconds, memory in MB. */
export interface LargeBench {
  readonly entries: number
  readonly entryBytes: number
  readonly appendsPerSecond: number
  readonly proofMsMedian: number
  readonly proofMsP95: number
  readonly proofMsP99: number
  readonly rssMax: number
  readonly reopenMs: number
}

/** Appends `entries` entries by many callers at once. */
export async function appendMany(log: Log, entries: number, onProgress: () => void): Promise<number> {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < entries) {
      const from = next
      next = Math.min(entries, next + ENTRIES_PER_CALL)
      await log.append(Array.from({ length: next - from }, (_, i) => {
        const text = `{"subject":"pkg:npm/package-${from + i}@1.0.0","filler":"`
        return { bytes: Buffer.from(text.padEnd(ENTRY_BYTES, "0123456789abcdef")), keys: [`pkg:npm/package-${from + i}@1.0.0`] }
      }))
      if (from % MEMORY_EVERY < ENTRIES_PER_CALL) onProgress()
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return Math.round(entries / ((performance.now() - started) / 1000))
}

/** Times of inclusion proofs, each with its entry, ascending. */
export async function timeProofs(log: Log, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    // Far apart: next to nothing of it is in a cache.
    const index = (i * 7_919 * 257) % log.size
    const started = performance.now()
    await log.proveInclusion(index, log.size)
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)
}

/** Measures a new log under the temporary folder, which is removed afterwards. */
export async function benchLarge(entries = ENTRIES): Promise<LargeBench> {
  const directory = await mkdtemp(join(tmpdir(), "vouchsafe-bench-large-"))
  const signer = signerFromSeed("bench.example/log", KEY_TYPE.ed25519, new Uint8Array(32).fill(7))
  const open = () => openLog({ directory: join(directory, "log"), origin: "bench.example/log", signer, crypto: fastCrypto })
  let rssMax = 0
  const look = (): void => {
    rssMax = Math.max(rssMax, process.memoryUsage.rss())
  }
  try {
    const log = await open()
    const appendsPerSecond = await appendMany(log, entries, look)
    await log.close()
    const reopening = performance.now()
    const again = await open()
    const reopenMs = Math.round(performance.now() - reopening)
    const times = await timeProofs(again, PROOFS)
    look()
    await again.close()
    const at = (share: number): number => Number((times[Math.floor(times.length * share)] ?? 0).toFixed(2))
    return { entries, entryBytes: ENTRY_BYTES, appendsPerSecond, proofMsMedian: at(0.5), proofMsP95: at(0.95), proofMsP99: at(0.99), rssMax: Math.round(rssMax / MEGABYTE), reopenMs }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const found = await benchLarge(process.argv[2] === undefined ? ENTRIES : Number(process.argv[2]))
  console.log(JSON.stringify(found))
  const isWithin = found.appendsPerSecond >= APPENDS_PER_SECOND_MIN && found.proofMsP95 <= PROOF_MS_MAX && found.rssMax <= RSS_MAX
  if (process.env["VOUCHSAFE_LARGE_LOG_BARS"] === "1" && !isWithin) process.exitCode = 1
}
