/**
 * Writing what was learned into the state, before anything is decided on it (spec/client.md, "State").
 *
 * Several processes check at once. Each proved that its head extends the one it found in the state; when another one has stored its own
 * meanwhile, the two must be tied together before either is believed: both may extend the old head and contradict each other.
 *
 * @packageDocumentation
 */
import { type KnownHead, openHead, relateByTiles, relateHeads } from "@vouchsafe/core"
import { type Context, convict, failureOf } from "./context.ts"
import { SWAP_ATTEMPTS_MAX } from "./limits.ts"
import type { LogMemory } from "./memory.ts"
import { mirrorsAgree } from "./notices.ts"
import { httpTiles } from "./tiles.ts"
import type { Failure } from "./types.ts"

/**
 * Stores the new head and the new mirror of a log.
 * @returns why the log does not count in this check: what cannot be stored the next run would not know of. undefined when all is stored, or the log was convicted.
 */
export async function remember(context: Context, memory: LogMemory): Promise<Failure | undefined> {
  try {
    return await rememberHead(context, memory) ?? await rememberNotices(context, memory)
  } catch (error) {
    const { code, message } = failureOf(error)
    return { code, message: `what ${memory.node.operator} showed could not be remembered: ${message}` }
  }
}

async function rememberHead(context: Context, memory: LogMemory): Promise<Failure | undefined> {
  const key = memory.node.log
  for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt++) {
    const { head, storedHead } = memory
    if (head === undefined || head.signed === storedHead || memory.misbehaved !== undefined) return undefined
    const swap = await context.options.state.putHead(key.vkey, head.signed, storedHead)
    memory.storedHead = swap.stored ? head.signed : swap.current
    if (swap.stored || swap.current === undefined) continue
    const other = openHead(context.crypto, key, swap.current)
    const conflict = await tie(context, memory, head, other)
    if (conflict !== undefined) return conflict
    if (other.size >= head.size) memory.head = other
  }
  return { code: "DISK", message: `the head of ${key.name} could not be stored: other processes changed it ${SWAP_ATTEMPTS_MAX} times meanwhile` }
}

/** Proves that the smaller head is the beginning of the larger. Otherwise the log is convicted, or does not count in this check. */
export async function tie(context: Context, memory: LogMemory, a: KnownHead, b: KnownHead): Promise<Failure | undefined> {
  const [older, newer] = a.size <= b.size ? [a, b] : [b, a]
  const key = memory.node.log
  const relation = older.size === newer.size
    ? relateHeads(context.crypto, key, older, newer, { from: older.size, hashes: [] })
    : await relateByTiles(context.crypto, key, older, newer, httpTiles(context, `${memory.node.url}log/`))
  if (relation.kind === "extends") return undefined
  if (relation.kind === "forked") {
    await convict(context, memory, key, relation.proof)
    return undefined
  }
  return { code: "PROOF_INVALID", message: `${key.name} could not show that its heads of ${older.size} and ${newer.size} entries, seen by two processes, agree` }
}

async function rememberNotices(context: Context, memory: LogMemory): Promise<Failure | undefined> {
  const key = memory.node.notices
  for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt++) {
    const { mirror, storedMirror } = memory
    const isStored = mirror?.checkpoint === storedMirror?.checkpoint && mirror?.entries.length === storedMirror?.entries.length
    if (mirror === undefined || (isStored && attempt > 0) || mirror === storedMirror || memory.misbehaved !== undefined) return undefined
    const swap = await context.options.state.putNotices(key.vkey, mirror, storedMirror?.checkpoint)
    memory.storedMirror = swap.stored ? mirror : swap.current
    if (swap.stored || swap.current === undefined) continue
    const other = swap.current
    if (!await mirrorsAgree(context, memory, mirror, other)) {
      return memory.misbehaved === undefined ? { code: "STATE_UNSAFE", message: `two processes read different notices of ${key.name}, which its heads do not explain` } : undefined
    }
    // The other process saw more: its notices are judged, too.
    if (other.entries.length > mirror.entries.length) memory.mirror = other
  }
  return { code: "DISK", message: `the notices of ${key.name} could not be stored: other processes changed them ${SWAP_ATTEMPTS_MAX} times meanwhile` }
}
