/**
 * How long a laggard takes: copies a log of N entries over loopback HTTP, once in one go and once with kill -9 half-way.
 *   node --conditions=source packages/mirror/bench/laggard.ts [ENTRIES] [ENTRY_BYTES]
 * With VOUCHSAFE_MIRROR_BARS=1 it fails over 20 s for each 100,000 entries, or over 300 MB of memory in the process that copies.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { KEY_TYPE, openCheckpoint, parseVerifierKey, signerFromSeed, VouchsafeError } from "@vouchsafe/core"
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, openLog } from "@vouchsafe/log"
import type { HttpTransport } from "@vouchsafe/ports"
import { fastCrypto } from "@vouchsafe/testkit"
import { openMirror } from "../src/index.ts"

const MIB = 1024 * 1024
const BAR_MS_PER_100_000 = 20_000
const BAR_MEMORY_BYTES = 300 * 1000 * 1000
const signer = signerFromSeed("log.example/bench", KEY_TYPE.ed25519, new Uint8Array(32).fill(1))

const transport: HttpTransport = {
  async request({ url }) {
    try {
      const response = await fetch(url)
      return { status: response.status, headers: {}, body: new Uint8Array(await response.arrayBuffer()) }
    } catch (cause) {
      throw new VouchsafeError("UNREACHABLE", `nobody answers ${url}`, { cause })
    }
  },
}

async function copy(directory: string, url: string): Promise<void> {
  const key = parseVerifierKey(signer.verifier.vkey)
  const mirror = await openMirror({
    directory, key, transport, crypto: fastCrypto, clock: { nowMs: () => Date.now() }, sources: () => [{ name: "origin", url }],
    check: (signed) => ({ ok: true, head: { ...openCheckpoint(fastCrypto, signed, key).checkpoint, timeSeconds: 1 } }),
  })
  const { size } = await mirror.sync()
  await mirror.close()
  process.stdout.write(`${JSON.stringify({ size, memoryBytes: process.resourceUsage().maxRSS * 1024 })}\n`)
}

/** Runs the copying in a process of its own, which is killed when `kill` resolves. */
async function child(directory: string, url: string, kill?: Promise<void>): Promise<{ readonly ms: number; readonly memoryBytes: number }> {
  const started = performance.now()
  const process_ = spawn(process.execPath, ["--conditions=source", "--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), "--copy", directory, url], { stdio: ["ignore", "pipe", "inherit"] })
  let said = ""
  process_.stdout.on("data", (text: Buffer) => { said += text.toString() })
  void kill?.then(() => process_.kill("SIGKILL"))
  await new Promise((resolve) => process_.once("close", resolve))
  const memoryBytes = said === "" ? 0 : (JSON.parse(said) as { memoryBytes: number }).memoryBytes
  return { ms: performance.now() - started, memoryBytes }
}

async function main(entries: number, entryBytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vs-laggard-"))
  try {
    const log = await openLog({ directory: join(folder, "log"), origin: signer.verifier.name, signer, crypto: fastCrypto })
    const batchMax = Math.min(BATCH_ENTRIES_MAX, Math.floor(BATCH_BYTES_MAX / entryBytes))
    for (let made = 0; made < entries; made = log.size) {
      await log.append(Array.from({ length: Math.min(batchMax, entries - made) }, (_, i) => ({ bytes: Buffer.from(`${made + i} `.padEnd(entryBytes, "x")), keys: [] })))
    }
    const halfWay = Math.ceil(entries / 256 / 2)
    let requests = 0
    let reachHalf: () => void = () => undefined
    const server = createServer((request, response) => {
      if (++requests === halfWay) reachHalf()
      void log.serve((request.url ?? "").slice(1)).then(({ status, body }) => response.writeHead(status).end(body))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const whole = await child(join(folder, "whole"), url)
    requests = 0
    const killed = await child(join(folder, "killed"), url, new Promise<void>((resolve) => { reachHalf = resolve }))
    requests = 0
    const resumed = await child(join(folder, "killed"), url)
    server.close()
    server.closeAllConnections()
    await log.close()
    const megabytes = (bytes: number): number => Math.round(bytes / MIB)
    const result = {
      entries, entryBytes, wholeMs: Math.round(whole.ms), killedAtMs: Math.round(killed.ms), resumedMs: Math.round(resumed.ms), requestsAfterResume: requests,
      memoryMiB: megabytes(whole.memoryBytes), entriesPerSecond: Math.round(entries / whole.ms * 1000),
    }
    process.stdout.write(`${JSON.stringify(result)}\n`)
    const slowest = Math.max(whole.ms, killed.ms + resumed.ms)
    const isOver = slowest > BAR_MS_PER_100_000 * entries / 100_000 || Math.max(whole.memoryBytes, resumed.memoryBytes) > BAR_MEMORY_BYTES
    if (process.env["VOUCHSAFE_MIRROR_BARS"] === "1" && isOver) process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const [first = "", second = "", third = ""] = process.argv.slice(2)
if (first === "--copy") await copy(second, third)
else await main(Number(first === "" ? 100_000 : first), Number(second === "" ? 2_000 : second))
