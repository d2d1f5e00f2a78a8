/**
 * A log that another process writes, as its front ends see it: tiles from where they are kept, the unfinished edge from the records.
 *
 * Nothing is believed for being stored: the checkpoint's signature, the root of what was read, and that it extends what was answered before
 * are checked at each refresh. See spec/log-storage.md [S12].
 *
 * @packageDocumentation
 */
import { type Crypto, equalBytes, KEY_TYPE, type VerifierKey, VouchsafeError } from "@vouchsafe/core"
import type { LogReader, LogSnapshots, LogState, SignedHead } from "@vouchsafe/ports"
import { createAnswers, type Shown } from "./answers.ts"
import { broken, checkExtends, loadTree, openStored, rootAt } from "./commit.ts"
import { createReading, type Reading } from "./reading.ts"
import { rootOfTree, type Tree } from "./tree.ts"

/** How to read a log. */
export interface LogReaderOptions {
  /** Closed with the reader, also when opening fails. */
  readonly storage: LogSnapshots
  /** The log's key, of type 0x01; its name is the log's origin. */
  readonly verifier: VerifierKey
  readonly crypto: Crypto
  /** Memory for hash tiles and for entry bundles, in bytes. */
  readonly tileCacheBytes?: number
  readonly bundleCacheBytes?: number
}

interface Found {
  readonly signed: SignedHead
  readonly cosigned: SignedHead | undefined
  /** undefined when the signed tree is the one that is shown already. */
  readonly tree: Tree | undefined
}

function find(options: LogReaderOptions, known: Shown | undefined): Promise<Found> {
  return options.storage.snapshot(async (records) => {
    const { signed, cosigned }: LogState = await records.load()
    if (signed === undefined) {
      throw new VouchsafeError("NOT_FOUND", `no log ${options.verifier.name} is kept there`, { hint: "the sequencer signs the empty tree when it first starts" })
    }
    if (signed.text === known?.head.text) return { signed, cosigned, tree: undefined }
    return { signed, cosigned, tree: (await loadTree(records, options.crypto, signed.size)).tree }
  })
}

async function checkFound(options: LogReaderOptions, reading: Reading, { signed, cosigned, tree: found }: Found, known: Shown | undefined): Promise<Shown> {
  const { crypto, verifier } = options
  openStored(crypto, verifier, "signed", signed)
  const tree = found ?? (known as Shown).tree
  const nodes = found === undefined ? (known as Shown).nodes : reading.nodesOf(found)
  if (!equalBytes(rootOfTree(crypto, tree), signed.root)) throw broken(`the stored tree of ${signed.size} entries has another root than was signed`)
  if (known !== undefined) {
    if (signed.size < known.head.size) throw broken(`the stored checkpoint has ${signed.size} entries, expected at least the ${known.head.size} answered before`)
    await checkExtends(crypto, known.head, nodes, signed)
  }
  if (cosigned !== undefined && cosigned.text !== known?.cosigned?.text) {
    openStored(crypto, verifier, "cosigned", cosigned)
    if (cosigned.size > signed.size || cosigned.size < (known?.cosigned?.size ?? 0) || !equalBytes(await rootAt(crypto, nodes, cosigned.size), cosigned.root)) {
      throw broken(`the stored cosigned checkpoint of size ${cosigned.size} is not of this tree`)
    }
  }
  return { tree, nodes, head: signed, cosigned: cosigned ?? known?.cosigned }
}

/**
 * Opens a log for reading only. Takes no lock and writes nothing.
 *
 * @throws VouchsafeError NOT_FOUND when no log was started there; STATE_UNSAFE when it is another key's; LOG_BROKEN when what is stored
 * contradicts itself; and what the storage rejects with. @throws TypeError when the key is no log's.
 */
export async function openLogReader(options: LogReaderOptions): Promise<LogReader> {
  const { storage, verifier, crypto } = options
  if (verifier.type !== KEY_TYPE.ed25519) throw new TypeError(`the log's key has type ${verifier.type}, expected ${KEY_TYPE.ed25519}`)
  const reading = createReading(options)
  let shown: Shown
  try {
    shown = await checkFound(options, reading, await find(options, undefined), undefined)
  } catch (error) {
    await storage.close()
    throw error
  }
  let last: Promise<unknown> = Promise.resolve()

  const refreshOnce = async (): Promise<boolean> => {
    const found = await find(options, shown)
    const isNew = found.tree !== undefined || found.cosigned?.text !== shown.cosigned?.text
    if (isNew) shown = await checkFound(options, reading, found, shown)
    return isNew
  }

  return {
    origin: verifier.name,
    verifier,
    get size() {
      return shown.tree.size
    },
    ...createAnswers({ storage, crypto, reading }, () => shown),
    refresh() {
      const result = last.then(refreshOnce)
      // One after the other: of two that overlap, the one that read first must not be shown last.
      last = result.catch(() => undefined)
      return result
    },
    async close() {
      await last
      await storage.close()
    },
  }
}
