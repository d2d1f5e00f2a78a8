// A node's keys change: by a hand-over that the roster takes up, installs go on before and after, and the old keys are worth nothing any more.
import { copyFileSync, readFileSync, renameSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { describeRun, guardedProject, OPERATORS, openWorld, run, runOk, type World } from "../support/index.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("rotation")
  return () => world.close()
})

interface Explained {
  readonly claims: readonly { readonly operator: string; readonly origin: string }[]
}

test("a node goes on under new keys", async () => {
  const { project, sandbox, command } = await guardedProject(world, { account: "me", manager: "npm11", dependencies: { "zz-good": "1.0.0" } })
  const installed = await command("vouchsafe", "run", "--", "npm", "install")
  expect(installed.status, describeRun(installed)).toBe(0)
  const folder = join(world.dir, "net")
  const options = { cwd: world.dir, env: world.sandbox("rotator").env({ runtime: world.runtime }) }
  const node = (...args: string[]) => run([join(world.tool.binDir, "vouchsafe-node"), ...args], options)

  // While it runs nothing can be handed over.
  const early = await node("rotate", "--data", join(folder, "alpha"), "--to", join(folder, "alpha-2"))
  expect(early.status, describeRun(early)).toBe(3)
  await runOk([world.tool.vouchsafe, "network", "down", "--data", folder], options)
  const rotated = await node("rotate", "--data", join(folder, "alpha"), "--to", join(folder, "alpha-2"))
  expect(rotated.status, describeRun(rotated)).toBe(0)

  // The roster has to take it up; a hand-over that somebody changed is none.
  const { handover } = JSON.parse(rotated.stdout) as { handover: string }
  const taken = await runOk([world.tool.vouchsafe, "roster", "handover", handover, "--roster", world.network.roster, "--json"], options)
  expect(JSON.parse(taken.stdout)).toMatchObject({ operator: "alpha", version: 2, log: expect.stringMatching(/^alpha\.vouchsafe\.local\/log\/2\+/) as string })
  const twice = await run([world.tool.vouchsafe, "roster", "handover", handover, "--roster", world.network.roster], options)
  expect(twice.status, describeRun(twice)).toBe(2)

  // The old folder starts no node.
  const old = await node("--data", join(folder, "alpha"), "--roster", world.network.roster, "--listen", "127.0.0.1:0")
  expect(old.status, describeRun(old)).toBe(3)
  expect(old.stderr).toContain("handed over")

  renameSync(join(folder, "alpha"), join(folder, "alpha-1"))
  renameSync(join(folder, "alpha-2"), join(folder, "alpha"))
  await runOk([world.tool.vouchsafe, "network", "up", "--data", folder, "--operators", OPERATORS.join(","), "--registry", world.registry.url, "--allow-private-addresses", "--json"], options)
  expect(JSON.parse(readFileSync(world.network.roster, "utf8"))).toMatchObject({ version: 2, nodes: [{ operator: "alpha", retired: [{}] }, {}, {}, {}] })
  copyFileSync(world.network.roster, join(project, "vouchsafe.roster.json"))
  const again = await command("vouchsafe", "run", "--", "npm", "ci")
  expect(again.status, describeRun(again)).toBe(0)

  // Who was there before has what the retired log said; who comes anew hears the present one.
  const claims = async (home: string): Promise<Explained["claims"]> => {
    const ran = await runOk([world.tool.vouchsafe, "explain", "zz-good@1.0.0", "--json"], { cwd: project, env: { ...sandbox.env({ runtime: world.runtime }), VOUCHSAFE_HOME: join(sandbox.dir, home) } })
    return (JSON.parse(ran.stdout) as { verdict: Explained }).verdict.claims
  }
  expect((await claims("fresh")).find(({ operator }) => operator === "alpha")?.origin).toBe("alpha.vouchsafe.local/log/2")
})
