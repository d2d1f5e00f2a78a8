/**
 * How a batch becomes part of the log, and how a log that was interrupted goes on. Both run the same steps: see spec/log-storage.md, whose
 * clauses are cited as [S1], [S2], …
 *
 * @packageDocumentation
 */
import {
  type Bytes, checkConsistency, type Crypto, emptyRoot, entriesPath, equalBytes, formatCheckpoint, isVouchsafeError, type NodeReader, openCheckpoint,
  proveConsistencyAsync, readRanges, type Signer, signNote, tilePath, type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import type { LogEntry, LogStateReads, LogStorage, SignedHead, TreeHead } from "@vouchsafe/ports"
import type { Reading } from "./reading.ts"
import { edgeStarts, EMPTY_TREE, type Growth, growTree, hashCount, rootOfTree, type Tree } from "./tree.ts"

/** What committing needs besides the batch. */
export interface CommitContext {
  readonly storage: LogStorage
  readonly crypto: Crypto
  readonly signer: Signer
  readonly reading: Reading
}

/** A tree that readers may see: its tiles are stored, its checkpoint is signed and stored. */
export interface Published {
  readonly tree: Tree
  readonly head: SignedHead
  readonly nodes: NodeReader
}

const FSCK_HINT = "run `vouchsafe-node fsck`; do not let this log go on before the cause is known"

export function broken(message: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("LOG_BROKEN", message, { hint: FSCK_HINT, cause })
}

/** Root at `size`, at most the size of the tree that `nodes` reads. */
export async function rootAt(crypto: Crypto, nodes: NodeReader, size: number): Promise<Bytes> {
  if (size === 0) return emptyRoot(crypto)
  const [root] = await readRanges(crypto, nodes, [{ start: 0, end: size }])
  return root as Bytes
}

/**
 * Reads a checkpoint of this log and checks that this log's key signed it.
 * @throws VouchsafeError NOTE_MALFORMED, NOTE_UNVERIFIED, CHECKPOINT_MALFORMED.
 */
export function openOwn(crypto: Crypto, verifier: VerifierKey, text: string): TreeHead {
  const { checkpoint } = openCheckpoint(crypto, text, verifier)
  if (checkpoint.extensions.length > 0) {
    throw new VouchsafeError("CHECKPOINT_MALFORMED", `checkpoint: has ${checkpoint.extensions.length} extension lines, expected none`)
  }
  return checkpoint
}

/** [S5] Signs a head and reads the result back: a signer that errs is found out before anybody sees it. */
function signHead(context: CommitContext, head: TreeHead): SignedHead {
  const text = signNote(context.signer, formatCheckpoint({ origin: context.signer.verifier.name, ...head }))
  const own = openOwn(context.crypto, context.signer.verifier, text)
  if (own.size !== head.size || !equalBytes(own.root, head.root)) throw broken("the signed checkpoint does not read back as it was signed")
  return { size: head.size, root: head.root, text }
}

/** [S4] The new tree must extend the signed one, as read through the very tiles that others will read. */
export async function checkExtends(crypto: Crypto, before: TreeHead, nodes: NodeReader, head: TreeHead): Promise<void> {
  const of = { oldSize: before.size, newSize: head.size }
  const proof = await proveConsistencyAsync(crypto, nodes, of)
  const outcome = checkConsistency(crypto, { ...of, oldRoot: before.root, newRoot: head.root, proof })
  if (outcome !== "consistent") throw broken(`the tree of ${head.size} entries does not extend the signed tree of ${before.size}: nothing was published`)
}

/** [S3] to [S6] for a batch that is staged. `before` is undefined for a log that never signed. */
async function finish(context: CommitContext, before: Published | undefined, growth: Growth, staged: TreeHead): Promise<Published> {
  const { storage, reading } = context
  const { tree } = growth
  if (growth.files.length > 0) await storage.putFiles(growth.files)
  const nodes = reading.nodesOf(tree)
  if (before !== undefined) await checkExtends(context.crypto, before.head, nodes, staged)
  const head = signHead(context, staged)
  await storage.putSigned(before?.head.size, head, edgeStarts(tree.size))
  return { tree, head, nodes }
}

/** Commits a batch: [S2] stages it, then [S3] to [S6]. Once this rejects, only {@link recover} may follow. */
export async function commitBatch(context: CommitContext, before: Published, entries: readonly LogEntry[]): Promise<Published> {
  const growth = growTree(context.crypto, before.tree, entries.map(({ bytes }) => bytes))
  const head = { size: growth.tree.size, root: rootOfTree(context.crypto, growth.tree) }
  await context.storage.stage({ expectedSize: before.tree.size, entries, hashes: growth.hashes, head })
  return finish(context, before, growth, head)
}

/** The tree of `size` entries, rebuilt from what storage still holds; what is staged beyond it comes beside it. */
export async function loadTree(storage: LogStateReads, crypto: Crypto, size: number): Promise<{ readonly tree: Tree; readonly beyond: readonly Bytes[] }> {
  const starts = edgeStarts(size)
  const held = await storage.readStagedEntries(starts[0] ?? 0)
  const tail = held.slice(0, size - (starts[0] ?? 0))
  // Leaf hashes are computed again: nothing is signed over a hash whose entry was not seen.
  const leaves = growTree(crypto, { size: starts[0] ?? 0, edge: [], tail: [] }, tail).tree
  const edge = [leaves.edge[0] ?? []]
  for (let level = 1; level < starts.length; level++) {
    const start = starts[level] as number
    const row = await storage.readStagedHashes(level, start)
    edge.push(row.slice(0, hashCount(level, size) - start))
  }
  return { tree: { size, edge, tail }, beyond: held.slice(tail.length) }
}

/** @throws VouchsafeError STATE_UNSAFE when another key made the stored checkpoint, LOG_BROKEN when it does not say what is stored beside it. */
export function openStored(crypto: Crypto, verifier: VerifierKey, what: string, head: SignedHead): void {
  let own: TreeHead
  try {
    own = openOwn(crypto, verifier, head.text)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("STATE_UNSAFE", `the stored ${what} checkpoint is not one of ${verifier.vkey}: ${cause.message}`, {
      hint: "a log's directory belongs to one name and one key; use another directory for another key",
      cause,
    })
  }
  if (own.size !== head.size || !equalBytes(own.root, head.root)) throw broken(`the stored ${what} checkpoint does not match its stored size and root`)
}

/** Tiles past the staged tree mean that the database went back in time: going on would sign a second history. */
async function refuseFilesAhead(context: CommitContext, size: number): Promise<void> {
  const next = hashCount(1, size)
  for (const path of [entriesPath(next), tilePath(0, next)]) {
    if (await context.storage.readFile(path) !== undefined) {
      throw new VouchsafeError("STATE_UNSAFE", `${path} exists but the log ends at ${size} entries: its database is older than its tiles`, {
        hint: "restore the newest copy of the database; a log that goes on from an old one signs a second history and is lost",
      })
    }
  }
}

/** [S8] Brings the log to where its newest staged batch is published. Opening a log is always this. */
export async function recover(context: CommitContext): Promise<{ readonly published: Published; readonly cosigned: SignedHead | undefined }> {
  const { storage, crypto, signer, reading } = context
  const { staged, signed, cosigned } = await storage.load()
  if (signed === undefined) {
    if (staged !== undefined) throw broken(`${staged.size} entries are staged in a log that never signed`)
    await refuseFilesAhead(context, 0)
    const growth = { tree: EMPTY_TREE, files: [], hashes: [] }
    return { published: await finish(context, undefined, growth, { size: 0, root: emptyRoot(crypto) }), cosigned: undefined }
  }
  openStored(crypto, signer.verifier, "signed", signed)
  const goal = staged ?? { size: 0, root: emptyRoot(crypto) }
  await refuseFilesAhead(context, goal.size)
  const { tree, beyond } = await loadTree(storage, crypto, signed.size)
  if (!equalBytes(rootOfTree(crypto, tree), signed.root)) throw broken(`the stored tree of ${signed.size} entries has another root than was signed`)
  const growth = growTree(crypto, tree, beyond)
  if (growth.tree.size !== goal.size || !equalBytes(rootOfTree(crypto, growth.tree), goal.root)) {
    throw broken(`the staged entries do not yield the staged tree of ${goal.size}`)
  }
  const before = { tree, head: signed, nodes: reading.nodesOf(tree) }
  const published = goal.size === signed.size ? before : await finish(context, before, growth, goal)
  if (cosigned !== undefined) {
    openStored(crypto, signer.verifier, "cosigned", cosigned)
    if (cosigned.size > published.head.size || !equalBytes(await rootAt(crypto, published.nodes, cosigned.size), cosigned.root)) {
      throw broken(`the stored cosigned checkpoint of size ${cosigned.size} is not of this tree`)
    }
  }
  return { published, cosigned }
}
