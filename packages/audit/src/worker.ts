/**
 * A thread that reads packages for an audit.
 *
 * @packageDocumentation
 */
import { parentPort } from "node:worker_threads"
import { readPlace } from "./read-place.ts"

/** What a thread is asked: numbers of places, and where they are. */
export interface WorkerTask {
  readonly root: string
  readonly places: readonly { readonly id: number; readonly path: string; readonly isArchive: boolean }[]
}

parentPort?.on("message", (task: WorkerTask) => {
  void (async () => {
    const results = []
    for (const { id, path, isArchive } of task.places) results.push({ id, contents: await readPlace(task.root, path, isArchive) })
    parentPort?.postMessage(results)
  })()
})
