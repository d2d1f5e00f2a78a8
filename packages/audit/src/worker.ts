/**
 * A thread that reads packages for an audit. Threads share out the places among themselves: the one that started them may be busy with verdicts.
 *
 * @packageDocumentation
 */
import { parentPort, workerData } from "node:worker_threads"
import { BATCH_PLACES } from "./limits.ts"
import { readPlace } from "./read-place.ts"
import type { Contents } from "./types.ts"

/** What all threads of an audit are given. */
export interface WorkerTask {
  readonly root: string
  readonly places: readonly { readonly path: string; readonly isArchive: boolean }[]
  /** Its one element, shared: index of the first place that no thread has taken. */
  readonly next: Int32Array
}

/** What a thread says of each place. */
export interface WorkerAnswer {
  /** Index of the place. */
  readonly id: number
  readonly contents: Omit<Contents, "files">
  /** `DiskFile`s as JSON: one text is handed over in a fraction of the time of many objects. */
  readonly files: string
}

const { root, places, next } = workerData as WorkerTask
for (let first = Atomics.add(next, 0, BATCH_PLACES); first < places.length; first = Atomics.add(next, 0, BATCH_PLACES)) {
  const answers: WorkerAnswer[] = []
  for (const [i, { path, isArchive }] of places.slice(first, first + BATCH_PLACES).entries()) {
    const { files, ...contents } = await readPlace(root, path, isArchive)
    answers.push({ id: first + i, contents, files: JSON.stringify(files) })
  }
  parentPort?.postMessage(answers)
}
