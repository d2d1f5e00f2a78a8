import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { KEY_TYPE, type Signer, signerFromSeed, utf8Encode } from "@vouchsafe/core"
import type { Log, LogEntry, LogStorage } from "@vouchsafe/ports"
import { createMemoryLogDisk, fastCrypto } from "@vouchsafe/testkit"
import { afterAll } from "vitest"
import { openLog, type LogOptions, openSqliteStorage } from "../src/index.ts"

export const ORIGIN = "log.example/npm"
/** The key of the worked vectors: 32 bytes of 0x01. */
export const signer = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(1))
export const FSCK = { crypto: fastCrypto, verifierKey: signer.verifier, keysOf: keysOfEntry }

const temporary: string[] = []

/** A new folder, removed after the tests of this file. */
export async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "vouchsafe-log-"))
  temporary.push(directory)
  return join(directory, "log")
}

afterAll(async () => {
  await Promise.all(temporary.map((directory) => rm(directory, { recursive: true, force: true })))
})

/** A place that a log can be opened on again and again. */
export interface Place {
  open(): Promise<LogStorage>
}

/** The drivers of this package and its double. */
export const DRIVERS: readonly { readonly driver: string; newPlace(): Promise<Place> }[] = [
  { driver: "memory", newPlace: async () => createMemoryLogDisk() },
  {
    driver: "sqlite",
    async newPlace() {
      const directory = await newDirectory()
      return { open: () => openSqliteStorage({ directory }) }
    },
  },
]

/** So many bytes of 1. */
export const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1)

/** Entry `index` of the tests: text with a key in it. */
export function entryOf(index: number): LogEntry {
  const bytes = utf8Encode(`entry ${index}`)
  return { bytes, keys: keysOfEntry(bytes) }
}

export function entriesOf(from: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => entryOf(from + i))
}

/** Each entry has a key of its own and shares one with every 97th other. */
export function keysOfEntry(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString("utf8")
  const number = Number(/[0-9]+$/.exec(text)?.[0] ?? 0)
  return [text, `remainder ${number % 97}`]
}

export async function openOn(storage: LogStorage, more: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ directory: "unused", storage, origin: ORIGIN, signer, crypto: fastCrypto, ...more })
}

let shared: Promise<Log> | undefined
/** A log of 700 entries that tests of one file read and do not change. */
export function sharedLog(): Promise<Log> {
  shared ??= (async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    await log.append(entriesOf(0, 700))
    return log
  })()
  return shared
}
