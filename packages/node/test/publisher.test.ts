import { VouchsafeError } from "@vouchsafe/core"
import type { LogFile, SignedHead } from "@vouchsafe/ports"
import type { PublishedEdge } from "@vouchsafe/storage"
import { expect, test } from "vitest"
import { PARTIALS_KEPT_MS, PUBLISH_PACE_MS, PUBLISH_RETRY_MS } from "../src/storage/limits.ts"
import { createPublisher } from "../src/storage/publisher.ts"
import { manualTime } from "./support.ts"

const headOf = (size: number): SignedHead => ({ size, root: new Uint8Array(32), text: `log\n${size}\n` })

/** A bucket in memory that can fail, and a log that only has a size. */
function world(there: readonly string[] = []) {
  const time = manualTime()
  const lines: string[] = []
  const bucket = { partials: new Set(there), size: -1, published: [] as number[], fails: false }
  const state = { size: 0, serves: true }
  const edge: PublishedEdge = {
    pathsOf: (size) => [`tile/0/000.p/${size}`],
    checkpoint: async () => headOf(bucket.size),
    async publish({ size }, partials: readonly LogFile[]) {
      if (bucket.fails) throw new VouchsafeError("UNREACHABLE", "no bucket")
      for (const { path } of partials) bucket.partials.add(path)
      bucket.published.push(size)
      if (bucket.size > size) return false
      bucket.size = size
      return true
    },
    partials: async () => [...bucket.partials],
    async remove(paths) {
      for (const path of paths) bucket.partials.delete(path)
    },
  }
  const logger = { debug: () => undefined, info: () => undefined, warn: (_: object, message: string) => void lines.push(message), error: () => undefined }
  const log = { cosigned: () => undefined, head: () => headOf(state.size), serve: async () => ({ status: state.serves ? 200 as const : 404 as const, body: new Uint8Array(1), contentType: "", immutable: true }) }
  const publisher = createPublisher({ name: "log", log, edge, clock: time.clock, timers: time.timers, logger })
  return { time, bucket, state, publisher, lines }
}

test("the newest checkpoint goes out at once, the next one when its time has come, and one that is known not at all", async () => {
  const { time, bucket, state, publisher } = world()
  await time.advance(0)
  expect(bucket.published).toEqual([0])
  for (state.size = 1; state.size < 5; state.size++) publisher.request()
  await time.advance(PUBLISH_PACE_MS - 1)
  expect(bucket.published).toEqual([0])
  await time.advance(1)
  expect(bucket.published).toEqual([0, 5])
  publisher.request()
  await time.advance(PUBLISH_PACE_MS * 2)
  expect(bucket.published).toEqual([0, 5])
  state.size = 6
  await publisher.stop()
  expect(bucket.published).toEqual([0, 5, 6])
  state.size = 7
  publisher.request()
  await time.advance(PUBLISH_PACE_MS * 2)
  expect([bucket.published, time.pending()]).toEqual([[0, 5, 6], 0])
})

test("partial tiles of former heads, also those of a process before, are removed when nobody needs them any more; the current ones never", async () => {
  const { time, bucket, state, publisher } = world(["tile/0/000.p/99"])
  await time.advance(0)
  state.size = 3
  publisher.request()
  await time.advance(PUBLISH_PACE_MS)
  expect([...bucket.partials].sort()).toEqual(["tile/0/000.p/0", "tile/0/000.p/3", "tile/0/000.p/99"])
  await time.advance(PARTIALS_KEPT_MS)
  state.size = 4
  publisher.request()
  await time.advance(PUBLISH_PACE_MS)
  expect([...bucket.partials].sort()).toEqual(["tile/0/000.p/3", "tile/0/000.p/4"])
  await publisher.stop()
})

test("a bucket that fails is tried again, later and later, and not waited for at the end", async () => {
  const { time, bucket, state, publisher, lines } = world()
  await time.advance(0)
  bucket.fails = true
  state.size = 2
  publisher.request()
  await time.advance(PUBLISH_PACE_MS)
  expect(lines).toEqual(["the bucket's checkpoint could not be replaced"])
  await time.advance(PUBLISH_RETRY_MS.first)
  await time.advance(PUBLISH_RETRY_MS.first * 2)
  expect(lines).toHaveLength(3)
  bucket.fails = false
  await time.advance(PUBLISH_RETRY_MS.longest)
  expect(bucket.published).toEqual([0, 2])
  bucket.fails = true
  state.size = 3
  publisher.request()
  await time.advance(PUBLISH_PACE_MS)
  const before = lines.length
  await publisher.stop()
  expect([lines.length, bucket.size]).toEqual([before, 2])
})

test("a tile that the log does not serve publishes nothing; a bucket that is ahead is said", async () => {
  const { time, bucket, state, publisher, lines } = world()
  bucket.size = 9
  await time.advance(0)
  expect(lines).toEqual(["the bucket holds a larger checkpoint than this node's"])
  state.size = 1
  state.serves = false
  publisher.request()
  await time.advance(PUBLISH_PACE_MS)
  expect([bucket.published, lines.length]).toEqual([[0], 2])
  await publisher.stop()
})
