import { expect, test } from "vitest"
import type { Progress } from "@vouchsafe/client"
import * as api from "../src/index.ts"
import { printJson, printLines, say, table } from "../src/output.ts"
import { progressOn } from "../src/progress.ts"

function terminal(isTty: boolean) {
  const printed = { out: "", err: "" }
  return { printed, io: { stdout: { write: (text: string) => { printed.out += text } }, stderr: { write: (text: string) => { printed.err += text } }, env: {}, cwd: "/", isTty } }
}

const progress = (more: Partial<Progress> = {}): Progress => ({ stage: "nodes", artifacts: 3, allowed: 1, nodesAnswered: 1, nodesAsked: 3, waitingFor: ["beta", "gamma"], leftMs: 1_000, ...more })

test("the public face", () => {
  expect(Object.keys(api).sort()).toEqual(["EXIT", "main"])
  expect(api.EXIT).toEqual({ done: 0, refused: 1, usage: 2, world: 3, misbehavior: 4 })
})

test("progress is for terminals alone, one line that is taken back before anything else is said", () => {
  const { printed, io } = terminal(true)
  progressOn(io)(progress())
  expect(printed.err).toBe("\r\u001b[Kvouchsafe: 1 of 3 packages vouched for, waiting for beta, gamma")
  printLines(io, ["done"])
  expect(printed).toEqual({ out: "done\n", err: expect.stringMatching(/gamma\r\u001b\[K$/) })
  say(io, "and more")
  printJson(io, {})
  expect(printed.err).toMatch(/gamma\r\u001b\[Kand more\n$/)

  const pipe = terminal(false)
  progressOn(pipe.io)(progress())
  say(pipe.io, "done")
  expect(pipe.printed).toEqual({ out: "", err: "done\n" })
})

test("progress never wraps: only the last line of a terminal can be taken back", () => {
  const { printed, io } = terminal(true)
  progressOn(io)(progress({ waitingFor: Array.from({ length: 40 }, (_, i) => `operator-${i}`) }))
  expect(printed.err.replace("\r\u001b[K", "")).toHaveLength(79)
  progressOn(io)(progress({ allowed: 3, waitingFor: [] }))
  expect(printed.err).toMatch(/\r\u001b\[K$/)
})

test("tables: columns are aligned, the last one is ragged, no line ends in white space", () => {
  expect(table([["a", "bb", "ccc"], ["aaaa", "", "c"], ["a"], []])).toEqual(["a     bb  ccc", "aaaa      c", "a", ""])
  expect(table([])).toEqual([])
})
