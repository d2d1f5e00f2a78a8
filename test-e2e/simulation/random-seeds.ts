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

/** What a run came to, for people. */
interface Told {
  readonly line: string
  readonly isSound: boolean
}

async function runOne(seed: string, steps: number): Promise<Told> {
  const startedMs = performance.now()
  try {
    const { accepted, digest } = await randomRun(seed, steps)
    const ms = Math.round(performance.now() - startedMs)
    return { isSound: true, line: `seed ${seed}: ${steps} steps, ${accepted.artifacts} installs allowed, ${accepted.refusals} refused, ${accepted.heads} heads accepted, trace ${digest.slice(0, 16)}, ${ms} ms` }
  } catch (error) {
    return { isSound: false, line: `seed ${seed}: FAILED: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** A process that runs what it is sent, one seed after the other, and ends with whoever started it. */
function work(steps: number): void {
  process.on("message", (seed: string) => void runOne(seed, steps).then((told) => process.send?.(told)))
  process.once("disconnect", () => process.exit(0))
}

/** Hands out seeds to workers as these get free. Resolves to false when a run was unsound or a worker died. */
function shareOut(steps: string, seeds: readonly string[]): Promise<boolean> {
  const left = [...seeds]
  const workers = Array.from({ length: Math.max(1, Math.min(availableParallelism(), seeds.length)) }, () => new Promise<boolean>((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), [WORKER, steps], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
    let isSound = true
    const next = (): void => {
      const seed = left.shift()
      if (seed !== undefined) return void child.send(seed)
      resolve(isSound)
      child.disconnect()
    }
    child.on("message", (told: Told) => {
      process.stdout.write(`${told.line}\n`)
      isSound &&= told.isSound
      next()
    })
    child.once("error", () => resolve(false)).once("exit", () => resolve(false))
    next()
  }))
  return Promise.all(workers).then((all) => all.every(Boolean))
}

const [first = "1000", ...rest] = process.argv.slice(2)
if (first === WORKER) work(Number(rest[0]))
else {
  const seeds = rest.flatMap((seed) => {
    const range = /^(\d+)\.\.(\d+)$/.exec(seed)
    return range === null ? [seed] : Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) => String(Number(range[1]) + i))
  })
  process.exitCode = await shareOut(first, seeds) ? 0 : 1
}
