import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { run, type Ended } from "./command.ts"
import { failure, NOTHING, readReport, sum, type Count } from "./report.ts"

/** The steps of `npm test`, in their order. */
export const STEPS = ["typecheck", "tidy", "boundaries", "build", "unit", "e2e"] as const
export type Step = (typeof STEPS)[number]

const REPORT = ".test-report.json"
const QUIET_MS = 30_000
const MINUTE_MS = 60_000

type Argv = readonly [string, ...string[]]

interface Check {
  readonly argvs: (world: World) => readonly Argv[]
  readonly limitMs: number
}

/** Steps that either hold or do not: each counts as one test. */
const CHECKS: Readonly<Record<Exclude<Step, "unit" | "e2e">, Check>> = {
  typecheck: { argvs: () => ["config/tsconfig.all.json", "core", "ports"].map((project) => ["tsc", "-p", `packages/${project}`]), limitMs: 5 * MINUTE_MS },
  tidy: { argvs: () => [["node", "packages/config/scripts/tidy.ts"]], limitMs: 2 * MINUTE_MS },
  boundaries: { argvs: () => [["turbo", "boundaries"]], limitMs: 2 * MINUTE_MS },
  build: { argvs: (world) => [turboRun(world, "build", "--output-logs=errors-only")], limitMs: 10 * MINUTE_MS },
}
const UNIT_MS_MAX = 30 * MINUTE_MS
const E2E_MS_MAX = 45 * MINUTE_MS

/** The parts of a run, injected by its script. */
export interface World {
  readonly root: string
  /** Environment of every command; its PATH finds the workspace's tools first. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The package manager with its version, as `packageManager` in package.json names it. */
  readonly pnpm: string
  readonly print: (line: string) => void
  readonly nowMs: () => number
}

/** Runs the steps and returns one row a package or step. A step that fails does not keep the others from running. */
export async function runAll(world: World, steps: readonly Step[] = STEPS): Promise<[string, Count][]> {
  removeReports(world.root)
  const rows: [string, Count][] = []
  let built = true
  for (const step of STEPS.filter((name) => steps.includes(name))) {
    if (step === "unit") rows.push(...await unit(world))
    else if (step === "e2e") rows.push(...await e2e(world, built))
    else {
      const count = await check(world, step)
      if (step === "build") built = count.failed === 0
      rows.push([step, count])
    }
  }
  return rows
}

/** turbo starts packages' scripts through the pnpm that it finds on the PATH, and a person may have none. */
function turboRun(world: World, ...args: string[]): Argv {
  return ["npx", "-y", world.pnpm, "exec", "turbo", "run", ...args]
}

async function check(world: World, step: keyof typeof CHECKS): Promise<Count> {
  for (const argv of CHECKS[step].argvs(world)) {
    const ended = await runStep(world, step, argv, CHECKS[step].limitMs)
    if (!ended.ok) return failure(`${step}: ${argv.join(" ")}: ${ended.reason}`)
  }
  return { ...NOTHING, passed: 1 }
}

async function unit(world: World): Promise<[string, Count][]> {
  const argv: Argv = turboRun(world, "test", "--concurrency=2", "--continue=always", "--output-logs=full", "--log-order=stream")
  const ended = await runStep(world, "unit", argv, UNIT_MS_MAX)
  // A package that ran without a test folder counts as well: its report says that it holds nothing.
  const tested = (name: string): boolean => ["test", REPORT].some((entry) => existsSync(join(world.root, "packages", name, entry)))
  const rows = readdirSync(join(world.root, "packages")).filter(tested).sort().map((folder): [string, Count] => [folder, countOf(world.root, join("packages", folder))])
  return [...rows, ...unexplained("unit", ended, rows)]
}

async function e2e(world: World, built: boolean): Promise<[string, Count][]> {
  if (!built) return [["test-e2e", failure("test-e2e: not run, because the build failed")]]
  const argv: Argv = ["vitest", "run", "--config", "../packages/config/vitest.e2e.config.ts", "--root", "test-e2e"]
  const ended = await runStep(world, "e2e", argv, E2E_MS_MAX)
  const rows: [string, Count][] = [["test-e2e", countOf(world.root, "test-e2e")]]
  return [...rows, ...unexplained("e2e", ended, rows)]
}

/** A runner that failed although every report is green saw something that no test did: an unhandled error, a time limit. */
function unexplained(step: Step, ended: Ended, rows: readonly [string, Count][]): [string, Count][] {
  if (ended.ok || (!ended.timedOut && sum(rows.map(([, count]) => count)).failed > 0)) return []
  return [[step, failure(`${step}: ${ended.reason}, and no test says why`)]]
}

function countOf(root: string, folder: string): Count {
  const path = join(root, folder, REPORT)
  if (!existsSync(path)) return failure(`${folder}: has tests and wrote no report`)
  const count = readReport(readFileSync(path, "utf8"))
  return { ...count, failures: count.failures.map((message) => `${folder}: ${message}`) }
}

function removeReports(root: string): void {
  const folders = readdirSync(join(root, "packages")).map((name) => join("packages", name))
  for (const folder of [...folders, "test-e2e"]) rmSync(join(root, folder, REPORT), { force: true })
}

async function runStep(world: World, step: Step, argv: Argv, limitMs: number): Promise<Ended> {
  const started = world.nowMs()
  const seconds = (): string => `${Math.round((world.nowMs() - started) / 1000)} s`
  world.print(`== ${step}: ${argv.join(" ")}`)
  const ended = await run({
    argv, cwd: world.root, env: world.env, limitMs, quietMs: QUIET_MS,
    onQuiet: () => world.print(`== ${step}: still running after ${seconds()}`),
  })
  world.print(`== ${step}: ${ended.ok ? "ok" : `FAILED (${ended.reason})`} after ${seconds()}`)
  return ended
}
