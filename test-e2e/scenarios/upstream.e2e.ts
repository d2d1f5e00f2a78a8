// npm's own attestations: real packages with their real provenance, verified by four nodes, demanded by a policy, and tampered with on the way.
import { sharedPath } from "@vouchsafe/config/shared"
import type { FixturePackage, TamperRule } from "@vouchsafe/testkit/registry"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { describeRun, findPackage, guardedProject, openWorld, OPERATORS, type Ran, type World } from "../support/index.ts"

const KEYS = sharedPath("data", "npm-registry", "keys.tuf.json")
const COMMIT = "46e7056ff9912ebfee5298d94024895a9fea76c0"
/** What the package depends on, reduced to names: these tests are about the package itself. */
const DEPENDENCIES: Readonly<Record<string, readonly string[]>> = {
  "@sigstore/bundle": ["2.3.2"], "@sigstore/core": ["1.0.0"], "@sigstore/protobuf-specs": ["0.1.0", "0.2.1", "0.3.2"], "@sigstore/sign": ["2.3.2"], "@sigstore/tuf": ["2.3.4"], "@sigstore/verify": ["1.2.1"],
  "make-fetch-happen": ["11.0.1"], "tuf-js": ["1.0.0"],
}
const STUBS: readonly FixturePackage[] = Object.entries(DEPENDENCIES).flatMap(([name, versions]) => versions.map((version) => ({ name, version, files: { "index.js": "" } })))

function answerOf(version: string): unknown {
  return JSON.parse(readFileSync(sharedPath("data", "npm-attestations", "registry-shape", `sigstore@${version}.json`), "utf8"))
}

/** In force from the start: nodes remember a packument for a minute. */
const LIES: readonly TamperRule[] = [
  { name: "sigstore", version: "1.0.0", mode: "drop-attestations" },
  { name: "sigstore", version: "2.0.0", mode: "lose-attestations" },
  { name: "sigstore", version: "2.1.0", mode: "swap-attestations", other: "sigstore@2.3.1" },
]

let world: World
beforeAll(async () => {
  world = await openWorld("upstream", {
    packages: STUBS,
    registry: { attestations: Object.fromEntries(["1.0.0", "2.0.0", "2.1.0", "2.3.1"].map((version) => [`sigstore@${version}`, answerOf(version)])), tamper: LIES },
    nodeConfig: (registry) => Object.fromEntries(OPERATORS.map((operator) => [operator, { registryKeys: [`${registry}=${KEYS}`] }])),
  })
  return () => world.close()
})

async function install(account: string, version: string): Promise<{ ran: Ran; installed: readonly string[]; command: (...argv: string[]) => Promise<Ran> }> {
  const { command, project } = await guardedProject(world, { account, manager: "npm11" })
  writeFileSync(join(project, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", levels: [{ match: ["sigstore"], level: "provenance" }] }))
  const ran = await command("vouchsafe", "run", "--", "npm", "install", `sigstore@${version}`)
  return { ran, installed: findPackage(project, "sigstore"), command }
}

test("a package whose provenance every node verified is installed where a policy demands provenance", async () => {
  const { ran, installed, command } = await install("honest", "2.3.1")
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(installed).not.toEqual([])
  expect(world.registry.requests.filter(({ url }) => url.includes("/attestations/sigstore@2.3.1")).length).toBeGreaterThanOrEqual(OPERATORS.length)
  // Nothing is asked for a package that announces nothing.
  expect(world.registry.requests.filter(({ url }) => url.includes("/attestations/@sigstore"))).toEqual([])
  const explained = await command("vouchsafe", "explain", "sigstore@2.3.1", "--json")
  expect(explained.status, describeRun(explained)).toBe(0)
  expect(explained.stdout).toContain(COMMIT)
  expect(explained.stdout).toContain("https://github.com/sigstore/sigstore-js")
})

test("attestations of another version are refused as PROVENANCE_INVALID", async () => {
  const { ran, installed } = await install("swapped", "2.1.0")
  expect([ran.status, installed], describeRun(ran)).toEqual([1, []])
  expect(ran.output, describeRun(ran)).toContain("PROVENANCE_INVALID")
})

test("attestations that the registry does not show are missed: NO_PROVENANCE", async () => {
  const { ran, installed } = await install("dropped", "1.0.0")
  expect([ran.status, installed], describeRun(ran)).toEqual([1, []])
  expect(ran.output, describeRun(ran)).toContain("NO_PROVENANCE")
})

test("attestations that are announced and cannot be had: no node vouches", async () => {
  const { ran, installed } = await install("lost", "2.0.0")
  expect([ran.status, installed], describeRun(ran)).toEqual([1, []])
  expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
  // Each asked, and wrote neither "none" nor "refused" about it for ever; that it is observed later is a test of the attester.
  expect(world.registry.requests.filter(({ url, status }) => url.includes("/attestations/sigstore@2.0.0") && status === 404).length).toBeGreaterThanOrEqual(OPERATORS.length)
})
