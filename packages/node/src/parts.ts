/**
 * What a node does beside its own logs: each part has its folder here, its routes, its figures, and ends before the logs do.
 *
 * @packageDocumentation
 */
import type { ArtifactReader } from "@vouchsafe/artifacts"
import type { Crypto } from "@vouchsafe/core"
import type { GossipStore, OpenedConvictions } from "@vouchsafe/gossip"
import type { Clock, HttpTransport, PeerTransport, RegistrySource, Timers } from "@vouchsafe/ports"
import type { TarballTap } from "./artifacts/tap.ts"
import type { NodeConfig } from "./config/checked.ts"
import type { Route } from "./http/router.ts"
import type { Logger } from "./logger.ts"
import type { Metrics } from "./metrics.ts"
import type { MirrorRegistry } from "./mirror/registry.ts"
import type { CurrentNames } from "./names/current.ts"
import type { Services } from "./services.ts"
import type { HeldFolder } from "./state/folder.ts"
import type { NodeKeys } from "./state/keys.ts"
import type { OwnRoster } from "./state/roster.ts"

/** What a part may work with. */
export interface PartContext {
  readonly config: NodeConfig
  readonly folder: HeldFolder
  readonly keys: NodeKeys
  readonly own: OwnRoster
  /** Registry ids that this node observes. */
  readonly registries: readonly string[]
  readonly services: Services
  /** Logs and witnesses that are proven to have lied. */
  readonly convictions: OpenedConvictions
  readonly source: RegistrySource
  /** Copies of the tarballs that `source` fetches. */
  readonly tap?: TarballTap | undefined
  /** The list of popular names in use; the part `governance` offers it newer ones. */
  readonly names?: CurrentNames | undefined
  /** To the roster's nodes. */
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly metrics: Metrics
  /** Numbers from 0 up to 1; the host's by default. */
  readonly random?: (() => number) | undefined
  /** Where heads and proofs are kept; by default in the folder. */
  readonly gossipStore?: GossipStore | undefined
  /** The way to other nodes by peer-to-peer. The part `peers`, which opens first, sets it where it is on and nobody else does; it closes the transport when it stops, which is last. */
  peers?: PeerTransport | undefined
  /** Copies of other nodes' logs. The part `mirror`, which opens right after `peers`, sets it and nobody else does; empty in mode `none`. */
  mirrors?: MirrorRegistry | undefined
  /** Tarballs that are held for everybody. The part `artifacts` sets it where it is on. */
  artifacts?: ArtifactReader | undefined
}

/** A part that runs. */
export interface NodePart {
  /** Its member of the status document. */
  readonly name: string
  readonly publicRoutes?: readonly Route[]
  /** Beside the public ones, on the admin socket only. */
  readonly adminRoutes?: readonly Route[]
  readonly status?: () => unknown
  /** Settles when the node has to start anew, under another roster. */
  readonly rosterChanged?: Promise<void>
  stop(): Promise<void>
}

/** Opens a part, or nothing where the configuration does not ask for it. */
export type OpenPart = (context: PartContext) => Promise<NodePart | undefined>

/** All parts of a node. */
export interface Parts {
  readonly publicRoutes: readonly Route[]
  readonly adminRoutes: readonly Route[]
  /** Members of the status document. */
  status(): Readonly<Record<string, unknown>>
  /** Settles when one of them asks for a start under another roster. */
  readonly rosterChanged?: Promise<void>
  stop(): Promise<void>
}

/** Opens all, or none. @throws what opening a part throws. */
export async function openParts(context: PartContext, all: readonly OpenPart[]): Promise<Parts> {
  const parts: NodePart[] = []
  const stop = async (): Promise<void> => {
    for (const part of parts.splice(0).reverse()) await part.stop()
  }
  try {
    for (const open of all) {
      const part = await open(context)
      if (part !== undefined) parts.push(part)
    }
  } catch (error) {
    await stop()
    throw error
  }
  const running = [...parts]
  return {
    publicRoutes: running.flatMap(({ publicRoutes }) => publicRoutes ?? []),
    adminRoutes: running.flatMap(({ adminRoutes }) => adminRoutes ?? []),
    status: () => Object.fromEntries(running.flatMap(({ name, status }) => (status === undefined ? [] : [[name, status()]]))),
    rosterChanged: new Promise((resolve) => { for (const { rosterChanged } of running) void rosterChanged?.then(resolve) }),
    stop,
  }
}
