// What leads a manager to the shim, part by part; refusals first.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { parsePolicy } from "@vouchsafe/core"
import { parseLockfile } from "@vouchsafe/client/lockfile"
import { readCommand } from "../../src/run/command.ts"
import { runArguments, runEnvironment, type EnvironmentOptions } from "../../src/run/environment.ts"
import { backUp, lockfileOnlyArguments } from "../../src/run/lockfile-first.ts"
import { lockfilesFor } from "../../src/run/lockfiles.ts"
import { runNpmrc } from "../../src/run/npmrc.ts"
import { elsewhereArguments, hasOwnGuard, refuseOutvoted } from "../../src/run/pnpm.ts"
import { isUnfrozen, pinnedConfigDependencies, pnpmSettings, refuseOtherLockfiles } from "../../src/run/pnpm-settings.ts"
import { maySomeUseGit, writeRefusingGit } from "../../src/run/no-git.ts"
import { otherSources, sourcesInManifest } from "../../src/run/other-sources.ts"
import { makeRunDir } from "../../src/run/run-dir.ts"
import { restoreAddresses, restoreText } from "../../src/run/restore.ts"
import { formatRunSummary } from "../../src/run/index.ts"
import { wayOut } from "../../src/run/summary.ts"

const root = mkdtempSync(join(tmpdir(), "vouchsafe-run-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
function folder(files: Readonly<Record<string, string>> = {}): string {
  const dir = join(root, String(folders++))
  mkdirSync(dir)
  for (const [name, text] of Object.entries(files)) { mkdirSync(join(dir, name, ".."), { recursive: true }); writeFileSync(join(dir, name), text) }
  return dir
}
const SHIM = { url: "http://127.0.0.1:40123/", token: "shim-token" }

describe("the command line", () => {
  test.each([
    "npm install --registry=https://evil.example/", "npm --registry https://evil.example/ ci", "npm ci --userconfig=x", "npm i --no-prefer-online x", "npm i --cache /warm x", "npm i --@s:registry=https://evil.example/ x",
    "pnpm add x --config.registry=https://evil.example/", "pnpm --store-dir=/warm add x", "pnpm i --config.@s:registry=x", "yarn add x --registry=x", "npx --registry=https://evil.example/ x", "npm i --replace-registry-host=never",
    "npm i --reg https://evil.example/ x", "npm i -registry=https://evil.example/ x", "npm i ---registry=https://evil.example/ x", "npm i --no-no-registry x", "npm i --regis=https://evil.example/ x", "npm i --userco=x", "npm ci --nopro=x", "npm ci --noproxy=x", "npm i --git=/usr/bin/git", "pnpm i --config.no-proxy=x", "pnpm i --no-proxy=x",
  ])("refuses to be taken past the shim: %s", (line) => {
    expect(() => readCommand(line.split(" "), root)).toThrow(expect.objectContaining({ code: "USAGE", message: expect.stringContaining("past the shim") as string }))
  })
  test.each(["pnpm --modules-dir m add x", "pnpm --filter-prod list install", "pnpm --reporter=x --lockfile-dir .. i"])("refuses what can be read in two ways: %s", (line) => {
    expect(() => readCommand(line.split(" "), root)).toThrow(expect.objectContaining({ code: "USAGE", message: expect.stringContaining("a flag and its value") as string }))
  })
  test("refuses nothing at all", () => expect(() => readCommand([], root)).toThrow(expect.objectContaining({ code: "USAGE" })))
  test.each([
    { line: "npm ci", is: { manager: "npm", verb: "ci", isElsewhere: false, isHarmless: false, isGlobal: false } },
    { line: "/usr/local/bin/npm-cli.js ci", is: { manager: "other" } },
    { line: "/usr/local/bin/pnpm.cjs add x", is: { manager: "pnpm", verb: "add" } },
    { line: "npm.cmd i -g x", is: { manager: "npm", verb: "i", isGlobal: true } },
    { line: "npx -y tool --registry=x", is: undefined },
    { line: "npx -y tool", is: { manager: "npm", verb: "exec", isElsewhere: true } },
    { line: "npm exec -- tool --registry=its-own", is: { manager: "npm", verb: "exec", isElsewhere: true } },
    { line: "npm run build", is: { isHarmless: true } },
    { line: "npm publish", is: { isHarmless: true } },
    { line: "yarn run build", is: { isHarmless: true } },
    { line: "pnpm run build", is: { verb: "run", isHarmless: false } },
    { line: "pnpm test", is: { isHarmless: false } },
    { line: "pnpm -w add b", is: { verb: "add" } },
    { line: "npm -w test install b", is: { verb: "install" } },
    { line: "pnpm -r run install", is: { verb: "run" } },
    { line: "pnpm --modules-dir=m add b", is: { verb: "add" } },
    { line: "pnpm --modules-dir m build", is: { verb: "m", isHarmless: false } },
    { line: "pnpm --filter a add b", is: { manager: "pnpm", verb: "add", isHarmless: false } },
    { line: "pnpm dlx tool", is: { isElsewhere: true } },
    { line: "yarn", is: { manager: "yarn", verb: "", isElsewhere: false, isHarmless: false } },
    { line: "yarn dlx tool", is: { isElsewhere: true } },
    { line: "make install", is: { manager: "other", isHarmless: false } },
  ])("$line", ({ line, is }) => {
    if (is === undefined) expect(() => readCommand(line.split(" "), root)).toThrow()
    else expect(readCommand(line.split(" "), root)).toMatchObject(is)
  })
  test.each(["npm --prefix sub ci", "npm ci --prefix=sub", "pnpm -C sub i", "pnpm --dir sub i", "yarn --cwd sub install"])("the folder that is worked in: %s", (line) => {
    expect(readCommand(line.split(" "), "/p").dir).toBe("/p/sub")
  })
})

describe("the user configuration of a run", () => {
  const PERSONAL = [
    "; a comment", "registry=https://registry.example/", "@s:registry = https://private.example/npm/", "//registry.example/:_authToken=secret-default", "//private.example/npm/:_authToken=secret-scope", "//private.example/:_auth=secret-above",
    "//other.example/:_authToken=kept-token", "_auth=secret-legacy", "_authToken=secret-legacy", "email=secret@example.com", '"//registry.example/:username"=secret-user', "prefer-online=false", "cache=/warm", "replace-registry-host=never",
    "save-exact=true", "ca[]=one", "ca[]=two", "ignore-scripts=true", "",
  ].join("\n")
  const text = runNpmrc(PERSONAL, ["https://registry.example/", "https://private.example/npm/"], ["@s"], SHIM)

  test("has nothing that opens or names what the shim stands for", () => {
    expect(text).not.toContain("secret")
    expect(text).not.toContain("registry.example")
    expect(text).not.toContain("private.example")
    expect(text).not.toMatch(/^(cache|prefer-online=false|replace-registry-host=never)/m)
  })
  test("keeps everything else, and leads every scope to the shim", () => {
    expect(text.split("\n")).toEqual(["//other.example/:_authToken=kept-token", "save-exact=true", "ca[]=one", "ca[]=two", "ignore-scripts=true",
      "registry=http://127.0.0.1:40123/", "@s:registry=http://127.0.0.1:40123/", "//127.0.0.1:40123/:_authToken=shim-token", "replace-registry-host=always", "prefer-online=true", ""])
  })
})

describe("the environment", () => {
  const options = (line: string, env: Record<string, string> = {}, more: Partial<EnvironmentOptions> = {}): EnvironmentOptions => ({
    env, command: readCommand(line.split(" "), root), shim: SHIM, scopes: ["@s"], runDir: "/run", userConfig: "/run/npmrc", logsDir: "/home/me/.npm/_logs", yarn: undefined, yarnPlugin: undefined, git: undefined, ...more,
  })
  test.each(["NPM_CONFIG_REGISTRY", "npm_config_registry", "Npm_Config_Registry", "npm_config_@s:registry", "npm_config_@other:registry", "npm_config_userconfig", "PNPM_CONFIG_REGISTRIES", "npm_config_prefer_offline", "npm_config_offline",
    "npm_config_cache", "npm_config_//evil.example/:_authToken", "BUN_CONFIG_REGISTRY", "npm_config_replace-registry-host", "pnpm_config_npmrc_auth_file"])("%s of the person's is outvoted", (name) => {
    expect(Object.values(runEnvironment(options("npm ci", { [name]: "https://evil.example/" })))).not.toContain("https://evil.example/")
  })
  test("npm: configuration, registry, scopes, an empty cache; logs outlive the run", () => {
    expect(runEnvironment(options("npm ci", { PATH: "/bin", EMPTY: "" }))).toMatchObject({
      PATH: "/bin", EMPTY: "", npm_config_userconfig: "/run/npmrc", npm_config_registry: SHIM.url, "npm_config_@s:registry": SHIM.url, npm_config_cache: "/run/npm-cache", npm_config_logs_dir: "/home/me/.npm/_logs", npm_config_prefer_online: "true", npm_config_replace_registry_host: "always",
    })
    expect(runEnvironment(options("npm ci"))).not.toHaveProperty("npm_config_cache_dir")
  })
  test("npm: what stands in for git outvotes the person's own; without one, theirs stays", () => {
    const given = { NPM_CONFIG_GIT: "/opt/git", npm_config_git: "/opt/git", npm_config_git_tag_version: "false" }
    const named = (git?: string): [string, string][] => Object.entries(runEnvironment(options("npm ci", given, { git }))).filter(([name]) => /npm_config_git$/i.test(name))
    expect(named("/run/no")).toEqual([["npm_config_git", "/run/no"]])
    expect(named()).toEqual([["NPM_CONFIG_GIT", "/opt/git"], ["npm_config_git", "/opt/git"]])
    expect(runEnvironment(options("npm ci", given, { git: "/run/no" }))).toMatchObject({ npm_config_git_tag_version: "false" })
  })
  test("no proxy stands between the command and the shim, whoever names one", () => {
    const given = { HTTP_PROXY: "http://proxy.example/", NO_PROXY: "one.example, 127.0.0.1", no_proxy: "two.example", No_Proxy: "ignored.example", NPM_CONFIG_NOPROXY: "evil.example", npm_config_no_proxy: "evil.example" }
    const env = runEnvironment(options("npm ci", given, { noProxy: ["three.example"] }))
    const direct = "127.0.0.1,localhost,::1,three.example,one.example,two.example"
    expect(Object.entries(env).filter(([name]) => /no_?proxy/i.test(name))).toEqual(["npm_config_noproxy", "PNPM_CONFIG_NO_PROXY", "NO_PROXY", "no_proxy"].map((name) => [name, direct]))
    expect(env["HTTP_PROXY"]).toBe("http://proxy.example/")
    expect(runEnvironment(options("npm ci"))).toMatchObject({ npm_config_noproxy: "127.0.0.1,localhost,::1" })
  })
  test("pnpm: a store of the run only where no lockfile was judged", () => {
    expect(runEnvironment(options("pnpm add x"))).not.toHaveProperty("PNPM_CONFIG_STORE_DIR")
    for (const line of ["pnpm dlx x", "pnpm add -g x"]) expect(runEnvironment(options(line))).toMatchObject({ PNPM_CONFIG_STORE_DIR: "/run/pnpm-store", npm_config_store_dir: "/run/pnpm-store" })
    expect(runArguments(readCommand(["pnpm", "add", "x"], root), ["@s"], SHIM)).toEqual(["--config.@s:registry=http://127.0.0.1:40123/", "--config.no-proxy=127.0.0.1,localhost,::1", "add", "x"])
    expect(runArguments(readCommand(["npm", "i", "x"], root), ["@s"], SHIM)).toEqual(["i", "x"])
  })
  test("Yarn: the plugin beside the person's own, or the shim", () => {
    expect(runEnvironment(options("yarn", { YARN_PLUGINS: "/mine.cjs" }, { yarn: "plugin", yarnPlugin: "/ours.cjs" }))).toMatchObject({ YARN_PLUGINS: "/mine.cjs;/ours.cjs" })
    const plugin = runEnvironment(options("yarn", {}, { yarn: "plugin", yarnPlugin: "/ours.cjs" }))
    expect(plugin).toMatchObject({ YARN_PLUGINS: "/ours.cjs" })
    expect(plugin).not.toHaveProperty("YARN_NPM_REGISTRY_SERVER")
    expect(runEnvironment(options("yarn", {}, { yarn: "shim" }))).toMatchObject({ YARN_NPM_REGISTRY_SERVER: "http://127.0.0.1:40123", YARN_NPM_AUTH_TOKEN: "shim-token", YARN_GLOBAL_FOLDER: "/run/yarn" })
  })
})

describe("lockfile first (pnpm's warm store)", () => {
  const only = (line: string, env: Record<string, string> = {}, hasLockfile = true) => lockfileOnlyArguments(readCommand(line.split(" "), root), env, hasLockfile)
  test.each(["pnpm add x", "pnpm install", "pnpm i --prod", "pnpm update x", "pnpm remove x", "pnpm dedupe", "pnpm --ignore-pnpmfile install"])("%s resolves first", (line) => {
    expect(only(line)).toEqual([...line.split(" ").slice(1), "--lockfile-only", "--ignore-scripts"])
  })
  test.each(["pnpm install --frozen-lockfile", "pnpm dlx x", "pnpm add -g x", "pnpm exec x", "npm install", "yarn add x"])("%s has nothing to resolve", (line) => expect(only(line)).toBeUndefined())
  test("in CI a lockfile is frozen, unless there is none or the person says otherwise", () => {
    expect(only("pnpm install", { CI: "true" })).toBeUndefined()
    expect(only("pnpm install", { CI: "false" })).toBeDefined()
    expect(only("pnpm install", { CI: "1" }, false)).toBeDefined()
    expect(only("pnpm install --no-frozen-lockfile", { CI: "1" })).toBeDefined()
    expect(only("pnpm add x", { CI: "1" })).toBeDefined()
    expect(only("pnpm add x --frozen-lockfile")).toBeDefined()
  })
  test("what was refused leaves no trace", () => {
    const dir = folder({ "package.json": "before" })
    const backup = backUp([dir, dir])
    writeFileSync(join(dir, "package.json"), "after")
    writeFileSync(join(dir, "pnpm-lock.yaml"), "new")
    backup.restore()
    expect(readFileSync(join(dir, "package.json"), "utf8")).toBe("before")
    expect(existsSync(join(dir, "pnpm-lock.yaml"))).toBe(false)
  })
  test("a project with the plugin keeps its registry, and not in throwaway places", () => {
    const guarded = folder({ ".pnpmfile.cjs": "import('./.vouchsafe/core.mjs')" })
    const plain = folder({ ".pnpmfile.cjs": "module.exports = {}" })
    const add = readCommand(["pnpm", "add", "x"], guarded)
    const dlx = readCommand(["pnpm", "dlx", "x"], guarded)
    expect([hasOwnGuard(add, guarded), hasOwnGuard(add, plain), hasOwnGuard(dlx, guarded), hasOwnGuard(readCommand(["npm", "i"], guarded), guarded)]).toEqual([true, false, false, false])
    expect([elsewhereArguments(dlx, guarded), elsewhereArguments(dlx, plain), elsewhereArguments(add, guarded)]).toEqual([["--config.ignore-pnpmfile=true"], [], []])
  })
  test.each([
    "registries:\n  default: https://evil.example/\n", "{registries: {default: 'https://evil.example/'}}\n", "? registries\n: {default: 'https://evil.example/'}\n", "<<: {registries: {default: 'https://evil.example/'}}\n", "\"regis\\u0074ries\":\n  default: https://evil.example/\n",
  ])("a pnpm that cannot be led to the shim is refused, however it is written: %j", async (text) => {
    const dir = folder({ "pnpm-workspace.yaml": text, "sub/x": "" })
    for (const at of [dir, join(dir, "sub")]) await expect(refuseOutvoted(readCommand(["pnpm", "dlx", "x"], at), () => Promise.resolve("10.34.9"))).rejects.toMatchObject({ code: "CONFIG_MALFORMED" })
    await expect(refuseOutvoted(readCommand(["pnpm", "dlx", "x"], dir), () => Promise.resolve("12.0.0"))).resolves.toBeUndefined()
    await expect(refuseOutvoted(readCommand(["pnpm", "dlx", "x"], folder()), () => Promise.reject(new Error("not asked")))).resolves.toBeUndefined()
  })
})

describe("sources that no registry holds, on the command line", () => {
  const named = (line: string): string[] => otherSources(readCommand(line.split(" "), root)).map(({ name }) => name)
  test.each([
    ["npx -y https://evil.example/x.tgz", "https://evil.example/x.tgz"], ["npx user/repo --flag", "user/repo"], ["npm exec -- github:user/repo", "github:user/repo"], ["npm exec --package=git+ssh://git@evil.example/x.git x", "git+ssh://git@evil.example/x.git"], ["npx -p user/repo tool", "user/repo"],
    ["npm init user/repo", "user/repo"], ["npm i -g x@https://evil.example/x.tgz", "x@https://evil.example/x.tgz"], ["npm install @s/x@user/repo", "@s/x@user/repo"], ["npm i --prefix sub/dir user/repo", "user/repo"], ["pnpm add -w user/repo#main", "user/repo#main"],
    ["pnpm dlx git+file:///evil.git", "git+file:///evil.git"], ["pnpm --package=https://evil.example/x.tgz dlx x", "https://evil.example/x.tgz"], ["pnpm dlx --allow-build=y HTTP://evil.example/x.tgz", "HTTP://evil.example/x.tgz"], ["pnpm dlx --reporter silent user/repo", "user/repo"], ["pnpm dlx --allow-build y user/repo", "user/repo"], ["pnpm add -g git@evil.example:x/y.git", "git@evil.example:x/y.git"],
  ])("%s", (line, word) => { expect(named(line)).toEqual([word]) })
  test.each([
    "npm install", "npm ci", "npm i @s/x@1.0.0 x@^2 x@latest y@npm:@s/x@1", "npm install --prefix sub/dir", "npm i -w packages/a x", "npm run build https://a.example/", "npx tool user/repo https://a.example/", "npx @s/tool", "npx -p @s/tool tool user/repo", "npm init @s/x", "pnpm add x --filter @s/a", "pnpm add ./x.tgz ../y",
    "pnpm dlx tool user/repo", "pnpm update @s/*", "yarn add user/repo", "make user/repo",
  ])("%s names none", (line) => { expect(named(line)).toEqual([]) })
})

describe("what npm's project asks for elsewhere", () => {
  const named = (line: string, manifest: unknown): string[] => sourcesInManifest(readCommand(line.split(" "), folder({ "package.json": typeof manifest === "string" ? manifest : JSON.stringify(manifest) }))).map(({ name, where, optional }) => `${name} ${where}${optional ? " optional" : ""}`)
  const HONEST = { dependencies: { a: "^1.0.0", b: "npm:@s/b@1", c: "file:../c", d: "*", e: ">=1 <2 || 3", f: "./f.tgz", g: "latest", h: "~1.2", i: "~/i" } }
  test("repositories and URLs, of every field", () => {
    const manifest = { dependencies: { ...HONEST.dependencies, x: "git+file:///x" }, devDependencies: { y: "user/repo" }, optionalDependencies: { z: "https://evil.example/z.tgz" }, peerDependencies: { w: "github:user/repo" }, bundleDependencies: ["v"] }
    for (const line of ["npm install", "npm ci", "npm update a", "npm install a", "npm dedupe"]) expect(named(line, manifest)).toEqual(["x git+file:///x", "y user/repo", "z https://evil.example/z.tgz optional", "w github:user/repo"])
    for (const line of ["npm uninstall x", "npm rm x", "pnpm install", "yarn"]) expect(named(line, manifest)).toEqual([])
  })
  test.each([HONEST, {}, { dependencies: null }, { dependencies: ["user/repo"] }, { dependencies: { a: 1 } }, [], "\ufeff{}"])("none: %j", (manifest) => {
    expect(named("npm install", manifest)).toEqual([])
  })
  test("a package.json that is none", () => {
    expect(() => named("npm install", "{")).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
    expect(sourcesInManifest(readCommand(["npm", "install"], folder()))).toEqual([])
  })
})

describe("the program that npm is given in place of git", () => {
  const policy = (members: object) => maySomeUseGit(parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./r.json", ...members })))
  test.each([
    { members: {}, is: false }, { members: { rules: { EXOTIC_SOURCE: "deny" } }, is: false }, { members: { preset: "strict" }, is: false }, { members: { overrides: [{ match: ["x"], rules: { TOO_YOUNG: "off" } }] }, is: false },
    { members: { rules: { EXOTIC_SOURCE: "warn" } }, is: true }, { members: { rules: { EXOTIC_SOURCE: "off" } }, is: true }, { members: { overrides: [{ match: ["x"], rules: { EXOTIC_SOURCE: "warn" } }] }, is: true },
  ])("$members: some may come from a repository: $is", ({ members, is }) => { expect(policy(members)).toBe(is) })
  test("says why, and fails", () => {
    const { status, stderr, stdout } = spawnSync(writeRefusingGit(folder()), ["ls-remote", "x"], { encoding: "utf8" })
    expect({ status, stderr, stdout }).toEqual({ status: 1, stderr: expect.stringContaining("EXOTIC_SOURCE"), stdout: "" })
  })
})

describe("pnpm's settings", () => {
  const settings = (line: string, { file = "", env = {}, npm = {} }: { file?: string; env?: Record<string, string>; npm?: Record<string, unknown> } = {}) =>
    pnpmSettings({ command: readCommand(line.split(" "), folder({ "pnpm-workspace.yaml": file })), env, raw: (name) => npm[name] })
  test.each([
    { line: "pnpm install --lockfile-dir=lf" }, { line: "pnpm install --lockfile-dir lf" }, { line: "pnpm install --config.lockfileDir=lf" }, { line: "pnpm install --lockfile-directory=lf" },
    { line: "pnpm install", file: "lockfileDir: lf" }, { line: "pnpm install", file: "<<: {\"lockfile\\u0044ir\": lf}" }, { line: "pnpm install", npm: { "lockfile-dir": "lf" } }, { line: "pnpm install", env: { PNPM_CONFIG_LOCKFILE_DIR: "lf" } }, { line: "pnpm install", env: { npm_config_lockfile_dir: "lf" } },
  ])("a lockfile elsewhere is refused with the guard too: $line $file $npm $env", ({ line, ...places }) => {
    for (const isGuarded of [false, true]) expect(() => refuseOtherLockfiles(settings(line, places), isGuarded)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining("does not look") as string }))
  })
  test.each([
    { line: "pnpm install", file: "sharedWorkspaceLockfile: false" }, { line: "pnpm install", file: "shared-workspace-lockfile: false" }, { line: "pnpm install --no-shared-workspace-lockfile" }, { line: "pnpm install --shared-workspace-lockfile=false" }, { line: "pnpm install --shared-workspace-lockfile false" },
    { line: "pnpm install", npm: { "shared-workspace-lockfile": false } }, { line: "pnpm install", file: "gitBranchLockfile: true" }, { line: "pnpm install --git-branch-lockfile" }, { line: "pnpm install", env: { pnpm_config_git_branch_lockfile: "true" } },
  ])("several lockfiles are refused without the guard: $line $file $npm $env", ({ line, ...places }) => {
    expect(() => refuseOtherLockfiles(settings(line, places), false)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining("several lockfiles") as string }))
    expect(() => refuseOtherLockfiles(settings(line, places), true)).not.toThrow()
    for (const flag of ["--ignore-pnpmfile", "--pnpmfile=other.cjs", "--ignore-workspace"]) expect(() => refuseOtherLockfiles(settings(`${line} ${flag}`, places), true)).toThrow("several lockfiles")
  })
  test.each(["sharedWorkspaceLockfile: true\ngitBranchLockfile: false\n", "", "packages: [a]\n"])("one lockfile is what everybody has: %j", (file) => {
    expect(() => refuseOtherLockfiles(settings("pnpm install --ignore-pnpmfile", { file }), false)).not.toThrow()
    expect(isUnfrozen(settings("pnpm install", { file }))).toBe(false)
  })
  test.each([{ file: "frozenLockfile: false" }, { file: "preferFrozenLockfile: false" }, { file: "fixLockfile: true" }, { npm: { "frozen-lockfile": false } }, { env: { PNPM_CONFIG_FROZEN_LOCKFILE: "false" } }])("is told to resolve anew in CI: $file $npm $env", (places) => {
    expect(isUnfrozen(settings("pnpm install", places))).toBe(true)
  })
  test("config dependencies that pnpm 10 pins are a lockfile of their own", () => {
    const pins = (text: string) => parseLockfile("pnpm-lock.yaml", pinnedConfigDependencies(folder({ "pnpm-workspace.yaml": text })) ?? "lockfileVersion: '9.0'\n").entries
    const integrity = `sha512-${"A".repeat(86)}==`
    expect(pins(`configDependencies:\n  a: 1.0.0+${integrity}\n  "@s/b": 1.0.0-rc.1+build.7+${integrity}\n  c: {integrity: 2.0.0+${integrity}, tarball: 'https://evil.example/c.tgz'}\n`)).toMatchObject([
      { name: "a", version: "1.0.0", integrity }, { name: "@s/b", version: "1.0.0-rc.1+build.7", integrity }, { name: "c", version: "2.0.0", integrity, resolved: "https://evil.example/c.tgz" },
    ])
    for (const text of ["", "configDependencies:\n  a: ^1.0.0\n", "configDependencies: []\n"]) expect(pinnedConfigDependencies(folder({ "pnpm-workspace.yaml": text }))).toBeUndefined()
  })
  test("a file that is no YAML is no settings", () => expect(() => settings("pnpm install", { file: "a: [" })).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" })))
})

describe("lockfiles", () => {
  test("the nearest folder's, of this manager alone; npm reads the shrinkwrap first", () => {
    const dir = folder({ "package-lock.json": "{}", "npm-shrinkwrap.json": "{}", "yarn.lock": "", "sub/x": "" })
    const names = (manager: "npm" | "pnpm" | "yarn" | "other") => lockfilesFor(manager, join(dir, "sub")).paths.map((path) => path.slice(dir.length + 1))
    expect(names("npm")).toEqual(["npm-shrinkwrap.json"])
    expect(names("yarn")).toEqual(["yarn.lock"])
    expect(names("pnpm")).toEqual([])
    expect(names("other").sort()).toEqual(["npm-shrinkwrap.json", "package-lock.json", "yarn.lock"])
    expect(lockfilesFor("npm", join(dir, "sub")).root).toBe(dir)
  })

  const restore = { url: SHIM.url, registryFor: (name: string) => name.startsWith("@s/") ? "https://private.example/npm/" : "https://registry.example/", addresses: new Map([["odd@1.0.0", "https://cdn.example/odd.tgz"]]) }
  test.each([
    { name: "npm", from: '"resolved": "http://127.0.0.1:40123/x/-/x-1.0.0.tgz"', to: '"resolved": "https://registry.example/x/-/x-1.0.0.tgz"' },
    { name: "a scope", from: '"http://127.0.0.1:40123/@s/x/-/x-1.0.0.tgz"', to: '"https://private.example/npm/@s/x/-/x-1.0.0.tgz"' },
    { name: "a scope, encoded", from: '"http://127.0.0.1:40123/@s%2fx/-/x-1.0.0.tgz"', to: '"https://private.example/npm/@s/x/-/x-1.0.0.tgz"' },
    { name: "a refused optional package", from: '"http://127.0.0.1:40123/-/DENIED-NOT_VOUCHED/x/-/x-1.0.0.tgz"', to: '"https://registry.example/x/-/x-1.0.0.tgz"' },
    { name: "an odd address", from: '"http://127.0.0.1:40123/odd/-/odd-1.0.0.tgz"', to: '"https://cdn.example/odd.tgz"' },
    { name: "pnpm, where the address need not be named", from: "{integrity: sha512-x==, tarball: http://127.0.0.1:40123/-/DENIED-NOT_VOUCHED/x/-/x-1.0.0.tgz}", to: "{integrity: sha512-x==}" },
    { name: "pnpm, an odd address", from: "{integrity: sha512-x==, tarball: http://127.0.0.1:40123/odd/-/odd-1.0.0.tgz}", to: "{integrity: sha512-x==, tarball: https://cdn.example/odd.tgz}" },
    { name: "another port", from: '"http://127.0.0.1:4012/x/-/x-1.0.0.tgz"', to: '"http://127.0.0.1:4012/x/-/x-1.0.0.tgz"' },
  ])("are as they would be without us: $name", ({ from, to }) => expect(restoreText(from, restore)).toBe(to))
  test("only files that name the shim are written", () => {
    const dir = folder({ "package-lock.json": `{"a":"${SHIM.url}x/-/x-1.0.0.tgz"}`, "yarn.lock": "nothing", "node_modules/.package-lock.json": `"${SHIM.url}x/-/x-1.0.0.tgz"` })
    expect(restoreAddresses(dir, restore).map((path) => path.slice(dir.length + 1))).toEqual(["package-lock.json", "node_modules/.package-lock.json"])
    expect(restoreAddresses(dir, restore)).toEqual([])
  })
})

test("a run's folder is the owner's only; what killed runs left goes after a day", () => {
  const cache = folder()
  const now = Date.now()
  const first = makeRunDir(cache, now)
  expect(statSync(first).mode & 0o777).toBe(0o700)
  makeRunDir(cache, now + 3_600_000)
  expect(existsSync(first)).toBe(true)
  makeRunDir(cache, now + 90_000_000)
  expect(existsSync(first)).toBe(false)
})

test("the summary names what was refused, escaped, and what the command said", () => {
  expect(formatRunSummary({ commandStatus: 0, denied: [], allowed: 3, misbehavior: [], exit: 0 })).toBe("")
  const text = formatRunSummary({ commandStatus: 0, denied: [{ purl: "pkg:npm/%40s/x@1.0.0", code: "WITHDRAWN", reason: "" }, { purl: "bad\u202e\n", code: "EXOTIC_SOURCE", reason: "" }], allowed: 0, misbehavior: [], exit: 1 })
  expect(text).toContain("@s/x@1.0.0  WITHDRAWN")
  expect(text).not.toContain("\u202e")
  expect(text).toContain("ended well")
  // What a manager prints of a refusal is cut: the next step must not be.
  expect(text.split("\n").at(-1)).toBe("run `npx vouchsafe explain @s/x@1.0.0` for everything the network knows")
  const stranger = formatRunSummary({ commandStatus: 1, denied: [{ purl: "pkg:npm/x%24%28id%29@1.0.0", code: "NOT_VOUCHED", reason: "" }], allowed: 0, misbehavior: [], exit: 1 })
  expect(stranger).toContain("`npx vouchsafe explain 'x$(id)@1.0.0'`")
})

test.each([
  { name: "npm, a version that somebody withdrew", manager: "npm", codes: ["UNREACHABLE", "WITHDRAWN"], says: "npm install NAME@VERSION --package-lock-only --ignore-scripts" },
  { name: "pnpm", manager: "pnpm", codes: ["NOT_VOUCHED"], says: "pnpm update NAME@VERSION --lockfile-only --config.ignore-pnpmfile=true" },
  { name: "Yarn, whose plugin judges at install", manager: "yarn", codes: ["WITHDRAWN"], says: undefined },
  { name: "nodes that do not answer: another version would not fare better", manager: "npm", codes: ["UNREACHABLE", "LOCK_STALE"], says: undefined },
] as const)("the way out of a refused lockfile: $name", ({ manager, codes, says }) => {
  const way = wayOut(manager, codes)
  if (says === undefined) expect(way).toBeUndefined()
  else expect(way).toContain(says)
})
