// Patching a package behind the guard: the commands of the managers go on working, and what they put into place is checked as ever.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { describeRun, findPackage, guardedProject, openWorld, type Ran, type World } from "../support/index.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("patching")
  return () => world.close()
})

/** What the managers tell people to run, and the folder in it. */
const COMMIT = /patch-commit (?:-s )?'?([^\s']+)/

test.each(["pnpm10", "pnpm11", "pnpm12", "yarn4"] as const)("%s with the plugin: patch, edit, commit, install", async (id) => {
  const manager = id === "yarn4" ? "yarn" : "pnpm"
  const given = await guardedProject(world, { account: id, manager: id, dependencies: { "zz-good": "1.0.0" } })
  await done(given.command(manager, "install"))
  const patching = await done(given.command(manager, "patch", id === "yarn4" ? "zz-good" : "zz-good@1.0.0"))
  const place = COMMIT.exec(patching.output)?.[1] ?? ""
  writeFileSync(join(place, "index.js"), "module.exports = 'patched'\n")
  await done(given.command(manager, "patch-commit", ...(id === "yarn4" ? ["-s"] : []), place))
  await done(given.command(manager, "install"))
  if (id !== "yarn4") expect(readFileSync(join(given.project, "node_modules/zz-good/index.js"), "utf8")).toBe("module.exports = 'patched'\n")
  else expect(readFileSync(join(given.project, "package.json"), "utf8")).toContain("patch:zz-good")
})

test("a package that was withdrawn is not put into place for being patched", async () => {
  const ids = ["pnpm10", "pnpm11", "pnpm12", "yarn4"] as const
  const projects = []
  for (const id of ids) {
    const given = await guardedProject(world, { account: `${id}-withdrawn`, manager: id, dependencies: { "zz-gone": "1.0.0" } })
    const manager = id === "yarn4" ? "yarn" : "pnpm"
    await done(given.command(manager, "install"))
    projects.push({ id, given, manager, patching: await done(given.command(manager, "patch", id === "yarn4" ? "zz-gone" : "zz-gone@1.0.0")) })
  }
  await world.network.withdraw("beta", { purl: "pkg:npm/zz-gone@1.0.0", registry: world.registry.url, sha512: world.registry.built("zz-gone", "1.0.0")?.sha512 ?? "", reason: "its maintainer asked for it" })
  for (const { id, given, manager, patching } of projects) {
    const place = COMMIT.exec(patching.output)?.[1] ?? ""
    writeFileSync(join(place, "index.js"), "module.exports = 'patched'\n")
    // Yarn's writes the patch alone
    if (id === "yarn4") await done(given.command(manager, "patch-commit", "-s", place))
    // else notices would not be asked for again for some minutes
    given.sandbox.forgetCaches()
    const ran = await given.command(manager, ...(id === "yarn4" ? ["install"] : ["patch-commit", place]))
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(ran.output, describeRun(ran)).toContain("WITHDRAWN")
    expect(findPackage(given.project, "zz-gone").filter((path) => path.endsWith("index.js") && !path.includes(".pnpm_patches/") && readFileSync(join(given.project, path), "utf8").includes("patched")), id).toEqual([])
  }
})

async function done(running: Promise<Ran>): Promise<Ran> {
  const ran = await running
  expect(ran.status, describeRun(ran)).toBe(0)
  return ran
}
