/**
 * Reads packages in several threads: reading and hashing small files is work of the processor, not of the disk.
 *
 * @packageDocumentation
 */
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { INLINE_PLACES_MAX, WORKERS_MAX } from "./limits.ts"
import { readPlace } from "./read-place.ts"
import type { Contents, DiskFile, Place } from "./types.ts"
import type { WorkerAnswer, WorkerTask } from "./worker.ts"

export interface ReadOptions {
  /** How many; by default as many as the machine runs at once, at most 8; 0: none but this one. */
  readonly threads?: number | undefined
  /** Ends the reading. */
  readonly signal?: AbortSignal
}

/**
 * Reads all places.
 * @returns contents in the order of the places. What cannot be read says so itself.
 * @throws what `signal` was ended with.
 */
export async function readPlaces(root: string, places: readonly Place[], { threads = Math.min(availableParallelism(), WORKERS_MAX), signal }: ReadOptions = {}): Promise<Contents[]> {
  const code = workerCode()
  if (threads < 1 || places.length <= INLINE_PLACES_MAX || code === undefined) {
    const contents: Contents[] = []
    for (const { path, layout } of places) {
      signal?.throwIfAborted()
      contents.push(await readPlace(root, path, layout === "archive"))
    }
    return contents
  }
  return inThreads(root, places, { code, threads, signal })
}

/** The thread's code: beside this file, as source or as the bundle has it. */
function workerCode(): URL | undefined {
  const url = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./audit-worker.js", import.meta.url)
  return existsSync(fileURLToPath(url)) ? url : undefined
}

interface Crew {
  readonly code: URL
  readonly threads: number
  readonly signal: AbortSignal | undefined
}

async function inThreads(root: string, places: readonly Place[], { code, threads, signal }: Crew): Promise<Contents[]> {
  const contents: Contents[] = []
  const task: WorkerTask = { root, places: places.map(({ path, layout }) => ({ path, isArchive: layout === "archive" })), next: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) }
  signal?.throwIfAborted()
  await Promise.all(Array.from({ length: threads }, () => new Promise<void>((resolve, reject) => {
    const worker = new Worker(code, { workerData: task })
    const stop = (): void => void worker.terminate()
    signal?.addEventListener("abort", stop)
    worker.on("message", (answers: readonly WorkerAnswer[]) => {
      for (const { id, contents: read, files } of answers) contents[id] = unpacked(read, files)
    })
    worker.on("error", reject)
    worker.on("exit", () => {
      signal?.removeEventListener("abort", stop)
      resolve()
    })
  })))
  signal?.throwIfAborted()
  if (contents.length !== places.length || contents.includes(undefined as unknown as Contents)) throw new Error("a thread ended before all packages were read")
  return contents
}

/** Of a package that is as attested nobody asks for the files: they stay packed until somebody does. */
function unpacked(contents: WorkerAnswer["contents"], files: string): Contents {
  let read: readonly DiskFile[] | undefined
  return { ...contents, get files() { return (read ??= JSON.parse(files) as DiskFile[]) } }
}
