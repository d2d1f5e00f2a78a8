/**
 * What a build prints, kept in a bounded file and read while it grows.
 *
 * @packageDocumentation
 */
import { appendFileSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from "node:fs"
import { join } from "node:path"
import { BUILD_LOG_BYTES_MAX, BUILD_LOG_PIECE_BYTES } from "../limits.ts"

/** Logs of builds by id. */
export interface BuildLogs {
  /** Adds text; what is over the limit is left out, and one line says so. Never throws: what the disk does not take is left out from there on, and told once. */
  write(id: string, text: string): void
  /** The next bytes from `from` on; empty at the end. */
  read(id: string, from: number): Uint8Array
  /** Calls `listener` whenever something was added to a log or its build ended. */
  watch(id: string, listener: () => void): () => void
  /** Tells readers that a build ended. */
  ended(id: string): void
  remove(id: string): void
}

const END_OF_LOG = "\n[the rest of this log is left out: it is over the limit]\n"

/** @see BuildLogs */
export function createBuildLogs(folder: string, onLost: (id: string, cause: unknown) => void, bytesMax = BUILD_LOG_BYTES_MAX): BuildLogs {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const listeners = new Map<string, Set<() => void>>()
  const sizes = new Map<string, number>()
  const cut = new Set<string>()
  const pathOf = (id: string): string => join(folder, `${id}.log`)
  const tell = (id: string): void => {
    for (const listener of listeners.get(id) ?? []) listener()
  }
  return {
    write(id, text) {
      if (cut.has(id)) return
      const size = sizes.get(id) ?? sizeOf(pathOf(id))
      if (size >= bytesMax) return
      const bytes = Buffer.from(text, "utf8")
      const isLast = size + bytes.length >= bytesMax
      const part = isLast ? Buffer.concat([bytes.subarray(0, bytesMax - size), Buffer.from(END_OF_LOG)]) : bytes
      try {
        appendFileSync(pathOf(id), part, { mode: 0o600 })
      } catch (cause) {
        // It comes from a listener of the build's output: thrown there it would be caught by nobody. A build goes on without its log.
        cut.add(id)
        onLost(id, cause)
        return
      }
      sizes.set(id, size + part.length)
      tell(id)
    },
    read: (id, from) => readFrom(pathOf(id), from),
    watch(id, listener) {
      const set = listeners.get(id) ?? new Set()
      listeners.set(id, set.add(listener))
      return () => {
        set.delete(listener)
        if (set.size === 0) listeners.delete(id)
      }
    },
    ended(id) {
      sizes.delete(id)
      tell(id)
    },
    remove(id) {
      sizes.delete(id)
      cut.delete(id)
      rmSync(pathOf(id), { force: true })
    },
  }
}

function sizeOf(path: string): number {
  if (!existsSync(path)) return 0
  const file = openSync(path, "r")
  try {
    return fstatSync(file).size
  } finally {
    closeSync(file)
  }
}

function readFrom(path: string, from: number): Uint8Array {
  if (!existsSync(path)) return new Uint8Array()
  const file = openSync(path, "r")
  try {
    const buffer = Buffer.alloc(Math.max(0, Math.min(BUILD_LOG_PIECE_BYTES, fstatSync(file).size - from)))
    const count = buffer.length === 0 ? 0 : readSync(file, buffer, 0, buffer.length, from)
    return buffer.subarray(0, count)
  } finally {
    closeSync(file)
  }
}
