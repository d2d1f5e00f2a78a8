import type { ArtifactRequest, Verdict } from "@vouchsafe/core"
import { VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createAsker } from "../src/batch.ts"
import { BATCH_REQUESTS_MAX } from "../src/limits.ts"
import type { Check, ShimEvent } from "../src/types.ts"

const request = (n: number): ArtifactRequest => ({ purl: `pkg:npm/p${n}@1.0.0`, registry: "https://registry.example/", sha512: "ab" })
const allow = (r: ArtifactRequest): Verdict => ({ ...r, ok: true, claims: [], labels: [], findings: [{ code: "DIGEST_CONFLICT", severity: "warn", message: "one\noperator", saidBy: ["beta"] }] })
const deny = (code: "WITHDRAWN" | "PENDING") => (r: ArtifactRequest): Verdict => ({ ...r, ok: false, code, claims: [], labels: [], findings: [] })

function world(check: Check) {
  const events: ShimEvent[] = []
  const deferred: (() => void)[] = []
  const clock = { now: 0 }
  const asker = createAsker({ check, clock: { nowMs: () => clock.now }, emit: (event) => events.push(event), defer: (run) => deferred.push(run) })
  return { asker, events, clock, flush: () => { for (const run of deferred.splice(0)) run() }, deferred }
}

describe("questions that arrive together", () => {
  test("are one check, in order, each asked once", async () => {
    const checks: number[] = []
    const { asker, flush, deferred } = world((requests) => { checks.push(requests.length); return Promise.resolve({ verdicts: requests.map(allow) }) })
    const answers = [...Array(BATCH_REQUESTS_MAX + 1).keys(), 0].map((n) => asker.ask(request(n)))
    expect(deferred).toHaveLength(1)
    flush()
    const verdicts = await Promise.all(answers)
    expect(checks).toEqual([BATCH_REQUESTS_MAX, 1])
    expect(verdicts.map(({ purl }) => purl)).toEqual([...Array(BATCH_REQUESTS_MAX + 1).keys(), 0].map((n) => request(n).purl))
  })
  test("warnings are told, on one line", async () => {
    const { asker, flush, events } = world((requests) => Promise.resolve({ verdicts: requests.map(allow), misbehavior: [{ origin: "beta/log", path: "/proof" }] }))
    const answer = asker.ask(request(1))
    flush()
    await answer
    expect(events).toEqual([
      { event: "misbehavior", origin: "beta/log", path: "/proof" },
      { event: "warning", code: "DIGEST_CONFLICT", purl: request(1).purl, message: expect.stringMatching(/^p1@1\.0\.0: one[^\n]+operator$/) as string },
    ])
  })
})

describe("a node that misbehaved", () => {
  const caught = (r: ArtifactRequest): Verdict => ({ ...r, ok: true, claims: [], labels: [], findings: [{ code: "LOG_MISBEHAVED", severity: "warn", message: "the log of beta misbehaved", saidBy: ["beta"] }] })
  test("is told once, not with every package, and only a new proof is news", async () => {
    const { asker, flush, events } = world((requests) => Promise.resolve({ verdicts: requests.map(caught), misbehavior: [{ origin: "beta/log", isNew: false }] }))
    const answers = [asker.ask(request(1)), asker.ask(request(2))]
    flush()
    await Promise.all(answers)
    expect(events).toEqual([{ event: "warning", code: "LOG_MISBEHAVED", message: "the log of beta misbehaved" }])
  })
})

describe("an answer is kept", () => {
  test.each([
    { name: "for a minute when allowed", verdict: allow, keptAfter: 59_000, asksAfter: 60_000 },
    { name: "for a minute when withdrawn", verdict: deny("WITHDRAWN"), keptAfter: 59_000, asksAfter: 60_000 },
    { name: "not at all while pending", verdict: deny("PENDING"), keptAfter: undefined, asksAfter: 0 },
  ])("$name", async ({ verdict, keptAfter, asksAfter }) => {
    let checks = 0
    const { asker, flush, clock } = world((requests) => { checks++; return Promise.resolve({ verdicts: requests.map(verdict) }) })
    const ask = async (): Promise<Verdict> => { const answer = asker.ask(request(1)); flush(); return answer }
    await ask()
    if (keptAfter !== undefined) {
      clock.now = keptAfter
      await ask()
      expect(asker.known(request(1))).toBeDefined()
    }
    expect(checks).toBe(1)
    clock.now = asksAfter
    expect(asker.known(request(1))).toBeUndefined()
    await ask()
    expect(checks).toBe(2)
  })
})

describe("refuses", () => {
  test.each<{ name: string; check: Check; says: string }>([
    { name: "when the check throws", check: () => Promise.reject(new VouchsafeError("UNREACHABLE", "no node answered", { hint: "wait" })), says: "no node answered" },
    { name: "when the check throws at once", check: () => { throw new TypeError("bug") }, says: "bug" },
    { name: "too few verdicts", check: () => Promise.resolve({ verdicts: [] }), says: "0 verdicts for 1 requests" },
    { name: "a verdict about another package", check: () => Promise.resolve({ verdicts: [allow(request(2))] }), says: "another artifact" },
    { name: "a verdict about another registry", check: (r) => Promise.resolve({ verdicts: [allow({ ...r[0] as ArtifactRequest, registry: "https://other.example/" })] }), says: "another artifact" },
    { name: "a verdict about other bytes", check: (r) => Promise.resolve({ verdicts: [allow({ ...r[0] as ArtifactRequest, sha512: "cd" })] }), says: "another artifact" },
  ])("$name", async ({ check, says }) => {
    const { asker, flush } = world(check)
    const answer = asker.ask(request(1))
    flush()
    expect(await answer).toMatchObject({ ok: false, code: "UNREACHABLE", findings: [{ severity: "deny", message: expect.stringContaining(says) as string }] })
  })
})
