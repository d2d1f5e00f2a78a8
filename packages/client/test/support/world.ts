import { artifactKey, type ArtifactRequest, parsePolicy, type Policy, type Verdict } from "@vouchsafe/core"
import { createClient } from "../../src/client.ts"
import { nodeCrypto } from "../../src/node/crypto.ts"
import type { CheckResult, Client, ClientOptions } from "../../src/types.ts"
import { memoryCache, memoryState } from "./memory.ts"
import { type FakeNetwork, fakeNetwork } from "./network.ts"
import { purlOf, REGISTRY, sha512Of } from "./statements.ts"
import { type VirtualTime, virtualTime } from "./time.ts"

export const POLICY_TEXT = JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" })

export function policyOf(more: object = {}): Policy {
  return parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...more }))
}

/** A network, a clock, a client with empty stores. */
export interface World {
  readonly time: VirtualTime
  readonly network: FakeNetwork
  readonly state: ReturnType<typeof memoryState>
  readonly cache: ReturnType<typeof memoryCache>
  client: Client
  /** Publishes a package on the registry and gives the request for it. */
  publish(name: string, bytes?: string, registry?: string): ArtifactRequest
  check(...requests: readonly ArtifactRequest[]): Promise<CheckResult>
  /** A client over the same network with other parts. */
  clientWith(more: Partial<ClientOptions>): Client
}

export function makeWorld(options: Parameters<typeof fakeNetwork>[1] & { readonly policy?: object } = {}): World {
  const time = virtualTime()
  const network = fakeNetwork(time, options)
  const state = memoryState()
  const cache = memoryCache()
  const clientWith = (more: Partial<ClientOptions>): Client => createClient({
    roster: network.roster, policy: policyOf(options.policy), crypto: nodeCrypto, clock: time.clock, transport: network.transport,
    cache, state, sleep: time.sleep, ...more,
  })
  const world: World = {
    time, network, state, cache, clientWith,
    client: clientWith({}),
    publish(name, bytes = `bytes of ${name}`, registry = REGISTRY) {
      const request = { purl: purlOf(name), registry, sha512: sha512Of(bytes) }
      network.registry.set(artifactKey(request), request.sha512)
      return request
    },
    check: (...requests) => world.client.check(requests),
  }
  return world
}

/** The code of a refusal, or "allowed". */
export function outcome(verdict: Verdict | undefined): string {
  if (verdict === undefined) throw new Error("no verdict")
  return verdict.ok ? "allowed" : verdict.code
}

/** Everything a person would read of one verdict. */
export function said(verdict: Verdict | undefined): string {
  return (verdict?.findings ?? []).map(({ code, severity, message, found }) => `${severity} ${code}: ${message} [${found ?? ""}]`).join("\n")
}
