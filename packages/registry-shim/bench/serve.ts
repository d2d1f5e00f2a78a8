// The shim against the least that Node can do: requests per second on the same bytes, warm, and memory over an install of 1,500 packages.
// node --conditions=source bench/serve.ts — prints one JSON document. Build the package first.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { load } from "./load.ts"
import { packageNames, TOKEN } from "./material.ts"

const INSTALL_PACKAGES = 1_500
const INSTALL_CONNECTIONS = 48
const HOT_PACKAGES = 150
const ROUND_MS = 2_000
const ROUNDS = 3
const CONNECTIONS = 16
const RSS_BYTES_MAX = 200 * 1024 * 1024
const RATIO_MIN = 0.6

export interface ServeBench {
  readonly requestsPerSecond: { readonly bare: number; readonly shim: number; readonly ratio: number; readonly ratioMin: number }
  readonly install: { readonly packages: number; readonly requests: number; readonly seconds: number; readonly rssPeakMiB: number; readonly rssMaxMiB: number }
  readonly ok: boolean
}

/** Runs the benchmark in processes of its own and ends them all. */
export async function benchServe(): Promise<ServeBench> {
  const children: ChildProcess[] = []
  const dir = await mkdtemp(join(tmpdir(), "vs-bench-"))
  const start = (mode: "upstream" | "bare" | "shim", argument = ""): Promise<{ url: string; pid: number }> => new Promise((resolve, reject) => {
    // the shim as `vouchsafe run` starts it: the bundle, with these settings
    const args = mode === "shim" ? ["--max-semi-space-size=2", fileURLToPath(new URL("shim.mjs", import.meta.url)), ...argument.split(" "), TOKEN]
      : ["--conditions=source", fileURLToPath(new URL("child.ts", import.meta.url)), mode, argument]
    const env = mode === "shim" ? { ...process.env, MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072" } : process.env
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] })
    children.push(child)
    child.once("error", reject).once("exit", (code) => reject(new Error(`${mode} ended with ${String(code)}`)))
    child.stdout.once("data", (chunk: Buffer) => resolve({ url: (JSON.parse(chunk.toString()) as { url: string }).url, pid: child.pid ?? 0 }))
  })
  try {
    const upstream = await start("upstream")
    const shim = await start("shim", `${upstream.url} ${dir}`)
    const startedMs = performance.now()
    const requests = await install(shim.url)
    const seconds = (performance.now() - startedMs) / 1000
    const rssPeak = await peakRss(shim.pid)

    const second = await start("shim", `${upstream.url} ${dir}`)
    const paths = packageNames(HOT_PACKAGES).filter((name) => !name.endsWith("99")).flatMap((name) => [`/${name}`, `/${name}/-/${name}-1.0.0.tgz`])
    const bare = await start("bare", `${second.url} ${HOT_PACKAGES}`)
    const rates = { bare: [] as number[], shim: [] as number[] }
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, url] of [["bare", bare.url], ["shim", second.url]] as const) {
        const { requests: done, ms } = await load(url, paths, { connections: CONNECTIONS, msMax: ROUND_MS })
        // the first round warms both up
        if (round > 0) rates[name].push(done / ms * 1000)
      }
    }
    const [bareRate, shimRate] = [median(rates.bare), median(rates.shim)]
    const ratio = shimRate / bareRate
    return {
      requestsPerSecond: { bare: Math.round(bareRate), shim: Math.round(shimRate), ratio: Number(ratio.toFixed(3)), ratioMin: RATIO_MIN },
      install: { packages: INSTALL_PACKAGES, requests, seconds: Number(seconds.toFixed(1)), rssPeakMiB: Math.round(rssPeak / 1024 / 1024), rssMaxMiB: RSS_BYTES_MAX / 1024 / 1024 },
      ok: ratio >= RATIO_MIN && rssPeak <= RSS_BYTES_MAX,
    }
  } finally {
    for (const child of children) { child.removeAllListeners("exit"); child.kill() }
    await rm(dir, { recursive: true, force: true })
  }
}

/** What a cold install asks for: both forms of each packument, as pnpm does, then its tarball. */
async function install(url: string): Promise<number> {
  const names = packageNames(INSTALL_PACKAGES)
  let next = 0
  let requests = 0
  const worker = async (): Promise<void> => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) {
      for (const [path, accept] of [[name, "application/vnd.npm.install-v1+json"], [name, "application/json"], [`${name}/-/${name}-1.0.0.tgz`, "*/*"]] as const) {
        const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${TOKEN}`, accept } })
        await response.arrayBuffer()
        if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
        requests++
      }
    }
  }
  await Promise.all(Array.from({ length: INSTALL_CONNECTIONS }, worker))
  return requests
}

/** The most memory that a process ever held, in bytes; Linux only. */
async function peakRss(pid: number): Promise<number> {
  const found = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]
  if (found === undefined) throw new Error("no VmHWM: the benchmark needs Linux")
  return Number(found) * 1024
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await benchServe()
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
  process.exitCode = result.ok ? 0 : 1
}
