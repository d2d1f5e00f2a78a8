// THREATS A5: a pull request cannot weaken its judge. One row, one way to try.
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import { formatLock, type LockLine, lockLines, parseRoster } from "@vouchsafe/core"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { COMPARED_FILES, weakeningsSince } from "../src/base/compare.ts"
import { openBase } from "../src/base/git.ts"
import type { Shipped } from "../src/setup/plan.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"
import { startLogServers } from "./support/log-server.ts"

const base = temporaryFolder()
const servers = await startLogServers(["alpha", "beta", "gamma"])
afterAll(() => servers.close())
const roster = servers.rosterText
const shipped: Shipped = (name, file) => Buffer.from(`${name} ${file}\n`)
const HOOK = "pnpm-plugin-vouchsafe pnpmfile.cjs\n"
const PLUGIN = "@vouchsafe/yarn-plugin dist/yarn-plugin.cjs\n"
const YARNRC = "plugins:\n  - path: .yarn/plugins/@vouchsafe/yarn-plugin.cjs\n    spec: \"@vouchsafe/yarn-plugin\"\n"
const policy = (more: object = {}): string => JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...more })
const OLD = { threshold: 2, lists: [{ name: "osv", source: "./osv" }], levels: [{ match: ["@acme/*"], level: "provenance" }] }

function lockOf(...facts: { name: string; version: string; publisher?: string; repository?: string; provenance?: boolean }[]): string {
  const artifacts = facts.map(({ name, version, publisher = "ann", repository = "https://git.example/ann/x", provenance = false }): LockLine => ({
    facts: {
      purl: `pkg:npm/${name}@${version}`, registry: "https://registry.example/", sha512: Buffer.from(`${name}${version}${publisher}`).toString("hex").padEnd(128, "0").slice(0, 128), h1: `h1:${Buffer.alloc(32, 1).toString("base64")}`, publishedAt: 1_700_000_000, publisher, repository,
      provenance: provenance ? { repository, repositoryId: "1", ownerId: "2", commit: "a".repeat(40), workflow: "ci.yml", builder: "https://builder.example/x", runner: null } : null, runsScripts: false, flags: [],
    },
    bundled: [],
  }) as unknown as LockLine)
  return formatLock({ network: "ab".repeat(32), roster: 1, registry: "https://registry.example/", lines: lockLines(nodeCrypto, artifacts, "https://registry.example/"), locksets: [], proofs: [] } as unknown as Parameters<typeof formatLock>[0])
}

const BASE: Readonly<Record<string, string>> = {
  "vouchsafe.json": policy(OLD), "vouchsafe.roster.json": roster, ".pnpmfile.cjs": HOOK, ".yarn/plugins/@vouchsafe/yarn-plugin.cjs": PLUGIN, ".yarnrc.yml": YARNRC,
  "pnpm-workspace.yaml": "packages:\n  - packages/*\nregistries:\n  default: https://registry.example/\n", ".npmrc": "registry=https://registry.example/\n", "package.json": '{"name":"x"}',
  "bunfig.toml": '[install.security]\nscanner = "vouchsafe-scanner"\n', "vouchsafe.lock": lockOf({ name: "left", version: "1.0.0" }, { name: "built", version: "1.0.0", provenance: true }),
}

const dir = join(base, "project")
const git = (...argv: string[]): void => void execFileSync("git", ["-C", dir, "-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false", ...argv], { stdio: "pipe" })
const put = (tree: Readonly<Record<string, string | undefined>>): void => {
  for (const [name, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    if (text === undefined) rmSync(join(dir, name))
    else writeFileSync(join(dir, name), text)
  }
}
const commit = (): void => { git("add", "-A"); git("commit", "-qm", "x") }
execFileSync("git", ["init", "-q", "-b", "main", dir])
put(BASE)
commit()
git("tag", "first")
/** Every test begins with the files of the base, and whoever commits goes back. */
beforeEach(() => {
  for (const name of readdirSync(dir)) if (name !== ".git") rmSync(join(dir, name), { recursive: true })
  put(BASE)
})
const messages = (ref = "first"): string[] => weakeningsSince(dir, openBase(dir, ref, COMPARED_FILES), shipped).map(({ code, message, expected, found }) => `${code}: ${message} | ${expected ?? ""} | ${found ?? ""}`)

const WAYS: readonly { readonly name: string; readonly tree: Readonly<Record<string, string | undefined>>; readonly says: string }[] = [
  { name: "threshold", tree: { "vouchsafe.json": policy({ ...OLD, threshold: 1 }) }, says: "threshold" },
  { name: "preset", tree: { "vouchsafe.json": policy({ ...OLD, preset: "observe" }) }, says: "preset" },
  { name: "a rule", tree: { "vouchsafe.json": policy({ ...OLD, rules: { NEW_INSTALL_SCRIPT: "warn" } }) }, says: "rules.NEW_INSTALL_SCRIPT" },
  { name: "minimum age", tree: { "vouchsafe.json": policy({ ...OLD, minimumAge: "0s" }) }, says: "minimumAge" },
  { name: "an exception", tree: { "vouchsafe.json": policy({ ...OLD, exceptions: [{ purl: "pkg:npm/x@1.0.0", code: "TOO_YOUNG", owner: "eve", reason: "x", until: "2099-01-01" }] }) }, says: "an exception was added" },
  { name: "an override", tree: { "vouchsafe.json": policy({ ...OLD, overrides: [{ match: ["x"], rules: { TOO_YOUNG: "off" } }] }) }, says: "overrides[0]" },
  { name: "a level", tree: { "vouchsafe.json": policy({ ...OLD, levels: [] }) }, says: "levels" },
  { name: "a list", tree: { "vouchsafe.json": policy({ ...OLD, lists: [] }) }, says: "list osv was removed" },
  { name: "genesis", tree: { "vouchsafe.json": policy({ ...OLD, governance: { genesis: "0".repeat(64), sources: ["https://eve.example/"] } }) }, says: "genesis" },
  { name: "another roster", tree: { "vouchsafe.json": policy({ ...OLD, roster: "./other.json" }), "other.json": roster }, says: "roster" },
  { name: "no policy", tree: { "vouchsafe.json": undefined }, says: "vouchsafe.json was removed" },
  { name: "the roster", tree: { "vouchsafe.roster.json": roster.replace(/"version":\s*1/, '"version": 2') }, says: "says who is trusted" },
  { name: "no roster", tree: { "vouchsafe.roster.json": undefined }, says: "roster was removed" },
  { name: "pnpm's hook", tree: { ".pnpmfile.cjs": "module.exports = {}\n" }, says: ".pnpmfile.cjs is neither" },
  { name: "no hook", tree: { ".pnpmfile.cjs": undefined }, says: ".pnpmfile.cjs was removed" },
  { name: "another hook that comes first", tree: { ".pnpmfile.mjs": "export {}\n" }, says: ".pnpmfile.mjs was added" },
  { name: "what the hook loads", tree: { ".vouchsafe/core.mjs": "evil\n" }, says: ".vouchsafe/core.mjs is neither" },
  { name: "Yarn's plugin", tree: { ".yarn/plugins/@vouchsafe/yarn-plugin.cjs": "evil\n" }, says: "yarn-plugin.cjs is neither" },
  { name: "ignorePnpmfile", tree: { "pnpm-workspace.yaml": `${BASE["pnpm-workspace.yaml"]}ignorePnpmfile: true\n` }, says: "ignorePnpmfile" },
  { name: "ignorePnpmfile under a merge key", tree: { "pnpm-workspace.yaml": `${BASE["pnpm-workspace.yaml"]}<<: {ignorePnpmfile: true}\n` }, says: "ignorePnpmfile" },
  { name: "pnpmfile", tree: { "pnpm-workspace.yaml": `${BASE["pnpm-workspace.yaml"]}pnpmfile: other.cjs\n` }, says: "pnpmfile" },
  { name: "configDependencies", tree: { "pnpm-workspace.yaml": `${BASE["pnpm-workspace.yaml"]}configDependencies:\n  pnpm-plugin-evil: 1.0.0\n` }, says: "configDependencies" },
  { name: "pnpm's registries", tree: { "pnpm-workspace.yaml": "registries:\n  default: https://eve.example/\n" }, says: "registries" },
  { name: "verifyStoreIntegrity", tree: { "pnpm-workspace.yaml": `${BASE["pnpm-workspace.yaml"]}verifyStoreIntegrity: false\n` }, says: "verifyStoreIntegrity" },
  { name: "pnpm in package.json", tree: { "package.json": '{"name":"x","pnpm":{"ignorePnpmfile":true}}' }, says: "pnpm.ignorePnpmfile" },
  { name: "no Yarn plugins", tree: { ".yarnrc.yml": "nodeLinker: node-modules\n" }, says: "plugins" },
  { name: "another Yarn plugin", tree: { ".yarnrc.yml": `${YARNRC}  - path: .yarn/plugins/evil.cjs\n` }, says: "plugins" },
  { name: "yarnPath", tree: { ".yarnrc.yml": `${YARNRC}yarnPath: .yarn/releases/evil.cjs\n` }, says: "yarnPath" },
  { name: "checksumBehavior", tree: { ".yarnrc.yml": `${YARNRC}checksumBehavior: ignore\n` }, says: "checksumBehavior" },
  { name: "npmScopes", tree: { ".yarnrc.yml": `${YARNRC}npmScopes:\n  acme:\n    npmRegistryServer: https://eve.example/\n` }, says: "npmScopes" },
  { name: "npmRegistryServer", tree: { ".yarnrc.yml": `${YARNRC}npmRegistryServer: https://eve.example/\n` }, says: "npmRegistryServer" },
  { name: ".npmrc: registry", tree: { ".npmrc": "registry = https://eve.example/\n" }, says: ".npmrc: registry" },
  { name: ".npmrc: a scope's registry", tree: { ".npmrc": `${BASE[".npmrc"]}@acme:registry=https://eve.example/\n` }, says: "@scope:registry" },
  { name: ".npmrc: ignore-pnpmfile", tree: { ".npmrc": `${BASE[".npmrc"]}ignore-pnpmfile=true\n` }, says: "ignore-pnpmfile" },
  ...["ignore-pnpmfile", '"ignore-pnpmfile"=true', "ignore-pnpmfile;x=true", "pnpmfile[]=other.cjs", "[section]"].map((line) => (
    { name: `.npmrc: ${line}`, tree: { ".npmrc": `${BASE[".npmrc"]}${line}\n` }, says: "what is no plain setting" })),
  { name: ".npmrc: a setting behind a comment and a carriage return", tree: { ".npmrc": `${BASE[".npmrc"]}# x\rignore-pnpmfile=true\n` }, says: "ignore-pnpmfile" },
  { name: ".npmrc: replace-registry-host", tree: { ".npmrc": `${BASE[".npmrc"]}replace-registry-host=never\n` }, says: "replace-registry-host" },
  { name: "Bun's scanner", tree: { "bunfig.toml": '[install.security]\nscanner = "evil"\n' }, says: "bunfig.toml" },
  { name: "no scanner", tree: { "bunfig.toml": undefined }, says: "bunfig.toml" },
  { name: "a pinned publisher's repository", tree: { "vouchsafe.lock": lockOf({ name: "left", version: "1.0.1", repository: "https://git.example/eve/x" }, { name: "built", version: "1.0.0", provenance: true }) }, says: "left@1.0.1 is by somebody else than the base's lock pins" },
  { name: "pinned provenance", tree: { "vouchsafe.lock": lockOf({ name: "left", version: "1.0.0" }, { name: "built", version: "1.0.1" }) }, says: "built@1.0.1 is by somebody else" },
  { name: "no lock", tree: { "vouchsafe.lock": undefined }, says: "vouchsafe.lock was removed" },
]

describe("THREATS A5: check --base names each weakening", () => {
  test.each(WAYS)("$name", ({ tree, says }) => {
    put(tree)
    const found = messages()
    expect(found.join("\n")).toContain(says)
    expect(found.every((line) => line.startsWith("POLICY_WEAKENED: "))).toBe(true)
  })
})

test.each([
  { name: "pnpm-workspace.yaml: a setting behind a comment and a carriage return", file: "pnpm-workspace.yaml", text: `${BASE["pnpm-workspace.yaml"]}# x\rignorePnpmfile: true\n`, says: "carriage return" },
  { name: ".yarnrc.yml: the same", file: ".yarnrc.yml", text: `${YARNRC}# x\ryarnPath: evil.cjs\n`, says: "carriage return" },
  { name: "a YAML in which `off` is false", file: "pnpm-workspace.yaml", text: "%YAML 1.1\n---\nignorePnpmfile: off\n", says: "directive" },
])("what managers read otherwise is refused, $name", ({ file, text, says }) => {
  put({ [file]: text })
  expect(messages).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) as string }))
})

describe("what weakens nothing is not named", () => {
  test.each([
    { name: "no change", tree: {} }, { name: "a higher threshold", tree: { "vouchsafe.json": policy({ ...OLD, threshold: 3 }) } }, { name: "a stricter preset", tree: { "vouchsafe.json": policy({ ...OLD, preset: "strict" }) } },
    { name: "another layout", tree: { "vouchsafe.json": JSON.stringify(JSON.parse(policy(OLD)), null, 4) } }, { name: "other settings", tree: { ".npmrc": `; a comment\nfund=false\n${BASE[".npmrc"]}`, "pnpm-workspace.yaml": `# c\nnodeLinker: hoisted\n${BASE["pnpm-workspace.yaml"]}`, ".yarnrc.yml": `${YARNRC}nodeLinker: pnp\n` } },
    { name: "guards switched on more", tree: { "pnpm-workspace.yaml": `${BASE["pnpm-workspace.yaml"]}ignorePnpmfile: false\npnpmfile: [.pnpmfile.cjs, other.cjs]\nverifyStoreIntegrity: true\n`, ".yarnrc.yml": `${YARNRC}checksumBehavior: throw\n`, ".npmrc": `${BASE[".npmrc"]}replace-registry-host=always\n` } },
    { name: "what the hook loads, of this release", tree: { ".vouchsafe/core.mjs": "pnpm-plugin-vouchsafe dist/core.mjs\n" } },
    { name: "an update by the same people, and a new package", tree: { "vouchsafe.lock": lockOf({ name: "left", version: "1.0.1" }, { name: "built", version: "1.0.1", provenance: true }, { name: "new", version: "1.0.0", publisher: "bob" }) } },
    { name: "a comment in bunfig", tree: { "bunfig.toml": '# c\n[install.security]\nscanner = "vouchsafe-scanner" # ours\n[test]\nx = 1\n' } },
  ] as { name: string; tree: Record<string, string> }[])("$name", ({ tree }) => {
    put(tree)
    expect(messages()).toEqual([])
  })
  test("a governed roster of a higher version is its keyholders' word", () => {
    const governed = policy({ ...OLD, governance: { genesis: "0".repeat(64), sources: ["https://tuf.example/"] } })
    put({ "vouchsafe.json": governed })
    commit()
    put({ "vouchsafe.roster.json": roster.replace(/"version":\s*1/, '"version": 2') })
    expect([parseRoster(nodeCrypto, roster).version, messages("main")]).toEqual([1, []])
    commit()
    put({ "vouchsafe.roster.json": roster })
    expect(messages("main").join()).toContain("says who is trusted")
  })
})

describe("the command", () => {
  test("refuses a weakened change before anything else is judged, whatever it did to the lockfile", async () => {
    put({ "vouchsafe.json": policy({ ...OLD, threshold: 1 }), "package-lock.json": "{" })
    const ran = await vouchsafe(dir, ["check", "--base", "first"])
    expect([ran.status, ran.err]).toEqual([1, ""])
    expect(ran.out).toMatch(/^ {2}POLICY_WEAKENED: .*threshold\n {4}expected {2}2\n {4}found {5}1\n {4}next /m)
    const json = documentIn((await vouchsafe(dir, ["check", "--base", "first", "--json"])).out)
    expect(json).toMatchObject({ base: { ref: "first", commit: expect.stringMatching(/^[0-9a-f]{40}$/) as string }, findings: [{ code: "POLICY_WEAKENED", severity: "deny" }] })
  })
  test.each(["no-such-branch", "--output=x", "main:vouchsafe.json", ""])("a ref that git does not know is wrong usage: %j", async (ref) => {
    const ran = await vouchsafe(dir, ["check", `--base=${ref}`])
    expect([ran.status, ran.out]).toEqual([2, ""])
    expect(ran.err).toContain("--base is")
  })
  test("outside of a repository", async () => {
    renameSync(join(dir, ".git"), join(base, "away"))
    expect((await vouchsafe(dir, ["check", "--base", "first"])).status).toBe(2)
    renameSync(join(base, "away"), join(dir, ".git"))
  })
})
