/**
 * A copy of the tarballs that the node fetches, for its store (spec/artifacts.md, [R1]).
 *
 * What the attester reads is what the registry sent, chunk by chunk; a copy that fails ends the copy. Nothing comes back this way: an observation
 * is never made from what is kept (THREATS A4).
 *
 * @packageDocumentation
 */
import type { ArtifactWriter, Audience } from "@vouchsafe/artifacts"
import type { RegistrySource, TarballDownload } from "@vouchsafe/ports"

/** Where copies go. */
export interface TapSink {
  /** A place for one tarball. Rejects where there is no room. */
  open(audience: Audience, bytesExpected: number | undefined): Promise<ArtifactWriter>
  /** Told of a copy that was given up. */
  onLost(error: unknown): void
}

/** A registry source whose tarballs can be copied. */
export interface TarballTap {
  readonly source: RegistrySource
  /** Who may have what comes from a registry. */
  audienceOf(registry: string): Audience
  /** From now on, or with undefined no longer. */
  connect(sink: TapSink | undefined): void
}

/** @param hasCredential - whether the registry is asked with a credential: what comes then may be private (THREATS A8) */
export function createTarballTap(source: RegistrySource, hasCredential: (registry: string) => boolean): TarballTap {
  let sink: TapSink | undefined
  const audienceOf = (registry: string): Audience => (hasCredential(registry) ? "owner" : "everybody")
  return {
    audienceOf,
    connect(given) { sink = given },
    source: {
      packumentVersion: (query) => source.packumentVersion(query),
      packument: (query) => source.packument(query),
      attestations: (query) => source.attestations(query),
      async tarball(query) {
        const download = await source.tarball(query)
        return sink === undefined ? download : { size: download.size, chunks: copied(download, sink, audienceOf(query.registry)) }
      },
    },
  }
}

async function* copied({ size, chunks }: TarballDownload, sink: TapSink, audience: Audience): AsyncGenerator<Uint8Array> {
  const copy = createCopy(sink, audience, size)
  let length = 0
  let isWhole = false
  try {
    for await (const chunk of chunks) {
      length += chunk.length
      await copy.write(chunk)
      yield chunk
    }
    isWhole = size === undefined || size === length
  } finally {
    await copy.end(isWhole)
  }
}

/** Never rejects. */
function createCopy(sink: TapSink, audience: Audience, size: number | undefined) {
  let writer: ArtifactWriter | undefined
  let isLost = false
  const attempt = async (action: () => Promise<unknown>): Promise<void> => {
    if (isLost) return
    try {
      await action()
    } catch (error) {
      isLost = true
      sink.onLost(error)
    }
  }
  return {
    write: (chunk: Uint8Array) => attempt(async () => {
      writer ??= await sink.open(audience, size)
      await writer.write(chunk)
    }),
    end: (isWhole: boolean) => attempt(async () => { await (isWhole ? writer?.commit() : writer?.discard()) }),
  }
}
