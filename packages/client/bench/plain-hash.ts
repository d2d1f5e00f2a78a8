/** Hashes every file of a folder's node_modules with as many threads as an audit takes, and nothing else: `node plain-hash.ts DIR`. */
import { hash } from "node:crypto"
import { type Dirent, readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"

const FILES_PER_BATCH = 512

if (isMainThread) {
  const root = join(process.argv[2] ?? "", "node_modules")
  const files: string[] = []
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }) as Dirent[]) {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile()) files.push(path)
    }
  }
  walk(root)
  const threads = Math.min(availableParallelism(), 8)
  let [next, digests] = [0, 0]
  await Promise.all(Array.from({ length: threads }, () => new Promise<void>((done) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: {} })
    const send = (): void => {
      const batch = files.slice(next, (next += FILES_PER_BATCH))
      if (batch.length === 0) void worker.terminate()
      else worker.postMessage(batch)
    }
    worker.on("message", (answers: readonly string[]) => {
      digests += answers.length
      send()
    })
    worker.on("exit", () => done())
    send()
  })))
  if (digests !== files.length) throw new Error(`${digests} of ${files.length} files were hashed`)
} else if (workerData !== null) parentPort?.on("message", (batch: readonly string[]) => parentPort?.postMessage(batch.map((path) => hash("sha256", readFileSync(path), "hex"))))
