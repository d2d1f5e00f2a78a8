import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createMemoryWitnessDisk, refuses, witnessStoreCases } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { openSqliteWitnessStore } from "../src/index.ts"
import { newDirectory } from "./helpers.ts"

const DRIVERS = [
  { driver: "memory", newPlace: async () => createMemoryWitnessDisk() },
  {
    driver: "sqlite",
    async newPlace() {
      const file = join(await newDirectory(), "witness.sqlite")
      return { open: () => openSqliteWitnessStore(file) }
    },
  },
]

describe.each(DRIVERS)("witness store: $driver", ({ newPlace }) => {
  test.each(witnessStoreCases)("$name", async ({ run }) => {
    await run(await newPlace())
  })
})

describe("sqlite store", () => {
  test("a file that is no database, and one of another version, are refused", async () => {
    const file = join(await newDirectory(), "witness.sqlite")
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, "neither a database nor empty, but long enough to be read as one".repeat(50))
    await refuses(() => openSqliteWitnessStore(file), "DISK")

    const other = join(await newDirectory(), "witness.sqlite")
    await (await openSqliteWitnessStore(other)).close()
    const database = new DatabaseSync(other)
    database.exec("PRAGMA user_version=9")
    database.close()
    await refuses(() => openSqliteWitnessStore(other), "STATE_UNSAFE")
  })

  test("a closed store refuses", async () => {
    const store = await openSqliteWitnessStore(join(await newDirectory(), "witness.sqlite"))
    await store.close()
    await refuses(() => store.read("a".repeat(64)), "DISK")
  })
})
