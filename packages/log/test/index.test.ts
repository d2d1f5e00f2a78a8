import { expect, test } from "vitest"
import * as log from "../src/index.ts"

test("the package exports this, and nothing else", () => {
  expect(Object.keys(log).sort()).toEqual([
    "BATCH_BYTES_MAX", "BATCH_ENTRIES_MAX", "BUNDLE_CACHE_BYTES_MAX", "BUNDLE_READS_MAX", "COSIGN_ANSWER_BYTES_MAX", "ENTRY_CACHE_BYTES_MAX", "INDICES_PER_KEY_MAX", "KEYS_PER_ENTRY_MAX",
    "KEY_BYTES_MAX", "PARALLEL_WRITES_MAX", "PICKED_BUNDLES_MAX", "PICKS_PER_BUNDLE_MAX", "QUEUE_BYTES_MAX", "QUEUE_ENTRIES_MAX", "TILE_CACHE_BYTES_MAX", "WITNESS_TIMEOUT_MS",
    "auditLog", "collectCosignatures", "fsck", "nodeDisk", "openLog", "openLogReader", "openSqliteStorage", "openTileFiles", "readTileFile",
  ])
})
