import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  formatCheckpoint, formatLockset, formatNotice, formatObservation, KEY_TYPE, leafHash, NO_UPSTREAM, PLAIN_HISTORY, type Lockset, type Notice, type Observation, proveInclusion, rootOfLeaves, signerFromSeed, signNote, utf8Encode,
} from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { afterEach } from "vitest"
import { createMonitor, type Finding, type MonitoredLog, type Monitor, type MonitorOptions, type MonitorStore, openMonitorStore } from "../src/index.ts"

export const REGISTRY = "https://registry.example/"
export const NOW = 1_790_000_000

const cleanups: (() => unknown)[] = []
export function cleanup(run: () => unknown): void {
  cleanups.push(run)
}
afterEach(() => {
  for (const run of cleanups.splice(0).reverse()) run()
})

export function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "vs-monitor-"))
  cleanup(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, "monitor.sqlite")
}

export const sha512Of = (text: string): string => createHash("sha512").update(text).digest("hex")
/** The token that an attester of `origin` makes of a tarball. */
export const tokenOf = (origin: string, tarball: string): string => createHash("sha256").update(`${origin}\n${tarball}`).digest("hex")
export const purlOf = (name: string): string => `pkg:npm/${name}@1.0.0`

/** An honest observation of `tarball` by the log `origin`, but for what is given. */
export function observation(origin: string, name: string, tarball: string, more: Partial<Observation> & { readonly token?: string } = {}): string {
  const { token, ...rest } = more
  return formatObservation({
    purl: purlOf(name), sha512: sha512Of(tarball), log: origin, registry: REGISTRY, observedAt: NOW - 100,
    tarball: { size: tarball.length, sha1: "a".repeat(40), commitment: token ?? tokenOf(origin, tarball) },
    contents: { tarSha256: "c".repeat(64), h1: `h1:${"A".repeat(43)}=`, files: 1, unpackedSize: 1, manifest: "d".repeat(64), executables: { count: 0, sha256: "e".repeat(64) } },
    package: { name, version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt: null, publisher: null, repository: null, mismatch: [] },
    upstream: NO_UPSTREAM, history: PLAIN_HISTORY, ...rest,
  })
}

export function notice(origin: string, name: string, more: Partial<Notice> = {}): string {
  return formatNotice({ purl: purlOf(name), sha512: sha512Of(name), log: origin, registry: REGISTRY, notice: "withdrawal", time: NOW - 100, reason: "it steals tokens", ...more })
}

export function lockset(origin: string, more: Partial<Lockset> = {}): string {
  return formatLockset({ log: origin, registry: REGISTRY, root: new Uint8Array(32), count: 2, bits: [true, true], roster: 1, notices: [], time: NOW - 100, ...more })
}

let seeds = 0

/** A log whose entries the test writes. `view()` is what a monitor sees of it now. */
export interface TestLog {
  readonly origin: string
  readonly entries: (string | Uint8Array)[]
  readonly reads: number[]
  view(headTime?: number): MonitoredLog
}

export function newLog(operator: string, role: "log" | "notices" = "log"): TestLog {
  const origin = `${operator}.example/${role}`
  const signer = signerFromSeed(origin, KEY_TYPE.ed25519, new Uint8Array(32).fill(++seeds))
  const entries: (string | Uint8Array)[] = []
  const reads: number[] = []
  return {
    origin, entries, reads,
    view(headTime = NOW) {
      const bytes = entries.map((entry) => (typeof entry === "string" ? utf8Encode(entry) : entry))
      const leaves = bytes.map((entry) => leafHash(fastCrypto, entry))
      const [size, root] = [bytes.length, rootOfLeaves(fastCrypto, leaves)]
      return {
        operator, role, key: signer.verifier, headTime, head: { size, root, text: signNote(signer, formatCheckpoint({ origin, size, root })) },
        entries: async (indices) => {
          reads.push(...indices)
          return indices.map((index) => bytes[index] as Uint8Array)
        },
        proveInclusion: async (index) => proveInclusion(fastCrypto, leaves, { index, size }),
      }
    },
  }
}

export interface TestMonitor {
  readonly monitor: Monitor
  readonly store: MonitorStore
  readonly findings: Finding[]
  now: number
  kinds(): string[]
}

/** @param startedAt - Unix seconds at which the monitor is made */
export function newMonitor(file = newFile(), more: Partial<MonitorOptions> = {}, startedAt = NOW): TestMonitor {
  const opened = openMonitorStore(file, fastCrypto)
  let isOpen = true
  const close = (): void => {
    if (isOpen) opened.close()
    isOpen = false
  }
  const store = { ...opened, close }
  cleanup(close)
  const findings: Finding[] = []
  const world = { now: startedAt }
  const monitor = createMonitor({ store, crypto: fastCrypto, clock: { nowMs: () => world.now * 1000 }, onFinding: (finding) => void findings.push(finding), ...more })
  return {
    monitor, store, findings,
    get now() {
      return world.now
    },
    set now(value) {
      world.now = value
    },
    kinds: () => monitor.document([]).reports.map(({ kind }) => kind).sort(),
  }
}
