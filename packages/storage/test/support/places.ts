import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { LogSnapshots, LogStorage } from "@vouchsafe/ports"
import type { PostgresServer } from "@vouchsafe/testkit"
import { afterAll, afterEach } from "vitest"
import { openSharedSnapshots, openSharedStorage, parsePostgresAddress, type SharedStorageOptions } from "../../src/index.ts"
import { newName, objectsAt, type ObjectStore } from "./servers.ts"

export const ORIGIN = "log.example/npm"

/** A place of a log that can be opened again and again; what is open is closed after each test. */
export interface Place {
  readonly options: SharedStorageOptions
  open(): Promise<LogStorage>
  openSnapshots(): Promise<LogSnapshots>
}

const opened: { close(): Promise<void> }[] = []
const directories: string[] = []
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((one) => one.close()))
})
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "vouchsafe-storage-"))
  directories.push(directory)
  return join(directory, "log")
}

export function closedAfterwards<T extends { close(): Promise<void> }>(one: T): T {
  opened.push(one)
  return one
}

export function placeOf(options: SharedStorageOptions): Place {
  return {
    options,
    open: async () => closedAfterwards(await openSharedStorage(options)),
    openSnapshots: async () => closedAfterwards(await openSharedSnapshots(options)),
  }
}

/** The three ways of keeping a log beyond one machine. */
export function driversOf(postgres: () => PostgresServer, objects: () => ObjectStore) {
  const shared = () => ({ postgres: parsePostgresAddress(postgres().address(newName()), {}), log: ORIGIN })
  return [
    { driver: "PostgreSQL and files", newPlace: () => placeOf({ ...shared(), files: { directory: newDirectory() } }) },
    {
      driver: "PostgreSQL and S3",
      newPlace: () => placeOf({ ...shared(), files: { objects: objectsAt(objects().proxy.port, newName()), folder: "log" } }),
    },
    {
      driver: "PostgreSQL and S3 without conditional writes",
      newPlace: () => placeOf({ ...shared(), files: { objects: objectsAt(objects().port, newName(), "&conditional=emulated"), folder: "log" } }),
    },
  ]
}
