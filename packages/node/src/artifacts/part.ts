/**
 * The part `artifacts`: keeps what the node fetches, gives it to others, pins.
 *
 * @packageDocumentation
 */
import { createBandwidth, createSourceBook, openArtifactStore, serveArtifacts } from "@vouchsafe/artifacts"
import { describe } from "../http/server.ts"
import type { NodePart, OpenPart, PartContext } from "../parts.ts"
import { createByteBudget } from "./budget.ts"
import { BANDWIDTH_DEFAULT, QUOTA_BYTES_DEFAULT } from "./limits.ts"
import { pinRoutes } from "./pin-routes.ts"
import { artifactRoutes } from "./routes.ts"

/** Opens it, unless the configuration says `artifacts: off`. @throws VouchsafeError DISK, STATE_UNSAFE. */
export const openArtifactsPart: OpenPart = async (context: PartContext): Promise<NodePart | undefined> => {
  const { config, clock, timers, metrics, logger, tap } = context
  if (config.artifacts === false || tap === undefined) return undefined
  const quotaBytes = config.artifactQuota ?? QUOTA_BYTES_DEFAULT
  const bytesPerSecond = config.artifactBandwidth ?? BANDWIDTH_DEFAULT
  const store = await openArtifactStore({ directory: context.folder.at("artifacts"), quotaBytes, clock })
  const figures = { sentBytes: 0, lost: 0 }
  tap.connect({
    open: (audience, bytesExpected) => store.writer(audience, bytesExpected),
    onLost(error) {
      figures.lost += 1
      logger.warn({ error: describe(error) }, "a tarball that was observed could not be kept")
    },
  })
  context.artifacts = store.reader("everybody")
  const book = createSourceBook(clock)
  const budget = createByteBudget(bytesPerSecond, clock, timers)
  if (context.peers !== undefined) serveArtifacts(context.peers, store.reader("everybody"), (from, bytes) => budget.take(`peer ${from}`, bytes))
  const pinning = {
    store, source: context.source, audienceOf: tap.audienceOf, registries: context.registries, own: context.own, transport: context.transport,
    peers: () => context.peers, book, bandwidth: createBandwidth({ bytesPerSecond, clock, timers }), timers, logger,
  }
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge(`vouchsafe_artifact${name}`, help, read)
  gauge("s_bytes", "bytes of tarballs that are kept", () => store.status().bytes)
  gauge("s_count", "tarballs that are kept", () => store.status().count)
  gauge("s_pinned_bytes", "bytes of tarballs that are pinned", () => store.status().pinnedBytes)
  gauge("_evictions", "tarballs that made room for others", () => store.status().evictions)
  gauge("_damaged", "kept files that were found to be damaged, and removed", () => store.status().damaged)
  gauge("_lost", "observed tarballs that could not be kept", () => figures.lost)
  gauge("_liars", "nodes and peers that lied about a tarball", () => book.liars())
  gauge("_sent_bytes", "bytes of tarballs given to others over HTTP", () => figures.sentBytes)
  return {
    name: "artifacts",
    publicRoutes: artifactRoutes({ store, budget, clock, onSent: (bytes) => { figures.sentBytes += bytes } }),
    adminRoutes: pinRoutes(pinning),
    status: () => ({ ...store.status(), lost: figures.lost, liars: book.liars(), sentBytes: figures.sentBytes }),
    stop() {
      tap.connect(undefined)
      return Promise.resolve()
    },
  }
}
