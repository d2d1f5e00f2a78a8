import { sharedPath } from "@vouchsafe/config/shared"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { embeddedTrust, embeddedTrustTexts, fetchTrust, loadTrust, refreshTrust } from "../src/index.ts"
import { registryKeysTarget, seedRepository } from "../src/trust/embedded.ts"
import { attestationFile, REGISTRY } from "./support/data.ts"
import { type RepositoryState, startTufRepository, type TufRepository } from "@vouchsafe/testkit/tuf"

const NOW_MS = Date.parse("2026-06-01T00:00:00Z")
const YEAR_MS = 365 * 86_400_000
const KEYS = readFileSync(sharedPath("data", "npm-registry", "keys.tuf.json"), "utf8")
const TARGETS = { "trusted_root.json": attestationFile("trust", "trusted_root.public-good.json"), [registryKeysTarget(REGISTRY)]: KEYS }

describe("embedded", () => {
  test("is there without network, with the public instance's authorities", async () => {
    vi.stubGlobal("fetch", () => { throw new Error("the network was used") })
    try {
      const trust = await embeddedTrust(REGISTRY)
      expect(trust.trustedRoot.tlogs.length).toBeGreaterThan(0)
      expect(trust.trustedRoot.certificateAuthorities.length).toBeGreaterThan(0)
      // The seed holds the keys of npm's own default registry: of any other it knows none.
      expect(trust.registries.size).toBe(0)
    } finally {
      vi.unstubAllGlobals()
    }
  })
  test("has the keys of the registry after which its target is named", () => {
    // The host is the name of a target of the seed: read it from there, as it stands nowhere in this project.
    const seeds = JSON.parse(readFileSync(join(import.meta.dirname, "../node_modules/@sigstore/tuf/seeds.json"), "utf8")) as Record<string, { targets: Record<string, string> }>
    const [target] = Object.keys(Object.values(seeds)[0]?.targets ?? {}).map(decodeURIComponent).filter((name) => name.endsWith("/keys.json"))
    const registry = `https://${String(target).replace("/keys.json", "/")}`
    const texts = embeddedTrustTexts(registry)
    expect([...loadTrust(texts).registries.get(registry)?.all.map(({ keyid }) => keyid) ?? []]).toContain("SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U")
  })
  test("keys for what is no registry id are refused", () => {
    expect(() => loadTrust({ trustedRootJson: TARGETS["trusted_root.json"], registryKeysByRegistry: new Map([["registry.example", KEYS]]) })).toThrow(expect.objectContaining({ code: "REGISTRY_KEYS_MALFORMED" }))
  })
})

describe("refreshed through TUF", () => {
  let repository: TufRepository
  let cachePath: string
  const state = (more: Partial<RepositoryState> = {}): RepositoryState => ({ targets: TARGETS, nowMs: NOW_MS, version: 1, ...more })
  const refresh = (more: { rootJson?: string; mirrorUrl?: string } = {}) =>
    refreshTrust({ cachePath, mirrorUrl: repository.url, rootJson: repository.rootJson, registries: [REGISTRY], clock: { nowMs: () => Date.now() }, timeoutMs: 5_000, ...more })
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW_MS })
    cachePath = mkdtempSync(join(tmpdir(), "vouchsafe-tuf-"))
    repository = await startTufRepository(state())
  })
  afterEach(async () => {
    vi.useRealTimers()
    await repository.close()
    rmSync(cachePath, { recursive: true, force: true })
  })

  test("gives the trusted root and the registry's keys, and goes on to newer ones", async () => {
    const trust = await refresh()
    expect(trust.trustedRoot.tlogs.length).toBeGreaterThan(0)
    expect(trust.registries.get(REGISTRY)?.all).toHaveLength(4)
    const one = JSON.stringify({ keys: (JSON.parse(KEYS) as { keys: unknown[] }).keys.slice(0, 1) })
    repository.publish(state({ version: 2, targets: { ...TARGETS, [registryKeysTarget(REGISTRY)]: one } }))
    expect((await refresh()).registries.get(REGISTRY)?.all).toHaveLength(1)
  })
  test("a registry without a target has no keys", async () => {
    repository.publish(state({ targets: { "trusted_root.json": TARGETS["trusted_root.json"] } }))
    expect((await refresh()).registries.size).toBe(0)
  })

  test.each([
    { name: "root whose time is over", prepare: () => { repository.publish(state({ version: 2, rootDays: -1 })) }, code: "TRUST_ROOT_EXPIRED" },
    { name: "timestamp whose time is over", prepare: () => { repository.publish(state({ timestampDays: -1 })) }, code: "TRUST_ROOT_EXPIRED" },
    { name: "clock two years ahead", prepare: () => { vi.setSystemTime(NOW_MS + 2 * YEAR_MS) }, code: "TRUST_ROOT_EXPIRED" },
    { name: "clock two years behind", prepare: () => { vi.setSystemTime(NOW_MS - 2 * YEAR_MS) }, code: "CLOCK_BEHIND" },
    { name: "root signed by a stranger", prepare: () => { repository.publish(state({ version: 2, wronglySigned: "root" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "timestamp signed by a stranger", prepare: () => { repository.publish(state({ wronglySigned: "timestamp" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "snapshot signed by a stranger", prepare: () => { repository.publish(state({ wronglySigned: "snapshot" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "targets signed by a stranger", prepare: () => { repository.publish(state({ wronglySigned: "targets" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "trusted root other than listed", prepare: () => { repository.publish(state({ swapped: { "trusted_root.json": TARGETS["trusted_root.json"].replace("fulcio", "fulc1o") } })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "trusted root that is signed and malformed", prepare: () => { repository.publish(state({ targets: { ...TARGETS, "trusted_root.json": "{}" } })) }, code: "TRUST_ROOT_MALFORMED" },
    { name: "keys that are signed and malformed", prepare: () => { repository.publish(state({ targets: { ...TARGETS, [registryKeysTarget(REGISTRY)]: "{}" } })) }, code: "REGISTRY_KEYS_MALFORMED" },
    { name: "no trusted root", prepare: () => { repository.publish(state({ targets: {} })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "nobody there", prepare: () => repository.close(), code: "UNREACHABLE" },
  ] as { name: string; prepare: () => void | Promise<void>; code: string }[])("refused: $name", async ({ prepare, code }) => {
    await prepare()
    await expect(refresh()).rejects.toMatchObject({ code })
  })

  test("says as it was signed what it believes, and until when: the first of all roles' ends", async () => {
    const options = { cachePath, mirrorUrl: repository.url, rootJson: repository.rootJson, registries: [REGISTRY], clock: { nowMs: () => NOW_MS } }
    const fetched = await fetchTrust(options)
    expect(fetched.texts).toEqual({ trustedRootJson: TARGETS["trusted_root.json"], registryKeysByRegistry: new Map([[REGISTRY, KEYS]]) })
    expect(fetched.expiresAtMs).toBe(NOW_MS + 7 * 86_400_000)
    repository.publish(state({ version: 2, timestampDays: 50 }))
    // The snapshot's.
    expect((await fetchTrust(options)).expiresAtMs).toBe(NOW_MS + 30 * 86_400_000)
  })
  test("refused: over by the clock that was given, whatever the machine's says", async () => {
    const refreshed = fetchTrust({ cachePath, mirrorUrl: repository.url, rootJson: repository.rootJson, registries: [], clock: { nowMs: () => NOW_MS + 7 * 86_400_000 } })
    await expect(refreshed).rejects.toMatchObject({ code: "TRUST_ROOT_EXPIRED" })
  })
  test("refused: rolled back behind what was seen", async () => {
    repository.publish(state({ version: 3 }))
    repository.publish(state({ version: 1 }))
    await refresh()
    repository.publish(state({ version: 2 }))
    await refresh()
    repository.publish(state({ version: 1 }))
    await expect(refresh()).rejects.toMatchObject({ code: "TRUST_ROOT_REFUSED" })
  })
  test("refused: a mirror that shows the same timestamp until its time is over", async () => {
    await refresh()
    vi.setSystemTime(NOW_MS + 8 * 86_400_000)
    await expect(refresh()).rejects.toMatchObject({ code: "TRUST_ROOT_EXPIRED" })
  })
  test("refused: another mirror without a root to start from, and a root of somebody else", async () => {
    await expect(refresh({ rootJson: undefined as never })).rejects.toMatchObject({ code: "TRUST_ROOT_REFUSED" })
    await expect(refresh({ rootJson: seedRepository().rootJson })).rejects.toMatchObject({ code: expect.stringMatching(/^TRUST_ROOT_/) as unknown })
  })
})
