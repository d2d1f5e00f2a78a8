import { mkdtemp, rm } from "node:fs/promises"
import { request as httpRequest, type IncomingHttpHeaders } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ArtifactRequest, Verdict } from "@vouchsafe/core"
import { startRegistry, type FakeRegistry, type RegistryOptions } from "@vouchsafe/testkit/registry"
import { startShim, type Registries, type Shim, type ShimEvent, type ShimOptions } from "../src/index.ts"

export const TOKEN = "test-token-of-128-bits-or-more"

/** A network that vouches for the digests it was told, and says why not for others. */
export interface FakeNetwork {
  readonly asked: ArtifactRequest[][]
  readonly vouched: Map<string, string>
  readonly withdrawn: Set<string>
  fail: Error | undefined
  check(requests: readonly ArtifactRequest[]): Promise<{ verdicts: Verdict[] }>
}

export function fakeNetwork(): FakeNetwork {
  const network: FakeNetwork = {
    asked: [], vouched: new Map(), withdrawn: new Set(), fail: undefined,
    check(requests) {
      network.asked.push([...requests])
      if (network.fail) return Promise.reject(network.fail)
      return Promise.resolve({ verdicts: requests.map((request) => verdictOn(network, request)) })
    },
  }
  return network
}

function verdictOn({ vouched, withdrawn }: FakeNetwork, request: ArtifactRequest): Verdict {
  const common = { ...request, claims: [], labels: [] }
  const no = (code: "WITHDRAWN" | "NOT_VOUCHED", message: string): Verdict => ({ ...common, ok: false, code, findings: [{ code, severity: "deny", message, saidBy: ["alpha"] }] })
  if (withdrawn.has(request.purl)) return no("WITHDRAWN", "withdrawn by alpha")
  return request.sha512 !== undefined && vouched.get(request.purl) === request.sha512 ? { ...common, ok: true, findings: [] } : no("NOT_VOUCHED", "these are not the bytes that alpha observed")
}

export interface World {
  readonly registry: FakeRegistry
  readonly shim: Shim
  readonly network: FakeNetwork
  readonly events: ShimEvent[]
  readonly dir: string
  readonly clock: { now: number }
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  close(): Promise<void>
}

export interface Answer { readonly status: number; readonly reason: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

export interface WorldOptions {
  readonly registry?: RegistryOptions
  readonly shim?: Partial<ShimOptions>
  readonly registries?: (main: FakeRegistry) => Registries
  readonly cacheDir?: string
}

/** One fake registry, one shim before it, and a network that vouches for every fixture. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const registry = await startRegistry(options.registry ?? {})
  const network = fakeNetwork()
  for (const { name, version } of options.registry?.packages ?? []) network.vouched.set(`pkg:npm/${name.replace("@", "%40")}@${version}`, registry.built(name, version)?.sha512 ?? "")
  const dir = options.cacheDir ?? await mkdtemp(join(tmpdir(), "vs-shim-"))
  const events: ShimEvent[] = []
  const clock = { now: 1_800_000_000_000 }
  const shim = await startShim({
    registries: options.registries?.(registry) ?? { default: registry.url, scopes: {}, registryFor: () => registry.url, credentialsFor: () => undefined },
    check: (requests) => network.check(requests), token: TOKEN, cacheDir: dir, clock: { nowMs: () => clock.now }, emit: (event) => events.push(event),
    exoticCode: "EXOTIC_SOURCE", defer: (run) => { setImmediate(run) }, ...options.shim,
  })
  return {
    registry, shim, network, events, dir, clock,
    get: (path, headers = {}) => ask(shim.url, { path, headers }),
    async close() {
      await shim.close()
      await registry.close()
      if (options.cacheDir === undefined) await rm(dir, { recursive: true, force: true })
    },
  }
}

/** One request with the token; rejects when the connection is cut. Bodies come as sent: nothing is decoded. */
export function ask(base: string, { path, method = "GET", headers = {}, body, token = TOKEN }: { path: string; method?: string; headers?: Record<string, string>; body?: string | Buffer; token?: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base)
    const request = httpRequest({ hostname, port, path, method, headers: { authorization: `Bearer ${token}`, ...headers }, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject)
      response.on("end", () => resolve({ status: response.statusCode ?? 0, reason: response.statusMessage ?? "", headers: response.headers, body: Buffer.concat(chunks) }))
    })
    request.on("error", reject).end(body)
  })
}
