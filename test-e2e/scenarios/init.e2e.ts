// `vouchsafe init` and back: a project is guarded by what init writes, and `init --remove` leaves it as it was.
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, familyOf, findPackage, getManager, openWorld, TAMPER, type ManagerId, type World } from "../support/index.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("init")
  return () => world.close()
})

const DEPENDENCIES = { "zz-good": "1.0.0", "is-odd": "3.0.1" }
const YARN_SETTINGS = "# kept by hand\nnodeLinker: node-modules\n"
const PNPM_SETTINGS = "# kept by hand\ndangerouslyAllowAllBuilds: true\n"

interface Row {
  readonly id: ManagerId
  readonly install: readonly string[]
  readonly guarded: readonly string[]
  readonly add: readonly string[]
  readonly files: Readonly<Record<string, string>>
}

const ROWS: readonly Row[] = [
  ...(["npm10", "npm11", "npm12"] as const).map((id): Row => ({ id, install: ["npm", "install"], guarded: ["vouchsafe", "run", "--", "npm", "ci"], add: ["vouchsafe", "run", "--", "npm", "install", "zz-parent"], files: {} })),
  ...(["pnpm10", "pnpm11", "pnpm12"] as const).map((id): Row => ({ id, install: ["pnpm", "install"], guarded: ["pnpm", "install", "--frozen-lockfile"], add: ["pnpm", "add", "zz-parent"], files: { "pnpm-workspace.yaml": PNPM_SETTINGS } })),
  { id: "yarn4", install: ["yarn", "install"], guarded: ["yarn", "install", "--immutable"], add: ["yarn", "add", "zz-parent"], files: { ".yarnrc.yml": YARN_SETTINGS, "yarn.lock": "" } },
]

describe.each(ROWS)("$id", ({ id, install, guarded, add, files }) => {
  test("init guards, its install works and a refusal is one, and init --remove leaves everything as it was", async () => {
    const sandbox = world.sandbox(id)
    const project = sandbox.project("project", { "package.json": { name: "project", version: "1.0.0", private: true, dependencies: DEPENDENCIES }, "src/index.js": "", ...files })
    const command = commandIn(world, sandbox, await getManager(id), project)
    const ok = async (...argv: readonly string[]): Promise<string> => {
      const ran = await command(...argv)
      expect(ran.status, describeRun(ran)).toBe(0)
      return ran.stdout
    }
    world.registry.tamper([])
    await ok(...install)
    const before = filesOf(project)
    const { written } = JSON.parse(await ok("vouchsafe", "init", "--roster", world.network.roster, "--json")) as { written: { path: string }[] }
    expect(written.map(({ path }) => path)).toContain("vouchsafe.json")
    const inited = filesOf(project)
    await ok("vouchsafe", "init", "--roster", world.network.roster)
    expect(filesOf(project), "a second init changes nothing").toEqual(inited)
    await ok(...guarded)
    await ok("vouchsafe", "doctor")

    world.registry.tamper(TAMPER)
    const refused = await command(...add)
    expect(refused.status, describeRun(refused)).not.toBe(0)
    expect(refused.output, describeRun(refused)).toContain("NOT_VOUCHED")
    expect(findPackage(project, "zz-evil")).toEqual([])
    world.registry.tamper([])

    await ok("vouchsafe", "init", "--remove")
    if (familyOf(id) === "pnpm") await ok("pnpm", "install")
    expect(filesOf(project)).toEqual(before)
    await ok(...install)
  })
})

/** Every file of the project but what managers install, with its contents. */
function filesOf(project: string): Record<string, string> {
  const names = readdirSync(project, { recursive: true, encoding: "utf8" }).filter((name) => !/^(?:node_modules|\.yarn\/(?:cache|unplugged|install-state\.gz))(?:\/|$)/.test(name))
  return Object.fromEntries(names.sort().filter((name) => !lstatSync(join(project, name)).isDirectory()).map((name) => [name, readFileSync(join(project, name), "utf8")]))
}
