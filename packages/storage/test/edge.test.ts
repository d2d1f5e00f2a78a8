import { entriesPath, equalBytes, formatEntryBundle, KEY_TYPE, leafHash, openCheckpoint, parseEntryBundle, rootOfLeaves, signerFromSeed, TILE_WIDTH, tilePath, tilesForSize, utf8Encode } from "@vouchsafe/core"
import type { Log, LogFile } from "@vouchsafe/ports"
import { fastCrypto, OBJECT_FAULTS, refuses } from "@vouchsafe/testkit"
import { expect, test } from "vitest"
import { openPostgresRecords, openPublishedEdge, parsePostgresAddress, partialPaths, type PublishedEdge } from "../src/index.ts"
import { entriesOf, expectClean, openOn, openSoon, signer } from "./support/history.ts"
import { ORIGIN, type Place, placeOf } from "./support/places.ts"
import { BUCKET, newName, objectsAt, objectsForTests, postgresForTests } from "./support/servers.ts"

const postgres = postgresForTests()
const objects = objectsForTests()
const owner = { verifier: signer.verifier, crypto: fastCrypto }

interface Bucket {
  readonly place: Place
  readonly edge: PublishedEdge
  /** One that gives up at once. */
  readonly hasty: PublishedEdge
  /** As anybody reads it: no credentials, one GET. */
  get(path: string): Promise<Uint8Array | undefined>
}

/** Milliseconds after which a request counts as failed where that is wanted. */
const HASTY_MS = 400

function newBucket(): Bucket {
  const prefix = newName()
  const client = objectsAt(objects().proxy.port, prefix)
  return {
    place: placeOf({ postgres: parsePostgresAddress(postgres().address(newName()), {}), log: ORIGIN, files: { objects: client, folder: "log" } }),
    edge: openPublishedEdge({ ...client, folder: "log/" }, owner),
    hasty: openPublishedEdge({ ...client, folder: "log/", attemptsMax: 1, timeoutMs: HASTY_MS }, owner),
    async get(path) {
      const answer = await fetch(`http://127.0.0.1:${objects().port}/${BUCKET}/${prefix}/log/${path}`)
      return answer.status === 200 ? new Uint8Array(await answer.arrayBuffer()) : undefined
    },
  }
}

function partialsOf(log: Log): Promise<LogFile[]> {
  return Promise.all(partialPaths(log.size).map(async (path) => ({ path, bytes: (await log.serve(path)).body })))
}

/** A reader of the bucket alone: every entry under the checkpoint, and every hash tile. @returns the size. */
async function verifyBucket({ get }: Bucket): Promise<number> {
  const need = async (path: string): Promise<Uint8Array> => {
    const bytes = await get(path)
    if (bytes === undefined) throw new Error(`${path} is not in the bucket`)
    return bytes
  }
  const { size, root } = openCheckpoint(fastCrypto, new TextDecoder().decode(await need("checkpoint")), signer.verifier).checkpoint
  const places = tilesForSize(size)
  const bundles = await Promise.all(Array.from({ length: Math.ceil(size / TILE_WIDTH) }, async (_, i) => {
    const width = Math.min(TILE_WIDTH, size - i * TILE_WIDTH)
    return parseEntryBundle(await need(entriesPath(i, width)), width)
  }))
  expect(equalBytes(rootOfLeaves(fastCrypto, bundles.flat().map((entry) => leafHash(fastCrypto, entry))), root)).toBe(true)
  for (const { level, index, width } of places) await need(tilePath(level, index, width))
  return size
}

test("a bucket alone is a log: tiles first, then the checkpoint; fsck does not mistake its edge for damage", async () => {
  const bucket = newBucket()
  const log = await openOn(await bucket.place.open())
  for (const count of [3, 253, 300, 1]) {
    await log.append(entriesOf(log.size, count))
    objects().proxy.failAt(0, "lost")
    expect(await bucket.edge.publish(log.head(), await partialsOf(log))).toBe(true)
    const written = objects().proxy.requests.filter((line) => line.startsWith("PUT")).map((line) => line.slice(line.lastIndexOf("/log/") + "/log/".length))
    expect([written.at(-1), written.filter((path) => path === "checkpoint").length, written.slice(0, -1).every((path) => path.includes(".p/"))]).toEqual(["checkpoint", 1, true])
    expect(await verifyBucket(bucket)).toBe(log.size)
  }
  const answer = await fetch(`http://127.0.0.1:${objects().port}/${BUCKET}/${bucket.place.options.files && "objects" in bucket.place.options.files ? bucket.place.options.files.objects.address.prefix : ""}log/checkpoint`)
  expect([answer.headers.get("cache-control"), answer.headers.get("content-type")]).toEqual(["public, max-age=5", "text/plain; charset=utf-8"])
  await log.close()
  await expectClean(bucket.place)
  const old = (await bucket.edge.partials()).filter((path) => path.includes(".p/3"))
  expect(old).toContain("tile/0/000.p/3")
  await bucket.edge.remove(old)
  expect((await bucket.edge.partials()).filter((path) => old.includes(path))).toEqual([])
  expect(await verifyBucket(bucket)).toBe(557)
})

test("a replaced sequencer that comes late leaves the larger checkpoint; what the log did not sign counts for nothing", async () => {
  const bucket = newBucket()
  const log = await openOn(await bucket.place.open())
  await log.append(entriesOf(0, 3))
  const [small, smallTiles] = [log.head(), await partialsOf(log)]
  await log.append(entriesOf(3, 4))
  const large = log.head()
  await bucket.edge.publish(large, await partialsOf(log))
  expect(await bucket.edge.publish(small, smallTiles)).toBe(false)
  expect(await bucket.edge.checkpoint()).toEqual(large)
  expect(await verifyBucket(bucket)).toBe(7)
  // Somebody with write access to the bucket can hold it up for a while, and no more.
  const client = objectsAt(objects().proxy.port, "x")
  const files = bucket.place.options.files
  if (!("objects" in files)) throw new Error("no objects")
  const other = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(2))
  const stranger = openPublishedEdge({ ...client, address: files.objects.address, folder: "log/" }, { verifier: other.verifier, crypto: fastCrypto })
  await stranger.publish({ ...large, text: large.text.replace("\n7\n", "\n9\n") }, [])
  expect(await bucket.edge.checkpoint()).toBe(undefined)
  expect(await bucket.edge.publish(large, await partialsOf(log))).toBe(true)
  expect(await verifyBucket(bucket)).toBe(7)
  await log.close()
})

test("other bytes at a partial tile's path stop the publishing, and the checkpoint stays", async () => {
  const bucket = newBucket()
  const log = await openOn(await bucket.place.open())
  await log.append(entriesOf(0, 3))
  const tiles = await partialsOf(log)
  await bucket.edge.publish({ ...log.head() }, [{ path: "tile/entries/000.p/5", bytes: formatEntryBundle([utf8Encode("another history")]) }])
  await log.append(entriesOf(3, 2))
  await refuses(() => partialsOf(log).then((next) => bucket.edge.publish(log.head(), next)), "LOG_BROKEN")
  expect((await bucket.edge.checkpoint())?.size).toBe(3)
  expect(tiles.length).toBe(2)
  await expect(bucket.edge.publish(log.head(), [{ path: "tile/0/000", bytes: new Uint8Array(8192) }])).rejects.toThrow("no partial tile")
  await log.close()
})

test.each(OBJECT_FAULTS)("every request of a publishing fails once (%s): what the bucket then shows is whole, the former or the new", async (fault) => {
  const bucket = newBucket()
  const log = await openOn(await bucket.place.open())
  await log.append(entriesOf(0, 3))
  await bucket.edge.publish(log.head(), await partialsOf(log))
  for (let failing = 1; failing <= 8; failing++) {
    await log.append(entriesOf(log.size, 2))
    objects().proxy.failAt(failing, fault)
    await bucket.hasty.publish(log.head(), await partialsOf(log)).catch((error: unknown) => expect(error).toMatchObject({ name: "VouchsafeError" }))
    objects().proxy.failAt(0, fault)
    const size = await verifyBucket(bucket)
    expect([log.size, log.size - 2]).toContain(size)
    expect(await bucket.edge.publish(log.head(), await partialsOf(log))).toBe(true)
    expect(await verifyBucket(bucket)).toBe(log.size)
  }
  await log.close()
  const storage = await openSoon(bucket.place)
  await storage.close()
})

test("who loses the log is told once", async () => {
  const address = parsePostgresAddress(postgres().address(newName()), {})
  const lost: string[] = []
  let tick = (): void => undefined
  let heard = (): void => undefined
  const told = new Promise<void>((resolve) => { heard = resolve })
  // A lease of a millisecond is over when the next one comes.
  const first = await openPostgresRecords({ address, log: ORIGIN, leaseMs: 1, limits: { idleMs: 10_000 }, repeat: (work) => {
    tick = work
    return () => undefined
  }, onLost: ({ code }) => {
    lost.push(code)
    heard()
  } })
  const second = await openPostgresRecords({ address, log: ORIGIN, leaseMs: 60_000, limits: { idleMs: 10_000 } })
  tick()
  await told
  tick()
  expect(lost).toEqual([expect.stringMatching(/^(?:UNREACHABLE|STATE_UNSAFE)$/)])
  await first.close()
  await second.close()
})
