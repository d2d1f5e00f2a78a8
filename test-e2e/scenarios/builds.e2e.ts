// Packages rebuilt by the network from bare git repositories, what clients learn of it, and what real package managers do then.
import type { FixturePackage } from "@vouchsafe/testkit/registry"
import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import {
  commandIn, describeRun, findPackage, getManager, guardedProject, makeSigningKey, openEnvelope, type OpenedStatement, openWorld, type Operator, policyFiles, provenanceFaults, type Ran, removeFolder, type Repository, runOk, type SigningKey, startGitServer, summaryFaults, temporaryFolder, type World,
} from "../support/index.ts"

const TOKEN = "token-for-builds-0123456789"
/** After the package managers that pack were published. */
const PUBLISHED_AT = "2026-11-01T12:00:00.000Z"
const REBUILDERS: readonly Operator[] = ["alpha", "beta"]

let world: World
const commits = new Map<string, { url: string; good: string; other: string }>()
let tokenFile = ""
let ours: SigningKey
let strangers: SigningKey

/** A package in a repository of its own, packed by npm from its first commit; `extra` files are only in what is published. */
async function publishable(repository: Repository, name: string, extra: Readonly<Record<string, string>> = {}, signWith?: string): Promise<FixturePackage> {
  const manifest = { name, version: "1.0.0", description: "made from source", main: "index.js", files: ["index.js", "extra.js"], repository: { type: "git", url: `git+${repository.url}` }, license: "MIT" }
  const good = repository.commit({ "package.json": `${JSON.stringify(manifest, null, 2)}\n`, "index.js": `module.exports = ${JSON.stringify(name)}\n`, "README.md": `# ${name}\n` }, "v1.0.0", signWith)
  const npm = await getManager("npm11")
  const into = join(repository.work, "..", `${name}-packed`)
  mkdirSync(into)
  for (const [path, text] of Object.entries(extra)) writeFileSync(join(repository.work, path), text)
  const env = { PATH: `${npm.binDir}:${process.env["PATH"] ?? ""}`, HOME: into }
  await runOk(["npm", "pack", "--pack-destination", into, "--ignore-scripts"], { cwd: repository.work, env })
  const { stdout } = await runOk(["npm", "--version"], { cwd: into, env })
  const other = repository.commit({ "index.js": "module.exports = 'another release'\n" })
  commits.set(name, { url: repository.url, good, other })
  return {
    name, version: "1.0.0", tarball: readFileSync(join(into, `${name}-1.0.0.tgz`)), publishedAt: PUBLISHED_AT,
    manifest: { description: manifest.description, main: manifest.main, repository: manifest.repository, license: "MIT" }, packument: { gitHead: good, _npmVersion: stdout.trim(), _nodeVersion: process.versions.node },
  }
}

beforeAll(async () => {
  const folder = temporaryFolder("builds-git")
  const server = await startGitServer(folder)
  tokenFile = join(folder, "token")
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 })
  ours = makeSigningKey(join(folder, "ours"))
  strangers = makeSigningKey(join(folder, "strangers"))
  const packages = [
    await publishable(server.repository("zz-honest"), "zz-honest"), await publishable(server.repository("zz-lies"), "zz-lies", { "extra.js": "require('child_process')\n" }),
    await publishable(server.repository("zz-mixed"), "zz-mixed"),
    await publishable(server.repository("zz-signed"), "zz-signed", {}, ours.path), await publishable(server.repository("zz-stranger"), "zz-stranger", {}, strangers.path),
  ]
  const allowedSigners = join(folder, "allowed_signers")
  writeFileSync(allowedSigners, `# who signs releases\nann@git.example namespaces="git" ${ours.line}\n`)
  const config = { rebuild: true, buildTokenFile: tokenFile, gitHost: [server.host], allowedSigners }
  const cleanUp = async (): Promise<void> => {
    await server.close()
    removeFolder(folder)
  }
  try {
    world = await openWorld("builds", { packages, nodeConfig: { alpha: config, beta: config } })
  } catch (error) {
    await cleanUp()
    throw error
  }
  return async () => {
    await world.close()
    await cleanUp()
  }
})

/** A person's project with a policy, and commands in it. */
async function account(name: string, policy: Readonly<Record<string, unknown>> = {}): Promise<(...argv: string[]) => Promise<Ran>> {
  const sandbox = world.sandbox(name)
  const files = policyFiles(world) as Record<string, unknown>
  const config = files["vouchsafe.json"]
  const parsed = (typeof config === "string" ? JSON.parse(config) : config) as object
  const project = sandbox.project("project", { "package.json": { name: "project", version: "1.0.0", private: true }, ...files, "vouchsafe.json": { ...parsed, ...policy } })
  return commandIn(world, sandbox, await getManager("npm11"), project)
}

async function build(command: (...argv: string[]) => Promise<Ran>, operator: Operator, name: string, commit?: string): Promise<Ran> {
  const at = commits.get(name)
  const source = commit === undefined || at === undefined ? [] : ["--source", at.url, "--commit", commit]
  return command("vouchsafe", "build", `${name}@1.0.0`, "--node", world.network.node(operator).url, "--token-file", tokenFile, "--wait", "--json", ...source)
}

interface Explained {
  readonly verdict: { readonly ok: boolean; readonly code?: string; readonly level?: string; readonly rebuilds?: readonly { readonly operator: string; readonly match: string; readonly agrees: boolean }[]; readonly findings: readonly { readonly code: string; readonly severity: string }[] }
}

async function explain(command: (...argv: string[]) => Promise<Ran>, name: string): Promise<Explained["verdict"]> {
  return (JSON.parse((await command("vouchsafe", "explain", `${name}@1.0.0`, "--json")).stdout) as Explained).verdict
}

describe("a package that its source yields", () => {
  test("reaches the level rebuilt when two operators agree, and not before; a policy that asks for it installs it then", async () => {
    const command = await account("honest", { levels: [{ match: ["zz-honest"], level: "rebuilt" }] })
    expect(await explain(command, "zz-honest")).toMatchObject({ ok: false, code: "NOT_REBUILT" })
    const first = await build(command, "alpha", "zz-honest")
    expect(first.status, describeRun(first)).toBe(0)
    expect(JSON.parse(first.stdout), describeRun(first)).toMatchObject({ state: "done", result: { match: expect.stringMatching(/^(?:tgz|tar|contents)$/) as string, differences: { count: 0 } } })
    expect(first.stderr).toContain("== compare")
    expect(await explain(command, "zz-honest")).toMatchObject({ ok: false, code: "NOT_REBUILT", rebuilds: [{ operator: "alpha" }] })
    const second = await build(command, "beta", "zz-honest")
    expect(second.status, describeRun(second)).toBe(0)
    const verdict = await explain(command, "zz-honest")
    expect(verdict).toMatchObject({ ok: true, level: "rebuilt", rebuilds: REBUILDERS.map((operator) => ({ operator, agrees: true })) })
    const said = await command("vouchsafe", "explain", "zz-honest@1.0.0")
    expect(said.stdout, describeRun(said)).toMatch(/rebuilt/)
    const installed = await command("vouchsafe", "run", "--", "npm", "install", "zz-honest")
    expect(installed.status, describeRun(installed)).toBe(0)
  })

  test("is exported as provenance and as a summary that says reproduced", async () => {
    const command = await account("export")
    const key = join(world.dir, "verifier.key")
    expect((await command("vouchsafe", "keys", "new", key, "--name", "verifier.example")).status).toBe(0)
    const opened = async (...argv: string[]): Promise<OpenedStatement[]> => {
      const ran = await command("vouchsafe", "export", "zz-honest@1.0.0", ...argv, "--json")
      expect(ran.status, describeRun(ran)).toBe(0)
      const { envelopes, signers } = JSON.parse(ran.stdout) as { envelopes: unknown[]; signers: { key: string }[] }
      return envelopes.map((envelope, i) => openEnvelope(JSON.stringify(envelope), signers[i]?.key ?? ""))
    }
    const provenance = await opened("--as", "provenance")
    expect(provenance.map(provenanceFaults)).toEqual([[], []])
    expect(provenance[0]).toMatchObject({ predicateType: "https://slsa.dev/provenance/v1", predicate: { buildDefinition: { resolvedDependencies: [{ digest: { gitCommit: commits.get("zz-honest")?.good } }] } } })
    const [summary] = await opened("--as", "summary", "--key", key)
    expect(summaryFaults(summary as OpenedStatement)).toEqual([])
    expect(summary).toMatchObject({ predicateType: "https://slsa.dev/verification_summary/v1", predicate: { verificationResult: "PASSED", verifiedLevels: expect.arrayContaining(["SLSA_BUILD_REPRODUCED"]) as string[] } })
  })
})

describe("a policy that demands commits signed by a key", () => {
  let projects = 0
  /** What a policy says that demands our key for these packages. */
  const demands = () => ({ signers: [{ match: ["zz-signed", "zz-stranger", "zz-honest"], keys: [ours.fingerprint] }] })
  const rebuilt = async (name: string): Promise<void> => {
    const command = await account(`signers-${name}`)
    for (const operator of REBUILDERS) {
      const ran = await build(command, operator, name)
      expect(ran.status, describeRun(ran)).toBe(0)
    }
  }
  const install = async (name: string, id: "npm11" | "pnpm10"): Promise<{ ran: Ran; found: readonly string[]; command: (...argv: string[]) => Promise<Ran> }> => {
    const { project, command } = await guardedProject(world, { account: `signers-${name}-${id}-${++projects}`, manager: id })
    const path = join(project, "vouchsafe.json")
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")) as object, ...demands() }))
    const ran = id === "npm11" ? await command("vouchsafe", "run", "--", "npm", "install", name) : await command("pnpm", "add", name)
    return { ran, found: findPackage(project, name), command }
  }

  test("installs what is signed by it, and says whose it is", async () => {
    const before = await install("zz-signed", "npm11")
    expect([before.ran.status, before.found], describeRun(before.ran)).toEqual([1, []])
    expect(before.ran.output).toContain("UNSIGNED_COMMIT")
    await rebuilt("zz-signed")
    const verdict = await explain(await account("signed-explained", demands()), "zz-signed")
    expect(verdict).toMatchObject({ ok: true, rebuilds: REBUILDERS.map((operator) => ({ operator, signature: { state: "valid", kind: "ssh", key: ours.fingerprint, signer: "ann@git.example" } })) })
    for (const id of ["npm11", "pnpm10"] as const) {
      const { ran, found } = await install("zz-signed", id)
      expect(ran.status, describeRun(ran)).toBe(0)
      expect(found, describeRun(ran)).not.toEqual([])
    }
  })

  test.each([
    { name: "zz-honest", what: "unsigned", state: "unsigned" },
    { name: "zz-stranger", what: "signed by another key", state: "unknown-signer" },
  ])("refuses what is $what", async ({ name, state }) => {
    await rebuilt(name)
    const verdict = await explain(await account(`${name}-explained`, demands()), name)
    expect(verdict).toMatchObject({ ok: false, code: "UNSIGNED_COMMIT", rebuilds: REBUILDERS.map(() => ({ signature: { state } })) })
    for (const id of ["npm11", "pnpm10"] as const) {
      const { ran, found } = await install(name, id)
      expect(ran.status, describeRun(ran)).not.toBe(0)
      expect(ran.output, describeRun(ran)).toContain("UNSIGNED_COMMIT")
      expect(found, describeRun(ran)).toEqual([])
    }
  })
})

describe("rebuilds that disagree", () => {
  test("one of two that differs is shown, and refuses nothing", async () => {
    const command = await account("mixed")
    const { good, other } = commits.get("zz-mixed") as { good: string; other: string }
    expect((await build(command, "alpha", "zz-mixed", good)).status).toBe(0)
    const differs = await build(command, "beta", "zz-mixed", other)
    expect(differs.status, describeRun(differs)).toBe(1)
    expect(JSON.parse(differs.stdout), describeRun(differs)).toMatchObject({ state: "done", result: { match: "none" } })
    const verdict = await explain(command, "zz-mixed")
    expect(verdict).toMatchObject({ ok: true, findings: [{ code: "SOURCE_MISMATCH", severity: "warn" }] })
    expect(verdict.rebuilds?.map(({ operator, match }) => [operator, match === "none"])).toEqual([["alpha", false], ["beta", true]])
  })

  test.each(["npm11", "pnpm10"] as const)("two that differ refuse a package of which a file is in no commit: %s", async (id) => {
    const command = await account(`ask-${id}`)
    for (const operator of REBUILDERS) {
      const ran = await build(command, operator, "zz-lies")
      expect(JSON.parse(ran.stdout), describeRun(ran)).toMatchObject({ state: "done", result: { match: "none", differences: { count: 1 } } })
    }
    const { sandbox, project, command: install } = await guardedProject(world, { account: `lies-${id}`, manager: id })
    const ran = id === "npm11" ? await install("vouchsafe", "run", "--", "npm", "install", "zz-lies") : await install("pnpm", "add", "zz-lies")
    expect(ran.status, describeRun(ran)).not.toBe(0)
    expect(ran.output, describeRun(ran)).toContain("SOURCE_MISMATCH")
    expect(findPackage(project, "zz-lies"), describeRun(ran)).toEqual([])
    expect(sandbox.dir).not.toBe("")
  })
})

test("a node that is killed while it builds takes the build up again when it is started", async () => {
  const command = await account("killed")
  const { url, data } = world.network.node("beta")
  const asked = await command("vouchsafe", "build", "zz-honest@1.0.0", "--node", url, "--token-file", tokenFile, "--json")
  const { id } = JSON.parse(asked.stdout) as { id: string }
  const state = async (): Promise<string> => {
    const { stdout } = await command("vouchsafe", "build", "status", id, "--node", url, "--json")
    return (JSON.parse(stdout) as { state: string }).state
  }
  for (let i = 0; i < 50 && await state() === "queued"; i++) await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await state()).toBe("running")
  world.network.kill("beta")
  const operator = world.sandbox("op-again")
  const argv = ["node", "--data", data, "--operator", "beta", "--url", url, "--listen", new URL(url).host, "--roster", world.network.roster, "--registry", world.registry.url, "--allow-private-addresses"]
  const again = spawn(world.tool.vouchsafe, argv, { env: operator.env({ runtime: world.runtime }), stdio: ["ignore", "pipe", "ignore"], detached: true })
  try {
    await new Promise((resolve) => { again.stdout.once("data", resolve) })
    const followed = await command("vouchsafe", "build", "status", id, "--node", url, "--follow", "--json")
    expect(followed.status, describeRun(followed)).toBe(0)
    expect(JSON.parse(followed.stdout), describeRun(followed)).toMatchObject({ state: "done", attempts: 2, result: { differences: { count: 0 } } })
  } finally {
    const ended = new Promise((resolve) => { again.once("close", resolve) })
    again.kill("SIGTERM")
    await ended
  }
})
