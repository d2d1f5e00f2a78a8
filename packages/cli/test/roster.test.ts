import { formatRoster, KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import { createHash } from "node:crypto"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { genesisPath, openProject, rostersDirectory } from "@vouchsafe/client/node"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const REGISTRY = "https://registry.example/"
const PEOPLE = ["alice", "bob", "carol", "dave"] as const
let base: string
/** What the source at the second path serves. */
let served = join(dir, "repository")
let status = 200
const server = createServer((request, response) => {
  const path = join(served, decodeURIComponent(request.url ?? "").replace(/^\/tuf\//, ""))
  const found = status === 200 && existsSync(path) && statSync(path).isFile()
  response.writeHead(status !== 200 ? status : found ? 200 : 404).end(found ? readFileSync(path) : "")
})

/** Each project is another person's: state is kept by genesis, not by project. */
const envOf = (cwd: string) => environment(cwd)
const run = (argv: readonly string[], cwd: string = dir) => vouchsafe(cwd, ["roster", ...argv], { env: envOf(cwd) })
async function ok(argv: readonly string[], cwd: string = dir): Promise<Record<string, unknown>> {
  const { status: exit, out, err } = await run([...argv, "--json"], cwd)
  expect([exit, err]).toEqual([0, ""])
  return documentIn(out)
}
const keyFile = (name: string): string => join(dir, `${name}.key`)
const seed = (text: string): Uint8Array => createHash("sha256").update(text).digest()
const nodeEntry = (operator: string) => ({
  operator, url: `https://${operator}.example/`, log: signerFromSeed(`${operator}.example/log`, KEY_TYPE.ed25519, seed(`${operator}l`)).verifier.vkey,
  notices: signerFromSeed(`${operator}.example/notices`, KEY_TYPE.ed25519, seed(`${operator}n`)).verifier.vkey, witness: signerFromSeed(`${operator}.example/witness`, KEY_TYPE.cosignatureEd25519, seed(`${operator}w`)).verifier.vkey,
})
const publishFlags = (): string[] => ["--repository", "repository", "--online-key", keyFile("online")]
const sign = (proposal: string, who: string) => ok(["sign", proposal, "--key", keyFile(who)])
let genesis: string

beforeAll(async () => {
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tuf/`
  for (const name of [...PEOPLE, "online"]) expect((await vouchsafe(dir, ["keys", "new", keyFile(name), "--name", `${name}.example`])).status).toBe(0)
  for (const operator of ["alpha", "bravo", "delta", "echo"]) writeFileSync(join(dir, `${operator}.json`), JSON.stringify(nodeEntry(operator)))
  await ok([
    "init", "first", ...["alice", "bob", "carol"].flatMap((who) => ["--keyholder", keyFile(who)]), "--threshold", "2", "--online-key", keyFile("online"),
    ...["alpha", "bravo", "delta"].flatMap((operator) => ["--node", `${operator}.json`]), "--registry", REGISTRY,
  ])
  await sign("first", "alice")
  await sign("first", "bob")
  ;({ genesis } = await ok(["publish", "first", ...publishFlags()]) as { genesis: string })
})
afterAll(() => { server.closeAllConnections(); server.close() })

function project(name: string, more: { readonly genesis?: string | undefined; readonly governed?: boolean } = {}): string {
  const path = join(dir, name)
  mkdirSync(path)
  const governance = more.governed === false ? {} : { governance: { genesis: more.genesis ?? genesis, sources: [base] } }
  writeFileSync(join(path, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...governance }))
  const { version, ...rest } = JSON.parse(rosterOf("repository")) as { version: number }
  writeFileSync(join(path, "vouchsafe.roster.json"), JSON.stringify({ ...rest, version: Math.min(version, 1) }))
  return path
}
const rosterOf = (repository: string): string => readFileSync(join(dir, repository, "targets", readdirSync(join(dir, repository, "targets")).find((name) => name.endsWith(".roster.json")) ?? ""), "utf8")
const stateOf = (cwd: string): string => join(rostersDirectory(envOf(cwd)), genesis)

describe("one person alone", () => {
  test("proposes and signs, and does not publish: status 1, and not a byte changed", async () => {
    const before = snapshotOf("repository")
    await ok(["propose", "alone", "--repository", "repository", "--add", "echo.json"])
    expect(await sign("alone", "alice")).toMatchObject({ publishable: false, signatures: [{ role: "targets", signed: ["alice.example"], threshold: 2 }, { role: "roster", missing: ["bob.example", "carol.example"] }] })
    const { status: exit, err, out } = await run(["publish", "alone", ...publishFlags()])
    expect(exit).toBe(1)
    expect(err).toContain("not enough keyholders have signed; nothing was published")
    expect(out).toContain("not yet: roster by keyholders: 1 of 2 signed (alice.example), could sign: bob.example, carol.example")
    expect(snapshotOf("repository")).toEqual(before)
  })
  test("signs twice under no other name", async () => {
    await sign("alone", "alice")
    const file = readdirSync(join(dir, "alone/signatures"))[0] as string
    cpSync(join(dir, "alone/signatures", file), join(dir, "alone/signatures", `${"0".repeat(64)}.json`))
    expect(await run(["publish", "alone", ...publishFlags()])).toMatchObject({ status: 3, err: expect.stringContaining("ROSTER_REFUSED") as string })
    rmSync(join(dir, "alone/signatures", `${"0".repeat(64)}.json`))
  })
})

function snapshotOf(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(join(dir, folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), "utf8")]))
}

test("show prints keyholders, thresholds, ends and nodes", async () => {
  const { status: exit, out } = await run(["show", "--repository", "repository"])
  expect(exit).toBe(0)
  expect(out.replace(/[0-9a-f]{64}/g, "<sha256>").replace(/[0-9a-f]{16}/g, "<id>").replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, "<time>")).toMatchInlineSnapshot(`
    "genesis <sha256>
    root 1: 2 of 3 keyholders publish
      alice.example  <id>
      bob.example  <id>
      carol.example  <id>
    online  online.example  <id>
    recipes: 2 of alice.example, bob.example, carol.example
    releases: 2 of alice.example, bob.example, carol.example
    sigstore: 2 of alice.example, bob.example, carol.example
    names: 2 of alice.example, bob.example, carol.example
    root 1 good until <time>
    timestamp 1 good until <time>
    snapshot 1 good until <time>
    targets 1 good until <time>
    roster 1 good until <time>
    roster version 1, 2 of 3 operators
      alpha  https://alpha.example/
      bravo  https://bravo.example/
      delta  https://delta.example/
      registry https://registry.example/
    "
  `)
  expect(await ok(["show", "--repository", "repository"])).toMatchObject({ genesis, root: { version: 1, threshold: 2 }, roster: { version: 1, threshold: 2, registries: [REGISTRY] } })
})

describe("refused, with the status of what is wrong", () => {
  test.each<[string, readonly string[], number, string]>([
    ["one keyholder", ["init", "x", "--keyholder", "alice.key", "--online-key", "online.key", "--node", "alpha.json"], 2, "expected at least 2"],
    ["a threshold of 1", ["init", "x", "--keyholder", "alice.key", "--keyholder", "bob.key", "--threshold", "1", "--online-key", "online.key", "--node", "alpha.json"], 3, "at least 2, so that nobody publishes alone"],
    ["a threshold that nobody reaches", ["init", "x", "--keyholder", "alice.key", "--keyholder", "bob.key", "--threshold", "3", "--online-key", "online.key", "--node", "alpha.json"], 3, "threshold"],
    ["one keyholder twice", ["init", "x", "--keyholder", "alice.key", "--keyholder", "alice.key", "--online-key", "online.key", "--node", "alpha.json"], 3, "each one once"],
    ["an online keyholder", ["init", "x", "--keyholder", "alice.key", "--keyholder", "bob.key", "--online-key", "bob.key", "--node", "alpha.json"], 3, "online"],
    ["no online key", ["init", "x", "--keyholder", "alice.key", "--keyholder", "bob.key", "--node", "alpha.json"], 2, "--online-key"],
    ["no nodes", ["init", "x", "--keyholder", "alice.key", "--keyholder", "bob.key", "--online-key", "online.key"], 2, "--node FILE"],
    ["a node entry that is none", ["propose", "x", "--repository", "repository", "--add", "alice.key"], 2, "expected what `vouchsafe keys node` prints"],
    ["no repository", ["propose", "x", "--add", "echo.json"], 2, "--repository DIR"],
    ["a folder that is no repository", ["propose", "x", "--repository", ".", "--add", "echo.json"], 2, "is no repository"],
    ["nothing to propose", ["propose", "x", "--repository", "repository"], 2, "nothing would change"],
    ["an operator that is not there", ["propose", "x", "--repository", "repository", "--remove", "zulu"], 2, "no operator"],
    ["a registry that is not there", ["propose", "x", "--repository", "repository", "--remove-registry", "https://other.example/"], 2, "no registry"],
    ["a target that no repository has", ["propose", "x", "--repository", "repository", "--target", "x.json=alpha.json"], 2, "expected PATH=FILE"],
    ["own keys for the roster", ["propose", "x", "--repository", "repository", "--delegate", "roster=1:alice.key"], 2, "expected ROLE=N:KEY"],
    ["31 days", ["propose", "x", "--repository", "repository", "--renew", "--days", "31"], 3, "at most 30"],
    ["401 days", ["propose", "x", "--repository", "repository", "--root-days", "401"], 3, "at most 400"],
    ["no days", ["propose", "x", "--repository", "repository", "--renew", "--days", "soon"], 2, "a number of days"],
    ["a stranger's signature", ["sign", "alone", "--key", "dave.key"], 2, "has nothing to sign"],
    ["the online key's signature", ["sign", "alone", "--key", "online.key"], 2, "has nothing to sign"],
    ["a signature for another repository", ["sign", "alone", "--key", "bob.key", "--genesis", "0".repeat(64)], 3, "expected 0000"],
    ["no key", ["sign", "alone"], 2, "--key FILE"],
    ["no proposal", ["sign", "repository", "--key", "bob.key"], 2, "is no proposal"],
    ["a proposal folder that is there", ["propose", "alone", "--repository", "repository", "--renew"], 2, "is there already"],
    ["a timestamp for 8 days", ["timestamp", "--repository", "repository", "--online-key", "online.key", "--days", "8"], 3, "at most 7"],
    ["a timestamp by a keyholder", ["timestamp", "--repository", "repository", "--online-key", "alice.key"], 2, "signs no snapshots"],
    ["an update where nothing is governed", ["update"], 2, "no vouchsafe.json"],
  ])("%s", async (_, argv, exit, says) => {
    const before = snapshotOf("repository")
    const { status: found, err } = await run(argv)
    expect(err).toContain(says)
    expect(found).toBe(exit)
    expect(existsSync(join(dir, "x"))).toBe(false)
    expect(snapshotOf("repository")).toEqual(before)
  })
})

describe("a project that follows", () => {
  test("gets what two published; the committed roster is its floor", async () => {
    const here = project("follows")
    expect(await ok(["update"], here)).toMatchObject({ roster: { version: 1 }, fresh: true, failures: [] })
    cpSync(join(dir, "repository"), join(dir, "old"), { recursive: true })
    await ok(["propose", "adds", "--repository", "repository", "--add", "echo.json"])
    await sign("adds", "carol")
    await sign("adds", "bob")
    const shown = await run(["show", "adds"])
    expect(shown.out).toContain("+ node echo https://echo.example/")
    expect(shown.out).toContain("enough: roster by keyholders: 2 of 2 signed (bob.example, carol.example)")
    expect(await ok(["publish", "adds", ...publishFlags()])).toMatchObject({ published: true, genesis, roster: { version: 2 } })
    expect(await ok(["update"], here)).toMatchObject({ roster: { version: 2 } })
    expect(await ok(["show"], here)).toMatchObject({ genesis, roster: { version: 2, threshold: 3 } })
    const opened = await openProject({ dir: here, env: envOf(here) })
    expect(opened.roster.operators).toEqual(["alpha", "bravo", "delta", "echo"])
    opened.close()
    writeFileSync(join(here, "vouchsafe.roster.json"), formatRoster(opened.roster.nodes, opened.roster.registries, { version: 3 }))
    await expect(openProject({ dir: here, env: envOf(here) })).rejects.toMatchObject({ code: "ROSTER_REFUSED" })
  })

  test("is refused a source that goes back, and one that swaps a file; nothing of it is kept", async () => {
    const here = project("guarded")
    await ok(["update"], here)
    const kept = readFileSync(join(stateOf(here), "current.json"), "utf8")
    try {
      served = join(dir, "old")
      expect(await run(["update"], here)).toMatchObject({ status: 3, out: "", err: expect.stringContaining("ROSTER_REFUSED") as string })
      expect((await vouchsafe(here, ["run", "--", "npm", "--version"], { env: envOf(here) })).err).toContain("ROSTER_REFUSED")
      expect((await vouchsafe(here, ["check", join(dir, "none.json")], { env: envOf(here) })).status).not.toBe(0)
      cpSync(join(dir, "repository"), join(dir, "swapped"), { recursive: true })
      await ok(["propose", "again", "--repository", "swapped", "--remove", "echo"])
      await sign("again", "alice")
      await sign("again", "carol")
      await ok(["publish", "again", "--repository", "swapped", "--online-key", keyFile("online")])
      for (const name of readdirSync(join(dir, "swapped/targets"))) if (name.endsWith(".json")) writeFileSync(join(dir, "swapped/targets", name), rosterOf("old"))
      served = join(dir, "swapped")
      expect(await run(["update"], here)).toMatchObject({ status: 3, err: expect.stringContaining("roster.json has") as string })
    } finally {
      served = join(dir, "repository")
    }
    expect(readFileSync(join(stateOf(here), "current.json"), "utf8")).toBe(kept)
  })

  test("goes on with what it has while no source is reached, and says so", async () => {
    const here = project("away")
    await ok(["update"], here)
    try {
      status = 503
      const { status: exit, out, err } = await run(["update"], here)
      expect([exit, out]).toEqual([0, expect.stringContaining("no source was reached")])
      expect(err).toContain("UNREACHABLE")
    } finally {
      status = 200
    }
  })

  test("stays with its first genesis: another one, or none, is refused until a person says otherwise", async () => {
    const here = project("stays")
    await ok(["update"], here)
    const path = join(here, "vouchsafe.json")
    const governed = readFileSync(path, "utf8")
    for (const text of [governed.replace(genesis, "0".repeat(64)), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" })]) {
      writeFileSync(path, text)
      expect(await run(["update"], here)).toMatchObject({ status: 3, err: expect.stringContaining(`expected ${genesis}, which this project followed`) as string })
      await expect(openProject({ dir: here, env: envOf(here) })).rejects.toMatchObject({ code: "ROSTER_REFUSED", hint: expect.stringContaining(genesisPath(envOf(here), path)) as string })
    }
  })

  test("begins with no source that shows another genesis", async () => {
    const here = project("begins", { genesis: "1".repeat(64) })
    expect(await run(["update"], here)).toMatchObject({ status: 3, err: expect.stringContaining("expected the pinned genesis") as string })
    await expect(openProject({ dir: here, env: envOf(here) })).rejects.toMatchObject({ code: "ROSTER_EXPIRED", hint: "run `npx vouchsafe roster update`" })
  })

  test("without governance nothing is asked and nothing is kept", async () => {
    const here = project("plain", { governed: false })
    expect(await run(["update"], here)).toMatchObject({ status: 2, err: expect.stringContaining("no governance") as string })
    expect(existsSync(genesisPath(envOf(here), join(here, "vouchsafe.json")))).toBe(false)
  })
})

test("keyholders change, online keys change, timestamps are renewed", async () => {
  await ok(["propose", "rotate", "--repository", "repository", "--remove-keyholder", "alice.example", "--add-keyholder", keyFile("dave")])
  expect((await run(["show", "rotate"])).out).toMatch(/ {2}\+ keyholder dave\.example [0-9a-f]{16}\n {2}- keyholder alice\.example/)
  await sign("rotate", "bob")
  await sign("rotate", "carol")
  expect(await ok(["publish", "rotate", ...publishFlags()])).toMatchObject({ genesis })
  expect(await ok(["timestamp", ...publishFlags()])).toMatchObject({ published: true, genesis })
  expect(await ok(["update"], join(dir, "away"))).toMatchObject({ fresh: true })
  expect(await ok(["show", "--repository", "repository"])).toMatchObject({ root: { version: 2, keyholders: [{ holder: "bob.example" }, { holder: "carol.example" }, { holder: "dave.example" }] } })
})
