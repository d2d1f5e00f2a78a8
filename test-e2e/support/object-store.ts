import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { type ObjectProxy, startObjectProxy } from "@vouchsafe/testkit"
import { ROOT } from "./folders.ts"

/** An S3-compatible store that runs, with one bucket that everybody may read. */
export interface ObjectStore {
  readonly port: number
  /** Of its bucket, with a trailing slash. */
  readonly url: string
  stop(): Promise<void>
}

/** The server's own, fixed account: both its user and its password. */
export const OBJECTS_ACCOUNT = "S3RVER"

/** Starts the store that the drivers are tested with, behind a proxy that honours conditional writes, which the server itself does not. */
export async function startObjectStore(folder: string, bucket: string): Promise<ObjectStore> {
  const child = spawn(process.execPath, [join(ROOT, "packages/storage/test/support/s3-server.mjs"), folder, bucket], { stdio: ["pipe", "pipe", "inherit"] })
  const [said] = await once(child.stdout, "data") as [Buffer]
  const proxy: ObjectProxy = await startObjectProxy(Number(said.toString("utf8")), true)
  return {
    port: proxy.port, url: `http://127.0.0.1:${proxy.port}/${bucket}/`,
    async stop() {
      await proxy.close()
      child.stdin.end()
      await once(child, "exit")
    },
  }
}
