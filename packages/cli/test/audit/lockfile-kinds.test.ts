import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, test } from "vitest"
import { documentIn, temporaryFolder, vouchsafe } from "../support/io.ts"
import { startLogServers } from "../support/log-server.ts"

// Read, not imported: lockfiles of each kind are fixtures of another package.
const FIXTURES = fileURLToPath(new URL("../../../client/test/lockfile/fixtures", import.meta.url))
const KINDS = readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name)
const base = temporaryFolder()
const servers = await startLogServers(["alpha"])
afterAll(() => servers.close())

test("there is one of each kind", () => {
  expect(KINDS.sort()).toEqual(["bun-1", "bun-2", "npm-1", "npm-2", "npm-3", "pnpm-5", "pnpm-6", "pnpm-9", "pnpm-9-config", "yarn-1", "yarn-10", "yarn-4", "yarn-5", "yarn-6", "yarn-7", "yarn-8", "yarn-9"])
})

describe.each(KINDS)("%s", (kind) => {
  test("is listed, entry by entry, and checked: nobody vouches for any of it", async () => {
    const dir = join(base, kind)
    mkdirSync(dir)
    const [name = ""] = readdirSync(join(FIXTURES, kind))
    cpSync(join(FIXTURES, kind, name), join(dir, name))
    writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }))
    writeFileSync(join(dir, "vouchsafe.roster.json"), servers.rosterText)
    writeFileSync(join(dir, ".npmrc"), "registry=https://registry.example/\n@scope:registry=https://private.example/npm/\n")
    writeFileSync(join(dir, ".yarnrc.yml"), "npmRegistryServer: https://registry.example\nnpmScopes:\n  scope:\n    npmRegistryServer: https://private.example/npm\n")
    const listed = JSON.parse((await vouchsafe(dir, ["lockfile", "list", name, "--json"])).out) as { purl: string | null; integrity: string | null; resolved: string | null; kind: string }[]
    expect(listed.length).toBeGreaterThan(10)
    for (const entry of listed) expect(entry.purl === null).toBe(entry.kind !== "registry")
    // npm takes what a lockfile calls bundled from a tarball that, here, nobody vouches for.
    const { out } = await vouchsafe(dir, ["check", name, "--offline", "--json"])
    const { findings, verdicts } = documentIn(out) as { findings: { code: string; name: string }[]; verdicts: { purl: string }[] }
    expect(findings.map(({ code, name: about }) => [code, about])).toEqual([["EXOTIC_SOURCE", "by-url"], ...(kind.startsWith("npm-") ? [["EXOTIC_SOURCE", "inner"]] : [])])
    expect(new Set(verdicts.map(({ purl }) => purl))).toEqual(new Set(listed.flatMap(({ purl }) => purl ?? [])))
    expect(readFileSync(join(dir, name), "utf8")).toBe(readFileSync(join(FIXTURES, kind, name), "utf8"))
  })
})
