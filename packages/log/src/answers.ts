/**
 * What a log answers from a published tree: the same for the one process that writes it and for those that only read.
 *
 * @packageDocumentation
 */
import { type Bytes, type Crypto, type NodeReader, proveConsistencyAsync, proveInclusionAsync, proveMultiAsync } from "@vouchsafe/core"
import type { Log, LogStorage, SignedHead } from "@vouchsafe/ports"
import type { Published } from "./commit.ts"
import { INDICES_PER_KEY_MAX } from "./limits.ts"
import type { Reading } from "./reading.ts"
import { serveFile } from "./serve.ts"

/** A published tree and the newest of its checkpoints that has cosignatures. */
export interface Shown extends Published {
  readonly cosigned: SignedHead | undefined
}

type Answers = Pick<
  Log,
  "checkpoint" | "head" | "cosigned" | "entry" | "entries" | "indicesByKey" | "proveInclusion" | "proveMulti" | "proveConsistency" | "serve"
>

/** @param shown - what readers may see now; asked once for each answer, so that no answer mixes two trees */
export function createAnswers(
  { storage, crypto, reading }: { readonly storage: Pick<LogStorage, "indicesByKey">; readonly crypto: Crypto; readonly reading: Reading },
  shown: () => Shown,
): Answers {
  const nodesFor = (size: number): NodeReader => {
    const { head, nodes } = shown()
    if (size > head.size) throw new RangeError(`cannot prove anything about ${size} entries: the log has ${head.size}`)
    return nodes
  }
  return {
    checkpoint: () => shown().head.text,
    head: () => shown().head,
    cosigned: () => shown().cosigned,
    entry: (index) => reading.entry(shown().tree, index),
    entries(indices): Promise<Bytes[]> {
      const { tree } = shown()
      return Promise.all(indices.map((index) => reading.entry(tree, index)))
    },
    async indicesByKey(key) {
      const { size } = shown().tree
      // Staged entries are in the index before they are published.
      return (await storage.indicesByKey(key, INDICES_PER_KEY_MAX)).filter((index) => index < size)
    },
    proveInclusion: async (index, size) => proveInclusionAsync(crypto, nodesFor(size), { index, size }),
    proveMulti: async (indices, size) => proveMultiAsync(nodesFor(size), { indices, size }, crypto),
    proveConsistency: async (oldSize, newSize) => proveConsistencyAsync(crypto, nodesFor(newSize), { oldSize, newSize }),
    serve(path) {
      const { tree, head, cosigned } = shown()
      return serveFile(reading, tree, (cosigned ?? head).text, path)
    },
  }
}
