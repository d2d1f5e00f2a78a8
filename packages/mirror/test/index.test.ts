import { expect, test } from "vitest"
import * as mirror from "../src/index.ts"

test("what this package exports", () => {
  expect(Object.keys(mirror).sort()).toEqual([
    "BUNDLE_BYTES_MAX", "CHECKPOINT_BYTES_MAX", "DISK_RESERVE_BYTES", "FLUSH_BYTES", "FLUSH_FILES", "IN_FLIGHT_BYTES", "MIRROR_ENTRIES_MAX", "NOTED_MS", "PARALLEL_MAX", "READER_CACHE_BYTES", "REQUEST_MS_MAX",
    "RETRY_MS", "ROUNDS_CONCURRENT_MAX", "ROUND_JITTER", "ROUND_MS", "SOURCE_MS_MAX", "TILES_HELD_MAX", "TILE_BYTES_MAX", "keepMirrors", "mirrorName", "openMirror",
  ])
})
