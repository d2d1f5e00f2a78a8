import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type ObjectProxy, type PostgresServer, startObjectProxy, startPostgres } from "@vouchsafe/testkit"
import { afterAll, beforeAll } from "vitest"
import { type ObjectsClientOptions, parseObjectsAddress } from "../../src/index.ts"

export const BUCKET = "vouchsafe-logs"
/** The server's own, fixed account. */
export const CREDENTIALS = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" }

/** An object store that runs, behind a proxy that honours conditional writes, which the server itself does not. */
export interface ObjectStore {
  readonly proxy: ObjectProxy
  /** The server itself. */
  readonly port: number
  stop(): Promise<void>
}

export async function startObjectStore(): Promise<ObjectStore> {
  const directory = await mkdtemp(join(tmpdir(), "vouchsafe-objects-"))
  const child = spawn(process.execPath, [fileURLToPath(new URL("s3-server.mjs", import.meta.url)), directory, BUCKET], { stdio: ["pipe", "pipe", "inherit"] })
  const [said] = await once(child.stdout, "data") as [Buffer]
  const port = Number(said.toString("utf8"))
  const proxy = await startObjectProxy(port, true)
  return {
    proxy, port,
    async stop() {
      await proxy.close()
      child.stdin.end()
      await once(child, "exit")
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export function objectsText(port: number, prefix: string, more = ""): string {
  return `s3://${BUCKET}/${prefix}?endpoint=http://127.0.0.1:${port}${more}`
}

export function objectsAt(port: number, prefix: string, more = ""): ObjectsClientOptions {
  // Without waiting: what fails once works at once.
  return { address: parseObjectsAddress(objectsText(port, prefix, more)), credentials: CREDENTIALS, pause: async () => undefined }
}

let count = 0
/** A name that no other test of this run uses. */
export function newName(): string {
  return `t${process.pid}_${++count}`
}

/** A PostgreSQL server for the tests of one file. */
export function postgresForTests(): () => PostgresServer {
  let server: PostgresServer | undefined
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())
  return () => server as PostgresServer
}

/** An object store for the tests of one file. */
export function objectsForTests(): () => ObjectStore {
  let store: ObjectStore | undefined
  beforeAll(async () => {
    store = await startObjectStore()
  })
  afterAll(() => store?.stop())
  return () => store as ObjectStore
}
