/**
 * CPU that evidence costs a client, printed as one JSON document: `node --conditions=source bench/verify.ts`.
 *
 * User plus system time, all threads; the network is in memory. `first500`: the first check of a process, measured in processes that do nothing
 * else (cold.ts), which is what an install pays. "cold" elsewhere is the first time in this process, which has already written the evidence;
 * "warm" is after, medians. What the bar on one package means is in ADR 0023.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Crypto, verify } from "@vouchsafe/core"
import { createClient } from "../src/client.ts"
import { nodeCrypto } from "../src/node/crypto.ts"
import { diskCache } from "../src/node/disk-cache.ts"
import { diskState } from "../src/node/disk-state.ts"
import { POLICY_TEXT } from "../test/support/world.ts"
import type { ColdInput } from "./cold.ts"
import { evidenceFrom, mustAllow, type NodeAnswer } from "./evidence.ts"
import { benchMaterial, NOW, OTHERS, PACKAGES } from "./material.ts"
import { cpuMs, cpuMsOf, quantile, rounded } from "./measure.ts"
import { onePackage } from "./one-package.ts"

const REPETITIONS = 15
const COLD_PROCESSES = 9
const COLD_MS_MAX = 60_000

const material = benchMaterial()
const { time, network, policy, requests } = material

interface Measured {
  readonly cold: number
  readonly warm: number
}

async function measure(action: () => Promise<void> | void, perRun = 1): Promise<Measured> {
  const runs: number[] = []
  for (let i = 0; i <= REPETITIONS; i++) {
    runs.push(await cpuMsOf(async () => {
      for (let k = 0; k < (i === 0 ? 1 : perRun); k++) await action()
    }) / (i === 0 ? 1 : perRun))
  }
  return { cold: rounded(runs[0] as number), warm: quantile(runs.slice(1), 0.5) }
}

function verifyAnswers(answers: readonly NodeAnswer[], crypto: Crypto = nodeCrypto): void {
  mustAllow(verify({ crypto, roster: network.roster, policy, now: NOW, requests, evidence: evidenceFrom(answers) }))
}

/** The first check of a process, in processes that were started for it. */
function firstCheck(directory: string, answers: readonly NodeAnswer[]): Record<string, number> {
  const file = join(directory, "cold.json")
  const input: ColdInput = { rosterText: network.rosterText, policyText: POLICY_TEXT, now: NOW, requests, answers }
  writeFileSync(file, JSON.stringify(input))
  const times = Array.from({ length: COLD_PROCESSES }, () => {
    const ran = spawnSync(process.execPath, ["--conditions=source", fileURLToPath(new URL("cold.ts", import.meta.url)), file], { encoding: "utf8", timeout: COLD_MS_MAX })
    if (ran.status !== 0) throw new Error(`cold.ts ended with ${String(ran.status ?? ran.signal)}: ${ran.stderr}`)
    return Number(ran.stdout)
  })
  return { processes: COLD_PROCESSES, median: quantile(times, 0.5), worst: quantile(times, 1) }
}

/** Where the time of 500 x 4 goes: each part alone, warm. */
function parts(answers: readonly NodeAnswer[]): Record<string, number> {
  let hashes = 0
  let signatures = 0
  const counting: Crypto = {
    sha256: (data) => (hashes++, nodeCrypto.sha256(data)), sha512: nodeCrypto.sha512,
    verifyEd25519: (...given) => (signatures++, nodeCrypto.verifyEd25519(...given)),
  }
  verifyAnswers(answers, counting)
  const known = { hashing: new Uint8Array(65), count: hashes }
  const repeat = (action: () => void): number => quantile(Array.from({ length: REPETITIONS }, () => cpuMs(action)), 0.5)
  const evidence = evidenceFrom(answers)
  const free: Crypto = { ...nodeCrypto, verifyEd25519: () => true }
  const whole = repeat(() => mustAllow(verify({ crypto: nodeCrypto, roster: network.roster, policy, now: NOW, requests, evidence })))
  const withoutSignatures = repeat(() => mustAllow(verify({ crypto: free, roster: network.roster, policy, now: NOW, requests, evidence })))
  return {
    sha256Calls: hashes, signatureChecks: signatures,
    parseAnswersMs: repeat(() => void evidenceFrom(answers)),
    verifyMs: whole, verifyWithoutSignaturesMs: withoutSignatures,
    nodeHashesAloneMs: repeat(() => { for (let i = 0; i < known.count; i++) nodeCrypto.sha256(known.hashing) }),
  }
}

/** A client over disk stores in `directory`, whose network is cut off: everything must come from the cache. */
function offlineClient(directory: string) {
  return createClient({
    roster: network.roster, policy, crypto: nodeCrypto, clock: time.clock, sleep: time.sleep,
    transport: { request: () => { throw new Error("the benchmark must not ask the network") } },
    cache: diskCache(join(directory, "cache")), state: diskState(join(directory, "state")),
  })
}

const directory = mkdtempSync(join(tmpdir(), "vouchsafe-bench-"))
try {
  const all = material.answers(requests)
  const single = requests.slice(250, 251)
  const results: Record<string, unknown> = { packages: PACKAGES, nodes: network.nodes.length, entriesPerLog: OTHERS, answerBytes: all.reduce((sum, { text }) => sum + text.length, 0) }
  results["first500"] = firstCheck(directory, all)
  results["answers500"] = await measure(() => { verifyAnswers(all) })
  results["onePackage"] = onePackage(material)

  const filler = createClient({
    roster: network.roster, policy, crypto: nodeCrypto, clock: time.clock, sleep: time.sleep, transport: network.transport,
    cache: diskCache(join(directory, "cache")), state: diskState(join(directory, "state")),
  })
  results["fetchAndStore500"] = { once: Math.round(await cpuMsOf(async () => mustAllow((await filler.check(requests)).verdicts))), includes: "the four nodes' side in memory" }
  results["cache500"] = await measure(async () => mustAllow((await offlineClient(directory).check(requests)).verdicts))
  results["cache1"] = await measure(async () => mustAllow((await offlineClient(directory).check(single)).verdicts), 20)
  const kept = offlineClient(directory)
  results["cache1SameClient"] = await measure(async () => mustAllow((await kept.check(single)).verdicts), 20)
  results["parts500"] = parts(all)
  console.log(JSON.stringify(results, null, 2))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
