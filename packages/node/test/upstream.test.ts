import { sharedPath } from "@vouchsafe/config/shared"
import { ATTESTATIONS_BYTES_MAX } from "@vouchsafe/sigstore"
import { systemClock, systemTimers } from "@vouchsafe/client/node"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createGuardedFetch } from "../src/registry/guarded-fetch.ts"
import { resolveBySystem } from "../src/registry/resolve.ts"
import { createRegistrySource } from "../src/registry/source.ts"
import { upstreamVerifierFor } from "../src/registry/upstream.ts"

let closers: (() => unknown)[] = []
afterEach(async () => { for (const close of closers.splice(0)) await close() })

const DOCUMENT = { attestations: [] }

async function world(intercept: NonNullable<Parameters<typeof startRegistry>[0]>["intercept"], allowPrivateAddresses = true) {
  const registry = await startRegistry({ attestations: { "@s/x@1.0.0-a+b": DOCUMENT }, ...(intercept && { intercept }) })
  const fetch = createGuardedFetch({ allowPrivateAddresses, registries: [registry.url], resolve: resolveBySystem, userAgent: "test" })
  closers.push(() => fetch.close(), () => registry.close())
  // Pauses between attempts pass at once.
  const timers = { ...systemTimers, after: (_ms: number, run: () => void) => systemTimers.after(0, run) }
  const source = createRegistrySource({ fetch, authorizationFor: () => undefined, clock: systemClock, timers })
  return { registry, ask: (name = "@s/x", version = "1.0.0-a+b") => source.attestations({ name, version, registry: registry.url }) }
}

describe("attestations of a registry", () => {
  test("are what it answers; undefined where it has none", async () => {
    const { ask, registry } = await world(undefined)
    expect(await ask()).toEqual(DOCUMENT)
    expect(registry.requests.at(-1)?.url).toBe("/-/npm/v1/attestations/@s%2Fx@1.0.0-a%2Bb")
    expect(await ask("other")).toBeUndefined()
  })
  test.each([
    { name: "no JSON", status: 200, body: "<html>", says: "no JSON" },
    { name: "half of a document", status: 200, body: '{"attestations":[', says: "no JSON" },
    { name: "broken UTF-8", status: 200, body: Buffer.from([0x22, 0xff, 0x22]), says: "no JSON" },
    { name: "more bytes than allowed", status: 200, body: " ".repeat(ATTESTATIONS_BYTES_MAX + 1), says: "more than" },
    { name: "a failing server", status: 500, body: "", says: "answered 500" },
    { name: "no permission", status: 403, body: "", says: "answered 403" },
  ])("UPSTREAM_FAILED for $name", async ({ status, body, says }) => {
    const { ask } = await world((_request, response) => { response.writeHead(status, { "content-type": "application/json" }).end(body); return true })
    await expect(ask()).rejects.toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining(says) })
  })
  test("50 MB are not read to the end", async () => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024, 0x20)
    const { ask } = await world((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      const more = (): void => { while (!response.destroyed && sent < 50 * 1024 * 1024 && response.write(chunk)) sent += chunk.length; if (!response.destroyed) response.once("drain", more) }
      more()
      return true
    })
    await expect(ask()).rejects.toMatchObject({ code: "UPSTREAM_FAILED" })
    expect(sent).toBeLessThan(25 * 1024 * 1024)
  })
  test("THREATS A8: neither a private address nor a redirect to another host", async () => {
    const closed = await world(undefined, false)
    await expect(closed.ask()).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
    const { ask } = await world((_request, response) => { response.writeHead(302, { location: "http://127.0.0.1:1/other" }).end(); return true })
    await expect(ask()).rejects.toMatchObject({ code: expect.stringMatching(/^(?:ADDRESS_REFUSED|UPSTREAM_FAILED|UNREACHABLE)$/) as unknown })
  })
})

describe("whom a node believes", () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), "vouchsafe-trust-")); closers.push(() => rmSync(folder, { recursive: true, force: true })) })
  const file = (name: string, text: string): string => { const path = join(folder, name); writeFileSync(path, text); return path }
  const KEYS = sharedPath("data", "npm-registry", "keys.tuf.json")
  const ROOT = sharedPath("data", "npm-attestations", "trust", "trusted_root.public-good.json")

  test("the embedded seed, or files", async () => {
    await expect(upstreamVerifierFor({ registryKeys: new Map() })).resolves.toBeDefined()
    await expect(upstreamVerifierFor({ trustRoot: ROOT, registryKeys: new Map([["https://registry.example/", KEYS]]) })).resolves.toBeDefined()
  })
  test.each([
    { name: "a trusted root that is not there", options: () => ({ trustRoot: join(folder, "none.json"), registryKeys: new Map<string, string>() }), code: "CONFIG_MALFORMED" },
    { name: "a trusted root that is none", options: () => ({ trustRoot: file("root.json", "{}"), registryKeys: new Map<string, string>() }), code: "TRUST_ROOT_MALFORMED" },
    { name: "a trusted root of 50 MB", options: () => ({ trustRoot: file("root.json", " ".repeat(50 * 1024 * 1024)), registryKeys: new Map<string, string>() }), code: "CONFIG_MALFORMED" },
    { name: "keys that are none", options: () => ({ registryKeys: new Map([["https://registry.example/", file("keys.json", "[]")]]) }), code: "REGISTRY_KEYS_MALFORMED" },
    { name: "a folder for keys", options: () => ({ registryKeys: new Map([["https://registry.example/", folder]]) }), code: "CONFIG_MALFORMED" },
  ])("refused: $name", async ({ options, code }) => {
    await expect(upstreamVerifierFor(options())).rejects.toMatchObject({ code })
  })
})
