// Caches that somebody else wrote to between two installs: what is installed is what was attested, or nothing.
import { appendFileSync, cpSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, familyOf, findPackage, getManager, guardedProject, openWorld, runOk, TAMPER, type ManagerId, type Ran, type World } from "../support/index.ts"

const NAME = "zz-good"
const HONEST = "module.exports = 'good'\n"
const LATER = new Date(Date.now() + 60_000)
const PLANTED = "module.exports = 'evil'\n"

let world: World
beforeAll(async () => {
  world = await openWorld("poison")
  return () => world.close()
})

async function installed(id: ManagerId, account: string, dependency = NAME) {
  const made = await guardedProject(world, { account, manager: id, dependencies: { [dependency]: "1.0.0" } })
  const install = (): Promise<Ran> => made.command(...(familyOf(id) === "npm" ? ["vouchsafe", "run", "--", "npm", "install"] : [familyOf(id), "install"]))
  const first = await install()
  expect(first.status, describeRun(first)).toBe(0)
  return { ...made, install }
}

const filesBelow = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => lstatSync(path).isFile())

test("a tarball in the shim's own cache: noticed, fetched again, said aloud", async () => {
  const { sandbox, project, install } = await installed("npm11", "shim")
  const kept = filesBelow(join(sandbox.home, ".cache/vouchsafe")).filter((path) => path.includes("/shim/sha512/"))
  expect(kept.length).toBeGreaterThan(0)
  for (const path of kept) {
    const bytes = readFileSync(path)
    const at = bytes.length >> 1
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }
  rmSync(join(project, "node_modules"), { recursive: true })
  const ran = await install()
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(ran.output, describeRun(ran)).toContain("CACHE_POISONED")
  expect(readFileSync(join(project, "node_modules", NAME, "index.js"), "utf8")).toBe(HONEST)
})

test("evidence in the client's cache: anything changed is as good as nothing", async () => {
  const { sandbox, project, install } = await installed("npm11", "evidence")
  const kept = filesBelow(join(sandbox.home, ".cache/vouchsafe")).filter((path) => !path.includes("/shim/"))
  expect(kept.length).toBeGreaterThan(0)
  for (const path of kept) appendFileSync(path, "x")
  rmSync(join(project, "node_modules"), { recursive: true })
  const ran = await install()
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(readFileSync(join(project, "node_modules", NAME, "index.js"), "utf8")).toBe(HONEST)
})

describe.each(["pnpm10", "pnpm11", "pnpm12"] as const)("%s", (id) => {
  test("a file in its store: fetched again", async () => {
    const { sandbox, project, install } = await installed(id, id)
    const store = filesBelow(join(sandbox.home, ".local/share/pnpm/store")).filter((path) => path.includes("/files/")).filter((path) => lstatSync(path).size === HONEST.length && readFileSync(path, "utf8") === HONEST)
    expect(store.length).toBeGreaterThan(0)
    rmSync(join(project, "node_modules"), { recursive: true })
    for (const path of store) {
      writeFileSync(path, PLANTED)
      // pnpm 12 overlooks changes within moments of its own writing; the not-covered table has changes with their times put back.
      utimesSync(path, LATER, LATER)
    }
    const ran = await install()
    expect(ran.status, describeRun(ran)).toBe(0)
    expect(readFileSync(join(project, "node_modules", NAME, "index.js"), "utf8"), describeRun(ran)).toBe(HONEST)
  })
})

test("an archive in Yarn's cache that Yarn was told not to compare: refused", async () => {
  const { sandbox, project, command, install } = await installed("yarn4", "yarn", "zz-evil")
  // The same package, as a client of the lying registry gets it.
  world.registry.tamper(TAMPER)
  const attacker = world.sandbox("attacker")
  const other = attacker.project("other", { "package.json": { name: "other", private: true, dependencies: { "zz-evil": "1.0.0" } }, "yarn.lock": "" })
  await runOk(["yarn", "install"], { cwd: other, env: attacker.env({ runtime: world.runtime, manager: await getManager("yarn4") }) })
  world.registry.tamper([])
  const archive = (folder: string): string => readdirSync(join(folder, ".yarn/cache")).find((name) => name.startsWith("zz-evil-")) ?? ""
  expect(archive(other)).not.toBe("")
  cpSync(join(other, ".yarn/cache", archive(other)), join(project, ".yarn/cache", archive(project)))
  rmSync(join(project, "node_modules"), { recursive: true })
  appendFileSync(join(project, ".yarnrc.yml"), "checksumBehavior: ignore\n")
  const marker = join(sandbox.dir, "marker")
  rmSync(marker, { force: true })

  const ran = await install()
  expect(ran.status, describeRun(ran)).not.toBe(0)
  expect(ran.output, describeRun(ran)).toMatch(/NOT_VOUCHED|PROOF_INVALID/)
  expect(findPackage(project, "zz-evil", [".yarn/cache"]), describeRun(ran)).toEqual([])
  expect(existsSync(marker)).toBe(false)
  const unguarded = await command("env", "YARN_RC_FILENAME=.other.yml", `YARN_NPM_REGISTRY_SERVER=${world.registry.url}`, "YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1", "YARN_ENABLE_SCRIPTS=true", "YARN_ENABLE_GLOBAL_CACHE=false", "YARN_CHECKSUM_BEHAVIOR=ignore", "YARN_NODE_LINKER=node-modules", "yarn", "install")
  expect(unguarded.status, describeRun(unguarded)).toBe(0)
  expect(readFileSync(marker, "utf8"), "Yarn alone runs it").toContain("tampered postinstall")
})
