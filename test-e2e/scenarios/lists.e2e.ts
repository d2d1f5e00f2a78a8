// A list of known-malicious packages, through every manager: nothing is installed before it was fetched, what it names is withdrawn, and a recorded exception lets it pass.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, findPackage, guardedProject, openWorld, type ManagerId, type Ran, type World } from "../support/index.ts"

interface Row {
  readonly id: ManagerId
  readonly install: readonly string[]
  readonly add: readonly string[]
}
const ROWS: readonly Row[] = [
  { id: "npm11", install: ["vouchsafe", "run", "--", "npm", "install"], add: ["vouchsafe", "run", "--", "npm", "install"] },
  { id: "pnpm10", install: ["pnpm", "install"], add: ["pnpm", "add"] },
  { id: "yarn4", install: ["yarn", "install"], add: ["yarn", "add"] },
]
const SPEC = "zz-gone@1.0.0"
const RECORD = { id: "MAL-2026-7", affected: [{ package: { ecosystem: "npm", name: "zz-gone" }, ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed: "2.0.0" }] }] }] }

let world: World
beforeAll(async () => {
  world = await openWorld("lists")
  return () => world.close()
})

function expectStatus(ran: Ran, isDone: boolean, ...says: readonly string[]): void {
  expect(ran.status === 0, describeRun(ran)).toBe(isDone)
  for (const text of says) expect(ran.output, describeRun(ran)).toContain(text)
}

describe.each(ROWS)("$id", ({ id, install, add }) => {
  test("a list that nobody fetched refuses everything, a listed version is withdrawn", async () => {
    const policy = { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", minimumAge: "0s", lists: [{ name: "ours", source: "./malicious.json" }] }
    const { command, project } = await guardedProject(world, { account: id, manager: id, dependencies: { "zz-good": "1.0.0" }, files: { "vouchsafe.json": policy, "malicious.json": [RECORD] } })
    expectStatus(await command(...install), false, "NOTICES_STALE")
    expect(findPackage(project, "zz-good")).toEqual([])

    expectStatus(await command("vouchsafe", "lists", "update"), true, "ours: 1 entries of 1 records")
    expectStatus(await command(...add, SPEC), false, "WITHDRAWN")
    expect(findPackage(project, "zz-gone")).toEqual([])
    if (id !== "npm11") return
    expectStatus(await command("vouchsafe", "explain", SPEC), false, `${SPEC} is refused: WITHDRAWN`, "the list ours of known-malicious packages names it", "MAL-2026-7", `vouchsafe allow ${SPEC}`)
    expectStatus(await command(...install), true)

    const until = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10)
    expectStatus(await command("vouchsafe", "allow", SPEC, "--code", "WITHDRAWN", "--owner", "ann", "--reason", "we test it", "--until", until), true)
    expect(readFileSync(join(project, "vouchsafe.json"), "utf8")).toContain(world.registry.built("zz-gone", "1.0.0")?.sha512 ?? "")
    expectStatus(await command(...add, SPEC), true)
    expectStatus(await command("vouchsafe", "allow", "--list"), true, "ENDS SOON")
  })
})
