import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, familyOf, findPackage, getManager, node20, openWorld, run, TAMPER, type Family, type ManagerId, type Ran, type Runtime, type World } from "../support/index.ts"
import { arrange, environmentOf, REAL, takeMarks, type Arranged } from "./arrange.ts"
import { cellsOf, FULL, nameOf, SUBJECTS, type Cell, type GuardName } from "./cells.ts"
import { guardManager, type Guarded } from "./guards.ts"
import { withdrawGone } from "./withdrawn.ts"

const LOCKFILES: Readonly<Record<Family, string>> = { npm: "package-lock.json", pnpm: "pnpm-lock.yaml", yarn: "yarn.lock" }
const LOOPBACK = /127\.0\.0\.1[:%][^/]*\//g

/** All cells of some managers, with one world for all of them. */
export function matrixOf(managers: readonly ManagerId[], more: { readonly oldRuntime: readonly ManagerId[] }): void {
  let world: World
  let old: Runtime
  const guards = new Map<string, Promise<Guarded>>()
  let accounts = 0

  beforeAll(async () => {
    old = await node20()
    world = await openWorld("matrix")
    world.registry.tamper(TAMPER)
    await withdrawGone(world)
    return () => world.close()
  })

  const guardedBy = (manager: ManagerId, guard: GuardName, runtime: Runtime): Promise<Guarded> => {
    const key = `${manager} ${guard} ${runtime.name}`
    const known = guards.get(key) ?? getManager(manager).then((found) => guardManager({ world, sandbox: world.sandbox(`t${guards.size}`), manager: found, runtime, guard }))
    guards.set(key, known)
    return known
  }
  const tryCell = async (cell: Cell, runtime: Runtime): Promise<void> => {
    const guarded = await guardedBy(cell.manager, cell.guard, runtime)
    const arranged = await arrange(world, cell, guarded, world.sandbox(`c${accounts++}`))
    const marks = takeMarks(arranged)
    if (arranged.unguarded !== undefined && cell.outcome === "tampered") expect(marks.join("\n"), "the attack works without a guard").toContain("tampered postinstall")
    const subject = SUBJECTS[cell.outcome]
    const ran = await run(guarded.argv(cell.situation, cell.situation === "dlx" ? subject.judged : subject.parent), { cwd: arranged.project, env: environmentOf(world, cell, guarded, arranged.sandbox) })
    if (cell.outcome === "allowed") expectInstalled(cell, arranged, ran, world.registry.url)
    else expectRefused(cell, arranged, ran)
  }

  describe.each(managers)("%s", (manager) => {
    test.each(cellsOf(manager).map((cell) => ({ name: nameOf(cell), cell })))("$name", async ({ cell }) => { await tryCell(cell, world.runtime) })
  })
  describe.each(more.oldRuntime)("%s under the oldest Node", (manager) => {
    const guard = familyOf(manager) === "npm" ? "run" : "plugin"
    const cells = FULL ? cellsOf(manager) : (["allowed", "tampered"] as const).map((outcome): Cell => ({ manager, guard, situation: "cold", outcome }))
    test.each(cells.map((cell) => ({ name: nameOf(cell), cell })))("$name", async ({ cell }) => {
      expect(old.version).toMatch(/^20\./)
      await tryCell(cell, old)
    })
  })
}

/** Refused: the manager failed, said why, and left nothing of the package anywhere, nor ran anything of it. */
export function expectRefused(cell: Cell, arranged: Arranged, ran: Ran): void {
  const { judged, code } = SUBJECTS[cell.outcome]
  const seen = describeRun(ran)
  expect(ran.status, seen).not.toBe(0)
  expect(ran.output, seen).toContain(code)
  expect(ran.output, seen).toContain(judged)
  if (managerSpeaks(cell)) expect(ran.output.split("\n").filter((line) => !line.startsWith("vouchsafe:")).join("\n"), `the manager itself says why\n${seen}`).toContain(code)
  expect(findPackage(arranged.project, judged, arranged.seeded), seen).toEqual([])
  if (cell.situation === "dlx") expect(throwaways(arranged, judged), seen).toEqual([])
  expect(takeMarks(arranged), seen).toEqual([])
}

/** Whether the manager gets as far as saying why. `run` refuses a lockfile before it starts one, and npm is silent about optional packages. */
function managerSpeaks({ manager, guard, situation }: Cell): boolean {
  return guard === "plugin" || situation === "dlx" || (familyOf(manager) === "npm" && situation !== "frozen" && situation !== "optional")
}

/** Allowed: everything is there and works, and nothing in the project remembers the guard's address. */
export function expectInstalled(cell: Cell, arranged: Arranged, ran: Ran, registry: string): void {
  const seen = describeRun(ran)
  expect(ran.status, seen).toBe(0)
  if (cell.situation === "dlx") {
    expect(ran.output, seen).toContain("zz-good ran")
    return
  }
  const root = cell.situation === "workspaces" && existsSync(join(arranged.project, "packages/two/node_modules/zz-good")) ? join(arranged.project, "packages/two") : arranged.project
  const wanted = cell.situation === "add" ? ["zz-good"] : ["zz-good", ...Object.keys(REAL)]
  for (const name of wanted) expect(existsSync(join(root, "node_modules", name, "package.json")), `${name} is there\n${seen}`).toBe(true)
  expect(findPackage(arranged.project, "zz-good"), "the search that proves absence finds what is there").not.toEqual([])
  const lockfile = join(arranged.project, LOCKFILES[familyOf(cell.manager)])
  const addresses = readFileSync(lockfile, "utf8").match(LOOPBACK) ?? []
  expect(addresses.filter((address) => !registry.includes(address)), `addresses in ${lockfile}`).toEqual([])
}

/** Where `dlx` and its like install to: below the home, apart from the managers' stores of archives. */
function throwaways({ sandbox }: Arranged, name: string): string[] {
  return readdirSync(sandbox.dir, { recursive: true, encoding: "utf8" }).filter((path) => path.includes(`node_modules/${name}/`))
}
