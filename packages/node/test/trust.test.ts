import { sharedPath } from "@vouchsafe/config/shared"
import { embeddedTrustTexts, type UpstreamInput } from "@vouchsafe/sigstore"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { type RepositoryState, startTufRepository, type TufRepository } from "@vouchsafe/testkit/tuf"
import { TRUST_REFRESH_MS, TRUST_RETRY_MS } from "../src/limits.ts"
import type { Logger } from "../src/logger.ts"
import { keepTrust, type KeptTrust } from "../src/registry/trust.ts"
import { createTrustStore } from "../src/registry/trust-store.ts"
import { prepareTrust } from "../src/registry/upstream.ts"
import { evidence, place, start } from "./network.ts"
import { ask, cleanup, manualTime, quiet, tempFolder } from "./support.ts"

const NOW_MS = Date.parse("2026-06-01T00:00:00Z")
const DAY_MS = 86_400_000
const REGISTRY = "https://registry.example/"
const KEYS = readFileSync(sharedPath("data", "npm-registry", "keys.tuf.json"), "utf8")
const ROOT = readFileSync(sharedPath("data", "npm-attestations", "trust", "trusted_root.public-good.json"), "utf8")
const ANSWER = JSON.parse(readFileSync(sharedPath("data", "npm-attestations", "registry-shape", "sigstore@2.3.1.json"), "utf8")) as unknown
const { sha512 } = ((JSON.parse(readFileSync(sharedPath("data", "npm-attestations", "valid.index.json"), "utf8")) as { package?: string; bundles: { sha512: string }[] }[])
  .find((entry) => entry.package === "sigstore@2.3.1") as { bundles: [{ sha512: string }] }).bundles[0]

const UNSIGNED: UpstreamInput = { name: "sigstore", version: "2.3.1", registry: REGISTRY, sha512, integrity: null, signatures: undefined, attestations: undefined, repository: null, publishedAt: null }
const ATTESTED: UpstreamInput = { ...UNSIGNED, announced: { url: "x" }, attestations: ANSWER }
const SIGNED: UpstreamInput = { ...UNSIGNED, signatures: [{ keyid: "SHA256:x", sig: "MEUCIQ==" }] }

const targets = (registry = REGISTRY, keys = KEYS) => ({ "trusted_root.json": ROOT, [`${new URL(registry).host}/keys.json`]: keys })
const state = (more: Partial<RepositoryState> = {}): RepositoryState => ({ targets: targets(), nowMs: NOW_MS, version: 1, ...more })

describe("roots of trust from a mirror", () => {
  let repository: TufRepository
  let folder: string
  let time: ReturnType<typeof manualTime>
  let lines: { level: string; code?: unknown }[]
  let outcomes: string[]

  beforeEach(async () => {
    // The machine's clock is that of the test: what judges TUF metadata asks it.
    vi.useFakeTimers({ toFake: ["Date"], now: NOW_MS })
    cleanup(() => vi.useRealTimers())
    time = manualTime(NOW_MS)
    folder = join(tempFolder(), "trust")
    lines = []
    outcomes = []
    repository = await startTufRepository(state())
    cleanup(() => repository.close())
  })

  const logger: Logger = { ...quiet, warn: (facts) => lines.push({ level: "warn", ...facts }), error: (facts) => lines.push({ level: "error", ...facts }) }
  const keep = async (more: { mirrorUrl?: string; rootJson?: string; timeoutMs?: number } = {}): Promise<KeptTrust> => {
    const [mirrorUrl, rootJson] = [more.mirrorUrl ?? `${repository.url}/`, more.rootJson ?? repository.rootJson]
    const kept = await keepTrust({
      mirrorUrl, rootJson, registries: [REGISTRY], registryKeys: new Map(), store: createTrustStore(folder, mirrorUrl, rootJson), clock: time.clock, timers: time.timers, logger,
      onRefresh: (outcome) => outcomes.push(outcome), timeoutMs: more.timeoutMs ?? 5_000,
    })
    cleanup(() => kept.stop())
    return kept
  }
  /** Moves both clocks, and lets a refresh that is due come to its end. */
  const pass = async (ms: number): Promise<void> => {
    vi.setSystemTime(NOW_MS + (time.clock.nowMs() - NOW_MS) + ms)
    const before = outcomes.length
    const isDue = ms >= TRUST_RETRY_MS
    await time.advance(ms)
    if (isDue) await vi.waitFor(() => { expect(outcomes.length).toBeGreaterThan(before) }, { timeout: 10_000 })
    await time.advance(0)
  }
  const refusal = (kept: KeptTrust, input: UpstreamInput): string => {
    try {
      kept.verifier.verifyUpstream(input)
      return "verified"
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  /** What came is judged by what the mirror gave: the registry's key is not in the embedded seed under this name. */
  const expectVerifies = (kept: KeptTrust): void => {
    expect(kept.verifier.verifyUpstream(ATTESTED).upstream).toMatchObject({ publish: { keyid: expect.stringContaining("SHA256:") as string }, provenance: { repository: "https://github.com/sigstore/sigstore-js" }, refused: [] })
  }
  const expectVerifiesNothing = (kept: KeptTrust, code: string): void => {
    expect([refusal(kept, ATTESTED), refusal(kept, SIGNED), refusal(kept, { ...UNSIGNED, announced: {} })]).toEqual([code, code, code])
    // Nothing was sent, so nothing is believed.
    expect(kept.verifier.verifyUpstream(UNSIGNED).upstream).toMatchObject({ signature: null, publish: null, provenance: null, refused: [] })
    expect(refusal(kept, { ...UNSIGNED, signatures: [] })).toBe("verified")
  }

  test.each<{ name: string; prepare: () => void | Promise<void>; code: string }>([
    { name: "nobody there", prepare: () => repository.close(), code: "UNREACHABLE" },
    { name: "a root signed by a stranger", prepare: () => { repository.publish(state({ version: 2, wronglySigned: "root" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "targets signed by a stranger", prepare: () => { repository.publish(state({ wronglySigned: "targets" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "other bytes than listed", prepare: () => { repository.publish(state({ swapped: { "trusted_root.json": ROOT.replace("fulcio", "fulc1o") } })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "a trusted root that is signed and malformed", prepare: () => { repository.publish(state({ targets: { ...targets(), "trusted_root.json": "{}" } })) }, code: "TRUST_ROOT_MALFORMED" },
    { name: "metadata whose time is over", prepare: () => { repository.publish(state({ timestampDays: -1 })) }, code: "TRUST_ROOT_EXPIRED" },
    { name: "a clock that is behind", prepare: () => { repository.publish(state({ nowMs: NOW_MS + 90 * DAY_MS })) }, code: "CLOCK_BEHIND" },
  ])("refused at the first start: $name; nothing is verified, not even by the embedded seed", async ({ prepare, code }) => {
    await prepare()
    const kept = await keep()
    expect(kept.status()).toEqual({ source: "mirror", state: "missing", refreshedAt: null, expiresAt: null, failure: code })
    expectVerifiesNothing(kept, code)
    expect([outcomes, lines]).toEqual([["failed"], [expect.objectContaining({ level: "error", code })]])
  })

  test.each<{ name: string; answer: (response: ServerResponse) => void; code: string }>([
    { name: "does not answer", answer: () => undefined, code: "UNREACHABLE" },
    { name: "begins an answer and sends no more", answer: (response) => { response.writeHead(200).write('{"signed":') }, code: "UNREACHABLE" },
    { name: "sends a byte now and then", answer: (response) => { response.writeHead(200); const drip = setInterval(() => response.write(" "), 20); response.once("close", () => clearInterval(drip)) }, code: "UNREACHABLE" },
    { name: "answers with an error", answer: (response) => { response.writeHead(500).end("no") }, code: "UNREACHABLE" },
    { name: "sends more than metadata has", answer: (response) => { response.writeHead(200).end(Buffer.alloc(8 * 1024 * 1024, 0x20)) }, code: "UNREACHABLE" },
  ])("a mirror that $name holds up nobody for long", async ({ answer, code }) => {
    const server = createServer((_request, response) => answer(response))
    await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
    cleanup(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
    const kept = await keep({ mirrorUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, timeoutMs: 300 })
    expect(kept.status()).toMatchObject({ state: "missing", failure: code })
    expectVerifiesNothing(kept, code)
  })

  test("are there when the node is, are refreshed once a day, and say until when they are good", async () => {
    const kept = await keep()
    expectVerifies(kept)
    expect(kept.status()).toEqual({ source: "mirror", state: "current", refreshedAt: NOW_MS / 1000, expiresAt: (NOW_MS + 7 * DAY_MS) / 1000, failure: null })
    const without = JSON.stringify({ keys: (JSON.parse(KEYS) as { keys: { keyId: string; keyUsage: string }[] }).keys.filter(({ keyUsage }) => keyUsage === "npm:signatures") })
    repository.publish(state({ version: 2, nowMs: NOW_MS + DAY_MS, targets: targets(REGISTRY, without) }))
    await time.advance(TRUST_REFRESH_MS - 1)
    expect(outcomes).toEqual(["done"])
    await pass(TRUST_RETRY_MS)
    expect(kept.status()).toMatchObject({ state: "current", expiresAt: (NOW_MS + 8 * DAY_MS) / 1000 })
    expect(kept.verifier.verifyUpstream(ATTESTED).upstream).toMatchObject({ publish: null, refused: expect.arrayContaining(["PUBLISH_KEY_UNKNOWN"]) as string[] })
  })
  test("that could not be refreshed stay, until their time is over and not longer; a mirror that is back is taken up within the hour", async () => {
    const kept = await keep()
    repository.publish(state({ wronglySigned: "timestamp" }))
    await pass(TRUST_REFRESH_MS)
    expect(kept.status()).toMatchObject({ state: "current", failure: "TRUST_ROOT_REFUSED", refreshedAt: NOW_MS / 1000 })
    expectVerifies(kept)
    expect(lines).toEqual([expect.objectContaining({ level: "warn", code: "TRUST_ROOT_REFUSED" })])
    await pass(6 * DAY_MS - 1)
    expectVerifies(kept)
    await pass(1)
    expect(kept.status()).toMatchObject({ state: "expired", failure: "TRUST_ROOT_REFUSED" })
    expectVerifiesNothing(kept, "TRUST_ROOT_EXPIRED")
    repository.publish(state({ version: 2, nowMs: time.clock.nowMs() }))
    await pass(TRUST_RETRY_MS)
    expect(kept.status()).toMatchObject({ state: "current", failure: null })
    expectVerifies(kept)
  })
  test("a mirror that shows the same for ever, or what was before, does not keep a node believing", async () => {
    repository.publish(state({ version: 3 }))
    repository.publish(state({ version: 1 }))
    const kept = await keep()
    repository.publish(state({ version: 2, nowMs: NOW_MS + DAY_MS }))
    await pass(TRUST_REFRESH_MS)
    expect(kept.status().failure).toBeNull()
    repository.publish(state({ version: 1, nowMs: NOW_MS + 2 * DAY_MS }))
    await pass(TRUST_REFRESH_MS)
    expect(kept.status()).toMatchObject({ state: "current", failure: "TRUST_ROOT_REFUSED", expiresAt: (NOW_MS + 8 * DAY_MS) / 1000 })
    await pass(7 * DAY_MS)
    expectVerifiesNothing(kept, "TRUST_ROOT_EXPIRED")
  })

  describe("after a restart whose mirror is gone", () => {
    const again = async (more: Parameters<typeof keep>[0] = {}): Promise<KeptTrust> => {
      await (await keep()).stop()
      await repository.close()
      return keep(more)
    }
    test("those that were fetched are good until their time is over", async () => {
      const kept = await again()
      expect(kept.status()).toMatchObject({ state: "current", failure: "UNREACHABLE", refreshedAt: NOW_MS / 1000 })
      expectVerifies(kept)
      await pass(7 * DAY_MS)
      expectVerifiesNothing(kept, "TRUST_ROOT_EXPIRED")
      expect(readdirSync(folder).map((name) => statSync(join(folder, name, "trust.json")).mode & 0o777)).toEqual([0o600])
    })
    test.each<{ name: string; more: () => Parameters<typeof keep>[0] }>([
      { name: "another pinned root", more: () => ({ rootJson: repository.rootJson.replace('"signed"', ' "signed"') }) },
      { name: "another mirror", more: () => ({ mirrorUrl: `${repository.url}/other/` }) },
    ])("those of $name are not taken for them", async ({ more }) => {
      expectVerifiesNothing(await again(more()), "UNREACHABLE")
    })
    test.each<{ name: string; change: (text: string) => string }>([
      { name: "cut short", change: (text) => text.slice(0, 1000) },
      { name: "of another format", change: (text) => text.replace("trust/v1", "trust/v2") },
      { name: "with a trusted root that is none", change: (text) => text.replace(/"trustedRoot":"[^]*?[^\\]"/, '"trustedRoot":"{}"') },
      { name: "with keys for what is no registry", change: (text) => text.replace(`"${REGISTRY}"`, '"registry"') },
      { name: "without an end", change: (text) => text.replace(/"expiresAtMs":\d+/, '"expiresAtMs":"never"') },
    ])("a stored document $name counts for nothing", async ({ change }) => {
      await (await keep()).stop()
      const [own = ""] = readdirSync(folder)
      const path = join(folder, own, "trust.json")
      const text = readFileSync(path, "utf8")
      expect(change(text)).not.toBe(text)
      writeFileSync(path, change(text))
      await repository.close()
      expectVerifiesNothing(await keep(), "UNREACHABLE")
    })
  })
})

describe("what a configuration may say of roots of trust", () => {
  const file = (text: string): string => {
    const path = join(tempFolder(), "file.json")
    writeFileSync(path, text)
    return path
  }
  const MIRROR = "https://tuf.example/"
  test.each<{ name: string; given: () => Parameters<typeof prepareTrust>[0]; code: string; says: string }>([
    { name: "a TUF root without a mirror", given: () => ({ registryKeys: new Map(), trustRootJson: file("{}") }), code: "CONFIG_MALFORMED", says: "without --trust-mirror" },
    { name: "a mirror and a file that does not age", given: () => ({ registryKeys: new Map(), trustMirror: MIRROR, trustRoot: file(ROOT) }), code: "CONFIG_MALFORMED", says: "both given" },
    { name: "a TUF root that is not there", given: () => ({ registryKeys: new Map(), trustMirror: MIRROR, trustRootJson: "/nowhere/root.json" }), code: "CONFIG_MALFORMED", says: "cannot be read" },
    { name: "a TUF root that is no JSON", given: () => ({ registryKeys: new Map(), trustMirror: MIRROR, trustRootJson: file("{") }), code: "CONFIG_MALFORMED", says: "TUF root" },
    { name: "a trusted root for a TUF root", given: () => ({ registryKeys: new Map(), trustMirror: MIRROR, trustRootJson: file(ROOT) }), code: "CONFIG_MALFORMED", says: "type root" },
    { name: "keys that are none", given: () => ({ registryKeys: new Map([[REGISTRY, file("[]")]]), trustMirror: MIRROR }), code: "REGISTRY_KEYS_MALFORMED", says: "keys" },
  ])("refused: $name", async ({ given, code, says }) => {
    await expect(prepareTrust(given())).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string })
  })
  test("without a mirror nobody is asked, and the status says whose trust it is", async () => {
    const world = { registries: [], clock: { nowMs: () => NOW_MS }, timers: manualTime().timers, logger: quiet, onRefresh: () => undefined, folder: join(tempFolder(), "trust") }
    const statusOf = async (given: Parameters<typeof prepareTrust>[0]) => (await (await prepareTrust(given))(world)).status()
    expect(await statusOf({ registryKeys: new Map() })).toEqual({ source: "embedded", state: "current", refreshedAt: null, expiresAt: null, failure: null })
    expect(await statusOf({ registryKeys: new Map(), trustRoot: file(embeddedTrustTexts(REGISTRY).trustedRootJson) })).toMatchObject({ source: "files", state: "current" })
  })
})

describe("a node with a mirror", () => {
  const world = async (publish: (registry: string) => Partial<RepositoryState>) => {
    const registry = await startRegistry({
      packages: [{ name: "zz-plain", version: "1.0.0", files: { "index.js": "" } }, { name: "zz-attested", version: "1.0.0", files: { "index.js": "" } }],
      attestations: { "zz-attested@1.0.0": ANSWER },
    })
    cleanup(() => registry.close())
    const repository = await startTufRepository({ targets: targets(registry.url), nowMs: Date.now(), version: 1 })
    cleanup(() => repository.close())
    repository.publish({ targets: targets(registry.url), nowMs: Date.now(), version: 1, ...publish(registry.url) })
    const root = join(tempFolder(), "root.json")
    writeFileSync(root, repository.rootJson)
    const at = place(join(tempFolder(), "data"), { registries: [registry.url], trustMirror: `${repository.url}/`, trustRootJson: root })
    const node = await start(at)
    const statusOf = async (name: string) => (await evidence(node.listenUrl, { artifacts: [{ purl: `pkg:npm/${name}@1.0.0`, registry: registry.url }] })).artifacts[0]
    const status = async () => (JSON.parse((await ask(node.listenUrl, { path: "/v1/status" })).body) as { trust: unknown }).trust
    return { at, node, statusOf, status, metrics: async () => (await ask(node.listenUrl, { path: "/metrics" })).body }
  }

  test("that gives roots of trust judges by them, and tells how fresh they are", async () => {
    const { statusOf, status, metrics } = await world(() => ({}))
    expect([(await statusOf("zz-plain"))?.status, (await statusOf("zz-attested"))?.status]).toEqual(["observed", "observed"])
    expect(await status()).toMatchObject({ source: "mirror", state: "current", failure: null })
    expect(await metrics()).toMatch(/vouchsafe_trust_refreshes_total\{outcome="done"\} 1\n[^]*vouchsafe_trust_seconds_left 6\d{5}\n/)
  })
  test("whose metadata is over makes no observation of what is attested, says why, and observes the rest", async () => {
    const { at, statusOf, status, metrics } = await world(() => ({ timestampDays: -1 }))
    expect(await statusOf("zz-attested")).toMatchObject({ status: "refused", code: "TRUST_ROOT_EXPIRED" })
    expect(await statusOf("zz-plain")).toMatchObject({ status: "observed" })
    expect(await status()).toMatchObject({ source: "mirror", state: "missing", failure: "TRUST_ROOT_EXPIRED" })
    expect(await metrics()).toMatch(/vouchsafe_trust_refreshes_total\{outcome="failed"\} 1\n[^]*vouchsafe_trust_seconds_left 0\n/)
    expect(at.lines.join("")).toContain("nothing is verified")
  })
  test("none: the seed, which does not age", async () => {
    const registry = await startRegistry({})
    cleanup(() => registry.close())
    const node = await start(place(join(tempFolder(), "data"), { registries: [registry.url] }))
    expect((JSON.parse((await ask(node.listenUrl, { path: "/v1/status" })).body) as { trust: unknown }).trust).toMatchObject({ source: "embedded", state: "current" })
    expect((await ask(node.listenUrl, { path: "/metrics" })).body).toContain("vouchsafe_trust_seconds_left +Inf\n")
  })
})
