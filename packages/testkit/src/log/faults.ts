/**
 * Writes that fail: lost, kept though reported failed, or half of each.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { LogStorage } from "@vouchsafe/ports"

/** `lost`: nothing was written. `kept`: all was written, and the caller hears of a failure. `torn`: of several files, half were written. */
export type Fault = "lost" | "kept" | "torn"

export const FAULTS: readonly Fault[] = ["lost", "kept", "torn"]

/** A storage one of whose writes fails. */
export interface FailingLogStorage {
  readonly storage: LogStorage
  /** Writes so far, by name. The one that fails is the last of those up to it. */
  readonly writes: readonly string[]
}

/**
 * Wraps a storage so that write number `failAt` (from 1; 0: none) fails. Later writes reach the storage: a log that stopped makes none.
 *
 * @param onWrite - called before and after each write, so that a process can end there
 */
export function failingLogStorage(inner: LogStorage, failAt: number, fault: Fault, onWrite: (moment: string) => void = () => undefined): FailingLogStorage {
  const writes: string[] = []

  const write = async (name: string, whole: () => Promise<void>, half: () => Promise<void>): Promise<void> => {
    writes.push(name)
    const fails = writes.length === failAt
    onWrite(`before ${name}`)
    if (!fails || fault === "kept") await whole()
    else if (fault === "torn") await half()
    onWrite(`after ${name}`)
    if (fails) throw new VouchsafeError("DISK", `injected: ${name} ${fault}`)
  }
  const nothing = async (): Promise<void> => undefined

  return {
    writes,
    storage: {
      ...inner,
      stage: (batch) => write("stage", () => inner.stage(batch), nothing),
      putFiles: (files) => write("putFiles", () => inner.putFiles(files), () => inner.putFiles(files.slice(0, Math.floor(files.length / 2)))),
      putSigned: (expectedSize, head, retainFrom) => write("putSigned", () => inner.putSigned(expectedSize, head, retainFrom), nothing),
      putCosigned: (head) => write("putCosigned", () => inner.putCosigned(head), nothing),
    },
  }
}
