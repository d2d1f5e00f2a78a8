/**
 * Evidence look-ups: what one node process answers a second about packages that its log holds, over HTTP on loopback.
 * `node --conditions=source bench/lookups.ts [entries]` prints one JSON document. Times in ms; the load's own CPU is not in the node's.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { Agent, request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { gunzipSync } from "node:zlib"
import { nodeCrypto } from "@vouchsafe/client/node"
import { type ArtifactName, checkMulti, formatEvidenceRequest, leafHash, parseCheckpoint, parseEvidenceAnswer, parseNote, utf8Encode } from "@vouchsafe/core"
import { artifactAt, type NodeProcess, prepareLog, startNodeProcess } from "./material.ts"

const ENTRIES = 20_000
/** A large lockfile. */
const CALL_ARTIFACTS = 1_300
const CALLS = 15
/** Calls under load: a few clients at once, each with packages of its own, taken from those that most lockfiles share. */
const LOAD_CALLS = 40
const ROUNDS = 3
const LOAD_CONNECTIONS = 4
const HOT_ARTIFACTS = 10_000
const SINGLE_CALLS = 2_000
const SINGLE_CONNECTIONS = 16
/** What is promised (soak compares). */
const PACKAGES_PER_SECOND_MIN = 5_000
const CALL_MS_MAX = 1_000

/** What the bench found. */
export interface LookupsBench {
  readonly entries: number
  readonly artifactsPerCall: number
  /** One call after the other: the first of the process about these packages, and later ones about others and the same. */
  readonly firstCallMs: number
  readonly callMs: { readonly median: number; readonly worst: number }
  /** Packages that nobody asked for before: their entries come from disk. */
  readonly coldCallMs: { readonly median: number; readonly worst: number }
  readonly callCpuMs: number
  readonly coldCallCpuMs: number
  readonly answerBytes: number
  readonly answerBytesGzip: number
  readonly packagesPerSecond: number
  readonly packagesPerCpuSecond: number
  readonly singlesPerSecond: number
  readonly singlesPerCpuSecond: number
  /** Most memory of the node: when it was ready, after all calls about packages that are asked for often, after those about others. */
  readonly rssPeakMiB: { readonly ready: number; readonly warm: number; readonly cold: number }
}

const agent = new Agent({ keepAlive: true, maxSockets: SINGLE_CONNECTIONS })

/** One call, as a client makes it. The answer as it came over the wire. */
async function call(url: string, artifacts: readonly ArtifactName[]): Promise<Buffer> {
  const body = formatEvidenceRequest({ artifacts, deadlineMs: 2_000, knownSize: 0, noticesFrom: 0 })
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL("v1/evidence", url), { agent, method: "POST", headers: { "content-type": "application/json", "accept-encoding": "gzip" } }, (response) => {
      buffer(response).then((bytes) => {
        if (response.statusCode === 200) resolve(bytes)
        else reject(new Error(`the node answered ${String(response.statusCode)}: ${bytes.toString("utf8", 0, 300)}`))
      }, reject)
    })
    outgoing.on("error", reject).end(body)
  })
}

function plain(bytes: Buffer): Buffer {
  return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes
}

/** A figure counts only for answers that a client takes: every package observed, and all of it proven. */
function requireProven(bytes: Buffer, artifacts: readonly ArtifactName[]): void {
  const { log, artifacts: answered } = parseEvidenceAnswer(plain(bytes).toString("utf8"))
  const { size, root } = parseCheckpoint(parseNote(log.checkpoint).text)
  const isProven = checkMulti(nodeCrypto, { indices: log.indices, size, leafHashes: log.entries.map((entry) => leafHash(nodeCrypto, utf8Encode(entry))), proof: log.proof, root })
  const isWhole = answered.length === artifacts.length && answered.every(({ purl, status, indices }, i) => purl === artifacts[i]?.purl && status === "observed" && indices.length === 1)
  if (!isProven || !isWhole || log.indices.length !== artifacts.length) throw new Error("an answer is not whole or not proven")
}

/** `count` places below `below`, spread over all of them, other ones for each `seed`. */
function spread(count: number, below: number, seed: number, from = 0): ArtifactName[] {
  const found = new Set<number>()
  for (let i = 0; found.size < count; i++) found.add(from + (i * 7_919 + seed * 104_729) % below)
  return [...found].map(artifactAt)
}

async function inParallel(connections: number, calls: number, one: (i: number) => Promise<void>): Promise<number> {
  let next = 0
  const started = performance.now()
  await Promise.all(Array.from({ length: connections }, async () => { for (let i = next++; i < calls; i = next++) await one(i) }))
  return performance.now() - started
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
const quantiles = (values: readonly number[]): { median: number; worst: number } => ({ median: Math.round(sorted(values)[Math.floor((values.length - 1) / 2)] as number), worst: Math.round(Math.max(...values)) })

async function timedCalls(node: NodeProcess, lists: readonly ArtifactName[][]): Promise<number[]> {
  const times: number[] = []
  for (const list of lists) {
    const started = performance.now()
    const answer = await call(node.url, list)
    times.push(performance.now() - started)
    requireProven(answer, list)
  }
  return times
}

/** Packages that the node answers for a second, of the clock and of its CPU, while clients ask at once; the medians of some rounds. */
async function rates(node: NodeProcess, connections: number, calls: number, listOf: (i: number) => readonly ArtifactName[]): Promise<{ perSecond: number; perCpuSecond: number }> {
  const rounds: { readonly perSecond: number; readonly perCpuSecond: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let packages = 0
    const cpuBefore = node.cpuMs()
    const ms = await inParallel(connections, calls, async (i) => {
      const list = listOf(i)
      await call(node.url, list)
      packages += list.length
    })
    rounds.push({ perSecond: packages / ms * 1_000, perCpuSecond: packages / (node.cpuMs() - cpuBefore) * 1_000 })
  }
  return { perSecond: quantiles(rounds.map(({ perSecond }) => perSecond)).median, perCpuSecond: quantiles(rounds.map(({ perCpuSecond }) => perCpuSecond)).median }
}

async function measure(node: NodeProcess, entries: number): Promise<LookupsBench> {
  const ready = node.rssPeakMiB()
  const hot = Math.min(Math.floor(entries / 2), HOT_ARTIFACTS)
  const list = spread(CALL_ARTIFACTS, hot, 0)
  const [firstCallMs = 0] = await timedCalls(node, [list])
  for (let i = 0; i < Math.ceil(hot / CALL_ARTIFACTS) + 1; i++) await call(node.url, Array.from({ length: CALL_ARTIFACTS }, (_, k) => artifactAt((i * CALL_ARTIFACTS + k) % hot)))
  const cpuBefore = node.cpuMs()
  const calls = await timedCalls(node, Array.from({ length: CALLS }, (_, i) => spread(CALL_ARTIFACTS, hot, i)))
  const callCpuMs = (node.cpuMs() - cpuBefore) / CALLS
  const bytes = await call(node.url, list)
  const many = await rates(node, LOAD_CONNECTIONS, LOAD_CALLS, (i) => spread(CALL_ARTIFACTS, hot, i))
  const singles = spread(SINGLE_CALLS, hot, 5)
  const single = await rates(node, SINGLE_CONNECTIONS, SINGLE_CALLS, (i) => [singles[i] as ArtifactName])
  const warm = node.rssPeakMiB()
  const coldBefore = node.cpuMs()
  const cold = await timedCalls(node, Array.from({ length: CALLS }, (_, i) => spread(CALL_ARTIFACTS, entries - hot, i, hot)))
  const coldCallCpuMs = (node.cpuMs() - coldBefore) / CALLS
  return {
    entries, artifactsPerCall: CALL_ARTIFACTS, firstCallMs: Math.round(firstCallMs), callMs: quantiles(calls), coldCallMs: quantiles(cold), callCpuMs: Math.round(callCpuMs), coldCallCpuMs: Math.round(coldCallCpuMs),
    answerBytes: plain(bytes).length, answerBytesGzip: bytes.length,
    packagesPerSecond: many.perSecond, packagesPerCpuSecond: many.perCpuSecond, singlesPerSecond: single.perSecond, singlesPerCpuSecond: single.perCpuSecond, rssPeakMiB: { ready, warm, cold: node.rssPeakMiB() },
  }
}

const entries = process.argv[2] === undefined ? ENTRIES : Number(process.argv[2])
const folder = mkdtempSync(join(tmpdir(), "vouchsafe-bench-lookups-"))
try {
  const data = join(folder, "alpha")
  await prepareLog(data, "alpha", entries)
  const node = await startNodeProcess(["--data", data, "--operator", "alpha", "--listen", "127.0.0.1:0", "--registry", "https://registry.example/"], process.env["VOUCHSAFE_BENCH_PROFILE"] === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${process.env["VOUCHSAFE_BENCH_PROFILE"]}`])
  try {
    const found = await measure(node, entries)
    process.stdout.write(`${JSON.stringify(found)}\n`)
    const isWithin = found.packagesPerSecond >= PACKAGES_PER_SECOND_MIN && found.callMs.median <= CALL_MS_MAX
    if (process.env["VOUCHSAFE_LARGE_LOG_BARS"] === "1" && !isWithin) process.exitCode = 1
  } finally {
    await node.stop()
    agent.destroy()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
