import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  entriesPath, equalBytes, type ErrorCode, formatCheckpoint, type HeadResult, KEY_TYPE, openCheckpoint, signerFromSeed, signNote, tilePath, tilesForSize, utf8Encode,
  type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import { openLog } from "@vouchsafe/log"
import type { HttpRequest, HttpResponse, HttpTransport, Log, LogEntry, ServedFile } from "@vouchsafe/ports"
import { createMemoryLogDisk, fastCrypto } from "@vouchsafe/testkit"
import { afterEach, expect } from "vitest"
import { type Mirror, type MirrorOptions, openMirror } from "../src/index.ts"

export const ORIGIN = "log.example/npm"
export const signer = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(1))
export const key: VerifierKey = signer.verifier
export const NOW_MS = 1_790_000_000_000

const cleanups: (() => unknown)[] = []
export function cleanup(run: () => unknown): void {
  cleanups.push(run)
}
afterEach(async () => {
  for (const run of cleanups.splice(0).reverse()) await run()
})

export async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "vs-mirror-"))
  cleanup(() => rm(directory, { recursive: true, force: true }))
  return join(directory, "copy")
}

export const entryOf = (index: number, flavour = ""): LogEntry => ({ bytes: utf8Encode(`entry ${index}${flavour}`), keys: [] })
export const entriesOf = (from: number, count: number, flavour = ""): LogEntry[] => Array.from({ length: count }, (_, i) => entryOf(from + i, flavour))

/** A log in memory; `flavour` makes another history under the same key, from entry `from` on. */
export async function newLog(size: number, flavour = "", from = 0): Promise<Log> {
  const storage = await createMemoryLogDisk().open()
  const log = await openLog({ directory: "unused", storage, origin: ORIGIN, signer, crypto: fastCrypto })
  cleanup(() => log.close())
  await grow(log, size, flavour, from)
  return log
}

const shared = new Map<number, Promise<Log>>()
/** A log of `size` entries that all tests of a file read, and none changes: making a large one takes longer than copying it. */
export function sharedLog(size: number): Promise<Log> {
  const log = shared.get(size) ?? openLogOf(size)
  shared.set(size, log)
  return log
}

async function openLogOf(size: number): Promise<Log> {
  const log = await openLog({ directory: "unused", storage: await createMemoryLogDisk().open(), origin: ORIGIN, signer, crypto: fastCrypto })
  await grow(log, size)
  return log
}

/** Appends until the log has `size` entries. */
export async function grow(log: Log, size: number, flavour = "", from = 0): Promise<void> {
  while (log.size < size) {
    const count = Math.min(1024, size - log.size)
    await log.append(Array.from({ length: count }, (_, i) => entryOf(log.size + i, log.size + i >= from ? flavour : "")))
  }
}

/** A head that this key signed over any size and root. */
export const signedHead = (size: number, root: Uint8Array): string => signNote(signer, formatCheckpoint({ origin: ORIGIN, size, root }))

/** What a source does to an answer; a rejection is a broken connection. */
export type Tamper = (path: string, honest: () => Promise<ServedFile>) => Promise<ServedFile | HttpResponse>

/** A place that serves a log, and remembers what it was asked. */
export interface FakeSource {
  readonly name: string
  readonly url: string
  readonly asked: string[]
  serve: (path: string) => Promise<ServedFile>
  tamper: Tamper
}

export function sourceOf(name: string, log: { serve(path: string): Promise<ServedFile> }): FakeSource {
  return { name, url: `http://${name}.example/log/`, asked: [], serve: (path) => log.serve(path), tamper: (_path, honest) => honest() }
}

export function transportTo(sources: readonly FakeSource[], onRequest: (request: HttpRequest) => void = () => undefined): HttpTransport {
  return {
    async request(request) {
      onRequest(request)
      const source = sources.find(({ url }) => request.url.startsWith(url))
      if (source === undefined) throw new VouchsafeError("UNREACHABLE", `nobody answers ${request.url}`)
      const path = request.url.slice(source.url.length)
      source.asked.push(path)
      const { status, body } = await source.tamper(path, () => source.serve(path))
      if (body.length > request.maxBytes) throw new VouchsafeError("UPSTREAM_FAILED", `${path} has more than ${request.maxBytes} bytes`)
      return { status, headers: {}, body }
    },
  }
}

/** Believes the log's signature; the time is a number that the test may move. */
export function checkSigned(timeSeconds: () => number = () => 1_790_000_000): (signed: string) => HeadResult {
  return (signed) => {
    const { checkpoint } = openCheckpoint(fastCrypto, signed, key)
    return { ok: true, head: { ...checkpoint, timeSeconds: timeSeconds() } }
  }
}

export async function mirrorOf(directory: string, sources: readonly FakeSource[], more: Partial<MirrorOptions> = {}): Promise<Mirror> {
  const mirror = await openMirror({
    directory, key, sources: () => sources, transport: transportTo(sources), crypto: fastCrypto, clock: { nowMs: () => NOW_MS }, check: checkSigned(), ...more,
  })
  let isOpen = true
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await mirror.close()
  }
  cleanup(close)
  return new Proxy(mirror, { get: (target, name) => (name === "close" ? close : bound(target, name)) })
}

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name, target) as unknown
  return typeof value === "function" ? value.bind(target) : value
}

/** A source that nobody answers at. */
export const unreachable: Tamper = async () => {
  throw new VouchsafeError("UNREACHABLE", "nobody answers")
}

/** Expects a typed refusal, and words in its message. */
export async function refuses(work: () => Promise<unknown>, code: ErrorCode, says = ""): Promise<void> {
  await expect(work()).rejects.toMatchObject({ name: "VouchsafeError", code, message: expect.stringContaining(says) as string })
}

/** Every path of a tree of `size` entries, partial ones included. */
export function pathsOf(size: number): string[] {
  const bundles = Array.from({ length: Math.ceil(size / 256) }, (_, i) => entriesPath(i, Math.min(256, size - i * 256)))
  return ["checkpoint", ...bundles, ...tilesForSize(size).map(({ level, index, width }) => tilePath(level, index, width))]
}

/** A copy answers byte for byte as the log does. */
export async function expectSame(mirror: Pick<Mirror, "serve">, log: Log): Promise<void> {
  for (const path of pathsOf(log.size)) {
    const [copied, original] = await Promise.all([mirror.serve(path), log.serve(path)])
    expect(copied.status, path).toBe(original.status)
    expect(equalBytes(copied.body, original.body), path).toBe(true)
  }
}
