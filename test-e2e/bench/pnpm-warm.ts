import { rmSync } from "node:fs"
import { join } from "node:path"
import { type Family, getManager, openWorld, run, runOk, type World } from "../support/index.ts"
import { median } from "./statistics.ts"

/** What the guard adds to a warm frozen install. CPU of the whole process tree, ms. */
export interface PnpmWarmBench {
  readonly packages: number
  readonly runs: number
  readonly emptyHookCpuMs: number
  readonly guardedCpuMs: number
  readonly addedCpuMs: number
  readonly ratio: number
}

const RUNS = 9
const MANIFEST = { name: "bench-app", version: "1.0.0", private: true, dependencies: { express: "4.21.2" } }
const EMPTY_HOOK = "module.exports = { hooks: { readPackage: (manifest) => manifest } }\n"

/** Installs express warm and frozen, in turn with an empty hook and with the guard, and takes the CPU of each. */
export async function benchPnpmWarm(): Promise<PnpmWarmBench> {
  const world = await openWorld("bench-pnpm")
  try {
    return await measure(world)
  } finally {
    await world.close()
  }
}

async function measure(world: World): Promise<PnpmWarmBench> {
  const manager = await getManager("pnpm10")
  const family: Family = manager.family
  const sandbox = world.sandbox("bench")
  const env = sandbox.env({ runtime: world.runtime, manager })
  const files = { "package.json": MANIFEST, "pnpm-workspace.yaml": "packages: []\nmanagePackageManagerVersions: false\n" }
  const empty = sandbox.project(`${family}-empty`, { ...files, ".pnpmfile.cjs": EMPTY_HOOK })
  const guarded = sandbox.project(`${family}-guarded`, files)
  await runOk([world.tool.vouchsafe, "init", "--roster", world.network.roster], { cwd: guarded, env })
  for (const dir of [empty, guarded]) await runOk(["pnpm", "install"], { cwd: dir, env })
  const times: Record<"empty" | "guarded", number[]> = { empty: [], guarded: [] }
  for (let i = 0; i <= RUNS; i++) {
    for (const [which, dir] of [["empty", empty], ["guarded", guarded]] as const) {
      const cpu = await frozenInstallCpu(dir, env)
      // The first round fills the system's caches and does not count.
      if (i > 0) times[which].push(cpu)
    }
  }
  const listed = await runOk(["pnpm", "list", "--depth", "Infinity", "--parseable"], { cwd: guarded, env })
  const emptyHookCpuMs = median(times.empty)
  const guardedCpuMs = median(times.guarded)
  return {
    packages: new Set(listed.stdout.split("\n").filter((line) => line.includes("node_modules"))).size, runs: RUNS, emptyHookCpuMs, guardedCpuMs,
    addedCpuMs: Math.round(guardedCpuMs - emptyHookCpuMs), ratio: Number((guardedCpuMs / emptyHookCpuMs).toFixed(2)),
  }
}

/** CPU time of one install, children included, as the shell's `times` has it. */
async function frozenInstallCpu(dir: string, env: Readonly<Record<string, string>>): Promise<number> {
  rmSync(join(dir, "node_modules"), { recursive: true, force: true })
  const ran = await run(["bash", "-c", "pnpm install --frozen-lockfile --reporter=silent || exit 1; times"], { cwd: dir, env })
  if (ran.status !== 0) throw new Error(`a warm install failed: ${ran.output}`)
  const children = ran.stdout.trim().split("\n").at(-1) ?? ""
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1_000, 0)
}
