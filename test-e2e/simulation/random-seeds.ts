/**
 * Random runs from many seeds, in as many processes as there are processors:
 * `node --conditions=source test-e2e/simulation/random-seeds.ts STEPS SEED…`; a seed `A..B` means all whole numbers from A to B.
 * Prints a line a seed as it ends, in any order; exit status 1 where a run ended in a violation.
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { randomRun } from "./world/steps.ts"

const WORKER = "--worker"

async function runAll(steps: number, seeds: readonly string[]): Promise<number> {
  let failures = 0
  for (const seed of seeds) {
    const startedMs = performance.now()
    try {
      const { accepted, digest } = await randomRun(seed, steps)
      process.stdout.write(`seed ${seed}: ${steps} steps, ${accepted.artifacts} installs allowed, ${accepted.refusals} refused, ${accepted.heads} heads accepted, trace ${digest.slice(0, 16)}, ${Math.round(performance.now() - startedMs)} ms\n`)
    } catch (error) {
      failures += 1
      process.stdout.write(`seed ${seed}: FAILED: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  return failures
}

function shareOut(steps: string, seeds: readonly string[]): Promise<boolean[]> {
  const workers = Math.max(1, Math.min(availableParallelism(), seeds.length))
  const shares = Array.from({ length: workers }, (_, i) => seeds.filter((_seed, at) => at % workers === i))
  return Promise.all(shares.map((share) => new Promise<boolean>((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), [WORKER, steps, ...share], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
    child.once("error", () => resolve(false)).once("exit", (code) => resolve(code === 0))
    // Where this process is ended, its workers end with it: their channel closes.
  })))
}

const [first = "1000", ...rest] = process.argv.slice(2)
if (first === WORKER) {
  process.once("disconnect", () => process.exit(1))
  const [steps, ...share] = rest
  process.exit(await runAll(Number(steps), share) === 0 ? 0 : 1)
}
const seeds = rest.flatMap((seed) => {
  const range = /^(\d+)\.\.(\d+)$/.exec(seed)
  return range === null ? [seed] : Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) => String(Number(range[1]) + i))
})
process.exitCode = (await shareOut(first, seeds)).every(Boolean) ? 0 : 1
