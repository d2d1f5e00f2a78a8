import { equalBytes, KEY_TYPE, leafHash, parseCheckpoint, rootOfLeaves, type Signer, signerFromSeed, utf8Decode, utf8Encode } from "@vouchsafe/core"
import { auditLog, openLog } from "@vouchsafe/log"
import type { Log, LogEntry, LogStorage } from "@vouchsafe/ports"
import { fastCrypto } from "@vouchsafe/testkit"
import { expect } from "vitest"
import { standBy } from "../../src/index.ts"
import { ORIGIN, type Place } from "./places.ts"

export const signer = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(1))
export const FSCK = { crypto: fastCrypto, verifierKey: signer.verifier, keysOf: (entry: Uint8Array) => [utf8Decode(entry)] }

export function entriesOf(from: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => ({ bytes: utf8Encode(`entry ${from + i}`), keys: [`entry ${from + i}`] }))
}

export function openOn(storage: LogStorage, own: Signer = signer): Promise<Log> {
  return openLog({ directory: "unused", storage, origin: ORIGIN, signer: own, crypto: fastCrypto })
}

/** Opens what a connection that was just cut may still hold for a moment. */
export function openSoon(place: Place): Promise<LogStorage> {
  return standBy(() => place.open(), { pause: () => new Promise((resolve) => setImmediate(resolve)) })
}

export async function expectClean(place: Place): Promise<void> {
  const storage = await openSoon(place)
  expect(await auditLog(storage, FSCK)).toEqual([])
  await storage.close()
}

const roots = new Map<number, Uint8Array>()
function rootAt(size: number): Uint8Array {
  const known = roots.get(size) ?? rootOfLeaves(fastCrypto, entriesOf(0, size).map(({ bytes }) => leafHash(fastCrypto, bytes)))
  roots.set(size, known)
  return known
}

/** Every message ever signed is the head of the one tree of the tests. */
export function expectOneHistory(messages: readonly string[], size: number): void {
  expect(messages.map((message) => parseCheckpoint(message)).filter((head) => head.size > size || !equalBytes(head.root, rootAt(head.size)))).toEqual([])
}

/** Sizes that end before, on and after a tile's border. */
export const BATCHES = [3, 253, 300]
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
export const TOTAL = sum(BATCHES)

/** Appends until something fails. */
export async function runScenario(log: Log): Promise<{ readonly acknowledged: number; readonly failed: boolean }> {
  let acknowledged = 0
  for (const count of BATCHES) {
    try {
      const given = await log.append(entriesOf(acknowledged, count))
      expect(given[0]?.index).toBe(acknowledged)
      acknowledged += count
      if (acknowledged === 256) await log.publishCosigned(log.checkpoint())
    } catch (error) {
      expect(error).toMatchObject({ name: "VouchsafeError" })
      return { acknowledged, failed: true }
    }
  }
  return { acknowledged, failed: false }
}

/** What must hold after any failure: nothing acknowledged is lost, what is there beyond is one batch whole, and the log goes on. */
export async function expectRecovered(place: Place, acknowledged: number, messages: string[], own: Signer): Promise<void> {
  await expectClean(place)
  const log = await openOn(await openSoon(place), own)
  const next = BATCHES.find((_, i) => sum(BATCHES.slice(0, i)) === acknowledged) ?? 0
  expect([acknowledged, acknowledged + next]).toContain(log.size)
  const found = await log.entries(Array.from({ length: log.size }, (_, index) => index))
  expect(found.map(utf8Decode)).toEqual(found.map((_, index) => `entry ${index}`))
  await log.append(entriesOf(log.size, 5))
  const { size } = log
  await log.close()
  await expectClean(place)
  expectOneHistory(messages, size)
}
