// A node on the person's own machine answers first; without it the roster's nodes do.
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { commandIn, describeRun, guardedProject, openWorld, type Ran, type World } from "../support/index.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("daemon")
  return () => world.close()
})

interface Report {
  readonly verdicts: readonly { readonly ok: boolean; readonly claims: readonly unknown[] }[]
  readonly stats: { readonly fromCache: number; readonly fromDaemon: number; readonly fromNodes: number }
}

test("check asks the daemon, then its own cache, and without daemon the nodes", async () => {
  const { project, sandbox, manager, command } = await guardedProject(world, { account: "me", manager: "npm11", dependencies: { "zz-good": "1.0.0" } })
  const locked = await command("npm", "install", "--package-lock-only")
  expect(locked.status, describeRun(locked)).toBe(0)
  const check = async (more: Record<string, string>): Promise<Report> => {
    const ran: Ran = await commandIn(world, sandbox, manager, project, more)("vouchsafe", "check", "--json")
    expect(ran.status, describeRun(ran)).toBe(0)
    const report = JSON.parse(ran.stdout) as Report
    expect(report.verdicts).toHaveLength(2)
    // whoever brought the evidence, the same quorum carries the verdict
    for (const verdict of report.verdicts) expect(verdict.claims.length).toBeGreaterThanOrEqual(3)
    return report
  }
  const withDaemon = { XDG_RUNTIME_DIR: join(world.dir, "op/run") }
  expect((await check({ ...withDaemon, VOUCHSAFE_HOME: join(sandbox.dir, "one") })).stats).toMatchObject({ fromDaemon: 2, fromNodes: 0 })
  expect((await check({ ...withDaemon, VOUCHSAFE_HOME: join(sandbox.dir, "one") })).stats).toMatchObject({ fromCache: 2 })
  expect((await check({ VOUCHSAFE_HOME: join(sandbox.dir, "two") })).stats).toMatchObject({ fromDaemon: 0, fromNodes: 2 })
})
