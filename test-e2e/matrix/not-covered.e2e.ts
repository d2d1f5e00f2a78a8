import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, beforeEach, expect, test } from "vitest"
import { openWorld, ROOT, TAMPER, type World } from "../support/index.ts"
import { NOT_COVERED, notCoveredTable } from "./not-covered.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("uncovered")
  return () => world.close()
})
beforeEach(() => { world.registry.tamper(TAMPER) })

for (const [index, row] of NOT_COVERED.entries()) {
  for (const manager of row.managers) {
    test(`is not covered, as the README says: ${manager}, ${row.what}`, () => row.shows({ world, manager, account: `n${index}-${manager}` }))
  }
}

test("the README's table of what is not covered is this one", () => {
  expect(readFileSync(join(ROOT, "README.md"), "utf8")).toContain(notCoveredTable())
})
