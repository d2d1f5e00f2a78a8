/**
 * CPU that evidence costs a client, printed as one JSON document: `node --conditions=source bench/verify.ts`.
 *
 * User plus system time of this process, medians over repetitions; the network is in memory. "cold" is the first time in a process, before the
 * engine has compiled anything, which is what a client inside an install pays; "warm" is after. Bars: 500 packages x 4 nodes in 200 ms, one in 2 ms.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  type ArtifactRequest, type Crypto, formatEvidenceAnswer, type LogEvidence, parseEvidenceAnswer, verify,
} from "@vouchsafe/core"
import { createClient } from "../src/client.ts"
import { nodeCrypto } from "../src/node/crypto.ts"
import { diskCache } from "../src/node/disk-cache.ts"
import { diskState } from "../src/node/disk-state.ts"
import { fakeNetwork, answerOf } from "../test/support/network.ts"
import { observation, purlOf, REGISTRY, sha512Of } from "../test/support/statements.ts"
import { policyOf } from "../test/support/world.ts"
import { START_MS, virtualTime } from "../test/support/time.ts"

const PACKAGES = 500
/** Entries that each log holds besides: proofs are as long as in a log that has run for a while. */
const OTHERS = Number(process.env["OTHERS"] ?? 20_000)
const REPETITIONS = 15
const now = Math.floor(START_MS / 1_000)

const time = virtualTime()
const network = fakeNetwork(time)
const policy = policyOf()
const requests = Array.from({ length: PACKAGES }, (_, i): ArtifactRequest => ({ purl: purlOf(`package-${i}`), registry: REGISTRY, sha512: sha512Of(`bytes ${i}`) }))
for (const request of requests) network.registry.set(`${request.registry}\n${request.purl}`, request.sha512 ?? "")
for (const node of network.nodes) {
  const origin = node.place.log.name
  const step = Math.floor(OTHERS / PACKAGES)
  for (let i = 0; i < OTHERS; i++) {
    const request = i % step === 0 ? requests[i / step] : undefined
    node.log.entries.push(request === undefined ? `{"name":"pkg:npm/other-${i}@1.0.0"}` : observation(origin, request.purl, request.sha512 ?? ""))
  }
}

const ask = (node: (typeof network.nodes)[number], wanted: readonly ArtifactRequest[]): string =>
  formatEvidenceAnswer(answerOf(time, network.registry, node, { artifacts: wanted.map(({ purl, registry }) => ({ purl, registry })), deadlineMs: 0, knownSize: 0, noticesFrom: 0 }))

function cpuMs(action: () => void): number {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

async function cpuMsOf(action: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

const median = (values: readonly number[]): number => Math.round(([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number) * 100) / 100

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
  return { cold: Math.round((runs[0] as number) * 100) / 100, warm: median(runs.slice(1)) }
}

function evidenceFrom(answers: readonly string[]): LogEvidence[] {
  return answers.map((text, i): LogEvidence => {
    const { place, operator } = network.nodes[i] as (typeof network.nodes)[number]
    const answer = parseEvidenceAnswer(text)
    return { operator, origin: place.log.name, reached: true, batches: [answer.log], notices: { checkpoint: answer.notices.checkpoint, entries: answer.notices.entries }, statuses: [] }
  })
}

function mustAllow(verdicts: readonly { readonly ok: boolean }[]): void {
  if (!verdicts.every(({ ok }) => ok)) throw new Error("the benchmark's own evidence was refused")
}

function verifyAnswers(answers: readonly string[], wanted: readonly ArtifactRequest[], crypto: Crypto = nodeCrypto): void {
  mustAllow(verify({ crypto, roster: network.roster, policy, now, requests: wanted, evidence: evidenceFrom(answers) }))
}

/** Where the time of 500 x 4 goes: each part alone, warm. */
function parts(answers: readonly string[]): Record<string, number> {
  let hashes = 0
  let signatures = 0
  const counting: Crypto = {
    sha256: (data) => (hashes++, nodeCrypto.sha256(data)), sha512: nodeCrypto.sha512,
    verifyEd25519: (...given) => (signatures++, nodeCrypto.verifyEd25519(...given)),
  }
  verifyAnswers(answers, requests, counting)
  const known = { hashing: new Uint8Array(65), count: hashes }
  const repeat = (action: () => void): number => median(Array.from({ length: REPETITIONS }, () => cpuMs(action)))
  const evidence = evidenceFrom(answers)
  const free: Crypto = { ...nodeCrypto, verifyEd25519: () => true }
  const whole = repeat(() => mustAllow(verify({ crypto: nodeCrypto, roster: network.roster, policy, now, requests, evidence })))
  const withoutSignatures = repeat(() => mustAllow(verify({ crypto: free, roster: network.roster, policy, now, requests, evidence })))
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
  const all = network.nodes.map((node) => ask(node, requests))
  const one = network.nodes.map((node) => ask(node, requests.slice(250, 251)))
  const single = requests.slice(250, 251)
  const results: Record<string, unknown> = { packages: PACKAGES, nodes: network.nodes.length, entriesPerLog: OTHERS, answerBytes: all.reduce((sum, text) => sum + text.length, 0) }
  results["answers500"] = await measure(() => verifyAnswers(all, requests))
  results["answers1"] = await measure(() => verifyAnswers(one, single), 20)

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
