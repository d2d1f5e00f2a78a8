import { formatMisbehavior, type MisbehaviorProof, parseMisbehavior, utf8Decode, verifyMisbehavior } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { mirrorName } from "../src/index.ts"
import { checkSigned, entriesOf, expectSame, grow, key, mirrorOf, newDirectory, newLog, refuses, sharedLog, signedHead, sourceOf, unreachable } from "./support.ts"

describe("copying", () => {
  test.each([0, 1, 255, 256, 257, 511, 512, 700, 65_536, 66_100])("%i entries are served byte for byte as the origin serves them", async (size) => {
    const log = await sharedLog(size)
    const mirror = await mirrorOf(await newDirectory(), [sourceOf("origin", log)])
    expect(await mirror.sync()).toEqual({ size, grewBy: size, source: "origin" })
    await expectSame(mirror, log)
  })

  test("steps of every kind: the copy follows, and fetches nothing twice but what is unfinished", async () => {
    const log = await newLog(3)
    const origin = sourceOf("origin", log)
    const mirror = await mirrorOf(await newDirectory(), [origin])
    let before = 0
    for (const size of [3, 4, 255, 256, 258, 600, 600, 1023, 1300]) {
      await grow(log, size)
      origin.asked.length = 0
      expect(await mirror.sync()).toMatchObject({ size, grewBy: size - before })
      for (const path of origin.asked) {
        const bundle = /^tile\/entries\/(\d+)$/.exec(path)?.[1]
        if (bundle !== undefined) expect((Number(bundle) + 1) * 256, path).toBeGreaterThan(before)
      }
      before = size
      await expectSame(mirror, log)
    }
  })

  test("opened again, it shows what was stored, and proves from it", async () => {
    const log = await newLog(700)
    const directory = await newDirectory()
    const first = await mirrorOf(directory, [sourceOf("origin", log)])
    await first.sync()
    await first.close()
    const again = await mirrorOf(directory, [])
    await expectSame(again, log)
    const reader = again.reader()
    expect(utf8Decode(await reader?.entry(699) as Uint8Array)).toBe("entry 699")
    expect(await reader?.proveInclusion(3, 700)).toEqual(await log.proveInclusion(3, 700))
    expect(await reader?.proveConsistency(300, 700)).toEqual(await log.proveConsistency(300, 700))
    await refuses(() => again.sync(), "UNREACHABLE")
  })

  test("one process has a copy; another key's copy is refused", async () => {
    const directory = await newDirectory()
    const log = await newLog(5)
    const mirror = await mirrorOf(directory, [sourceOf("origin", log)])
    await mirror.sync()
    await refuses(() => mirrorOf(directory, []), "STATE_UNSAFE")
  })

  test("the origin is down: others that have a copy are asked, in order", async () => {
    const log = await newLog(700)
    const down = sourceOf("down", log)
    down.tamper = unreachable
    const first = await mirrorOf(await newDirectory(), [sourceOf("origin", log)])
    await first.sync()
    const copy = sourceOf("copy", first)
    const late = sourceOf("late", log)
    const mirror = await mirrorOf(await newDirectory(), [down, copy, late])
    expect(await mirror.sync()).toMatchObject({ size: 700, source: "copy" })
    expect(late.asked).toEqual([])
    expect(mirror.status()).toMatchObject({ size: 700, forked: false, failures: [{ source: "down", code: "UNREACHABLE" }] })
    await expectSame(mirror, log)
  })

  test("a log has been seen when its origin shows a head, or a copy a new one; not when copies show the known one", async () => {
    const log = await newLog(10)
    const origin = sourceOf("origin", log)
    const copy = sourceOf("copy", log)
    let nowMs = 1_000_000
    const mirror = await mirrorOf(await newDirectory(), [origin, copy], { clock: { nowMs: () => nowMs } })
    const seenAfter = async (ms: number): Promise<number | null> => {
      nowMs = ms
      await mirror.sync()
      return mirror.status().seenMs
    }
    expect(mirror.status().seenMs).toBeNull()
    expect(await seenAfter(1_000_000)).toBe(1_000_000)
    expect(await seenAfter(2_000_000)).toBe(2_000_000)
    origin.tamper = unreachable
    expect(await seenAfter(3_000_000)).toBe(2_000_000)
    await grow(log, 11)
    expect(await seenAfter(4_000_000)).toBe(4_000_000)
    expect(await seenAfter(5_000_000)).toBe(4_000_000)
  })

  test("a source that breaks off is taken over by the next, which sends only what is missing", async () => {
    const log = await newLog(20_000)
    const broken = sourceOf("broken", log)
    let bundles = 0
    broken.tamper = async (path, honest) => {
      if (path.startsWith("tile/entries/") && ++bundles > 40) return { status: 503, headers: {}, body: new Uint8Array(0) }
      return honest()
    }
    const whole = sourceOf("whole", log)
    const mirror = await mirrorOf(await newDirectory(), [broken, whole])
    expect(await mirror.sync()).toMatchObject({ size: 20_000, source: "whole" })
    // 78 full bundles; the tail is asked of each.
    expect(whole.asked.filter((path) => /^tile\/entries\/\d+$/.test(path)).length).toBeLessThanOrEqual(78 - 30)
    await expectSame(mirror, log)
  })

  test("a note of the same head replaces the stored one only with newer cosignatures", async () => {
    const log = await newLog(10)
    const origin = sourceOf("origin", log)
    let time = 1000
    const mirror = await mirrorOf(await newDirectory(), [origin], { check: checkSigned(() => time) })
    await mirror.sync()
    for (const [next, kept] of [[900, 1000], [1100, 1100]] as const) {
      time = next
      await mirror.sync()
      expect(mirror.status().headTime).toBe(kept)
    }
  })

  test("the folder's name is tlog-mirror's", () => {
    expect(mirrorName(fastCrypto, "log.example/npm")).toBe("fe1fbfab712b1b80394685b6e517be6183439586819f5349f1a3bf52bc5e2d7c")
  })
})

describe("two histories", () => {
  const forks = [
    { name: "grown on from the fork", stored: 700, other: 900, from: 300 },
    { name: "of equal size", stored: 700, other: 700, from: 699 },
    { name: "smaller, and no prefix", stored: 700, other: 650, from: 100 },
    { name: "from a power of two", stored: 512, other: 600, from: 511 },
    { name: "from the first entry", stored: 1, other: 2, from: 0 },
    { name: "large", stored: 10_000, other: 10_300, from: 9_999 },
  ]
  test.each(forks)("$name: the proof stands alone, the old history stays, nothing more is taken", async ({ stored, other, from }) => {
    const log = await newLog(stored)
    const origin = sourceOf("origin", log)
    const directory = await newDirectory()
    const proofs: MisbehaviorProof[] = []
    const onProof = (proof: MisbehaviorProof): void => void proofs.push(proof)
    const mirror = await mirrorOf(directory, [origin], { onProof })
    await mirror.sync()
    const liar = await newLog(other, " again", from)
    origin.serve = (path) => liar.serve(path)
    await refuses(() => mirror.sync(), "LOG_FORKED")
    expect(proofs).toHaveLength(1)
    const proof = parseMisbehavior(formatMisbehavior(proofs[0] as MisbehaviorProof))
    expect(verifyMisbehavior(fastCrypto, proof, key)).toBe(true)
    await expectSame(mirror, log)
    expect(mirror.status()).toMatchObject({ size: stored, forked: true })
    origin.serve = (path) => log.serve(path)
    origin.asked.length = 0
    await refuses(() => mirror.sync(), "LOG_FORKED")
    expect(origin.asked).toEqual([])
    await mirror.close()
    const again = await mirrorOf(directory, [origin], { onProof })
    expect(proofs).toHaveLength(2)
    expect(again.proof()).toEqual(proof)
    await expectSame(again, log)
  })

  test("a head without a quorum convicts too, and is stored never", async () => {
    const log = await newLog(300)
    const origin = sourceOf("origin", log)
    let isCosigned = true
    const check: ReturnType<typeof checkSigned> = (signed) => (isCosigned ? checkSigned()(signed) : { ok: false, reason: "no-quorum", message: "too few" })
    const mirror = await mirrorOf(await newDirectory(), [origin], { check })
    await mirror.sync()
    isCosigned = false
    await grow(log, 310)
    await refuses(() => mirror.sync(), "NOTE_UNVERIFIED", "too few")
    expect(mirror.head()?.size).toBe(300)
    const liar = await newLog(320, " again", 299)
    origin.serve = (path) => liar.serve(path)
    await refuses(() => mirror.sync(), "LOG_FORKED")
  })

  test("a fork between a pending head and the next is proven after a restart", async () => {
    const log = await newLog(20_000)
    const origin = sourceOf("origin", log)
    const directory = await newDirectory()
    const mirror = await mirrorOf(directory, [origin])
    origin.tamper = async (path, honest) => (path === "tile/entries/070" ? { status: 404, headers: {}, body: new Uint8Array(0) } : honest())
    await refuses(() => mirror.sync(), "NOT_FOUND")
    expect(mirror.status()).toMatchObject({ size: null, pendingSize: 20_000 })
    await mirror.close()
    const liar = await newLog(20_500, " again", 19_000)
    const proofs: MisbehaviorProof[] = []
    const again = await mirrorOf(directory, [sourceOf("liar", liar)], { onProof: (proof) => void proofs.push(proof) })
    await refuses(() => again.sync(), "LOG_FORKED")
    expect(verifyMisbehavior(fastCrypto, proofs[0] as MisbehaviorProof, key)).toBe(true)
  })

  test("heads that others show are compared with the copy", async () => {
    const log = await newLog(300)
    const mirror = await mirrorOf(await newDirectory(), [sourceOf("origin", log)])
    await mirror.sync()
    const early = await newLog(200)
    const liar = await newLog(250, " again", 10)
    const late = await newLog(301)
    expect(await mirror.compare(early.checkpoint())).toBe("consistent")
    expect(await mirror.compare(late.checkpoint())).toBe("unknown")
    expect(verifyMisbehavior(fastCrypto, await mirror.compare(liar.checkpoint()) as MisbehaviorProof, key)).toBe(true)
    await refuses(() => mirror.compare(liar.checkpoint().replace("\n250\n", "\n251\n")), "NOTE_UNVERIFIED")
  })

  test("an older head of the same history changes nothing, and another source is asked", async () => {
    const log = await newLog(600)
    const early = await newLog(300)
    const origin = sourceOf("origin", log)
    const mirror = await mirrorOf(await newDirectory(), [origin])
    await mirror.sync()
    origin.serve = (path) => early.serve(path)
    await refuses(() => mirror.sync(), "LOG_ROLLED_BACK", "300")
    expect(mirror.status()).toMatchObject({ size: 600, forked: false, failures: [{ code: "LOG_ROLLED_BACK" }] })
    await expectSame(mirror, log)
  })

  test("an empty tree has one root", async () => {
    const origin = sourceOf("origin", { serve: async () => ({ status: 200, body: new TextEncoder().encode(signedHead(0, new Uint8Array(32))), contentType: "text/plain", immutable: false }) })
    const mirror = await mirrorOf(await newDirectory(), [origin])
    await refuses(() => mirror.sync(), "CHECKPOINT_MALFORMED", "empty tree")
  })
})

test("entries of 65,535 bytes", async () => {
  const log = await newLog(0)
  await log.append(entriesOf(0, 150).map((entry, i) => ({ ...entry, bytes: new Uint8Array(65_535).fill(i) })))
  await log.append(entriesOf(150, 150).map((entry, i) => ({ ...entry, bytes: new Uint8Array(65_535).fill(i) })))
  const mirror = await mirrorOf(await newDirectory(), [sourceOf("origin", log)])
  await mirror.sync()
  await expectSame(mirror, log)
})
