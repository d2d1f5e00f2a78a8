/**
 * Reads packages in several threads: reading and hashing small files is work of the processor, not of the disk.
 *
 * @packageDocumentation
 */
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { BATCH_PLACES, BATCHES_WAITING, INLINE_PLACES_MAX, WORKERS_MAX } from "./limits.ts"
import { readPlace } from "./read-place.ts"
import type { Contents, Place } from "./types.ts"
import type { WorkerTask } from "./worker.ts"

interface Answer {
  readonly id: number
  readonly contents: Contents
}

/**
 * Reads all places.
 * @param threads - how many; by default as many as the machine runs at once, at most 8; 0: none but this one
 * @returns contents in the order of the places. What cannot be read says so itself.
 */
export async function readPlaces(root: string, places: readonly Place[], threads = Math.min(availableParallelism(), WORKERS_MAX)): Promise<Contents[]> {
  const code = workerCode()
  if (threads < 1 || places.length <= INLINE_PLACES_MAX || code === undefined) {
    const contents: Contents[] = []
    for (const { path, layout } of places) contents.push(await readPlace(root, path, layout === "archive"))
    return contents
  }
  return inThreads(root, places, { code, threads })
}

/** The thread's code: beside this file, as source or as the bundle has it. */
function workerCode(): URL | undefined {
  const url = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./audit-worker.js", import.meta.url)
  return existsSync(fileURLToPath(url)) ? url : undefined
}

async function inThreads(root: string, places: readonly Place[], { code, threads }: { readonly code: URL; readonly threads: number }): Promise<Contents[]> {
  const contents: Contents[] = []
  let next = 0
  const take = (): WorkerTask | undefined => {
    const batch = places.slice(next, next + BATCH_PLACES).map(({ path, layout }, i) => ({ id: next + i, path, isArchive: layout === "archive" }))
    next += batch.length
    return batch.length === 0 ? undefined : { root, places: batch }
  }
  await Promise.all(Array.from({ length: threads }, () => new Promise<void>((resolve, reject) => {
    const worker = new Worker(code)
    let waiting = 0
    const send = (): void => {
      while (waiting < BATCHES_WAITING) {
        const task = take()
        if (task === undefined) break
        waiting += 1
        worker.postMessage(task)
      }
      if (waiting === 0) void worker.terminate()
    }
    worker.on("message", (answers: readonly Answer[]) => {
      waiting -= 1
      for (const { id, contents: read } of answers) contents[id] = read
      send()
    })
    worker.on("error", reject)
    worker.on("exit", () => resolve())
    send()
  })))
  if (contents.length !== places.length || contents.includes(undefined as unknown as Contents)) throw new Error("a thread ended before all packages were read")
  return contents
}
