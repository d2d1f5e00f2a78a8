import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { removeFolder, ROOT, temporaryFolder } from "../support/index.ts"
import { median } from "./statistics.ts"

/** The whole command `vouchsafe check` on a project of 1,300 packages whose nodes are gone: wall time of a process, ms. */
export interface LockBench {
  readonly runs: number
  readonly pnpmMs: { readonly median: number; readonly least: number }
  readonly npmMs: { readonly median: number; readonly least: number }
}

const RUNS = 9
const RUN_MS_MAX = 60_000

/** Runs the built command as a person does, on lockfiles of pnpm and of npm. The least time is what the command needs; the rest is the machine's. */
export function benchLock(): LockBench {
  const folder = temporaryFolder("bench-lock")
  try {
    const project = join(folder, "project")
    run([process.execPath, "--conditions=source", join(ROOT, "packages/client/bench/lock-project.ts"), project], folder, folder)
    const timesOf = (lockfile: string): { median: number; least: number } => {
      const times = Array.from({ length: RUNS }, () => run([process.execPath, join(ROOT, "packages/cli/dist/bin.js"), "check", lockfile], project, folder))
      return { median: median(times), least: Math.min(...times) }
    }
    return { runs: RUNS, pnpmMs: timesOf("pnpm-lock.yaml"), npmMs: timesOf("package-lock.json") }
  } finally {
    removeFolder(folder)
  }
}

function run([program = "", ...args]: readonly string[], cwd: string, home: string): number {
  const start = performance.now()
  const ran = spawnSync(program, args, { cwd, encoding: "utf8", timeout: RUN_MS_MAX, env: { PATH: process.env["PATH"] ?? "", HOME: home, VOUCHSAFE_HOME: join(home, "vouchsafe"), NO_COLOR: "1" } })
  if (ran.status !== 0) throw new Error(`${args.join(" ")} ended with ${String(ran.status ?? ran.signal)}: ${ran.stdout}${ran.stderr}`)
  return Math.round(performance.now() - start)
}
