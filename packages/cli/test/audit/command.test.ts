import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { EXIT } from "../../src/index.ts"
import { documentIn, temporaryFolder, vouchsafe } from "../support/io.ts"
import { startLogServers } from "../support/log-server.ts"

const servers = await startLogServers(["alpha"])
afterAll(() => servers.close())
const dir = temporaryFolder()
writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", budget: "1s" }))
writeFileSync(join(dir, "vouchsafe.roster.json"), servers.rosterText)
mkdirSync(join(dir, "packages/a"), { recursive: true })

test("a folder in which nothing was ever installed is the wrong one, and not as attested", async () => {
  const { err, out, status } = await vouchsafe(dir, ["audit", "packages/a"])
  expect([status, out, err]).toEqual([EXIT.usage, "", expect.stringMatching(/^vouchsafe: USAGE: .*packages\/a has no lockfile and nothing installed, so nothing was audited\n {2}next: .*vouchsafe audit DIR/)])
  expect(documentIn((await vouchsafe(dir, ["audit", "packages/a", "--json"])).out)).toMatchObject({ error: { code: "USAGE" } })
})

test("a project that needs no package is as attested", async () => {
  writeFileSync(join(dir, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: { "": {} } }))
  expect(await vouchsafe(dir, ["audit"])).toMatchObject({ status: EXIT.done, out: expect.stringContaining("0 packages, 0 files") as string })
})
