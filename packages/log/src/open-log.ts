/**
 * A log over one directory.
 *
 * @packageDocumentation
 */
import { type Crypto, equalBytes, KEY_TYPE, type Signer } from "@vouchsafe/core"
import type { Log, LogStorage, SignedHead } from "@vouchsafe/ports"
import { createAnswers } from "./answers.ts"
import { broken, type CommitContext, commitBatch, openOwn, type Published, recover, rootAt } from "./commit.ts"
import { createReading } from "./reading.ts"
import { createSequencer, type SequencerLimits } from "./sequencer.ts"
import { openSqliteStorage } from "./storage/sqlite.ts"

/** How to open a log. */
export interface LogOptions extends SequencerLimits {
  /** Where it is kept; created when missing. Nothing else may live there. */
  readonly directory: string
  /** The log's origin. Must be the name of the signer's key. */
  readonly origin: string
  /** Signs checkpoints: type 0x01. */
  readonly signer: Signer
  readonly crypto: Crypto
  /** Another storage than the directory. */
  readonly storage?: LogStorage
  /** Memory for hash tiles and for entry bundles, in bytes. */
  readonly tileCacheBytes?: number
  readonly bundleCacheBytes?: number
}

function expectSigner({ origin, signer }: LogOptions): void {
  const { name, type } = signer.verifier
  if (name !== origin) throw new TypeError(`the log's key is named ${name}, expected its origin ${origin}`)
  if (type !== KEY_TYPE.ed25519) throw new TypeError(`the log's key has type ${type}, expected ${KEY_TYPE.ed25519}`)
}

/** Cosigned checkpoints of a log, in the order in which they were handed in. */
function createCosigned(context: CommitContext, first: SignedHead | undefined, published: () => Published) {
  let current = first
  let last: Promise<unknown> = Promise.resolve()

  const publishOne = async (text: string): Promise<boolean> => {
    const { size, root } = openOwn(context.crypto, context.signer.verifier, text)
    const { head, nodes } = published()
    if (size > head.size || !equalBytes(root, await rootAt(context.crypto, nodes, size))) {
      throw broken(`the cosigned checkpoint of size ${size} is not of this log, whose signed tree has ${head.size} entries`)
    }
    if (current !== undefined && current.size > size) return false
    const next = { size, root, text }
    await context.storage.putCosigned(next)
    current = next
    return true
  }

  return {
    current: () => current,
    publish(text: string): Promise<boolean> {
      const result = last.then(() => publishOne(text))
      // The next one waits for this one, however it ends.
      last = result.catch(() => undefined)
      return result
    },
    settled: () => last,
  }
}

/**
 * Opens a log, or starts one: finishes what was interrupted, and signs the empty tree of a new log.
 *
 * @throws VouchsafeError STATE_UNSAFE when another process has it open, it belongs to another key, or its database is older than its tiles;
 * LOG_BROKEN when what is stored contradicts itself; DISK. @throws TypeError when the signer's key does not fit.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  expectSigner(options)
  const { crypto, signer } = options
  const storage = options.storage ?? await openSqliteStorage({ directory: options.directory })
  const context: CommitContext = { storage, crypto, signer, reading: createReading({ ...options, storage }) }
  let state: Published
  let cosigned: ReturnType<typeof createCosigned>
  try {
    const recovered = await recover(context)
    state = recovered.published
    cosigned = createCosigned(context, recovered.cosigned, () => state)
  } catch (error) {
    await storage.close()
    throw error
  }
  const sequencer = createSequencer(async (entries) => {
    const first = state.tree.size
    // [S7] The assignment publishes: from here on readers see the new tree.
    state = await commitBatch(context, state, entries)
    return first
  }, options)

  return {
    origin: options.origin,
    verifier: signer.verifier,
    get size() {
      return state.tree.size
    },
    get failure() {
      return sequencer.failure
    },
    append: sequencer.append,
    publishCosigned: cosigned.publish,
    ...createAnswers({ storage, crypto, reading: context.reading }, () => ({ ...state, cosigned: cosigned.current() })),
    async close() {
      await sequencer.close()
      await cosigned.settled()
      await storage.close()
    },
  }
}
