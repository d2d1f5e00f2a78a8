/**
 * Random runs from many seeds: `node --conditions=source test-e2e/simulation/random-seeds.ts STEPS SEED…`. Prints a line a seed; exit status 1
 * where any run ended in a violation.
 */
import { randomRun } from "./world/steps.ts"

const [steps = "1000", ...seeds] = process.argv.slice(2)
let failures = 0
for (const seed of seeds) {
  const startedMs = performance.now()
  try {
    const { accepted, digest } = await randomRun(seed, Number(steps))
    process.stdout.write(`seed ${seed}: ${steps} steps, ${accepted.artifacts} installs allowed, ${accepted.refusals} refused, ${accepted.heads} heads accepted, trace ${digest.slice(0, 16)}, ${Math.round(performance.now() - startedMs)} ms\n`)
  } catch (error) {
    failures += 1
    process.stdout.write(`seed ${seed}: FAILED: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}
process.exitCode = failures === 0 ? 0 : 1
