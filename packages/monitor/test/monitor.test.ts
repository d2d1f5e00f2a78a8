import { type MisbehaviorProof, NOTICES_PER_DAY_MAX, parseMisbehavior, utf8Encode, type VerifierKey, verifyMisbehavior } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { NOTICES_AGE_SECONDS_MAX, PAGE_ENTRIES, REPORTS_PER_KIND_MAX, UNSEEN_SECONDS_MAX } from "../src/index.ts"
import { lockset, newFile, newLog, newMonitor, notice, NOW, observation, purlOf, REGISTRY, sha512Of, tokenOf } from "./support.ts"

const OTHER_REGISTRY = "https://other.example/"

describe("entries", () => {
  test("honest logs give no report", async () => {
    const { monitor, kinds } = newMonitor()
    const [alpha, beta, notices] = [newLog("alpha"), newLog("beta"), newLog("alpha", "notices")]
    for (const log of [alpha, beta]) {
      log.entries.push(observation(log.origin, "x", "bytes"), observation(log.origin, "y", "more"), observation(log.origin, "x", "bytes"))
      log.entries.push(observation(log.origin, "x", "other bytes", { registry: OTHER_REGISTRY }), observation(log.origin, "z", "bytes"))
    }
    notices.entries.push(notice(notices.origin, "x"), notice(notices.origin, "x", { notice: "reversal", reverses: 0 }))
    for (const log of [alpha, beta, notices]) expect(await monitor.read(log.view())).toBe(log.entries.length)
    expect(kinds()).toEqual([])
  })

  /** One row is one thing that an operator would rather not have seen. `write` fills alpha's log; beta's has x with "bytes". */
  const rows: readonly { name: string; kind: string; write: (origin: string, other: string) => (string | Uint8Array)[]; says: string; indices: readonly number[]; role?: "notices" }[] = [
    { name: "two tarballs for one version", kind: "double-observation", write: (o) => [observation(o, "w", "one"), observation(o, "v", "1"), observation(o, "w", "two")], says: "entries 0 and 2", indices: [0, 2] },
    { name: "bytes that another operator did not get", kind: "disagreement", write: (o) => [observation(o, "x", "other bytes")], says: "alpha and beta", indices: [0] },
    { name: "a token of another log", kind: "copied-statement", write: (o, other) => [observation(o, "x", "bytes", { token: tokenOf(other, "bytes") })], says: "entry 0 of beta.example/log", indices: [0] },
    { name: "one token for two tarballs", kind: "copied-statement", write: (o) => [observation(o, "w", "one"), observation(o, "v", "two", { token: tokenOf(o, "one") })], says: "entry 0 of alpha.example/log", indices: [1, 0] },
    { name: "another log's statement", kind: "foreign-origin", write: (_o, other) => [observation(other, "x", "bytes")], says: "beta.example/log", indices: [0] },
    { name: "another log's lockset", kind: "foreign-origin", write: (_o, other) => [lockset(other)], says: "beta.example/log", indices: [0] },
    { name: "a lockset that is not yet", kind: "time-backwards", write: (o) => [lockset(o, { time: NOW + 301 })], says: "301 s after", indices: [0] },
    { name: "a lockset in another form", kind: "unreadable-entry", write: (o) => [lockset(o).replace('"bits":"2"', '"bits":"1,1"').replace('"count":2', '"count":3')], says: "bits", indices: [0] },
    { name: "no statement", kind: "unreadable-entry", write: () => ["hello"], says: "JSON", indices: [0] },
    { name: "no text", kind: "unreadable-entry", write: () => [Uint8Array.of(0xff)], says: "UTF8_MALFORMED", indices: [0] },
    { name: "an empty entry", kind: "unreadable-entry", write: () => [""], says: "JSON", indices: [0] },
    { name: "a kind that nobody knows", kind: "unreadable-entry", write: (o) => [observation(o, "w", "1").replace("/observation/v1", "/opinion/v1")], says: "predicateType", indices: [0] },
    { name: "a notice among observations", kind: "unreadable-entry", write: (o) => [notice(o, "x")], says: "predicateType", indices: [0] },
    { name: "an observation among notices", kind: "unreadable-entry", write: (o) => [observation(o, "x", "bytes")], says: "NOTICE", indices: [0], role: "notices" },
    { name: "another log's notice", kind: "foreign-origin", write: (_o, other) => [notice(other, "x")], says: "beta.example/log", indices: [0], role: "notices" },
    { name: "time that goes back", kind: "time-backwards", write: (o) => [observation(o, "w", "1"), observation(o, "v", "2", { observedAt: NOW - 3_701 })], says: "3601 s older", indices: [1] },
    { name: "time that is not yet", kind: "time-backwards", write: (o) => [observation(o, "w", "1", { observedAt: NOW + 301 })], says: "301 s after", indices: [0] },
  ]
  test.each(rows)("$name: $kind", async ({ kind, write, says, indices, role }) => {
    const { monitor, findings } = newMonitor()
    const [alpha, beta] = [newLog("alpha", role), newLog("beta")]
    beta.entries.push(observation(beta.origin, "x", "bytes"))
    alpha.entries.push(...write(alpha.origin, beta.origin))
    await monitor.read(beta.view())
    await monitor.read(alpha.view())
    const { reports } = monitor.document([])
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({ kind, origin: alpha.origin, operator: "alpha", count: 1, active: true, firstSeen: NOW, lastSeen: NOW, detail: expect.stringContaining(says) as string })
    expect(reports[0]?.entries.filter(({ origin }) => origin === alpha.origin).map(({ index }) => index)).toEqual(indices)
    expect(findings.map((finding) => finding.kind)).toEqual([kind])
  })

  test.each([
    { name: "an hour of disorder", times: [NOW - 100, NOW - 3_700] }, { name: "five minutes ahead", times: [NOW + 300] },
    { name: "after one from the future, others are not late", times: [NOW + 999_999, NOW - 100], kinds: ["time-backwards"] },
  ])("$name", async ({ times, kinds: expected = [] }) => {
    const { monitor, kinds } = newMonitor()
    const log = newLog("alpha")
    times.forEach((observedAt, i) => log.entries.push(observation(log.origin, `p${i}`, `t${i}`, { observedAt })))
    await monitor.read(log.view())
    expect(kinds()).toEqual(expected)
  })

  test("a double observation comes with a proof that stands alone, once across a restart", async () => {
    const file = newFile()
    const proofs: { key: VerifierKey; proof: MisbehaviorProof }[] = []
    const first = newMonitor(file, { onProof: (key, proof) => void proofs.push({ key, proof }) })
    const log = newLog("alpha")
    for (let i = 0; i < 700; i++) log.entries.push(observation(log.origin, `p${i}`, `t${i}`))
    await first.monitor.read(log.view())
    log.entries.push(observation(log.origin, "p3", "other"))
    const view = log.view()
    await first.monitor.read(view)
    expect(proofs).toHaveLength(1)
    expect(verifyMisbehavior(fastCrypto, proofs[0]?.proof as MisbehaviorProof, view.key)).toBe(true)
    const [report] = first.monitor.document([]).reports
    expect(report).toMatchObject({ kind: "double-observation", subject: `${purlOf("p3")} ${REGISTRY}`, entries: [{ origin: log.origin, index: 3 }, { origin: log.origin, index: 700 }] })
    const document = first.monitor.proof(report?.proof ?? "") ?? ""
    expect(verifyMisbehavior(fastCrypto, parseMisbehavior(document), view.key)).toBe(true)
    expect(first.monitor.proof("0".repeat(64))).toBeUndefined()
    first.store.close()
    const again = newMonitor(file)
    log.reads.length = 0
    expect(await again.monitor.read(log.view())).toBe(0)
    expect(log.reads).toEqual([])
    expect(again.monitor.document([]).reports).toEqual([report])
    expect(again.monitor.proofs()).toEqual([{ origin: log.origin, proof: proofs[0]?.proof }])
  })

  test("tokens are recomputed where the bytes are at hand", async () => {
    const bytes = new Map([[sha512Of("bytes"), "bytes"]])
    const { monitor } = newMonitor(undefined, {
      tokenOf: async (sha512, origin) => {
        const tarball = bytes.get(sha512)
        return tarball === undefined ? undefined : tokenOf(origin, tarball)
      },
    })
    const log = newLog("alpha")
    log.entries.push(observation(log.origin, "x", "bytes"), observation(log.origin, "y", "bytes", { token: "1".repeat(64) }), observation(log.origin, "z", "unknown", { token: "2".repeat(64) }))
    await monitor.read(log.view())
    expect(monitor.document([]).reports).toMatchObject([{ kind: "token-mismatch", entries: [{ index: 1 }], detail: expect.stringContaining(tokenOf(log.origin, "bytes")) as string }])
  })
})

describe("notices floods", () => {
  const flood = (origin: string, count: number, time = NOW): string[] => Array.from({ length: count }, (_, i) => notice(origin, `p${i}`, { time }))
  test("as many a day as are allowed, reversals beside them: none", async () => {
    const { monitor, kinds } = newMonitor()
    const log = newLog("alpha", "notices")
    log.entries.push(...flood(log.origin, NOTICES_PER_DAY_MAX), ...flood(log.origin, NOTICES_PER_DAY_MAX, NOW - 86_400).reverse())
    log.entries.push(...Array.from({ length: 5 }, (_, i) => notice(log.origin, `p${i}`, { notice: "reversal", reverses: i, time: NOW })))
    await monitor.read(log.view())
    expect(kinds().filter((kind) => kind === "notices-flood")).toEqual([])
  })
  test("one more, whenever it comes", async () => {
    const { monitor } = newMonitor()
    const log = newLog("alpha", "notices")
    for (const part of [150, 50, 1]) {
      log.entries.push(...flood(log.origin, part))
      await monitor.read(log.view())
      expect(monitor.document([]).reports.length).toBe(log.entries.length > NOTICES_PER_DAY_MAX ? 1 : 0)
    }
    expect(monitor.document([]).reports).toMatchObject([{ kind: "notices-flood", subject: "2026-09-21", detail: expect.stringContaining("201 notices") as string }])
  })
})

describe("heads", () => {
  const head = (more: object = {}) => ({ operator: "alpha", origin: "alpha.example/log", role: "log" as const, headTime: NOW, seenMs: NOW * 1000, ...more })
  test.each([
    { name: "seen just now", state: head(), isStopped: false },
    { name: "an idle log that is seen", state: head({ headTime: NOW - 10 * 86_400 }), isStopped: false },
    { name: "not seen for an hour", state: head({ seenMs: (NOW - UNSEEN_SECONDS_MAX) * 1000 }), isStopped: false },
    { name: "not seen for longer", state: head({ seenMs: (NOW - UNSEEN_SECONDS_MAX - 1) * 1000 }), isStopped: true },
    { name: "never seen since the start", state: head({ seenMs: null, headTime: null }), isStopped: true },
    { name: "a notices head that is two hours old", state: head({ role: "notices", headTime: NOW - NOTICES_AGE_SECONDS_MAX }), isStopped: false },
    { name: "a notices head that is older", state: head({ role: "notices", headTime: NOW - NOTICES_AGE_SECONDS_MAX - 1 }), isStopped: true },
  ])("$name", ({ state, isStopped }) => {
    const world = newMonitor(undefined, {}, NOW - 2 * UNSEEN_SECONDS_MAX)
    world.now = NOW
    world.monitor.watchHeads([state])
    expect(world.kinds()).toEqual(isStopped ? ["stopped-head"] : [])
  })

  test("a stopped head is reported once, ends when it moves, and may stop again", () => {
    const started = newMonitor(undefined, {}, NOW - 86_400)
    started.now = NOW
    const silent = head({ seenMs: null })
    for (let i = 0; i < 3; i++) started.monitor.watchHeads([silent])
    expect(started.monitor.document([]).reports).toMatchObject([{ count: 1, active: true }])
    expect(started.monitor.counts().get("stopped-head")).toBe(1)
    started.monitor.watchHeads([head()])
    expect(started.monitor.document([]).reports).toMatchObject([{ count: 1, active: false }])
    expect(started.monitor.counts().get("stopped-head")).toBe(0)
    started.monitor.watchHeads([silent])
    expect(started.monitor.document([]).reports).toMatchObject([{ count: 2, active: true }])
  })
})

describe("bounds", () => {
  test("pages: nothing is read twice, and a page that could not be read is read again", async () => {
    const file = newFile()
    const { monitor } = newMonitor(file)
    const log = newLog("alpha")
    for (let i = 0; i < 3 * PAGE_ENTRIES + 10; i++) log.entries.push(observation(log.origin, `p${i}`, `t${i}`))
    const view = log.view()
    let failAt = 2 * PAGE_ENTRIES
    const failing = { ...view, entries: async (indices: readonly number[]) => {
      if (indices.includes(failAt)) throw new Error("disk")
      return view.entries(indices)
    } }
    await expect(monitor.read(failing)).rejects.toThrow("disk")
    failAt = -1
    expect(await monitor.read(failing)).toBe(PAGE_ENTRIES + 10)
    expect(log.reads).toEqual(Array.from({ length: log.entries.length }, (_, i) => i))
    expect(monitor.document([{ origin: log.origin, operator: "alpha", size: view.head.size }]).logs).toEqual([{ origin: log.origin, operator: "alpha", size: view.head.size, read: view.head.size }])
  })

  test("a log that is full of rubbish does not drown others, and one subject is one report", async () => {
    const { monitor } = newMonitor()
    const [rubbish, other] = [newLog("alpha"), newLog("beta")]
    for (let i = 0; i < REPORTS_PER_KIND_MAX + 50; i++) rubbish.entries.push(`rubbish ${i}`)
    for (let i = 0; i < 5; i++) rubbish.entries.push(observation(other.origin, "x", "bytes"))
    other.entries.push("rubbish")
    await monitor.read(rubbish.view())
    await monitor.read(other.view())
    const { reports, dropped } = monitor.document([])
    expect(reports.filter(({ kind, origin }) => kind === "unreadable-entry" && origin === rubbish.origin)).toHaveLength(REPORTS_PER_KIND_MAX)
    expect(dropped).toBe(50)
    expect(reports.find(({ kind }) => kind === "foreign-origin")).toMatchObject({ count: 5, entries: [{ index: 250 }, { index: 251 }, { index: 252 }, { index: 253 }] })
    expect(reports.filter(({ origin }) => origin === other.origin)).toHaveLength(1)
  })

  test("whoever ends reading ends it between pages", async () => {
    const { monitor } = newMonitor()
    const log = newLog("alpha")
    for (let i = 0; i < 3 * PAGE_ENTRIES; i++) log.entries.push(utf8Encode(observation(log.origin, `p${i}`, `t${i}`)))
    const stop = new AbortController()
    const view = log.view()
    const read = await monitor.read({ ...view, entries: (indices) => {
      stop.abort()
      return view.entries(indices)
    } }, stop.signal)
    expect(read).toBe(PAGE_ENTRIES)
  })
})
