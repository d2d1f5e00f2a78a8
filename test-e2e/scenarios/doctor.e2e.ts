// `vouchsafe doctor` says when a guard is not in force (THREATS A5: what skips a guard silently).
import { appendFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, getManager, openWorld, type ManagerId, type World } from "../support/index.ts"

let world: World
let accounts = 0
beforeAll(async () => {
  world = await openWorld("doctor")
  return () => world.close()
})

interface Row {
  readonly name: string
  readonly breakIt: (project: string) => void
  readonly says: RegExp
}

const append = (file: string, text: string) => (project: string): void => appendFileSync(join(project, file), text)

const PNPM: readonly Row[] = [
  { name: "a changed .pnpmfile.cjs", breakIt: append(".pnpmfile.cjs", "\n"), says: /\.pnpmfile\.cjs/ },
  { name: "a .pnpmfile.cjs that lets everything pass", breakIt: (project) => writeFileSync(join(project, ".pnpmfile.cjs"), "module.exports = {}\n"), says: /\.pnpmfile\.cjs/ },
  { name: "a missing .pnpmfile.cjs", breakIt: (project) => rmSync(join(project, ".pnpmfile.cjs")), says: /\.pnpmfile\.cjs is missing/ },
  { name: "a changed core", breakIt: append(".vouchsafe/core.mjs", "\n"), says: /core\.mjs/ },
  { name: "a missing core", breakIt: (project) => rmSync(join(project, ".vouchsafe/core.mjs")), says: /core\.mjs is missing/ },
  { name: "ignorePnpmfile", breakIt: append("pnpm-workspace.yaml", "ignorePnpmfile: true\n"), says: /ignorePnpmfile/ },
  { name: "another pnpmfile", breakIt: append("pnpm-workspace.yaml", "pnpmfile: other.cjs\n"), says: /pnpmfile/ },
  { name: "ignore-pnpmfile in .npmrc", breakIt: append(".npmrc", "ignore-pnpmfile=true\n"), says: /ignore-pnpmfile/ },
  { name: "a preset that never blocks", breakIt: (project) => writeFileSync(join(project, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", preset: "observe", roster: "./vouchsafe.roster.json" })), says: /observe/ },
  { name: "a registry that no node observes", breakIt: append(".npmrc", "@other:registry=http://127.0.0.1:9/\n"), says: /127\.0\.0\.1:9/ },
]

const YARN: readonly Row[] = [
  { name: "a changed plugin", breakIt: append(".yarn/plugins/@vouchsafe/yarn-plugin.cjs", "\n"), says: /yarn-plugin\.cjs/ },
  { name: "a missing plugin", breakIt: (project) => rmSync(join(project, ".yarn/plugins/@vouchsafe/yarn-plugin.cjs")), says: /yarn-plugin\.cjs/ },
  { name: "a plugin that is not named", breakIt: (project) => writeFileSync(join(project, ".yarnrc.yml"), "nodeLinker: node-modules\n"), says: /yarnrc\.yml/ },
]

async function guarded(id: ManagerId) {
  const sandbox = world.sandbox(`d${accounts++}`)
  const files = id === "yarn4" ? { "yarn.lock": "" } : { "pnpm-workspace.yaml": "dangerouslyAllowAllBuilds: true\n" }
  const project = sandbox.project("project", { "package.json": { name: "project", version: "1.0.0", private: true }, ...files })
  const command = commandIn(world, sandbox, await getManager(id), project)
  const init = await command("vouchsafe", "init", "--roster", world.network.roster)
  expect(init.status, describeRun(init)).toBe(0)
  return { project, command }
}

describe.each([{ id: "pnpm12" as const, rows: PNPM }, { id: "yarn4" as const, rows: YARN }])("A5: doctor with $id", ({ id, rows }) => {
  test("finds nothing in a project as init leaves it", async () => {
    const { command } = await guarded(id)
    const ran = await command("vouchsafe", "doctor", "--json")
    expect(ran.status, describeRun(ran)).toBe(0)
    const { findings } = JSON.parse(ran.stdout) as { findings: { state: string }[] }
    expect(findings.filter(({ state }) => state !== "ok")).toEqual([])
  })

  test.each(rows)("finds $name", async ({ name, breakIt, says }) => {
    const { project, command } = await guarded(id)
    breakIt(project)
    const ran = await command("vouchsafe", "doctor", "--json")
    const { findings } = JSON.parse(ran.stdout) as { findings: { state: string; detail: string }[] }
    const bad = findings.filter(({ state }) => state !== "ok")
    expect(bad.map(({ detail }) => detail).join("\n"), describeRun(ran)).toMatch(says)
    // a preset is a choice, and said aloud; everything else means that the guard is not in force
    expect(ran.status, describeRun(ran)).toBe(name.startsWith("a preset") ? 0 : 1)
  })
})
