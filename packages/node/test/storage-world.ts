import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { chmodSync, cpSync, mkdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type ObjectProxy, type PostgresServer, startObjectProxy, startPostgres } from "@vouchsafe/testkit"

const BUCKET = "vouchsafe-node"
/** The server's own, fixed account. */
const ACCOUNT = "S3RVER"
const SERVER = fileURLToPath(new URL("../../storage/test/support/s3-server.mjs", import.meta.url))

/** A database and a bucket that run. */
export interface StorageWorld {
  readonly postgres: PostgresServer
  readonly objects: ObjectProxy
  /** Where anybody reads the bucket, with a trailing slash. */
  readonly bucketUrl: string
  /** `storage` of a configuration, without the password. */
  storage(schema: string): string
  /** `objects` of a configuration. */
  objectsAt(prefix: string): string
  /** What the addresses leave out. */
  readonly env: Record<string, string>
  close(): Promise<void>
}

export async function openStorageWorld(): Promise<StorageWorld> {
  const directory = await mkdtemp(join(tmpdir(), "vs-node-objects-"))
  const child = spawn(process.execPath, [SERVER, directory, BUCKET], { stdio: ["pipe", "pipe", "inherit"] })
  const [said] = await once(child.stdout, "data") as [Buffer]
  // The store itself does not honour conditional writes; the proxy does.
  const objects = await startObjectProxy(Number(said.toString("utf8")), true)
  const postgres = await startPostgres()
  return {
    postgres, objects, bucketUrl: `http://127.0.0.1:${objects.port}/${BUCKET}/`,
    storage: (schema) => postgres.address(schema).replace(`:${postgres.password}@`, "@"),
    objectsAt: (prefix) => `s3://${BUCKET}/${prefix}?endpoint=http://127.0.0.1:${objects.port}`,
    env: { PGPASSWORD: postgres.password, AWS_ACCESS_KEY_ID: ACCOUNT, AWS_SECRET_ACCESS_KEY: ACCOUNT },
    async close() {
      await postgres.stop()
      await objects.close()
      child.stdin.end()
      await once(child, "exit")
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A second data folder with the keys of the first: what a standby is given. */
export function withKeysOf(data: string, other: string): string {
  mkdirSync(join(other, "keys"), { recursive: true, mode: 0o700 })
  chmodSync(other, 0o700)
  cpSync(join(data, "keys"), join(other, "keys"), { recursive: true })
  chmodSync(join(other, "keys"), 0o700)
  return other
}
