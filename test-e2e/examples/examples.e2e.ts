// Every folder of examples/, run as its README says, in a copy, against a network on loopback.
import { cpSync, existsSync, readdirSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { describeRun, getManager, openWorld, ROOT, run, type ManagerId, type World } from "../support/index.ts"

const EXAMPLES: Readonly<Record<string, ManagerId>> = { npm: "npm11", pnpm: "pnpm10", yarn: "yarn4", ci: "npm11", "own-node": "npm11" }
const folder = join(ROOT, "examples")

let world: World
beforeAll(async () => {
  world = await openWorld("examples")
  return () => world.close()
})

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => { if (address !== null && typeof address === "object") resolve(address.port); else reject(new Error("no port")) })
    })
  })
}

// Those without a script are for containers: scenarios/storage.e2e.ts runs what they start.
test("every example is run here", () => expect(readdirSync(folder).filter((name) => existsSync(join(folder, name, "run.sh"))).sort()).toEqual(Object.keys(EXAMPLES).sort()))

test.each(Object.entries(EXAMPLES))("examples/%s does what it says", async (name, id) => {
  const sandbox = world.sandbox(`example-${name}`)
  const project = sandbox.project(name, {})
  cpSync(join(folder, name), project, { recursive: true })
  const env = sandbox.env({
    runtime: world.runtime, manager: await getManager(id), path: [world.tool.binDir],
    more: { ROSTER: world.network.roster, PORT: String(await freePort()), NODE_FLAGS: "--allow-private-addresses" },
  })
  const ran = await run(["sh", "run.sh"], { cwd: project, env })
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(ran.stdout, describeRun(ran)).toContain("installed, and vouched for")
})
