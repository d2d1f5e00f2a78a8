import { VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createSilentNodes, type SilentNodes } from "../src/admin/silent-nodes.ts"
import { GATHER_SILENCE_MS_MIN, GATHER_SILENT_PAUSE_MS } from "../src/limits.ts"

const URL_OF_DELTA = "http://delta.example/"

/** A clock, and a node that fails after some time or answers at once. */
function world(): { readonly silent: SilentNodes; readonly clock: { ms: number }; asked: number; fail(code: "UNREACHABLE" | "TIMEOUT" | "UPSTREAM_FAILED", afterMs: number): Promise<string>; answer(url?: string): Promise<string> } {
  const clock = { ms: 1_000_000 }
  const silent = createSilentNodes({ nowMs: () => clock.ms })
  const never = new AbortController().signal
  const own = {
    silent, clock, asked: 0,
    fail: (code: "UNREACHABLE" | "TIMEOUT" | "UPSTREAM_FAILED", afterMs: number) => silent.ask(URL_OF_DELTA, never, async (): Promise<string> => {
      own.asked += 1
      clock.ms += afterMs
      throw new VouchsafeError(code, `${code} after ${afterMs} ms`)
    }),
    answer: (url = URL_OF_DELTA) => silent.ask(url, never, async () => {
      own.asked += 1
      return "an answer"
    }),
  }
  return own
}

test("a node that was waited for in vain is left alone, and its failure said again at once", async () => {
  const one = world()
  await expect(one.fail("UNREACHABLE", 2_000)).rejects.toThrow("after 2000 ms")
  await expect(one.answer()).rejects.toThrow("after 2000 ms")
  expect(one.asked).toBe(1)
  expect(await one.answer("http://alpha.example/")).toBe("an answer")
  one.clock.ms += GATHER_SILENT_PAUSE_MS
  expect(await one.answer()).toBe("an answer")
  expect(await one.answer()).toBe("an answer")
})

describe("is asked each time", () => {
  test.each([
    { why: "it failed at once", code: "UNREACHABLE", afterMs: GATHER_SILENCE_MS_MIN - 1 },
    { why: "it answered, only wrongly", code: "UPSTREAM_FAILED", afterMs: 5_000 },
  ] as const)("because $why", async ({ code, afterMs }) => {
    const one = world()
    await expect(one.fail(code, afterMs)).rejects.toThrow(code)
    expect(await one.answer()).toBe("an answer")
  })

  test("because whoever asked has gone", async () => {
    const one = world()
    const gone = new AbortController()
    const asking = one.silent.ask(URL_OF_DELTA, gone.signal, async () => {
      one.clock.ms += 5_000
      gone.abort()
      throw new VouchsafeError("TIMEOUT", "stopped")
    })
    await expect(asking).rejects.toThrow("stopped")
    expect(await one.answer()).toBe("an answer")
  })

  test("because the clock was set back", async () => {
    const one = world()
    await expect(one.fail("TIMEOUT", 7_000)).rejects.toThrow("TIMEOUT")
    one.clock.ms -= 60_000
    expect(await one.answer()).toBe("an answer")
  })
})
