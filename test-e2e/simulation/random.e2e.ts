/** Random faults in a simulated network: 1,000 steps from each of ten seeds. `npm run soak` runs 10,000 from each of 200. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { randomRun } from "./world/steps.ts"

const STEPS = "1000"
/** One seed, where a failure is looked into: the run repeats to the last message. */
const ASKED = process.env["VOUCHSAFE_SIMULATION_SEED"]
const SEEDS = ASKED === undefined ? Array.from({ length: 10 }, (_, i) => String(i + 1)) : [ASKED]

/** All seeds together on two processors that have much else to do. */
const RUN_MS_MAX = 900_000

let child: ChildProcess
let printed = ""
let isOver = false
let tell = (): void => undefined

/** All that was printed, once the line of a seed is whole or none can come any more. */
async function printedFor(seed: string): Promise<string> {
  while (!isOver && !new RegExp(`^seed ${seed}: .*\n`, "m").test(printed)) await new Promise<void>((resolve) => { tell = resolve })
  return printed
}

beforeAll(() => {
  child = spawn(process.execPath, ["--conditions=source", fileURLToPath(new URL("random-seeds.ts", import.meta.url)), STEPS, ...SEEDS], { stdio: ["ignore", "pipe", "pipe"] })
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => {
    printed += chunk.toString()
    tell()
  })
  child.once("close", () => {
    isOver = true
    tell()
  })
})
afterAll(() => {
  // Its workers end with it.
  child.kill("SIGKILL")
})

test("the same seed gives the same run, another seed another one", async () => {
  const [one, again, other] = [await randomRun("replay", 120), await randomRun("replay", 120), await randomRun("another", 120)]
  expect(again).toEqual(one)
  expect(other.digest).not.toBe(one.digest)
  expect(one.accepted.artifacts).toBeGreaterThan(5)
})

test.each(SEEDS)(`${STEPS} random steps from seed %s`, async (seed) => {
  const lines = (await printedFor(seed)).split("\n")
  const line = lines.findIndex((text) => text.startsWith(`seed ${seed}: `))
  expect(line, printed).toBeGreaterThanOrEqual(0)
  const [summary = "", ...more] = lines.slice(line)
  expect(summary.includes("FAILED") ? [summary, ...more].join("\n") : "", "the run found what must not be").toBe("")
  // A run in which nothing was ever installed or refused would have shown nothing.
  expect(Number(/(\d+) installs allowed/.exec(summary)?.[1])).toBeGreaterThan(20)
  expect(Number(/(\d+) refused/.exec(summary)?.[1])).toBeGreaterThan(20)
}, RUN_MS_MAX)
