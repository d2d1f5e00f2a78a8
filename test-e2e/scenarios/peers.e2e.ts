// Nodes whose operators said nothing but where to listen find each other by the roster, know who is who, and one that nobody can dial is reached through another.
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { commandIn, describeRun, guardedProject, OPERATORS, openWorld, type Ran, type World } from "../support/index.ts"

const LISTEN = { p2pListen: ["/ip4/127.0.0.1/tcp/0"] }
/** Against hanging only: nodes look for each other 2, 4, 8 … seconds after their start. */
const PATIENCE_MS = 90_000

let world: World
beforeAll(async () => {
  world = await openWorld("peers", { nodeConfig: { alpha: { ...LISTEN, p2pRelay: true }, beta: LISTEN, gamma: LISTEN, delta: { p2pListen: ["/p2p-circuit"] } } })
  return () => world.close()
})

interface Report {
  readonly nodes: readonly { readonly node: string; readonly reached: boolean; readonly missing: readonly string[]; readonly peers: { readonly id: string; readonly addresses: readonly string[]; readonly connected: readonly { readonly operator: string | null; readonly path: string }[] } | null }[]
}

test("the roster is enough; each operator is bound to its peer; what dies is seen to be gone", async () => {
  const { project, sandbox, manager } = await guardedProject(world, { account: "me", manager: "npm11", dependencies: { "zz-good": "1.0.0" } })
  const peers = (env: Record<string, string> = {}, ...more: readonly string[]): Promise<Ran> => commandIn(world, sandbox, manager, project, env)("vouchsafe", "peers", ...more)
  const until = async (isIt: (report: Report) => boolean): Promise<Report> => {
    const started = performance.now()
    for (;;) {
      const ran = await peers({}, "--json")
      const report = JSON.parse(ran.stdout) as Report
      if (isIt(report)) return report
      if (performance.now() - started > PATIENCE_MS) throw new Error(`${describeRun(ran)}\n${OPERATORS.map((operator) => world.network.logOf(operator)).join("\n")}`)
    }
  }
  const all = await until(({ nodes }) => nodes.every(({ missing, peers: found }) => found !== null && missing.length === 0))
  expect(all.nodes.map(({ node, peers: found }) => [node, found?.connected.map(({ operator }) => operator).sort()])).toEqual(OPERATORS.map((operator) => [operator, OPERATORS.filter((other) => other !== operator).sort()]))
  expect(new Set(all.nodes.map(({ peers: found }) => found?.id)).size).toBe(OPERATORS.length)
  const delta = all.nodes.find(({ node }) => node === "delta")
  expect(delta?.peers?.addresses.every((address) => address.includes("/p2p-circuit/"))).toBe(true)

  const told = await peers()
  expect(told.status, describeRun(told)).toBe(0)
  expect(told.stdout).toMatch(/^alpha is 12D3KooW\w+, connected to 3$/m)
  expect(told.stdout).toMatch(/^ {2}beta +12D3KooW\w+ +direct +score 0 +\/ip4\/127\.0\.0\.1\/tcp\//m)
  // One's own node is asked first, over its socket.
  const own = JSON.parse((await peers({ XDG_RUNTIME_DIR: join(world.dir, "op/run") }, "--json")).stdout) as Report
  expect(own.nodes.map(({ node, missing }) => [node.endsWith(".sock"), missing])).toEqual([[true, []]])

  world.network.kill("alpha")
  const left = await until(({ nodes }) => nodes.filter(({ node }) => node !== "alpha").every(({ missing }) => missing.includes("alpha")))
  expect(left.nodes.find(({ node }) => node === "alpha")).toMatchObject({ reached: false, peers: null })
  // Whom it brought together stays together.
  expect(left.nodes.find(({ node }) => node === "beta")?.missing).toEqual(["alpha"])
  expect((await peers()).status).toBe(3)
})
