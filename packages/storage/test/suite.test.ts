import { logSnapshotsCases, logStorageCases, witnessStoreCases } from "@vouchsafe/testkit"
import { describe, test } from "vitest"
import { openPostgresWitnessStore, parsePostgresAddress } from "../src/index.ts"
import { closedAfterwards, driversOf } from "./support/places.ts"
import { newName, objectsForTests, postgresForTests } from "./support/servers.ts"

const postgres = postgresForTests()
const objects = objectsForTests()

describe.each(driversOf(postgres, objects))("log storage: $driver", ({ newPlace }) => {
  test.each(logStorageCases)("$name", async ({ run }) => {
    await run(newPlace())
  })

  test.each(logSnapshotsCases)("snapshots: $name", async ({ run }) => {
    const place = newPlace()
    // Readers create nothing.
    await (await place.open()).close()
    await run(place)
  })
})

test.each(witnessStoreCases)("witness store: PostgreSQL: $name", async ({ run }) => {
  const address = parsePostgresAddress(postgres().address(newName()), {})
  await run({ open: async () => closedAfterwards(await openPostgresWitnessStore({ address })) })
})
