/**
 * `npm run bench`: one JSON document with medians, ratios against a baseline of the same run, and the bars they are held to.
 * Machines are noisy: the figures are CPU time and ratios.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { ROOT } from "../support/index.ts"
import { benchLock } from "./lock.ts"
import { benchPnpmWarm } from "./pnpm-warm.ts"

interface Bar {
  readonly name: string
  readonly value: number
  readonly bar: string
  readonly holds: boolean
}

const BENCH_MS_MAX = 600_000

/** Runs one package's own bench as a process of its own, so that nothing else warms it up. */
function benchOf(script: string): Readonly<Record<string, unknown>> {
  process.stderr.write(`bench: ${script}\n`)
  const ran = spawnSync(process.execPath, ["--conditions=source", join(ROOT, script)], { encoding: "utf8", timeout: BENCH_MS_MAX, maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "inherit"] })
  if (ran.status !== 0) throw new Error(`${script} ended with ${String(ran.status ?? ran.signal)}`)
  return JSON.parse(ran.stdout) as Readonly<Record<string, unknown>>
}

function numberAt(document: unknown, path: string): number {
  const value = path.split(".").reduce<unknown>((at, key) => (at as Readonly<Record<string, unknown>> | undefined)?.[key], document)
  if (typeof value !== "number") throw new Error(`the bench has no figure ${path}: ${JSON.stringify(document)}`)
  return value
}

const atMost = (name: string, value: number, limit: number): Bar => ({ name, value, bar: `<= ${limit}`, holds: value <= limit })
const atLeast = (name: string, value: number, limit: number): Bar => ({ name, value, bar: `>= ${limit}`, holds: value >= limit })

const verify = benchOf("packages/client/bench/verify.ts")
const append = benchOf("packages/log/bench/append.ts")
const large = benchOf("packages/log/bench/large.ts")
const lookups = benchOf("packages/node/bench/lookups.ts")
const cosigned = benchOf("packages/node/bench/cosigned.ts")
const serve = benchOf("packages/registry-shim/bench/serve.ts")
const lock = benchOf("packages/client/bench/lock.ts")
process.stderr.write("bench: check with the lock alone\n")
const lockCommand = benchLock()
process.stderr.write("bench: warm pnpm install\n")
const pnpmWarm = await benchPnpmWarm()
const bars: Bar[] = [
  atMost("evidence for 500 packages from 4 nodes, read and verified, the first check of a process: CPU ms", numberAt(verify, "first500.median"), 200),
  atMost("the same, warm: CPU ms", numberAt(verify, "answers500.warm"), 200),
  atMost("one package under heads never seen, notices mirrored before, 12 signatures (ADR 0023): CPU ms", numberAt(verify, "onePackage.freshHeads.median"), 2),
  atLeast("shim, warm: requests/s over a bare server's on the same bytes", numberAt(serve, "requestsPerSecond.ratio"), 0.6),
  atMost("shim: peak memory in an install of 1,500 packages, MiB", numberAt(serve, "install.rssPeakMiB"), 200),
  atLeast("log: durable appends/s", numberAt(append, "appendsPerSecond"), 10_000),
  atMost("log of 100,000 entries: a proof, ms, 95 of 100", numberAt(large, "proofMsP95"), 2),
  atMost("log of 100,000 entries: peak memory, MB", numberAt(large, "rssMax"), 300),
  atLeast("evidence: packages/s that one node answers, 1,300 a call, 4 connections", numberAt(lookups, "packagesPerSecond"), 5_000),
  atMost("evidence: 1,300 packages in one call, ms", numberAt(lookups, "callMs.median"), 1_000),
  atMost("evidence: the same, packages that nobody asked for before, ms", numberAt(lookups, "coldCallMs.median"), 1_000),
  atMost("four nodes, 20 packages/s: an entry under a cosigned checkpoint, ms, 99 of 100", numberAt(cosigned, "cosignedMs.p99"), 1_500),
  atMost("offline check of 1,300 packages from vouchsafe.lock, in process, without the manager's lockfile: CPU ms", numberAt(lock, "warm.median"), 30),
  atMost("the same, the whole command on pnpm-lock.yaml, nodes gone: ms", lockCommand.pnpmMs.least, 400),
  atMost("the same on package-lock.json: ms", lockCommand.npmMs.least, 400),
  atMost("vouchsafe.lock: bytes an artifact", numberAt(lock, "bytesPerArtifact"), 400),
  atMost("warm pnpm install --frozen-lockfile: CPU ms that the plugin adds", pnpmWarm.addedCpuMs, 150),
]
process.stdout.write(`${JSON.stringify({ node: process.version, bars, verify, append, large, lookups, cosigned, serve, lock, lockCommand, pnpmWarm }, null, 2)}\n`)
process.exitCode = bars.every((bar) => bar.holds) ? 0 : 1
