/**
 * Where a node's observations look for what came before a version: its own memory, names, name servers, git hosts.
 *
 * @packageDocumentation
 */
import type { HistoryPorts } from "@vouchsafe/attester"
import type { Clock, Timers } from "@vouchsafe/ports"
import type { NodeConfig } from "../config/checked.ts"
import { GIT_HOSTS_DEFAULT } from "../config/values.ts"
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
  /** The popular name that a name could be taken for. */
  readonly lookalike: NonNullable<HistoryPorts["lookalike"]>
  readonly clock: Clock
  readonly timers: Timers
}

/** Opens them. @throws VouchsafeError DISK, STATE_UNSAFE. */
export function openHistory(world: HistoryWorld): { readonly ports: HistoryPorts; close(): void } {
  const { config, clock } = world
  const store = openHistoryStore(world.file)
  const isPublic = (registry: string): boolean => !world.hasCredential(registry)
  // In a network of one's own only those are asked whom its operator named: what is published there is nobody else's business (THREATS A8).
  const { allowPrivateAddresses: isOwnNetwork, dnsServers } = config
  const gitHosts = isOwnNetwork && GIT_HOSTS_DEFAULT.join(" ") === config.gitHosts.join(" ") ? [] : config.gitHosts
  const own = { store, timers: world.timers, isPublic, lookalike: world.lookalike }
  if (config.historyLookups === false) return { ports: own, close: () => store.close() }
  const fetch = createGuardedFetch({
    allowPrivateAddresses: isOwnNetwork, registries: gitHosts.map((host) => `https://${host}/`), resolve: world.resolve, userAgent: world.userAgent,
  })
  return {
    ports: {
      ...own,
      domains: isOwnNetwork && dnsServers === undefined ? undefined : createDomainLookup({ ask: dnsOf(dnsServers), clock }),
      refs: createSourceRefs({ fetch, hosts: gitHosts, allowPrivateAddresses: isOwnNetwork, clock }),
    },
    close() {
      fetch.close()
      store.close()
    },
  }
}
