/**
 * Collects the entries of many callers into batches, one batch in work at a time.
 *
 * @packageDocumentation
 */
import { ENTRY_BYTES_MAX, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { LogEntry } from "@vouchsafe/ports"
import {
  BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, KEY_BYTES_MAX, KEYS_PER_ENTRY_MAX, QUEUE_BYTES_MAX, QUEUE_ENTRIES_MAX,
} from "./limits.ts"

/** Limits of one sequencer; by default those of limits.ts. */
export interface SequencerLimits {
  readonly batchEntriesMax?: number | undefined
  readonly batchBytesMax?: number | undefined
  readonly queueEntriesMax?: number | undefined
  readonly queueBytesMax?: number | undefined
}

/** The queue before a log. Contract of `append`: see `Log` in ports. */
export interface Sequencer {
  readonly failure: VouchsafeError | undefined
  append(entries: readonly LogEntry[]): Promise<readonly { readonly index: number }[]>
  close(): Promise<void>
}

interface Call {
  readonly entries: readonly LogEntry[]
  readonly bytes: number
  readonly resolve: (indices: readonly { readonly index: number }[]) => void
  readonly reject: (error: VouchsafeError) => void
}

function refuseEntry({ bytes, keys }: LogEntry): void {
  if (bytes.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry has ${bytes.length} bytes, expected at most ${ENTRY_BYTES_MAX}`)
  if (keys.length > KEYS_PER_ENTRY_MAX) throw new RangeError(`an entry has ${keys.length} keys, expected at most ${KEYS_PER_ENTRY_MAX}`)
  for (const key of keys) {
    const length = utf8Encode(key).length
    if (length === 0 || length > KEY_BYTES_MAX || /\p{Cc}/u.test(key)) {
      throw new RangeError(`a key has ${length} bytes, expected 1 to ${KEY_BYTES_MAX} without control characters`)
    }
  }
}

/** Lets everybody who is about to append in this turn of the event loop do so first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/**
 * Makes the queue.
 *
 * @param commit - makes a batch durable and published, and gives the index of its first entry; once it rejects it is never called again
 */
export function createSequencer(commit: (entries: readonly LogEntry[]) => Promise<number>, limits: SequencerLimits = {}): Sequencer {
  const {
    batchEntriesMax = BATCH_ENTRIES_MAX, batchBytesMax = BATCH_BYTES_MAX, queueEntriesMax = QUEUE_ENTRIES_MAX, queueBytesMax = QUEUE_BYTES_MAX,
  } = limits
  let waiting: Call[] = []
  let waitingEntries = 0
  let waitingBytes = 0
  let running: Promise<void> | undefined
  let failure: VouchsafeError | undefined
  let closed = false

  const takeBatch = (): Call[] => {
    let count = 0
    let entries = 0
    let bytes = 0
    for (const call of waiting) {
      if (count > 0 && (entries + call.entries.length > batchEntriesMax || bytes + call.bytes > batchBytesMax)) break
      count++
      entries += call.entries.length
      bytes += call.bytes
    }
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    waitingEntries -= entries
    waitingBytes -= bytes
    return batch
  }

  const refuseAll = (error: VouchsafeError): void => {
    for (const call of waiting) call.reject(error)
    waiting = []
    waitingEntries = 0
    waitingBytes = 0
  }

  const runBatch = async (): Promise<void> => {
    const batch = takeBatch()
    // Closing may have refused all that waited.
    if (batch.length === 0) return
    try {
      let index = await commit(batch.flatMap(({ entries }) => entries))
      for (const call of batch) call.resolve(call.entries.map(() => ({ index: index++ })))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      failure = new VouchsafeError("LOG_BROKEN", `the log stopped: ${reason}; entries not yet acknowledged may be in it or not`, {
        hint: "open the log anew: that finishes or drops what was interrupted",
        cause,
      })
      for (const call of batch) call.reject(failure)
      refuseAll(failure)
    }
  }

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      await nextTurn()
      await runBatch()
    }
    running = undefined
  }

  const enqueue = (entries: readonly LogEntry[], bytes: number): Promise<readonly { readonly index: number }[]> =>
    new Promise((resolve, reject) => {
      waiting.push({ entries, bytes, resolve, reject })
      waitingEntries += entries.length
      waitingBytes += bytes
      running ??= run()
    })

  return {
    get failure() {
      return failure
    },
    async append(entries) {
      if (failure !== undefined) throw failure
      if (closed) throw new VouchsafeError("STATE_UNSAFE", "the log is closed")
      for (const entry of entries) refuseEntry(entry)
      const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
      if (entries.length > batchEntriesMax || bytes > batchBytesMax) {
        throw new RangeError(`${entries.length} entries of ${bytes} bytes at once, expected at most ${batchEntriesMax} of ${batchBytesMax}`)
      }
      if (entries.length === 0) return []
      if (waitingEntries + entries.length > queueEntriesMax || waitingBytes + bytes > queueBytesMax) {
        throw new VouchsafeError("TIMEOUT", `${waitingEntries} entries of ${waitingBytes} bytes already wait to be logged, expected at most ${queueEntriesMax} of ${queueBytesMax}`, {
          details: { waitingEntries, waitingBytes },
          hint: "nothing was stored; try again later",
        })
      }
      return enqueue(entries, bytes)
    },
    async close() {
      closed = true
      refuseAll(new VouchsafeError("STATE_UNSAFE", "the log was closed before these entries were stored"))
      await running
    },
  }
}
