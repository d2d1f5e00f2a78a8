/**
 * Where bytes come from when the registry fails: the person's own node and the roster's, by the digest of a verdict (packages/spec/shim.md,
 * "When the registry fails"). Nothing here decides anything: what is fetched has the digest that was asked for, or is not fetched.
 *
 * @packageDocumentation
 */
import { type ChunkSource, createSourceBook, downloadArtifact } from "@vouchsafe/artifacts"
import { artifactKey, type ArtifactName } from "@vouchsafe/core"
import type { Downloaded } from "./download.ts"
import { BATCH_REQUESTS_MAX, BATCH_WINDOW_MS, HOT_TARBALL_BYTES_MAX, NODES_TOTAL_MS_MAX, OUTAGE_MS, TARBALL_BYTES_MAX } from "./limits.ts"
import { readSmall } from "./reread.ts"
import type { TarballStore } from "./store.ts"
import type { ShimClock, ShimEvent } from "./types.ts"

/** The digests that most operators observed, by `artifactKey`. They choose what to ask about, and decide nothing. */
export type Observed = (artifacts: readonly ArtifactName[]) => Promise<ReadonlyMap<string, string>>

export interface NodesOptions {
  readonly sources: readonly ChunkSource[]
  readonly observed: Observed
  /** Registries that the roster lists. Nobody is asked about packages of any other, not even by digest (THREATS A8). */
  readonly registries: ReadonlySet<string>
  readonly store: TarballStore
  readonly clock: ShimClock
  readonly emit: (event: ShimEvent) => void
  readonly defer?: ((run: () => void) => void) | undefined
}

/** Bytes of a digest, and who gave them. */
export type FromNodes = Extract<Downloaded, { kind: "file" }> & { readonly from: readonly string[] }

export interface Nodes {
  /** Whether nodes may be asked about packages of this registry. */
  covers(registry: string): boolean
  /** The digest that most operators observed. */
  observed(artifact: ArtifactName): Promise<string | undefined>
  /** Fetches and verifies into a spool, which the caller discards. Rejects with NOT_FOUND, UNREACHABLE, TIMEOUT, DISK; the message says what each node did. */
  fetch(sha512: string): Promise<FromNodes>
  /** Whether the registry failed to answer a short while ago: then nodes are asked first. */
  isDown(registry: string): boolean
  /** True for the first of an outage. */
  markDown(registry: string): boolean
}

/** @see Nodes */
export function createNodes({ sources, observed, registries, store, clock, emit, defer = (run) => { setTimeout(run, BATCH_WINDOW_MS) } }: NodesOptions): Nodes {
  const book = createSourceBook(clock)
  const remembered = sources.map((source) => book.remember(source))
  const downUntilMs = new Map<string, number>()
  let waiting: { readonly artifact: ArtifactName; readonly answer: (found: Promise<ReadonlyMap<string, string>>) => void }[] = []
  const flush = (): void => {
    const all = waiting
    waiting = []
    for (let start = 0; start < all.length; start += BATCH_REQUESTS_MAX) {
      const batch = all.slice(start, start + BATCH_REQUESTS_MAX)
      const found = observed(batch.map(({ artifact }) => artifact))
      for (const { answer } of batch) answer(found)
    }
  }
  const isDown = (registry: string): boolean => (downUntilMs.get(registry) ?? 0) > clock.nowMs()
  return {
    isDown,
    covers: (registry) => registries.has(registry),
    async observed({ purl, registry }) {
      const found = await new Promise<ReadonlyMap<string, string>>((resolve) => {
        waiting.push({ artifact: { purl, registry }, answer: resolve })
        if (waiting.length === 1) defer(flush)
      })
      return found.get(artifactKey({ purl, registry }))
    },
    async fetch(sha512) {
      const spool = await store.spool()
      try {
        await spool.close()
        const { list, from } = await downloadArtifact({
          sha512, sources: remembered, path: spool.path, limits: { bytesMax: TARBALL_BYTES_MAX, totalMs: NODES_TOTAL_MS_MAX },
          onLie({ source, message }) {
            book.lied(source)
            emit({ event: "warning", code: "NODE_LIED", message: `${source} lied about the bytes of sha512 ${sha512.slice(0, 16)}: ${message}; it is asked no more` })
          },
        })
        const bytes = list.size <= HOT_TARBALL_BYTES_MAX ? await readSmall(spool.path, sha512) : undefined
        return { kind: "file", spool, sha512, size: list.size, bytes, from }
      } catch (error) {
        await spool.discard()
        throw error
      }
    },
    markDown(registry) {
      const isNew = !isDown(registry)
      downUntilMs.set(registry, clock.nowMs() + OUTAGE_MS)
      return isNew
    },
  }
}
