import { createAttester } from "@vouchsafe/attester"
import { nodeCrypto, systemTimers } from "@vouchsafe/client/node"
import {
  type ArtifactName, checkConsistency, checkMulti, cosign, type EvidenceAnswer, type EvidenceRequest, formatEvidenceAnswer, leafHash, openCheckpoint, parseEvidenceAnswer,
  parseEvidenceRequest, parseNotice, parseObservation, rootOfLeaves, utf8Decode, utf8Encode,
} from "@vouchsafe/core"
import { openLog } from "@vouchsafe/log"
import { startRegistry, type FakeRegistry, type RegistryOptions } from "@vouchsafe/testkit/registry"
import { describe, expect, test } from "vitest"
import { createCosigner } from "../src/cosign/cosigner.ts"
import { createBudget, type Rate } from "../src/evidence/budget.ts"
import { createEntryCache } from "../src/evidence/entry-cache.ts"
import { createObserver } from "../src/evidence/observer.ts"
import { createObserve, createRechecker } from "../src/evidence/observing.ts"
import { createEvidenceService } from "../src/evidence/service.ts"
import { FAILURE_REMEMBERED_MS, NOTICES_REFRESH_MS, NOTICES_STALE_MS, RECHECK_MS } from "../src/limits.ts"
import { createGuardedFetch } from "../src/registry/guarded-fetch.ts"
import { resolveBySystem } from "../src/registry/resolve.ts"
import { createRegistrySource } from "../src/registry/source.ts"
import { upstreamVerifierFor } from "../src/registry/upstream.ts"
import { createBlobStore } from "../src/state/blobs.ts"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { cleanup, quiet, tempFolder } from "./support.ts"
import { join } from "node:path"

const LARGE: Rate = { burst: 1e9, perSecond: 0 }
const fixture = (n: number | string, version = "1.0.0") => ({ name: `zz-${n}`, version, files: { "index.js": `module.exports = ${JSON.stringify(n)}\n` } })

interface Given {
  readonly registry?: RegistryOptions
  readonly perAddress?: Rate
}

/** A node without HTTP: real logs, attester and registry; witnesses that sign when they are alive. */
async function world(given: Given = {}) {
  const registry: FakeRegistry = await startRegistry(given.registry ?? {})
  cleanup(() => registry.close())
  const data = join(tempFolder(), "data")
  const keys = loadOrCreateKeys(data, "alpha")
  let nowMs = Date.now()
  const clock = { nowMs: () => nowMs }
  const state = { alive: true, rounds: 0 }
  const open = async (role: "log" | "notices") => {
    const log = await openLog({ directory: join(data, role), origin: keys[role].verifier.name, signer: keys[role], crypto: nodeCrypto })
    const sign = async (): Promise<boolean> => {
      state.rounds += 1
      if (!state.alive) return false
      const { text } = log.head()
      return await log.publishCosigned(text + cosign(keys.witness, text.slice(0, text.lastIndexOf("\n\n") + 1), Math.floor(nowMs / 1000)))
    }
    const witnesses = { collect: sign, refresh: sign, status: () => [], close: async () => undefined }
    const cosigner = createCosigner({ name: role, log, witnesses, clock, timers: systemTimers, logger: quiet })
    cleanup(async () => {
      await cosigner.stop()
      await log.close()
    })
    await cosigner.reached(0)
    return { log, cosigner }
  }
  const observations = await open("log")
  const notices = await open("notices")
  const blobs = createBlobStore(join(data, "blobs"))
  const fetch = createGuardedFetch({ allowPrivateAddresses: true, registries: [registry.url], resolve: resolveBySystem, userAgent: "vouchsafe-node/0 (+alpha)" })
  cleanup(() => fetch.close())
  const source = createRegistrySource({ fetch, authorizationFor: () => undefined, clock, timers: systemTimers })
  const announced = ({ log, cosigner }: typeof observations) => ({
    origin: log.origin, entry: log.entry, indicesByKey: log.indicesByKey,
    append: async (entries: Parameters<typeof log.append>[0]) => {
      const appended = await log.append(entries)
      cosigner.request()
      return appended
    },
  })
  const attester = createAttester({ source, log: announced(observations), notices: announced(notices), blobs, clock, crypto: nodeCrypto, registries: [registry.url], upstream: await upstreamVerifierFor({ registryKeys: new Map() }) })
  const budget = createBudget(clock, given.perAddress ?? LARGE, LARGE)
  const stopping = new AbortController()
  const observer = createObserver({ observe: createObserve(attester, quiet, stopping.signal, () => undefined), budget, clock, onOutcome: () => undefined })
  const rechecker = createRechecker(attester, budget, clock, quiet)
  cleanup(async () => {
    stopping.abort()
    await Promise.all([observer.drain(), rechecker.drain()])
  })
  const served = ({ log, cosigner }: typeof observations) => ({ log, cosigner, entries: createEntryCache(log, blobs) })
  const service = createEvidenceService({
    observations: served(observations), notices: served(notices), observer, registries: new Set([registry.url]), clock, timers: systemTimers, stopping: stopping.signal,
    find: async (artifact) => { const index = await attester.find(artifact); return index === undefined ? undefined : { observation: index, more: [] } },
    onKnown: rechecker.seen, onStatus: () => undefined,
  })
  const artifact = (n: number | string, version = "1.0.0"): ArtifactName => ({ purl: `pkg:npm/zz-${n}@${version}`, registry: registry.url })
  const askRaw = (artifacts: readonly ArtifactName[], more: Partial<EvidenceRequest> = {}, from = "10.0.0.1") =>
    service.answer({ artifacts, deadlineMs: 60_000, knownSize: 0, noticesFrom: 0, ...more }, from)
  return {
    registry, keys, state, attester, observations, notices, stopping, artifact, rechecker, askRaw,
    pass: (ms: number) => { nowMs += ms },
    ask: async (artifacts: readonly ArtifactName[], more: Partial<EvidenceRequest> = {}, from?: string): Promise<EvidenceAnswer> => {
      const { status, body } = await askRaw(artifacts, more, from)
      if (status !== 200) throw new Error(`status ${status}: ${utf8Decode(body)}`)
      return parseEvidenceAnswer(utf8Decode(body))
    },
  }
}

/** Checks an answer as a client does: signature, inclusion of every entry, completeness of the notices. */
function prove(answer: EvidenceAnswer, keys: Awaited<ReturnType<typeof world>>["keys"]) {
  const { checkpoint } = openCheckpoint(nodeCrypto, answer.log.checkpoint, keys.log.verifier)
  const leafHashes = answer.log.entries.map((entry) => leafHash(nodeCrypto, utf8Encode(entry)))
  const { indices, proof } = answer.log
  const included = indices.length === 0 || checkMulti(nodeCrypto, { indices, size: checkpoint.size, leafHashes, proof, root: checkpoint.root })
  const head = openCheckpoint(nodeCrypto, answer.notices.checkpoint, keys.notices.verifier).checkpoint
  return { checkpoint, included, noticesHead: head }
}

describe("evidence", () => {
  test("observes what it does not know, proves it, and fetches nothing the second time", async () => {
    const { registry, keys, ask, artifact } = await world({ registry: { packages: [fixture(1), fixture(2), fixture(3)] } })
    const wanted = [artifact(2), artifact(1), artifact(3)]
    const answer = await ask(wanted)
    expect(answer.artifacts.map(({ purl, status }) => [purl, status])).toEqual(wanted.map(({ purl }) => [purl, "observed"]))
    expect(prove(answer, keys)).toMatchObject({ included: true, checkpoint: { size: 3 }, noticesHead: { size: 0 } })
    for (const { purl, indices } of answer.artifacts) {
      const entry = answer.log.entries[answer.log.indices.indexOf(indices[0] as number)] as string
      const observation = parseObservation(entry)
      expect(observation).toMatchObject({ purl, sha512: registry.built(purl.slice("pkg:npm/".length, -6), "1.0.0")?.sha512, log: keys.log.verifier.name })
    }
    const asked = registry.requests.length
    const again = await ask(wanted)
    expect([again.artifacts, registry.requests.length]).toEqual([answer.artifacts, asked])
  })

  test("says exactly what core's own writer would", async () => {
    const { ask, askRaw, artifact } = await world({ registry: { packages: [fixture("ü\u2028\"\\")].map((p) => ({ ...p, name: "zz-1", manifest: { scripts: { install: "echo \"\u2028\"" } } })) } })
    await ask([artifact(1)])
    const text = utf8Decode((await askRaw([artifact(1), artifact("none")])).body)
    expect(text).toBe(formatEvidenceAnswer(parseEvidenceAnswer(text)))
  })

  test("each fate has its status and reason", async () => {
    const hostile = { ...fixture("hostile"), tarball: Buffer.from("no gzip at all") }
    const { ask, artifact, registry, observations } = await world({ registry: { packages: [fixture(1), hostile, fixture("broken")], tamper: [{ name: "zz-broken", mode: "status", status: 403 }] } })
    const other = { purl: "pkg:npm/zz-1@1.0.0", registry: "https://elsewhere.example/" }
    const answer = await ask([artifact(1), artifact("none"), artifact(1, "9.9.9"), artifact("hostile"), artifact("broken"), other])
    expect(answer.artifacts.map(({ status, code }) => [status, code])).toEqual([
      ["observed", undefined], ["absent", undefined], ["absent", undefined], ["refused", "TARBALL_HOSTILE"], ["refused", "UPSTREAM_FAILED"], ["refused", "WRONG_REGISTRY"],
    ])
    expect(observations.log.size).toBe(1)
    expect(registry.requests.some(({ url }) => url.includes("elsewhere"))).toBe(false)
  })

  test("A8: a name that answers 404 is never logged, and soon asked about again", async () => {
    const { ask, artifact, registry, observations, notices, pass } = await world({ registry: {} })
    expect((await ask([artifact("secret-name")])).artifacts[0]?.status).toBe("absent")
    expect([observations.log.size, notices.log.size]).toEqual([0, 0])
    registry.publish(fixture("secret-name"))
    pass(120_000)
    expect((await ask([artifact("secret-name")])).artifacts[0]?.status).toBe("observed")
  })

  test("a failure of the registry passes", async () => {
    const { ask, artifact, registry, pass } = await world({ registry: { packages: [fixture(1)], tamper: [{ name: "zz-1", mode: "status", status: 403 }] } })
    expect((await ask([artifact(1)])).artifacts[0]).toMatchObject({ status: "refused", code: "UPSTREAM_FAILED" })
    registry.tamper([])
    pass(FAILURE_REMEMBERED_MS)
    expect((await ask([artifact(1)])).artifacts[0]?.status).toBe("observed")
  })

  test("at the deadline, what is not there is pending, and the observation goes on", async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => { release = resolve })
    const { ask, artifact } = await world({
      registry: { packages: [fixture(1), fixture("slow")], intercept: async ({ url }) => { if (url?.includes("slow")) await held; return false } },
    })
    await ask([artifact(1)])
    const first = await ask([artifact(1), artifact("slow")], { deadlineMs: 50 })
    expect(first.artifacts.map(({ status, code }) => [status, code])).toEqual([["observed", undefined], ["pending", "OBSERVING"]])
    const second = ask([artifact("slow")])
    release()
    expect((await second).artifacts[0]?.status).toBe("observed")
  })

  test("observed but not yet cosigned is pending; the answer stays under the newest cosigned head", async () => {
    const { ask, keys, artifact, state } = await world({ registry: { packages: [fixture(1), fixture(2)] } })
    await ask([artifact(1)])
    state.alive = false
    const answer = await ask([artifact(1), artifact(2)], { deadlineMs: 300 })
    expect(answer.artifacts.map(({ status, code }) => [status, code])).toEqual([["observed", undefined], ["pending", "NOT_COSIGNED"]])
    expect(prove(answer, keys)).toMatchObject({ included: true, checkpoint: { size: 1 } })
    state.alive = true
    expect((await ask([artifact(2)])).artifacts[0]?.status).toBe("observed")
  })

  test("consistency leads from the client's head to the answer's", async () => {
    const { ask, keys, artifact } = await world({ registry: { packages: Array.from({ length: 7 }, (_, i) => fixture(i)) } })
    const older = prove(await ask([artifact(0), artifact(1), artifact(2)]), keys).checkpoint
    await ask([artifact(3), artifact(4), artifact(5), artifact(6)])
    const answer = await ask([], { knownSize: older.size })
    const newer = prove(answer, keys).checkpoint
    expect(checkConsistency(nodeCrypto, { oldSize: older.size, newSize: newer.size, oldRoot: older.root, newRoot: newer.root, proof: answer.log.consistency })).toBe("consistent")
    for (const knownSize of [0, 7, 8, 1_000_000]) expect((await ask([], { knownSize })).log.consistency).toEqual([])
  })

  test("notices are whole, from where the client stands, under a fresh head", async () => {
    const { ask, keys, artifact, attester, registry, state, pass } = await world({ registry: { packages: [fixture(1)] } })
    await ask([artifact(1)])
    const sha512 = registry.built("zz-1", "1.0.0")?.sha512 ?? ""
    await attester.withdraw({ ...artifact(1), sha512, reason: "bad" })
    await attester.reverse({ index: 0, reason: "good after all" })
    const answer = await ask([artifact(1)], { deadlineMs: 1_000 })
    const entries = answer.notices.entries
    expect(entries.map((entry) => parseNotice(entry).notice)).toEqual(["withdrawal", "reversal"])
    const { noticesHead } = prove(answer, keys)
    expect(Buffer.from(rootOfLeaves(nodeCrypto, entries.map((entry) => leafHash(nodeCrypto, utf8Encode(entry))))).equals(noticesHead.root)).toBe(true)
    expect(await ask([], { noticesFrom: 1 })).toMatchObject({ notices: { from: 1, entries: [entries[1]] } })
    expect(await ask([], { noticesFrom: 2 })).toMatchObject({ notices: { from: 2, entries: [] } })
    expect(await ask([], { noticesFrom: 99 })).toMatchObject({ notices: { from: 99, entries: [] } })
    const rounds = state.rounds
    pass(NOTICES_STALE_MS + 1)
    await ask([])
    expect(state.rounds).toBe(rounds + 1)
    expect(NOTICES_REFRESH_MS).toBeGreaterThan(NOTICES_STALE_MS)
  })

  test("A3: bytes that change later become a conflict notice, made by looking again after a day", async () => {
    const { ask, artifact, registry, notices, rechecker, pass } = await world({ registry: { packages: [fixture(1)] } })
    await ask([artifact(1)])
    await ask([artifact(1)])
    registry.tamper([{ name: "zz-1", mode: "swap-tarball" }])
    pass(RECHECK_MS)
    await ask([artifact(1)])
    await rechecker.drain()
    expect(notices.log.size).toBe(1)
    const answer = await ask([artifact(1)])
    expect(answer.artifacts[0]?.status).toBe("observed")
    expect(parseNotice(answer.notices.entries[0] as string)).toMatchObject({ notice: "conflict", purl: "pkg:npm/zz-1@1.0.0" })
  })
})

describe("limits", () => {
  test("429 only when nothing can be answered; else each artifact is told", async () => {
    const { ask, askRaw, artifact } = await world({ registry: { packages: [fixture(1), fixture(2), fixture(3)] }, perAddress: { burst: 1, perSecond: 0 } })
    expect((await ask([artifact(1)])).artifacts[0]?.status).toBe("observed")
    const mixed = await ask([artifact(1), artifact(2)])
    expect(mixed.artifacts.map(({ status, code }) => [status, code])).toEqual([["observed", undefined], ["refused", "RATE_LIMITED"]])
    expect(await askRaw([artifact(2), artifact(3)])).toMatchObject({ status: 429, headers: { "retry-after": expect.any(String) } })
    expect((await ask([artifact(2)], {}, "10.0.0.2")).artifacts[0]?.status).toBe("observed")
    expect((await ask([])).artifacts).toEqual([])
  })
  test("an answer is at most so large: what does not fit is refused, and the rest is proven", async () => {
    const { ask, keys, artifact, observations } = await world({ registry: { packages: [fixture(1)] } })
    await ask([artifact(1)])
    // Entries of the largest size, as the log takes them from anybody who may append.
    const text = '"'.repeat(65_000)
    for (let i = 0; i < 16; i++) await observations.log.append(Array.from({ length: 70 }, () => ({ bytes: utf8Encode(text), keys: [] })))
    await observations.cosigner.reached(observations.log.size)
    const cache = createEntryCache(observations.log, { put: async () => undefined, get: async () => undefined })
    const many = createEvidenceService({
      observations: { ...observations, entries: cache }, notices: { ...observations, entries: cache, log: { ...observations.log, size: 0, cosigned: () => ({ size: 0, root: new Uint8Array(32), text: "" }) } },
      find: async ({ purl }) => ({ observation: Number(/-(\d+)@/.exec(purl)?.[1]), more: [] }), observer: { start: () => ({ kind: "limited", detail: "" }), queued: () => 0, running: () => 0, drain: async () => undefined },
      registries: new Set(), clock: { nowMs: () => 0 }, timers: systemTimers, stopping: new AbortController().signal, onKnown: () => undefined, onStatus: () => undefined,
    })
    const answer = await many.answer({ artifacts: Array.from({ length: 1_000 }, (_, i) => artifact(i + 1)), deadlineMs: 0, knownSize: 0, noticesFrom: 0 }, "a")
    expect(answer.body.length).toBeLessThanOrEqual(64 * 1024 * 1024)
    const parsed = JSON.parse(utf8Decode(answer.body)) as { artifacts: { status: string; code?: string }[]; log: { indices: number[]; entries: string[]; proof: string[]; checkpoint: string } }
    const refused = parsed.artifacts.filter(({ status }) => status === "refused")
    expect(refused.length).toBeGreaterThan(0)
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["ANSWER_TOO_LARGE"]))
    expect(parsed.log.indices).toHaveLength(1_000 - refused.length)
    expect(prove({ ...parseEvidenceAnswer(formatEmpty(parsed.log.checkpoint)), log: { ...parsed.log, consistency: [], bodies: [], proof: parsed.log.proof.map((hash) => Buffer.from(hash, "base64")) }, notices: await ask([]).then(({ notices }) => notices) }, keys).included).toBe(true)
  })
  test("stopping answers what waits with what there is", async () => {
    const { ask, artifact, stopping } = await world({ registry: { packages: [fixture("slow")], intercept: () => new Promise(() => undefined) } })
    const waiting = ask([artifact("slow")])
    stopping.abort()
    const { status } = (await waiting).artifacts[0] ?? {}
    expect(["pending", "refused"]).toContain(status)
  })
})

function formatEmpty(checkpoint: string): string {
  return formatEvidenceAnswer({ log: { checkpoint, consistency: [], indices: [], entries: [], proof: [], bodies: [] }, notices: { checkpoint, from: 0, entries: [] }, artifacts: [] })
}

describe("requests", () => {
  const GOOD = { format: "vouchsafe-evidence-request/v1", artifacts: [{ purl: "pkg:npm/x@1.0.0", registry: "https://registry.example/" }], deadlineMs: 0, knownSize: 0, noticesFrom: 0 }
  test.each([
    { name: "an unknown member", text: JSON.stringify({ ...GOOD, extra: 1 }), says: "document.extra" },
    { name: "a member of an artifact that is unknown", text: JSON.stringify({ ...GOOD, artifacts: [{ ...GOOD.artifacts[0], sha512: "" }] }), says: "artifacts[0].sha512" },
    { name: "cut JSON", text: JSON.stringify(GOOD).slice(0, -1), says: "not JSON" },
    { name: "100,000 artifacts", text: JSON.stringify({ ...GOOD, artifacts: new Array(100_000).fill(0) }), says: "artifacts is \"100000 items\"" },
    { name: "an artifact twice", text: JSON.stringify({ ...GOOD, artifacts: [GOOD.artifacts[0], GOOD.artifacts[0]] }), says: "artifacts[1]" },
    { name: "a deadline beyond a minute", text: JSON.stringify({ ...GOOD, deadlineMs: 60_001 }), says: "deadlineMs" },
  ])("refused: $name", ({ text, says }) => {
    expect(() => parseEvidenceRequest(text)).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) }))
  })
})
