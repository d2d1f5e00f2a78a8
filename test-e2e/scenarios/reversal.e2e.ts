// A withdrawal that its node takes back: who was refused installs again, and nobody else can take it back.
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { commandIn, describeRun, findPackage, getManager, openWorld, policyFiles, runOk, type Operator, type Ran, type World } from "../support/index.ts"

const TWO = ["1.0.0", "1.0.1"].map((version) => ({ name: "zz-two", version, files: { "index.js": `module.exports = "${version}"\n` } }))

let world: World
beforeAll(async () => {
  world = await openWorld("reversal", { packages: TWO })
  return () => world.close()
})

interface Person {
  readonly folder: string
  command(...argv: string[]): Promise<Ran>
  /** `vouchsafe withdraw` at the node of an operator, over its admin socket. */
  withdraw(operator: Operator, ...argv: string[]): Promise<Ran>
  install(...argv: string[]): Promise<Ran>
}

async function person(name: string): Promise<Person> {
  const sandbox = world.sandbox(name)
  const folder = sandbox.project("project", { "package.json": { name: "project", version: "1.0.0", private: true }, ...policyFiles(world) })
  const command = commandIn(world, sandbox, await getManager("npm11"), folder)
  return {
    folder, command, install: (...argv) => command("vouchsafe", "run", "--", "npm", ...argv),
    withdraw: (operator, ...argv) => command("vouchsafe", "withdraw", ...argv, "--socket", join(world.network.node(operator).data, "admin.sock")),
  }
}

const isWithdrawn = (ran: Ran): void => expect([ran.status, ran.output.includes("WITHDRAWN")], describeRun(ran)).toEqual([1, true])
const isDone = (ran: Ran): void => expect(ran.status, describeRun(ran)).toBe(0)

test("install, withdraw, refused, reverse, install", async () => {
  const [ann, bob] = [await person("ann"), await person("bob")]
  isDone(await ann.install("install", "zz-leaf"))
  isDone(await ann.withdraw("alpha", "zz-leaf@1.0.0", "--reason", "steals tokens"))
  isWithdrawn(await bob.install("install", "zz-leaf"))
  expect(findPackage(bob.folder, "zz-leaf")).toEqual([])

  const others = await ann.withdraw("beta", "zz-leaf@1.0.0", "--reverse", "--reason", "looks fine")
  expect([others.status, others.output.includes("only who withdrew can reverse")], describeRun(others)).toEqual([2, true])
  isWithdrawn(await bob.install("install", "zz-leaf"))

  const reversed = await ann.withdraw("alpha", "zz-leaf@1.0.0", "--reverse", "--reason", "a mistake", "--json")
  expect([reversed.status, JSON.parse(reversed.stdout)], describeRun(reversed)).toEqual([0, expect.objectContaining({ reverses: 0, index: 1 })])
  // Bob's own memory knows the withdrawal, and learns at once that it is over.
  isDone(await bob.install("install", "zz-leaf"))
  expect(findPackage(bob.folder, "zz-leaf")).not.toEqual([])
  const again = await ann.withdraw("alpha", "zz-leaf@1.0.0", "--reverse", "--reason", "a mistake")
  expect([again.status, again.output.includes("no notice about zz-leaf@1.0.0 in force")], describeRun(again)).toEqual([2, true])

  const notices = await ann.command("vouchsafe", "log", "inspect", "--notices", "--operator", "alpha", "--fields", "index,kind,reverses,reason", "--json")
  expect(JSON.parse(notices.stdout), describeRun(notices)).toEqual([
    { index: 0, kind: "withdrawal", reverses: null, reason: "steals tokens" }, { index: 1, kind: "reversal", reverses: 0, reason: "a mistake" },
  ])
  const audited = await ann.command("vouchsafe", "log", "verify")
  isDone(audited)
})

test("what is withdrawn after it was locked: the refusal's own command leaves it, and a reversal by its index brings it back", async () => {
  const [ann, carl] = [await person("ann-two"), await person("carl")]
  isDone(await ann.install("install", "zz-two@1.0.0"))
  const withdrawn = await ann.withdraw("beta", "zz-two@1.0.0", "--reason", "steals tokens", "--json")
  const { index } = JSON.parse(withdrawn.stdout) as { index: number }
  await runOk(["cp", join(ann.folder, "package.json"), join(ann.folder, "package-lock.json"), carl.folder], { cwd: carl.folder, env: { PATH: "/usr/bin:/bin" } })

  const refused = await carl.install("ci")
  isWithdrawn(refused)
  isWithdrawn(await carl.install("install", "zz-two@1.0.1"))
  // As a person copies it.
  const [, line = ""] = /to leave a refused version: `(npm install NAME@VERSION [^`]*)`/.exec(refused.output) ?? []
  const left = await carl.command(...line.replace("NAME@VERSION", "zz-two@1.0.1").split(" "))
  isDone(left)
  expect(findPackage(carl.folder, "zz-two"), "the lockfile alone is changed").toEqual([])
  isDone(await carl.install("ci"))
  expect(findPackage(carl.folder, "zz-two")).not.toEqual([])

  isDone(await ann.withdraw("beta", "--reverse", String(index), "--reason", "a mistake"))
  isDone(await carl.install("install", "zz-two@1.0.0"))
  const missing = await ann.withdraw("beta", "--reverse", "99", "--reason", "a mistake")
  expect([missing.status, missing.output.includes("NOT_FOUND")], describeRun(missing)).toEqual([1, true])
})
