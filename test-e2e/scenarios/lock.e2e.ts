// vouchsafe.lock: made with the network, and then everything that it covers decided without any, by every manager; what it never excuses; kept up by `run`.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, getManager, guardedProject, openWorld, OPERATORS, type GuardedProject, type ManagerId, type Ran, type World } from "../support/index.ts"

const OWN = "https://git.example/own/zz-mine.git"
const OTHER = "https://git.example/other/zz-mine.git"
const mine = (version: string, repository: string) => ({ name: "zz-mine", version, manifest: { repository }, files: { "index.js": `module.exports = '${version}'\n` } })
const DEPENDENCIES = { "zz-good": "1.0.0", "zz-gone": "1.0.0", "is-odd": "3.0.1", "zz-mine": "~1.0.0" }

interface Row {
  readonly id: ManagerId
  readonly install: readonly string[]
  readonly frozen: readonly string[]
  readonly lockfile: string
}
const ROWS: readonly Row[] = [
  { id: "npm11", install: ["vouchsafe", "run", "--", "npm", "install"], frozen: ["vouchsafe", "run", "--", "npm", "ci"], lockfile: "package-lock.json" },
  { id: "pnpm10", install: ["pnpm", "install"], frozen: ["pnpm", "install", "--frozen-lockfile"], lockfile: "pnpm-lock.yaml" },
  { id: "yarn4", install: ["yarn", "install"], frozen: ["yarn", "install", "--immutable"], lockfile: "yarn.lock" },
]

let world: World
const projects = new Map<ManagerId, GuardedProject>()
const of = (id: ManagerId): GuardedProject => projects.get(id) as GuardedProject
const lockOf = (project: string): string => readFileSync(join(project, "vouchsafe.lock"), "utf8")

function expectStatus(ran: Ran, status: number, ...says: readonly string[]): Ran {
  expect(ran.status, describeRun(ran)).toBe(status)
  for (const text of says) expect(ran.output, describeRun(ran)).toContain(text)
  return ran
}

beforeAll(async () => {
  world = await openWorld("lock", { packages: [mine("1.0.0", OWN), mine("2.0.0", OTHER)] })
  return () => world.close()
})

describe.each(ROWS)("with the network: $id", ({ id, install, lockfile }) => {
  test("lock writes a line for every entry, explains itself, and says when it is current", async () => {
    const project = await guardedProject(world, { account: id, manager: id, dependencies: DEPENDENCIES })
    projects.set(id, project)
    const { command } = project
    expectStatus(await command(...install), 0)
    expectStatus(await command("vouchsafe", "lock", "--check"), 1, "no vouchsafe.lock")
    expectStatus(await command("vouchsafe", "lock"), 0, "wrote", "alpha 6, beta 6, gamma 6, delta 6")
    const lines = lockOf(project.project).split("\n").filter((line) => line.startsWith("pkg:npm/"))
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["is-number@6.0.0", "is-odd@3.0.1", "zz-gone@1.0.0", "zz-good@1.0.0", "zz-leaf@1.0.0", "zz-mine@1.0.0"].map((name) => `pkg:npm/${name}`))
    expectStatus(await command("vouchsafe", "lock", "--check"), 0, "is what the lockfile needs")
    expectStatus(await command("vouchsafe", "check", lockfile), 0, "6 of 6 packages vouched for")
  })
})

test("run keeps the lock up to what it installed, and says so", async () => {
  const { command, project } = of("npm11")
  expectStatus(await command("vouchsafe", "run", "--", "npm", "install", "zz-parent"), 0, "refreshed", "+ zz-parent@1.0.0", "+ zz-evil@1.0.0")
  expectStatus(await command("vouchsafe", "lock", "--check"), 0)
  const before = lockOf(project)
  expectStatus(await command("vouchsafe", "run", "--", "npm", "ci"), 0)
  expect(lockOf(project), "nothing changed").toBe(before)
})

test("where a host cannot write the lock, it names the command", async () => {
  const { command } = of("pnpm10")
  expectStatus(await command("pnpm", "add", "zz-parent"), 0, "warning LOCK_STALE: vouchsafe.lock has no line about it: run `npx vouchsafe lock`")
  expectStatus(await command("vouchsafe", "lock", "--check"), 1, "LOCK_STALE", "zz-parent@1.0.0")
  expectStatus(await command("vouchsafe", "check"), 1, "LOCK_STALE", "zz-parent@1.0.0")
  expectStatus(await command("vouchsafe", "lock"), 0, "refreshed", "+ zz-parent@1.0.0")
  expectStatus(await command("vouchsafe", "check"), 0)
})

test("a version by others is refused with both sides, and not locked, until it is accepted", async () => {
  const { command, project } = of("npm11")
  const before = lockOf(project)
  expectStatus(await command("vouchsafe", "run", "--", "npm", "install", "zz-mine@2.0.0"), 1, "IDENTITY_CHANGED")
  expectStatus(await command("npm", "install", "--package-lock-only", "zz-mine@2.0.0"), 0)
  expectStatus(await command("vouchsafe", "lock"), 1, "IDENTITY_CHANGED", OWN, OTHER, "vouchsafe lock --accept zz-mine@2.0.0", "is as it was")
  expect(lockOf(project)).toBe(before)
  expectStatus(await command("vouchsafe", "lock", "--accept", "zz-mine@3.0.0"), 2, "zz-mine@3.0.0")
  expectStatus(await command("vouchsafe", "lock", "--accept", "zz-mine@2.0.0"), 0, "zz-mine 1.0.0 → 2.0.0", `${OWN} → ${OTHER}`)
  expectStatus(await command("vouchsafe", "run", "--", "npm", "ci"), 0)
})

test("a withdrawal is seen", async () => {
  const built = world.registry.built("zz-gone", "1.0.0")
  await world.network.withdraw("beta", { purl: "pkg:npm/zz-gone@1.0.0", registry: world.registry.url, sha512: built?.sha512 ?? "", reason: "its maintainer asked for it" })
  // Notices are asked for again after five minutes; another account asks now.
  const fresh = world.sandbox("seen")
  cpSync(of("npm11").project, join(fresh.dir, "project"), { recursive: true, filter: (path) => !path.includes("node_modules") })
  const command = commandIn(world, fresh, await getManager("npm11"), join(fresh.dir, "project"))
  expectStatus(await command("vouchsafe", "check"), 1, "WITHDRAWN", "zz-gone@1.0.0")
  for (const operator of OPERATORS) world.network.kill(operator)
  expectStatus(await command("vouchsafe", "check"), 1, "WITHDRAWN", "zz-gone@1.0.0")
  expectStatus(await command("vouchsafe", "run", "--", "npm", "ci"), 1, "WITHDRAWN")
  expect(existsSync(join(fresh.dir, "project/node_modules/zz-gone"))).toBe(false)
})

describe.each(ROWS)("with all nodes gone: $id", ({ frozen, id }) => {
  /** A machine that has never seen the network: no cache, no state, an empty store. */
  async function freshly(name: string, change: (project: string) => void = () => undefined): Promise<(...argv: string[]) => Promise<Ran>> {
    const sandbox = world.sandbox(`${id}-${name}`)
    const project = join(sandbox.dir, "project")
    cpSync(of(id).project, project, { recursive: true, filter: (path) => !/node_modules|\.yarn\/(?:cache|install-state)/.test(path) })
    change(project)
    return commandIn(world, sandbox, await getManager(id), project)
  }

  test("a frozen install on a machine that knows nothing needs no node", async () => {
    const command = await freshly("fresh")
    expectStatus(await command("vouchsafe", "check"), 0, "no node had to be asked")
    expectStatus(await command("vouchsafe", "check", "--offline"), 0)
    expectStatus(await command(...frozen), 0)
    expectStatus(await command("vouchsafe", "lock", "--check"), 0)
  })

  test("without the lock it is refused", async () => {
    const command = await freshly("bare", (project) => { rmSync(join(project, "vouchsafe.lock")) })
    expectStatus(await command(...frozen), 1, "UNREACHABLE")
  })
})

describe("bad locks are refused with line and reason, and stay", () => {
  const edit = (name: string, change: (text: string) => string, policy: object = {}): (() => Promise<{ ran: Ran; lock: Ran; text: string; after: string }>) => async () => {
    const sandbox = world.sandbox(`bad-${name.replaceAll(" ", "-")}`)
    const project = join(sandbox.dir, "project")
    cpSync(of("npm11").project, project, { recursive: true, filter: (path) => !path.includes("node_modules") })
    const text = change(lockOf(project))
    writeFileSync(join(project, "vouchsafe.lock"), text)
    writeFileSync(join(project, "vouchsafe.json"), JSON.stringify({ ...JSON.parse(readFileSync(join(project, "vouchsafe.json"), "utf8")) as object, ...policy }))
    const command = commandIn(world, sandbox, await getManager("npm11"), project)
    return { ran: await command("vouchsafe", "check"), lock: await command("vouchsafe", "lock"), text, after: lockOf(project) }
  }

  test.each([
    { name: "a merge conflict", change: (text: string) => text.replace(/^(pkg:npm\/zz-good.*)$/m, "<<<<<<< ours\n$1\n=======\n$1\n>>>>>>> theirs"), says: ["line 8", "merge conflict"] },
    { name: "a line edited by hand", change: (text: string) => text.replace(/^(pkg:npm\/zz-good@1\.0\.)0/m, "$19"), says: ["line 8", "edited by hand"] },
  ])("$name", async ({ change, name, says }) => {
    const { after, lock, ran, text } = await edit(name, change)()
    for (const one of [ran, lock]) expectStatus(one, 2, "LOCK_MALFORMED", ...says)
    expect(after).toBe(text)
  })

  test("of another network", async () => {
    const { after, ran, text } = await edit("another network", (own) => own.replace(/^roster [0-9a-f]{64}/m, `roster ${"0".repeat(64)}`))()
    expectStatus(ran, 2, "LOCK_MALFORMED", "line 2", "another project")
    expect(after).toBe(text)
  })

  test("lines of another project", async () => {
    const { after, ran, text } = await edit("other lines", () => lockOf(of("yarn4").project))()
    expectStatus(ran, 1, "LOCK_STALE", "zz-parent@1.0.0")
    expect(after).toBe(text)
  })

  test("too old under strict", async () => {
    const { after, ran, text } = await edit("too old", (own) => own, { preset: "strict", maxLockAge: "1s" })()
    expectStatus(ran, 1, "LOCK_STALE", "too old")
    expect(after).toBe(text)
  })
})
