import { type ErrorCode, KEY_TYPE, signerFromSeed, signNote, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { nodeDisk } from "@vouchsafe/log"
import type { HttpResponse, ServedFile } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { REQUEST_MS_MAX, SOURCE_MS_MAX } from "../src/index.ts"
import { expectSame, grow, mirrorOf, newDirectory, newLog, NOW_MS, ORIGIN, refuses, sharedLog, signer, sourceOf, type Tamper, transportTo, unreachable } from "./support.ts"

const answer = (status: number, body: Uint8Array = new Uint8Array(0)): HttpResponse => ({ status, headers: {}, body })
const at = (path: RegExp, change: (file: ServedFile) => ServedFile | HttpResponse): Tamper => async (asked, honest) => (path.test(asked) ? change(await honest()) : honest())
const withBody = (change: (body: Uint8Array) => Uint8Array) => (file: ServedFile): ServedFile => ({ ...file, body: change(Uint8Array.from(file.body)) })
const flipped = (place: number) => withBody((body) => {
  const i = place < 0 ? body.length + place : place
  body[i] = (body[i] as number) ^ 1
  return body
})
const text = (value: string): HttpResponse => answer(200, utf8Encode(value))
const stranger = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(9))
const root = `${"A".repeat(43)}=`

/** Trees with a full tile of level 1 are large; most rows need none. */
const LARGE = 66_300
/** One row is one way in which a source can fail, met by a copy of 700 entries when the log has 5,000, or more. */
const REFUSALS: readonly { name: string; tamper: Tamper; code: ErrorCode; says?: string; size?: number }[] = [
  { name: "nobody answers", tamper: unreachable, code: "UNREACHABLE" },
  { name: "no checkpoint", tamper: at(/^checkpoint$/, () => answer(404)), code: "NOT_FOUND" },
  { name: "a server that fails", tamper: at(/^checkpoint$/, () => answer(500)), code: "UPSTREAM_FAILED", says: "500" },
  { name: "a redirect", tamper: at(/^checkpoint$/, () => answer(302)), code: "UPSTREAM_FAILED", says: "302" },
  { name: "a checkpoint that is none", tamper: at(/^checkpoint$/, () => text("hello")), code: "NOTE_MALFORMED" },
  { name: "a checkpoint that is no text", tamper: at(/^checkpoint$/, () => answer(200, Uint8Array.of(0xff, 0xfe))), code: "UTF8_MALFORMED" },
  { name: "a checkpoint of another key", tamper: at(/^checkpoint$/, () => text(signNote(stranger, `${ORIGIN}\n5000\n${root}\n`))), code: "NOTE_UNVERIFIED" },
  { name: "a checkpoint with an extension", tamper: at(/^checkpoint$/, () => text(signNote(signer, `${ORIGIN}\n5000\n${root}\nmore\n`))), code: "CHECKPOINT_MALFORMED", says: "extension" },
  { name: "a checkpoint of another origin", tamper: at(/^checkpoint$/, () => text(signNote(signer, `other.example/log\n5000\n${root}\n`))), code: "CHECKPOINT_MALFORMED", says: "origin" },
  { name: "a changed checkpoint", tamper: at(/^checkpoint$/, flipped(16)), code: "NOTE_UNVERIFIED" },
  { name: "a checkpoint without end", tamper: at(/^checkpoint$/, () => answer(200, new Uint8Array(65 * 1024).fill(65))), code: "UPSTREAM_FAILED", says: "65536" },
  { name: "a root that no tile gives", tamper: at(/^checkpoint$/, () => text(signNote(signer, `${ORIGIN}\n5000\n${root}\n`))), code: "TILE_MALFORMED" },
  { name: "withheld hashes", tamper: at(/^tile\/1\//, () => answer(404)), code: "NOT_FOUND" },
  { name: "withheld entries", tamper: at(/^tile\/entries\/010$/, () => answer(404)), code: "NOT_FOUND", says: "tile/entries/010" },
  { name: "a withheld end", tamper: at(/^tile\/entries\/019/, () => answer(404)), code: "NOT_FOUND" },
  { name: "a truncated tile", tamper: at(/^tile\/1\/000$/, withBody((body) => body.subarray(0, -1))), code: "TILE_MALFORMED", says: "8191", size: LARGE },
  { name: "an oversized tile", tamper: at(/^tile\/1\/000$/, withBody((body) => new Uint8Array([...body, 0]))), code: "UPSTREAM_FAILED", says: "8192", size: LARGE },
  { name: "a changed tile", tamper: at(/^tile\/1\/000$/, flipped(-1)), code: "TILE_MALFORMED", size: LARGE },
  { name: "a changed partial tile", tamper: at(/^tile\/2\//, flipped(0)), code: "TILE_MALFORMED", size: LARGE },
  { name: "a truncated bundle", tamper: at(/^tile\/entries\/009$/, withBody((body) => body.subarray(0, -1))), code: "TILE_MALFORMED", says: "tile/entries/009" },
  { name: "a bundle with one entry less", tamper: at(/^tile\/entries\/009$/, withBody((body) => body.subarray(2 + (body[1] as number)))), code: "TILE_MALFORMED", says: "255 entries" },
  { name: "an empty bundle", tamper: at(/^tile\/entries\/009$/, withBody(() => new Uint8Array(0))), code: "TILE_MALFORMED" },
  { name: "an oversized bundle", tamper: at(/^tile\/entries\/009$/, () => answer(200, new Uint8Array(257 * 65_537))), code: "UPSTREAM_FAILED" },
  { name: "a changed entry", tamper: at(/^tile\/entries\/009$/, flipped(-1)), code: "TILE_MALFORMED", says: "tile/entries/009" },
  { name: "a changed entry at the end", tamper: at(/^tile\/entries\/019/, flipped(-1)), code: "TILE_MALFORMED" },
]

describe("a source that fails changes nothing, is named by a code, and may go on later", () => {
  test.each(REFUSALS)("$name: $code", async ({ tamper, code, says, size: logSize = 5_000 }) => {
    const [log, old] = [await sharedLog(logSize), await sharedLog(700)]
    const origin = sourceOf("origin", old)
    const mirror = await mirrorOf(await newDirectory(), [origin])
    await mirror.sync()
    origin.serve = (path) => log.serve(path)
    origin.tamper = tamper
    await refuses(() => mirror.sync(), code, says)
    expect(mirror.status()).toMatchObject({ size: 700, forked: false, failures: [{ source: "origin", code }] })
    await expectSame(mirror, old)
    expect((await mirror.serve("tile/entries/002")).status).toBe(404)
    origin.tamper = (_path, honest) => honest()
    // The sizes of a whole copy are another table's.
    origin.serve = (path) => (mirror.status().pendingSize === null ? old : log).serve(path)
    const size = mirror.status().pendingSize ?? 700
    expect(await mirror.sync()).toMatchObject({ size })
    expect(mirror.status()).toMatchObject({ size, pendingSize: null, failures: [] })
  })

  test("one flipped bit in any file, wherever: refused, or what is stored is the log", async () => {
    const log = await sharedLog(1300)
    const paths: string[] = []
    const listing = sourceOf("origin", log)
    await (await mirrorOf(await newDirectory(), [listing])).sync()
    paths.push(...new Set(listing.asked))
    let refused = 0
    for (const path of paths) {
      for (const place of [0, 1, 33, -1]) {
        const origin = sourceOf("origin", log)
        origin.tamper = at(new RegExp(`^${path.replaceAll(".", "\\.")}$`), flipped(place))
        const mirror = await mirrorOf(await newDirectory(), [origin])
        const outcome = await mirror.sync().catch((error: unknown) => error)
        if (outcome instanceof VouchsafeError) refused++
        else await expectSame(mirror, log)
        await mirror.close()
      }
    }
    // Nothing that is asked for is without a check; a signature line's name and last bits may be another key's, which is no fault.
    expect(refused).toBeGreaterThanOrEqual(paths.length * 4 - 2)
  })

  test("a source that is slow loses its turn, and what it brought is kept", async () => {
    const log = await sharedLog(36_000)
    const slow = sourceOf("slow", log)
    let nowMs = NOW_MS
    const timeouts: number[] = []
    const transport = transportTo([slow], (request) => {
      timeouts.push(request.timeoutMs)
      nowMs += 1_000
    })
    const directory = await newDirectory()
    const mirror = await mirrorOf(directory, [slow], { transport, clock: { nowMs: () => nowMs } })
    await refuses(() => mirror.sync(), "TIMEOUT")
    expect(timeouts.length).toBeLessThanOrEqual(SOURCE_MS_MAX / 1_000)
    expect(Math.max(...timeouts)).toBe(REQUEST_MS_MAX)
    expect(Math.min(...timeouts)).toBeLessThan(REQUEST_MS_MAX)
    expect(mirror.bundlesStored).toBeGreaterThan(80)
    expect(await mirror.sync()).toMatchObject({ size: 36_000 })
    await expectSame(mirror, log)
  })

  test("whoever ends a round ends it; what was brought is kept", async () => {
    const log = await sharedLog(36_000)
    const origin = sourceOf("origin", log)
    const stop = new AbortController()
    origin.tamper = async (path, honest) => {
      if (path === "tile/entries/100") stop.abort()
      return honest()
    }
    const mirror = await mirrorOf(await newDirectory(), [origin, origin])
    await refuses(() => mirror.sync(stop.signal), "TIMEOUT")
    expect(mirror.bundlesStored).toBeGreaterThan(50)
    expect(await mirror.sync()).toMatchObject({ size: 36_000 })
  })

  test("a log that claims more entries than a mirror takes", async () => {
    const log = await newLog(300)
    const mirror = await mirrorOf(await newDirectory(), [sourceOf("origin", log)], { entriesMax: 299 })
    await refuses(() => mirror.sync(), "UPSTREAM_FAILED", "299")
    expect(mirror.status()).toMatchObject({ size: null, pendingSize: null })
  })

  test("a partial tile that is gone is cut from the full one", async () => {
    const log = await newLog(300)
    const head = log.checkpoint()
    const small = await newLog(300)
    await grow(log, 700)
    const origin = sourceOf("origin", log)
    origin.tamper = async (path, honest) => {
      if (path === "checkpoint") return text(head)
      return path.includes(".p/") ? answer(404) : honest()
    }
    const mirror = await mirrorOf(await newDirectory(), [origin])
    // The level-1 tile of this tree is partial still, so it has to be there.
    await refuses(() => mirror.sync(), "NOT_FOUND", "tile/1/000")
    origin.tamper = async (path, honest) => {
      if (path === "checkpoint") return text(head)
      return path.startsWith("tile/entries/") && path.includes(".p/") ? answer(404) : honest()
    }
    await mirror.sync()
    await expectSame(mirror, small)
  })
})

describe("a disk that fails", () => {
  test("each write once, lost or kept: opened again, the copy is whole, and nothing that was shown is lost", async () => {
    const log = await newLog(900)
    const early = await newLog(300)
    for (const outcome of ["lost", "kept"] as const) {
      let isDone = false
      for (let failAt = 1; !isDone; failAt++) {
        const directory = await newDirectory()
        const first = await mirrorOf(directory, [sourceOf("origin", early)])
        await first.sync()
        await first.close()
        let count = 0
        const faulty = <A extends unknown[]>(work: (...given: A) => Promise<void>) => async (...given: A): Promise<void> => {
          const isIt = ++count === failAt
          if (!isIt || outcome === "kept") await work(...given)
          if (isIt) throw new Error("no space left")
        }
        const disk = { makeDirectory: faulty(nodeDisk.makeDirectory), writeNew: faulty(nodeDisk.writeNew), rename: faulty(nodeDisk.rename), remove: faulty(nodeDisk.remove), syncDirectory: faulty(nodeDisk.syncDirectory) }
        const attempt = await mirrorOf(directory, [sourceOf("origin", log)], { disk }).then(async (mirror) => {
          const result = await mirror.sync().catch((error: unknown) => error)
          await mirror.close()
          return result
        }, (error: unknown) => error)
        isDone = count < failAt
        if (!isDone) expect(attempt).toMatchObject({ code: "DISK" })
        const again = await mirrorOf(directory, [sourceOf("origin", log)])
        expect(again.head()?.size).toBe(isDone ? 900 : 300)
        await expectSame(again, isDone ? log : early)
        expect(await again.sync()).toMatchObject({ size: 900 })
        await expectSame(again, log)
        await again.close()
      }
    }
  })
})
