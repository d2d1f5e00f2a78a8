/**
 * Where a node's observations look for what came before a version: its own memory, name servers, git hosts.
 *
 * @packageDocumentation
 */
import type { HistoryPorts } from "@vouchsafe/attester"
import type { Clock, DomainLookup, Timers } from "@vouchsafe/ports"
import type { NodeConfig } from "../config/arguments.ts"
import { createGuardedFetch } from "../registry/guarded-fetch.ts"
import type { ResolveHost } from "../registry/resolve.ts"
import { createDomainLookup, dnsOf } from "./domains.ts"
import { createSourceRefs } from "./refs.ts"
import { openHistoryStore } from "./store.ts"

/** What it works with. */
export interface HistoryWorld {
  readonly config: Pick<NodeConfig, "historyLookups" | "dnsServers" | "gitHosts" | "allowPrivateAddresses">
  /** Path of the memory. */
  readonly file: string
  readonly resolve: ResolveHost
  readonly userAgent: string
  /** Tells whether a registry is asked with credentials: what it holds is nobody else's business. */
  readonly hasCredential: (registry: string) => boolean
  readonly clock: Clock
  readonly timers: Timers
  /** PATH of this process. */
  readonly path: string
  /** In place of name servers. */
  readonly domains?: DomainLookup | undefined
}

/** Opens them. @throws VouchsafeError DISK, STATE_UNSAFE. */
export function openHistory(world: HistoryWorld): { readonly ports: HistoryPorts; close(): void } {
  const { config, clock } = world
  const store = openHistoryStore(world.file)
  const isPublic = (registry: string): boolean => !world.hasCredential(registry)
  if (config.historyLookups === false) return { ports: { store, timers: world.timers, isPublic }, close: () => store.close() }
  const fetch = createGuardedFetch({
    allowPrivateAddresses: config.allowPrivateAddresses, registries: config.gitHosts.map((host) => `https://${host}/`), resolve: world.resolve, userAgent: world.userAgent,
  })
  return {
    ports: {
      store, timers: world.timers, isPublic,
      domains: world.domains ?? createDomainLookup({ ask: dnsOf(config.dnsServers), clock }),
      refs: createSourceRefs({ fetch, hosts: config.gitHosts, allowPrivateAddresses: config.allowPrivateAddresses, clock, path: world.path }),
    },
    close() {
      fetch.close()
      store.close()
    },
  }
}
