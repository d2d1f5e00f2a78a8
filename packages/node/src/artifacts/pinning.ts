/**
 * What the node's user wants to stay (spec/artifacts.md, [R9]): from what is held, else the registry, else nodes and peers.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { ARTIFACT_BYTES_MAX, type ArtifactStore, type Bandwidth, type ChunkSource, httpSource, type Pin, peerSource, type Pinned, type SourceBook } from "@vouchsafe/artifacts"
import { isVouchsafeError, npmNameOf, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport, PeerTransport, RegistrySource, Timers } from "@vouchsafe/ports"
import type { Logger } from "../logger.ts"
import type { OwnRoster } from "../state/roster.ts"
import { PEERS_ASKED_MAX, PIN_FETCH_MS } from "./limits.ts"
import type { TarballTap } from "./tap.ts"

/** What pins are fetched with. */
export interface PinningOptions {
  readonly store: ArtifactStore
  readonly source: RegistrySource
  readonly audienceOf: TarballTap["audienceOf"]
  readonly registries: readonly string[]
  readonly own: OwnRoster
  readonly transport: HttpTransport
  readonly peers: () => PeerTransport | undefined
  readonly book: SourceBook
  readonly bandwidth: Bandwidth
  readonly timers: Timers
  readonly logger: Logger
}

/** A pin and where its bytes came from: `store`, `registry`, or the nodes and peers that gave chunks. */
export interface PinResult extends Pinned {
  readonly from: string
}

/**
 * Fetches where needed, verifies, pins.
 * @throws VouchsafeError REQUEST_MALFORMED (a registry that this node does not observe, or no npm purl), NOT_FOUND, UNREACHABLE, TIMEOUT, DISK.
 */
export async function pinOne(options: PinningOptions, pin: Pin, signal: AbortSignal): Promise<PinResult> {
  const { store, registries } = options
  if (!registries.includes(pin.registry)) {
    throw new VouchsafeError("REQUEST_MALFORMED", `registry is ${pin.registry}, expected one that this node observes`, { hint: `this node observes ${registries.join(", ")}` })
  }
  const from = store.size(pin.sha512, "owner") === undefined ? await fetchOne(options, pin, signal) : "store"
  return { ...await store.pin(pin), from }
}

async function fetchOne(options: PinningOptions, pin: Pin, signal: AbortSignal): Promise<string> {
  const why = await fromRegistry(options, pin, signal)
  if (why === undefined) return "registry"
  // Nobody else would give it, and a digest of a private package is nobody else's business (THREATS A8).
  if (options.audienceOf(pin.registry) === "owner") throw new VouchsafeError("NOT_FOUND", `registry: ${why}; it is asked with a credential, so nobody else is asked about its packages`)
  const { store, timers, bandwidth, book, logger } = options
  try {
    const from = await store.fetch({
      sha512: pin.sha512, sources: sourcesOf(options), timers, bandwidth, signal,
      onLie({ source, message }) {
        book.lied(source)
        logger.warn({ source, sha512: pin.sha512, detail: message }, "a node or peer lied about an artifact and is asked no more")
        if (source.startsWith(PEER)) options.peers()?.report(source.slice(PEER.length), "lied")
      },
    }, options.audienceOf(pin.registry))
    return from.join(", ")
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new VouchsafeError(error.code, `registry: ${why}; ${error.message}`, { cause: error })
  }
}

const PEER = "peer "

/** The roster's other nodes by their addresses, and connected peers, those of the roster first. */
export function sourcesOf({ own, transport, peers, book }: Pick<PinningOptions, "own" | "transport" | "peers" | "book">): ChunkSource[] {
  const nodes = own.roster.nodes.filter(({ url }) => url !== own.self.url).map(({ operator, url }) => httpSource({ name: operator, url, transport }))
  const overlay = peers()
  const connected = [...overlay?.peers() ?? []].sort((a, b) => Number(b.operator !== undefined) - Number(a.operator !== undefined)).slice(0, PEERS_ASKED_MAX)
  const strangers = overlay === undefined ? [] : connected.map(({ id }) => peerSource(overlay, id, `${PEER}${id}`))
  return [...nodes, ...strangers].map((source) => book.remember(source))
}

/** Reads the registry's tarball to its end: the tap copies what passes. Undefined when the digest is held now, else why not. */
async function fromRegistry({ source, store, timers }: PinningOptions, pin: Pin, signal: AbortSignal): Promise<string | undefined> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  signal.addEventListener("abort", end)
  const cancel = timers.after(PIN_FETCH_MS, end)
  try {
    const { name, version } = npmNameOf(pin.purl)
    const found = await source.packumentVersion({ name, version, registry: pin.registry, signal: stop.signal })
    if (found === undefined) return "has no such version"
    const { dist } = (typeof found.manifest === "object" && found.manifest !== null ? found.manifest : {}) as { dist?: { tarball?: unknown } }
    if (typeof dist?.tarball !== "string") return "names no tarball"
    const digest = await drain(await source.tarball({ url: dist.tarball, registry: pin.registry, signal: stop.signal }))
    if (digest !== pin.sha512) return `its bytes have sha512 ${digest.slice(0, 16)}…`
    return store.size(pin.sha512, "owner") === undefined ? "there was no room for its bytes" : undefined
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return `${error.code} (${error.message})`
  } finally {
    cancel()
    signal.removeEventListener("abort", end)
    end()
  }
}

async function drain({ chunks }: Awaited<ReturnType<RegistrySource["tarball"]>>): Promise<string> {
  const hash = createHash("sha512")
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > ARTIFACT_BYTES_MAX) throw new VouchsafeError("UPSTREAM_FAILED", `its tarball has more than ${ARTIFACT_BYTES_MAX} bytes`)
    hash.update(chunk)
  }
  return hash.digest("hex")
}
