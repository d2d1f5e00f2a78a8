import { describe, expect, test } from "vitest"
import { createBudget } from "../src/evidence/budget.ts"
import { createObserver } from "../src/evidence/observer.ts"
import { createObserve, createRechecker } from "../src/evidence/observing.ts"
import { openFollower } from "../src/governance/part.ts"
import { createSourceRefs } from "../src/history/refs.ts"
import { RECHECK_MS, TRUST_RETRY_MS } from "../src/limits.ts"
import type { Logger } from "../src/logger.ts"
import { createMetrics } from "../src/metrics.ts"
import { keepTrust } from "../src/registry/trust.ts"
import { manualTime, quiet } from "./support.ts"

const ARTIFACT = { purl: "pkg:npm/zz-hostile@1.0.0", registry: "https://registry.example/" }
const OTHER = { purl: "pkg:npm/zz-other@1.0.0", registry: "https://registry.example/" }
const LARGE = { burst: 100, perSecond: 100 }

function recording() {
  const lines: [unknown, string][] = []
  const logger: Logger = { ...quiet, error: (facts, message) => void lines.push([facts, message]) }
  return { lines, logger }
}

// A rejection that nobody takes ends a process: whoever found a fault of this program could end every node with one request.
describe("a fault of this program that somebody provokes ends nothing but what provoked it", () => {
  test("an observation that throws what it should not is refused, said, and remembered for a while; the next one is made", async () => {
    const { clock } = manualTime()
    const { lines, logger } = recording()
    let made = 0
    const attester = {
      observe: async ({ purl }: { readonly purl: string }) => {
        made += 1
        if (purl === ARTIFACT.purl) throw new TypeError("cannot read properties of undefined")
        return { status: "observed", index: 7 } as never
      },
    }
    let ownFaults = 0
    const observe = createObserve(attester, logger, new AbortController().signal, () => { ownFaults += 1 })
    const observer = createObserver({ observe, budget: createBudget(clock, LARGE, LARGE), clock, onOutcome: () => undefined })
    const started = observer.start(ARTIFACT, "192.0.2.1")
    if (started.kind !== "started") throw new Error("not started")
    expect(await started.outcome).toEqual({ kind: "refused", code: "FAILED", detail: "the node itself failed" })
    expect(observer.start(ARTIFACT, "192.0.2.1")).toMatchObject({ kind: "known", outcome: { code: "FAILED" } })
    const next = observer.start(OTHER, "192.0.2.1")
    expect(next.kind === "started" && await next.outcome).toEqual({ kind: "observed", index: 7 })
    await observer.drain()
    expect([made, ownFaults, observer.running()]).toEqual([2, 1, 0])
    expect(lines).toEqual([[{ ...ARTIFACT, error: "TypeError: cannot read properties of undefined" }, "an observation failed by a fault of this program"]])
  })

  test("a second look that throws is a line in the log, and the next one is taken", async () => {
    const time = manualTime()
    const { lines, logger } = recording()
    let looks = 0
    const rechecker = createRechecker({ recheck: async () => { looks += 1; throw new RangeError("invalid string length") } }, createBudget(time.clock, LARGE, LARGE), time.clock, logger)
    for (const artifact of [ARTIFACT, OTHER]) rechecker.seen(artifact)
    await time.advance(RECHECK_MS)
    for (const artifact of [ARTIFACT, OTHER]) {
      rechecker.seen(artifact)
      await time.advance(1)
    }
    await rechecker.drain()
    expect([looks, lines.length]).toEqual([2, 2])
  })

  test("a roster's source that provokes one is asked again in the next round", async () => {
    const time = manualTime()
    const { lines, logger } = recording()
    let loads = 0
    const kept = { chain: new Map(), current: undefined }
    const store = { load: () => { loads += 1; if (loads > 1) throw new TypeError("not iterable"); return kept } }
    const part = openFollower({
      own: {}, clock: time.clock, timers: time.timers, transport: { request: () => Promise.reject(new Error("nobody is asked")) }, logger, metrics: createMetrics(),
    } as never, { genesis: "00", sources: [], store } as never, () => 0.5)
    for (let round = 0; round < 3; round++) await time.advance(24 * 3_600_000)
    expect(loads).toBeGreaterThan(2)
    expect(lines.filter(([, message]) => message.includes("fault of this program")).length).toBeGreaterThan(1)
    await part.stop()
  })
})

describe("what goes wrong in the background is said, and tried again", () => {
  test("a git host that provokes a fault leaves a repository's tags open", async () => {
    const { clock } = manualTime()
    const fetch = { get: () => Promise.reject(new TypeError("invalid state")), close: () => undefined }
    const refs = createSourceRefs({ fetch, hosts: ["git.example"], allowPrivateAddresses: false, clock })
    expect(await refs.list("https://git.example/zz/hostile", 0, new AbortController().signal)).toBeUndefined()
    expect(await refs.list("https://git.example/zz/hostile", 0)).toBeUndefined()
  })

  test("a disk that is full when roots of trust come: those at hand stay, and the next refresh is made", async () => {
    const time = manualTime()
    const { lines, logger } = recording()
    let reads = 0
    // As the disk says it, whatever reads or writes there.
    const full = (): never => { reads += 1; throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }) }
    const store = { get cachePath(): string { return full() }, read: () => undefined, write: full }
    const outcomes: string[] = []
    const trust = await keepTrust({
      mirrorUrl: "https://tuf.example/", rootJson: "{}", registries: [], registryKeys: new Map(), store, clock: time.clock, timers: time.timers, logger, onRefresh: (outcome: string) => outcomes.push(outcome),
    } as never)
    expect(trust.status()).toMatchObject({ state: "missing", failure: "DISK" })
    await time.advance(TRUST_RETRY_MS)
    await trust.stop()
    expect([reads, outcomes, lines.length]).toEqual([2, ["failed", "failed"], 2])
    expect(lines[0]).toEqual([{ code: "DISK", error: "ENOSPC: ENOSPC: no space left on device", expires: null }, expect.stringContaining("could not be refreshed")])
  })
})
