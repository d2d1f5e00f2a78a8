/** Random faults in a simulated network: 1,000 steps from each of ten seeds. `npm run soak` runs 10,000 from each of 200. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { randomRun } from "./world/steps.ts"

const STEPS = "1000"
/** One seed, where a failure is looked into: the run repeats to the last message. */
const ASKED = process.env["VOUCHSAFE_SIMULATION_SEED"]
const SEEDS = ASKED === undefined ? Array.from({ length: 10 }, (_, i) => String(i + 1)) : [ASKED]

let child: ChildProcess
let printed = ""
let ended: Promise<void>

beforeAll(() => {
  child = spawn(process.execPath, ["--conditions=source", fileURLToPath(new URL("random-seeds.ts", import.meta.url)), STEPS, ...SEEDS], { stdio: ["ignore", "pipe", "pipe"] })
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => { printed += chunk.toString() })
  ended = new Promise((resolve) => child.once("close", () => resolve()))
})
afterAll(() => {
  child.kill("SIGKILL")
})

test("the same seed gives the same run, another seed another one", async () => {
  const [one, again, other] = [await randomRun("replay", 120), await randomRun("replay", 120), await randomRun("another", 120)]
  expect(again).toEqual(one)
  expect(other.digest).not.toBe(one.digest)
  expect(one.accepted.artifacts).toBeGreaterThan(5)
})

test.each(SEEDS)(`${STEPS} random steps from seed %s`, async (seed) => {
  await ended
  const line = printed.split("\n").findIndex((text) => text.startsWith(`seed ${seed}: `))
  expect(line, printed).toBeGreaterThanOrEqual(0)
  const [summary = "", ...more] = printed.split("\n").slice(line)
  expect(summary.includes("FAILED") ? [summary, ...more].join("\n") : "", "the run found what must not be").toBe("")
  // A run in which nothing was ever installed or refused would have shown nothing.
  expect(Number(/(\d+) installs allowed/.exec(summary)?.[1])).toBeGreaterThan(20)
  expect(Number(/(\d+) refused/.exec(summary)?.[1])).toBeGreaterThan(20)
})
