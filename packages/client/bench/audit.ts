/**
 * What `vouchsafe audit` of an installed project costs against plainly hashing the same files, one JSON document:
 * `node --conditions=source bench/audit.ts DIR`, where DIR was made by `npm install` (of some 1,300 packages) and nobody needs it any more: a policy, a
 * roster and a lock over what lies there are written into it. The command line must be built.
 *
 * Both are whole processes with as many threads, run in turns; medians of 5 of wall time and of CPU, user plus system, in milliseconds.
 */
import { spawn } from "node:child_process"
import { hash } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { type ArtifactRequest, formatLock, h1 } from "@vouchsafe/core"
import { parseLockfile, toRequests } from "../src/lockfile/index.ts"
import { nodeCrypto } from "../src/node/crypto.ts"
import { lockIn } from "../test/support/lock.ts"
import { fakeNetwork } from "../test/support/network.ts"
import { observation, REGISTRY } from "../test/support/statements.ts"
import { virtualTime } from "../test/support/time.ts"

const RUNS = 5
const dir = resolve(process.argv[2] ?? "")
const cli = fileURLToPath(new URL("../../cli/dist/bin.js", import.meta.url))
const plain = fileURLToPath(new URL("./plain-hash.ts", import.meta.url))

/** The content hash of what lies at a place, without other packages. */
function hashOf(place: string): string {
  const files = readdirSync(join(dir, place), { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(join(dir, place).length + 1))
  return h1(nodeCrypto, files.filter((path) => !path.startsWith("node_modules/")).map((path) => ({ path, sha256: hash("sha256", readFileSync(join(dir, place, path)), "hex") })))
}

function prepare(): void {
  const lockfile = parseLockfile("package-lock.json", readFileSync(join(dir, "package-lock.json"), "utf8"))
  const present = lockfile.entries.filter(({ where, kind }) => kind === "registry" && readdirSync(join(dir, where, ".."), { withFileTypes: true }).some(({ name }) => where.endsWith(`/${name}`)))
  const whereOf = new Map(present.map(({ purl, where }) => [purl, where]))
  // Whatever address the lockfile has: the digests are what counts here.
  const entries = present.map(({ resolved: _, ...entry }) => entry)
  const requests: ArtifactRequest[] = toRequests({ ...lockfile, entries }, { registryFor: () => REGISTRY })
  const time = virtualTime(Date.now())
  const network = fakeNetwork(time)
  const contents = new Map(requests.map(({ purl }) => [purl, hashOf(whereOf.get(purl) ?? "")]))
  for (const node of network.nodes) {
    for (const { purl, sha512 } of requests) {
      const made = JSON.parse(observation(node.place.log.name, purl, sha512 ?? "")) as { predicate: { contents: { h1: string } } }
      node.log.entries.push(JSON.stringify({ ...made, predicate: { ...made.predicate, contents: { ...made.predicate.contents, h1: contents.get(purl) } } }))
    }
  }
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }))
  writeFileSync(join(dir, "vouchsafe.roster.json"), network.rosterText)
  writeFileSync(join(dir, "vouchsafe.lock"), formatLock(lockIn({ network, time }, requests)))
  writeFileSync(join(dir, ".npmrc"), `registry=${REGISTRY}\n`)
}

interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
  readonly stdout: string
  readonly status: number | null
}

/** One process; its CPU is what it says itself at its end. */
function cost(args: readonly string[]): Promise<Cost> {
  return new Promise((done) => {
    const started = performance.now()
    const child = spawn(process.execPath, ["--import", REPORTER, ...args], { cwd: dir, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, HOME: join(dir, ".home") } })
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (chunk) => (stdout += String(chunk)))
    child.stderr.on("data", (chunk) => (stderr += String(chunk)))
    child.on("close", (status) => done({ wallMs: performance.now() - started, cpuMs: Number(/CPU-MS (\d+)/.exec(stderr)?.[1]), stdout, status }))
  })
}
const REPORTER = `data:text/javascript,${encodeURIComponent("import{isMainThread}from'node:worker_threads';if(isMainThread)process.on('exit',()=>{const{user,system}=process.cpuUsage();process.stderr.write('CPU-MS '+Math.round((user+system)/1000)+'\\n')})")}`

const median = (values: readonly number[]): number => Math.round([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0)

prepare()
const [audits, plains]: [Cost[], Cost[]] = [[], []]
for (let run = -1; run < RUNS; run++) {
  const [one, other] = [await cost([plain, dir]), await cost([cli, "audit", "--offline", "--json"])]
  if (one.status !== 0 || other.status !== 0) throw new Error(`hashing ended with ${one.status}, the audit with ${other.status}: ${other.stdout.slice(0, 400)}`)
  // The first one warms the disk's cache.
  if (run >= 0) {
    plains.push(one)
    audits.push(other)
  }
}
const { summary } = JSON.parse(audits[0]?.stdout ?? "{}") as { summary?: object }
const of = (costs: readonly Cost[]): object => ({ wallMs: median(costs.map(({ wallMs }) => wallMs)), cpuMs: median(costs.map(({ cpuMs }) => cpuMs)) })
const ratio = (key: "wallMs" | "cpuMs"): number => Number((median(audits.map((one) => one[key])) / median(plains.map((one) => one[key]))).toFixed(2))
process.stdout.write(`${JSON.stringify({ runs: RUNS, threads: availableParallelism(), summary, plain: of(plains), audit: of(audits), ratio: { wall: ratio("wallMs"), cpu: ratio("cpuMs") } }, null, 2)}\n`)
