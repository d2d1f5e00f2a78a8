import { describe, expect, test } from "vitest"
import { ADMIN, createBudget, networkOf } from "../src/evidence/budget.ts"
import { createObserver, type Outcome } from "../src/evidence/observer.ts"
import { ADDRESSES_REMEMBERED_MAX, FAILURE_REMEMBERED_MS, OBSERVATIONS_CONCURRENT_MAX, OBSERVATIONS_QUEUED_MAX, REFUSAL_REMEMBERED_MS } from "../src/limits.ts"
import { manualTime } from "./support.ts"

const LARGE = { burst: 1e9, perSecond: 0 }
const artifact = (n: number | string) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: "https://registry.example/" })

describe("budgets", () => {
  test("one address's budget is its own, and fills again", async () => {
    const time = manualTime()
    const budget = createBudget(time.clock, { burst: 2, perSecond: 0.5 }, LARGE)
    const take = (from: string) => budget.take(from)
    expect([take("1.2.3.4"), take("1.2.3.4"), take("1.2.3.4"), take("1.2.3.5")]).toEqual(["granted", "granted", "address", "granted"])
    await time.advance(2_000)
    expect([take("1.2.3.4"), take("1.2.3.4")]).toEqual(["granted", "address"])
    await time.advance(1e9)
    expect([take("1.2.3.4"), take("1.2.3.4"), take("1.2.3.4")]).toEqual(["granted", "granted", "address"])
  })
  test("all together have one more", () => {
    const budget = createBudget(manualTime().clock, LARGE, { burst: 2, perSecond: 0 })
    expect([budget.take("a"), budget.take("b"), budget.take("c"), budget.take(ADMIN)]).toEqual(["granted", "granted", "global", "global"])
  })
  test("the node's own user has no budget of an address", () => {
    const budget = createBudget(manualTime().clock, { burst: 0, perSecond: 0 }, LARGE)
    expect([budget.take(ADMIN), budget.take("1.2.3.4")]).toEqual(["granted", "address"])
  })
  test("a clock that is set back gives nothing", () => {
    let nowMs = 1_000_000
    const budget = createBudget({ nowMs: () => nowMs }, { burst: 1, perSecond: 1 }, LARGE)
    budget.take("a")
    nowMs = 0
    expect(budget.take("a")).toBe("address")
  })
  test("addresses are forgotten, the longest unused first, not those in use", () => {
    const budget = createBudget(manualTime().clock, { burst: 1, perSecond: 0 }, LARGE)
    budget.take("first")
    budget.take("second")
    budget.take("first")
    for (let i = 0; i < ADDRESSES_REMEMBERED_MAX - 1; i++) budget.take(`x${i}`)
    expect([budget.take("first"), budget.take("second")]).toEqual(["address", "granted"])
  })
  test.each([
    ["1.2.3.4", "1.2.3.4"], ["::ffff:1.2.3.4", "1.2.3.4"], ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"], ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"], ["::1", "0:0:0:0::/64"], ["fe80::1%eth0", "fe80:0:0:0::/64"], ["__proto__", "__proto__"],
  ])("%s shares the budget of %s", (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe("observations", () => {
  /** An observer whose observations end when the test says so. */
  function world(burst = 1e9) {
    const time = manualTime()
    const asked: { purl: string; end: (outcome: Outcome) => void }[] = []
    const observer = createObserver({
      clock: time.clock, budget: createBudget(time.clock, { burst, perSecond: 0 }, LARGE), onOutcome: () => undefined,
      observe: ({ purl }) => new Promise((end) => asked.push({ purl, end })),
    })
    return { time, asked, observer }
  }
  const ABSENT: Outcome = { kind: "absent" }

  test("shared by all who ask at the same time, at the cost of one", async () => {
    const { asked, observer } = world(1)
    const first = observer.start(artifact(1), "a")
    const second = observer.start(artifact(1), "b")
    expect([first.kind, second.kind, asked.length]).toEqual(["started", "started", 1])
    asked[0]?.end({ kind: "observed", index: 7 })
    expect(first.kind === "started" && await first.outcome).toEqual({ kind: "observed", index: 7 })
    expect(second.kind === "started" && await second.outcome).toEqual({ kind: "observed", index: 7 })
  })
  test("so many at once, the others in order", async () => {
    const { time, asked, observer } = world()
    for (let i = 0; i <= OBSERVATIONS_CONCURRENT_MAX; i++) observer.start(artifact(i), "a")
    expect([asked.length, observer.running(), observer.queued()]).toEqual([OBSERVATIONS_CONCURRENT_MAX, OBSERVATIONS_CONCURRENT_MAX, 1])
    asked[3]?.end(ABSENT)
    await time.advance(0)
    expect([asked.at(-1)?.purl, observer.queued()]).toEqual([artifact(OBSERVATIONS_CONCURRENT_MAX).purl, 0])
  })
  test("nothing more than the queue holds", () => {
    const { observer } = world()
    for (let i = 0; i < OBSERVATIONS_CONCURRENT_MAX + OBSERVATIONS_QUEUED_MAX; i++) expect(observer.start(artifact(i), "a").kind).toBe("started")
    expect(observer.start(artifact("more"), "a").kind).toBe("limited")
  })
  test("a budget that is used up limits new ones only", () => {
    const { observer } = world(1)
    expect(observer.start(artifact(1), "a").kind).toBe("started")
    expect(observer.start(artifact(2), "a").kind).toBe("limited")
    expect(observer.start(artifact(1), "a").kind).toBe("started")
  })
  test.each([
    ["a 404", { kind: "absent" }, REFUSAL_REMEMBERED_MS],
    ["a hostile tarball", { kind: "refused", code: "TARBALL_HOSTILE", detail: "" }, REFUSAL_REMEMBERED_MS],
    ["a registry that did not answer", { kind: "refused", code: "UNREACHABLE", detail: "" }, FAILURE_REMEMBERED_MS],
    ["bytes, for whoever looked into the log just before", { kind: "observed", index: 1 }, REFUSAL_REMEMBERED_MS],
  ] as const)("%s is remembered for a while and costs nothing meanwhile", async (_name, outcome, ms) => {
    const { time, asked, observer } = world(2)
    observer.start(artifact(1), "a")
    asked[0]?.end(outcome)
    await time.advance(ms - 1)
    expect(observer.start(artifact(1), "a")).toEqual({ kind: "known", outcome })
    await time.advance(1)
    expect(observer.start(artifact(1), "a").kind).toBe("started")
    expect(observer.start(artifact(2), "a").kind).toBe("limited")
  })
  test("draining starts nothing more, ends what waits as refused, and waits for what runs", async () => {
    const { time, asked, observer } = world()
    const started = Array.from({ length: OBSERVATIONS_CONCURRENT_MAX + 1 }, (_, i) => observer.start(artifact(i), "a"))
    const last = started.at(-1)
    let drained = false
    const draining = observer.drain().then(() => { drained = true })
    expect(last?.kind === "started" && await last.outcome).toMatchObject({ kind: "refused", code: "UNREACHABLE" })
    await time.advance(0)
    expect([drained, observer.start(artifact("more"), "a").kind]).toEqual([false, "limited"])
    for (const { end } of asked) end(ABSENT)
    await draining
    expect(asked).toHaveLength(OBSERVATIONS_CONCURRENT_MAX)
  })
})
