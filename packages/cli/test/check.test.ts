import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Ajv2020 } from "ajv/dist/2020.js"
import type { CheckResult } from "@vouchsafe/client"
import { parseLockfile } from "@vouchsafe/client/lockfile"
import { nodeCrypto, npmBuiltInRegistry, type Project } from "@vouchsafe/client/node"
import { artifactKey, type ArtifactRequest, type LogEvidence, parsePolicy, parseRoster, type Verdict } from "@vouchsafe/core"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { findLockfile, formatLockfileReport, judgeLockfile } from "../src/check/lockfile.ts"
import { parseSpec } from "../src/check/registry.ts"
import { registriesOf } from "../src/check/registries.ts"
import { EXIT } from "../src/index.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"
import { observationOf, startLogServers } from "./support/log-server.ts"

// Read, not imported: the schema is a document of another package.
const verdictSchema = JSON.parse(readFileSync(new URL("../../spec/schemas/verdict.schema.json", import.meta.url), "utf8")) as object

const base = temporaryFolder()
const servers = await startLogServers(["alpha", "beta", "gamma"])
afterAll(() => servers.close())
const roster = parseRoster(nodeCrypto, servers.rosterText)
const REGISTRY = "https://registry.example/"
const HEX = { good: "01".repeat(64), other: "02".repeat(64) }
const sri = (hex: string): string => `sha512-${Buffer.from(hex, "hex").toString("base64")}`

/** What the fake client answers: a digest is vouched for, everything else is refused. */
interface World {
  vouched: Map<string, string>
  evidence: LogEvidence[]
  misbehavior: CheckResult["misbehavior"]
  asked: ArtifactRequest[][]
  reached: number
  /** Code of requests without a digest. */
  bare: "EXOTIC_SOURCE" | "CLOCK_BEHIND"
}
let world: World
beforeEach(() => { world = { vouched: new Map(), evidence: [], misbehavior: [], asked: [], reached: 3, bare: "EXOTIC_SOURCE" } })

function project(more: object = {}): Project {
  const policy = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...more }))
  return {
    roster, policy, registries: { registryFor: () => REGISTRY, raw: () => undefined, default: REGISTRY },
    check: async (requests: readonly ArtifactRequest[]) => {
      world.asked.push([...requests])
      const verdicts = requests.map((request): Verdict => {
        const common = { ...request, claims: [], labels: [] }
        if (request.sha512 !== undefined && world.vouched.get(artifactKey(request)) === request.sha512) return { ...common, ok: true, findings: [], claims: [{ operator: "alpha", origin: "alpha.example/log", index: 0, predicateType: "x", checkpointTime: 1, bundled: ["node_modules/inner"] }] }
        const code = request.sha512 === undefined ? world.bare : "NOT_VOUCHED" as const
        return { ...common, ok: false, code, findings: [{ code, severity: "deny", saidBy: [], message: "no" }] }
      })
      return { verdicts, misbehavior: world.misbehavior, evidence: world.evidence, failures: [], notes: [], stats: { fromCache: 0, fromDaemon: 0, fromNodes: 0, nodesReached: world.reached, nodesTotal: 3 } } as CheckResult
    },
  } as unknown as Project
}

const vouch = (name: string, sha512 = HEX.good): void => { world.vouched.set(artifactKey({ purl: `pkg:npm/${name}@1.0.0`, registry: REGISTRY }), sha512) }
const npmLock = (packages: object) => parseLockfile("package-lock.json", JSON.stringify({ lockfileVersion: 3, packages }))
const x = (more: object = {}): object => ({ "node_modules/x": { version: "1.0.0", resolved: `${REGISTRY}x/-/x-1.0.0.tgz`, integrity: sri(HEX.good), ...more } })

describe("judging a lockfile", () => {
  test("everything vouched for: 0", async () => {
    vouch("x")
    const report = await judgeLockfile(project(), npmLock(x()))
    expect(report).toMatchObject({ exit: EXIT.done, entries: 1, findings: [], tiedAtInstall: 0 })
    expect(formatLockfileReport(report)).toEqual(["1 of 1 packages vouched for, 0 of 1 lockfile entries refused; 3 of 3 nodes answered"])
  })

  test("other bytes: 1", async () => {
    vouch("x", HEX.other)
    const report = await judgeLockfile(project(), npmLock(x()))
    expect(report.exit).toBe(EXIT.refused)
    expect(formatLockfileReport(report).at(-1)).toContain("0 of 1 packages vouched for")
    expect(formatLockfileReport(report).join("\n")).toContain("NOT_VOUCHED")
  })

  test("a log was caught lying: 4, though everything is vouched for; but only once", async () => {
    vouch("x")
    const lie = { operator: "beta", origin: "beta.example/log\u001b[2J", proof: {} as never, document: "{}", isNew: true, path: "/state/proof.json" }
    world.misbehavior = [lie]
    const report = await judgeLockfile(project(), npmLock(x()))
    expect(report.exit).toBe(EXIT.misbehavior)
    expect(formatLockfileReport(report).join("\n")).toContain("the proof is kept in /state/proof.json")
    expect(formatLockfileReport(report).join("\n")).not.toContain("\u001b")
    world.misbehavior = [{ ...lie, isNew: false }]
    expect((await judgeLockfile(project(), npmLock(x()))).exit).toBe(EXIT.done)
  })

  test("the clock: 3", async () => {
    world.bare = "CLOCK_BEHIND"
    const lock = parseLockfile("yarn.lock", '__metadata:\n  version: 8\n\n"x@npm:1":\n  version: 1.0.0\n  resolution: "x@npm:1.0.0"\n')
    expect((await judgeLockfile(project(), lock, { versions: true })).exit).toBe(EXIT.world)
  })

  test("what the file itself does wrong: 1, before anybody's word", async () => {
    vouch("x")
    const report = await judgeLockfile(project(), npmLock(x({ resolved: "https://evil.example/x/-/x-1.0.0.tgz" })))
    expect(report).toMatchObject({ exit: EXIT.refused, findings: [{ code: "WRONG_REGISTRY", severity: "deny", where: "node_modules/x" }] })
    expect(formatLockfileReport(report).join("\n")).toMatch(/WRONG_REGISTRY: .*evil\.example.*\n {4}next {2}regenerate/)
  })

  test("what claims to be bundled is looked for in the attested tarball", async () => {
    vouch("x")
    const inner = (name: string) => npmLock({ ...x(), [`node_modules/x/node_modules/${name}`]: { version: "1.0.0", inBundle: true } })
    expect((await judgeLockfile(project(), inner("inner"))).exit).toBe(EXIT.done)
    expect((await judgeLockfile(project(), inner("evil")))).toMatchObject({ exit: EXIT.refused, findings: [{ code: "EXOTIC_SOURCE", where: "node_modules/x/node_modules/evil" }] })
  })

  test("npm's own default host in a package-lock is the configured registry", async () => {
    vouch("x")
    const resolved = `${await npmBuiltInRegistry()}x/-/x-1.0.0.tgz`
    expect((await judgeLockfile(project(), npmLock(x({ resolved })))).exit).toBe(EXIT.done)
    const never = { ...project(), registries: { registryFor: () => REGISTRY, raw: (key: string) => (key === "replace-registry-host" ? "never" : undefined), default: REGISTRY } } as unknown as Project
    expect((await judgeLockfile(never, npmLock(x({ resolved })))).exit).toBe(EXIT.refused)
    const pnpm = parseLockfile("pnpm-lock.yaml", `lockfileVersion: '9.0'\npackages:\n  x@1.0.0:\n    resolution: {integrity: ${sri(HEX.good)}, tarball: ${resolved}}\n`)
    expect((await judgeLockfile(project(), pnpm)).exit).toBe(EXIT.refused)
  })

  test("more findings than fit are counted", async () => {
    const packages = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`node_modules/p${i}`, { version: "1.0.0" }]))
    const text = formatLockfileReport(await judgeLockfile(project(), npmLock(packages))).join("\n")
    expect(text.match(/EXOTIC_SOURCE/g)).toHaveLength(10)
    expect(text).toContain("and 4 more like these")
  })
})

describe("rules and exceptions", () => {
  const git = { "node_modules/x": { version: "1.0.0", resolved: "git+ssh://git@git.example/x.git#abc" } }
  const exception = (more: object = {}) => ({ exceptions: [{ purl: "pkg:npm/x@1.0.0", code: "EXOTIC_SOURCE", owner: "me", reason: "we wrote it", until: "2999-12-31", ...more }] })
  test.each([
    { name: "by default", more: {}, exit: EXIT.refused, says: "EXOTIC_SOURCE" },
    { name: "strict", more: { preset: "strict" }, exit: EXIT.refused, says: "EXOTIC_SOURCE" },
    { name: "observe", more: { preset: "observe" }, exit: EXIT.done, says: "warning EXOTIC_SOURCE" },
    { name: "warn", more: { rules: { EXOTIC_SOURCE: "warn" } }, exit: EXIT.done, says: "warning EXOTIC_SOURCE" },
    { name: "off", more: { rules: { EXOTIC_SOURCE: "off" } }, exit: EXIT.done, says: "0 of 1 lockfile entries refused" },
    { name: "an exception", more: exception(), exit: EXIT.done, says: 'allowed until 2999-12-31 by "me": "we wrote it"' },
    { name: "an exception that ended", more: exception({ until: "2020-01-01" }), exit: EXIT.refused, says: 'the exception of "me" ended 2020-01-01' },
    { name: "an exception for another version", more: exception({ purl: "pkg:npm/x@1.0.1" }), exit: EXIT.refused, says: "EXOTIC_SOURCE" },
    { name: "an exception for another code", more: exception({ code: "WRONG_REGISTRY" }), exit: EXIT.refused, says: "EXOTIC_SOURCE" },
    { name: "an exception for some bytes, and the entry has none", more: exception({ sha512: HEX.good }), exit: EXIT.refused, says: "EXOTIC_SOURCE" },
  ])("a git dependency: $name", async ({ more, exit, says }) => {
    const report = await judgeLockfile(project(more), npmLock(git))
    expect(report.exit).toBe(exit)
    expect(formatLockfileReport(report).join("\n")).toContain(says)
  })

  test("an exception for the very bytes of a tarball by URL", async () => {
    const url = { "node_modules/x": { version: "1.0.0", resolved: "https://files.example/x.tgz", integrity: sri(HEX.good) } }
    expect((await judgeLockfile(project(exception({ sha512: HEX.good })), npmLock(url))).exit).toBe(EXIT.done)
    expect((await judgeLockfile(project(exception({ sha512: HEX.other })), npmLock(url))).exit).toBe(EXIT.refused)
  })
})

describe("Yarn Berry, whose lockfile holds no digest of a tarball", () => {
  const lock = parseLockfile("yarn.lock", '__metadata:\n  version: 8\n\n"x@npm:1":\n  version: 1.0.0\n  resolution: "x@npm:1.0.0"\n\n"y@npm:1":\n  version: 1.0.0\n  resolution: "y@npm:1.0.0"\n')
  const log = (operator: string, entries: readonly string[], more: Partial<LogEvidence> = {}): LogEvidence => ({ operator, origin: `${operator}.example/log`, reached: true, batches: [{ checkpoint: "", indices: entries.map((_, i) => i), entries, proof: [], bodies: [] }], statuses: [], ...more })
  const says = (operator: string, name: string, sha512: string): string => observationOf(`${operator}.example/log`, name, { sha512 })

  test("without being asked to, nothing is claimed of it", async () => {
    const report = await judgeLockfile(project(), lock)
    expect(report).toMatchObject({ exit: EXIT.done, tiedAtInstall: 2, result: { verdicts: [] } })
    expect(formatLockfileReport(report).join("\n")).toContain("none was judged here; Yarn's plugin ties each of the 2 archives to an attested tarball at install")
  })

  test("each version is judged by the bytes that most operators observed, and what is left to the plugin is said", async () => {
    world.evidence = [log("alpha", [says("alpha", "x", HEX.good), says("alpha", "y", HEX.good)]), log("beta", [says("beta", "x", HEX.other), says("beta", "y", HEX.good)]), log("gamma", [says("gamma", "x", HEX.good), says("gamma", "y", HEX.good), "rubbish"])]
    vouch("x")
    vouch("y")
    const report = await judgeLockfile(project(), lock, { versions: true })
    expect(report.exit).toBe(EXIT.done)
    expect(world.asked[1]?.map(({ sha512 }) => sha512)).toEqual([HEX.good, HEX.good])
    expect(formatLockfileReport(report)).toEqual([
      "  yarn.lock holds no digest of a tarball: they were judged by version, not by bytes; Yarn's plugin ties each of the 2 archives to an attested tarball at install",
      "2 of 2 packages vouched for, 0 of 2 lockfile entries refused; 3 of 3 nodes answered",
    ])
  })

  test("what no quorum vouches for is refused", async () => {
    world.evidence = [log("alpha", [says("alpha", "x", HEX.good), says("alpha", "y", HEX.good)])]
    vouch("x")
    const report = await judgeLockfile(project(), lock, { versions: true })
    expect(report.exit).toBe(EXIT.refused)
    expect(report.result.verdicts.map((verdict) => (verdict.ok ? "ok" : verdict.code))).toEqual(["ok", "NOT_VOUCHED"])
  })

  const status = (operator: string, word: "pending" | "absent" | "refused"): LogEvidence => log(operator, [], { statuses: ["x", "y"].map((name) => ({ purl: `pkg:npm/${name}@1.0.0`, registry: REGISTRY, status: word, ...(word === "refused" ? { code: "TARBALL_HOSTILE" } : {}) })) })
  const dead = (operator: string): LogEvidence => log(operator, [], { reached: false, failure: { code: "UNREACHABLE", message: "connection refused" } })
  test.each([
    { name: "is being observed", evidence: [status("alpha", "pending"), status("beta", "absent"), dead("gamma")], code: "PENDING", found: "alpha pending; beta absent; gamma unreachable (connection refused)" },
    { name: "is not in the registry", evidence: [status("alpha", "absent"), status("beta", "absent"), status("gamma", "absent")], code: "NOT_VOUCHED", found: "alpha absent" },
    { name: "was refused by the operators", evidence: [status("alpha", "refused"), status("beta", "refused"), dead("gamma")], code: "NOT_VOUCHED", found: "alpha refused (TARBALL_HOSTILE)" },
    { name: "could not be asked for", evidence: [dead("alpha"), dead("beta"), status("gamma", "absent")], code: "UNREACHABLE", found: "alpha unreachable" },
    { name: "was passed over in silence", evidence: [log("alpha", []), log("beta", []), log("gamma", [])], code: "NOT_VOUCHED", found: "alpha silent" },
  ])("a version that nobody observed and that $name", async ({ evidence, code, found }) => {
    world.evidence = evidence
    const { exit, result } = await judgeLockfile(project(), lock, { versions: true })
    expect(exit).toBe(EXIT.refused)
    expect(result.verdicts[0]).toMatchObject({ ok: false, code, findings: [{ code, severity: "deny", found: expect.stringContaining(found), hint: expect.any(String) }] })
    expect((await judgeLockfile(project({ preset: "observe" }), lock, { versions: true })).exit).toBe(EXIT.done)
  })
})

test("the lockfile of a folder is the nearest one above; npm-shrinkwrap comes before package-lock", () => {
  const dir = join(base, "nested", "a", "b")
  mkdirSync(dir, { recursive: true })
  expect(findLockfile(dir)).toBeUndefined()
  writeFileSync(join(base, "nested", "package-lock.json"), "{}")
  expect(findLockfile(dir)).toBe(join(base, "nested", "package-lock.json"))
  writeFileSync(join(base, "nested", "npm-shrinkwrap.json"), "{}")
  expect(findLockfile(dir)).toBe(join(base, "nested", "npm-shrinkwrap.json"))
  writeFileSync(join(base, "nested", "a", "yarn.lock"), "")
  expect(findLockfile(dir)).toBe(join(base, "nested", "a", "yarn.lock"))
})

describe("registries of a lockfile's package manager", () => {
  const dir = join(base, "registries")
  const home = join(base, "registries-home")
  mkdirSync(dir)
  mkdirSync(home)
  writeFileSync(join(dir, "pnpm-workspace.yaml"), "registries:\n  '@scope': https://pnpm.example/\n")
  writeFileSync(join(dir, ".yarnrc.yml"), 'npmScopes:\n  scope:\n    npmRegistryServer: "https://yarn.example"\n')
  writeFileSync(join(home, ".yarnrc.yml"), 'npmRegistryServer: "https://home.example"\n')
  const env = environment(home)
  test.each([
    { format: "package-lock" as const, plain: REGISTRY, scoped: REGISTRY },
    { format: "yarn-classic" as const, plain: REGISTRY, scoped: REGISTRY },
    { format: "pnpm-lock" as const, plain: REGISTRY, scoped: "https://pnpm.example/" },
    { format: "yarn-berry" as const, plain: "https://home.example/", scoped: "https://yarn.example/" },
  ])("$format", async ({ format, plain, scoped }) => {
    const registries = await registriesOf(format, dir, env)
    expect(registries.registryFor("x")).toBe(plain)
    expect(registries.registryFor("@scope/x")).toBe(scoped)
  })

  test("Yarn Berry does not read npm's files, and its own default is another name of npm's", async () => {
    expect((await registriesOf("yarn-berry", dir, environment(dir))).default).toBe(await npmBuiltInRegistry())
    expect((await registriesOf("yarn-berry", dir, environment(home, { YARN_NPM_REGISTRY_SERVER: "https://variable.example" }))).default).toBe("https://variable.example/")
  })
})

describe("a package version as people name it", () => {
  test.each([
    ["left@1.0.0", "left", "1.0.0", "pkg:npm/left@1.0.0"],
    ["@scope/left@1.0.0-rc.1", "@scope/left", "1.0.0-rc.1", "pkg:npm/%40scope/left@1.0.0-rc.1"],
    ["pkg:npm/%40scope/left@1.0.0", "@scope/left", "1.0.0", "pkg:npm/%40scope/left@1.0.0"],
  ])("%s", (text, name, version, purl) => {
    expect(parseSpec(text)).toEqual({ name, version, purl })
  })
})

test("check --json: verdicts as the schema has them", async () => {
  const dir = join(base, "whole")
  mkdirSync(dir)
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", budget: "1s" }))
  writeFileSync(join(dir, "vouchsafe.roster.json"), servers.rosterText)
  writeFileSync(join(dir, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: x() }))
  const { status, out, err } = await vouchsafe(dir, ["check", "--json"])
  expect({ status, err }).toEqual({ status: EXIT.refused, err: "" })
  const document = documentIn(out)
  expect(document).toMatchObject({ lockfile: join(dir, "package-lock.json"), format: "package-lock", entries: 1, tiedAtInstall: 0, findings: [], misbehavior: [], stats: { nodesTotal: 3 } })
  const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(verdictSchema)
  for (const verdict of document["verdicts"] as Verdict[]) expect(validate(verdict), JSON.stringify(validate.errors)).toBe(true)
})

test("check --offline that refuses says that nobody was asked, and what asks", async () => {
  const dir = join(base, "offline")
  mkdirSync(dir)
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }))
  writeFileSync(join(dir, "vouchsafe.roster.json"), servers.rosterText)
  writeFileSync(join(dir, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: x() }))
  const { err, status } = await vouchsafe(dir, ["check", "--offline"])
  expect([status, err]).toEqual([EXIT.refused, expect.stringMatching(/nobody was asked \(--offline\).*\n {2}next: `npx vouchsafe check`/)])
})
