import { appendFileSync, chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { expect } from "vitest"
import { commandIn, describeRun, findPackage, getManager, guardedProject, node20, policyFiles, run, TAMPER, type GuardedProject, type ManagerId, type Ran, type World } from "../support/index.ts"

/** A place where the guard is not asked, as the README tells it. Tests show each one, so that no row outlives its reason. */
export interface NotCovered {
  readonly who: string
  readonly what: string
  readonly why: string
  readonly instead: string
  readonly managers: readonly ManagerId[]
  shows(given: Given): Promise<void>
}

export interface Given {
  readonly world: World
  readonly manager: ManagerId
  /** A name for accounts that no other test uses. */
  readonly account: string
}

const RUN = "`vouchsafe run -- …`"
/** What `zz-leaf` holds. */
const LEAF = "module.exports = 'leaf'\n"
const ATTACKED = { "zz-parent": "1.0.0" }

export const NOT_COVERED: readonly NotCovered[] = [
  {
    who: "npm 10, 11, 12", what: "any command without `vouchsafe run`", why: "npm has no hooks", instead: RUN, managers: ["npm10", "npm11", "npm12"],
    async shows(given) {
      const { project, command } = await guardedBy(given, ATTACKED)
      expectRefused(await command("vouchsafe", "run", "--", "npm", "install"))
      expectAttacked(await command("npm", "install"), project)
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "`pnpm dlx`, `pnpm create` and `pnpm add -g` with the plugin alone", why: "pnpm loads no plugin of the project there", instead: RUN, managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { command, manager, project } = await guardedBy(given, {})
      expectRefused(await command("vouchsafe", "run", "--", "pnpm", "dlx", "zz-evil"))
      const ran = await command("pnpm", "dlx", "zz-evil")
      expect(ran.status, describeRun(ran)).toBe(0)
      expect(ran.output).toContain("zz-evil ran")
      const home = join(project, "../global")
      const inHome = ["env", `PNPM_HOME=${home}`, `npm_config_global_bin_dir=${join(home, "bin")}`, `PATH=${[join(home, "bin"), home, given.world.tool.binDir, manager.binDir, given.world.runtime.binDir, "/usr/bin", "/bin"].join(delimiter)}`]
      mkdirSync(join(home, "bin"), { recursive: true })
      expectRefused(await command(...inHome, "vouchsafe", "run", "--", "pnpm", "add", "-g", "zz-evil"))
      await command(...inHome, "pnpm", "add", "-g", "zz-evil")
      expect(readdirSync(home, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith("zz-evil/package.json"))).not.toEqual([])
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "`--ignore-pnpmfile`, `ignorePnpmfile: true`", why: "that is what it is for; `vouchsafe doctor` reports the setting, nobody sees the flag", instead: RUN, managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { project, command } = await guardedBy(given, ATTACKED)
      expectRefused(await command("vouchsafe", "run", "--", "pnpm", "install", "--ignore-pnpmfile"))
      expectAttacked(await command("pnpm", "install", "--ignore-pnpmfile"), project)
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "another pnpmfile: `--pnpmfile` (not in 12), `pnpmfile: …`, and beside our `.pnpmfile.cjs` in 11 and 12 a `.pnpmfile.mjs`", why: "pnpm loads it in the place of ours; `vouchsafe doctor` and `check --base` report settings and files, nobody sees the flag", instead: `the config dependency, or ${RUN}`, managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { project, command } = await guardedByFile(given, ATTACKED)
      expectRefused(await command("pnpm", "install"))
      if (given.manager === "pnpm10") appendFileSync(join(project, "pnpm-workspace.yaml"), "pnpmfile: other.cjs\n")
      writeFileSync(join(project, given.manager === "pnpm10" ? "other.cjs" : ".pnpmfile.mjs"), given.manager === "pnpm10" ? "" : "export const hooks = {}\n")
      expectRefused(await command("vouchsafe", "run", "--", "pnpm", "install"))
      expectAttacked(await command("pnpm", "install"), project)
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "`--lockfile-dir`, `lockfileDir: …`, with our `.pnpmfile.cjs`", why: "pnpm then looks for it in that folder", instead: "the lockfile beside the pnpmfile; `vouchsafe run` refuses these", managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { project, command } = await guardedByFile(given, ATTACKED)
      mkdirSync(join(project, "elsewhere"))
      const refused = await command("vouchsafe", "run", "--", "pnpm", "install", "--lockfile-dir=elsewhere")
      expect(refused.status, describeRun(refused)).toBe(2)
      expectAttacked(await command("pnpm", "install", "--lockfile-dir=elsewhere"), project)
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "`--ignore-workspace`", why: "pnpm then reads no `pnpm-workspace.yaml` with its config dependencies, and in a member no pnpmfile of the root", instead: RUN, managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { project, command } = await guardedBy(given, ATTACKED)
      expectRefused(await command("vouchsafe", "run", "--", "pnpm", "install", "--ignore-workspace"))
      const ran = await command("pnpm", "install", "--ignore-workspace")
      // 11 and 12 end with 1, because they ran no scripts
      expect(findPackage(project, "zz-evil"), describeRun(ran)).not.toEqual([])
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "other config dependencies", why: "pnpm installs them and runs their hooks before any hook of ours; `vouchsafe check --base` reports a new one", instead: RUN, managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const name = `pnpm-plugin-zz-${given.account}`
      const { integrity, sha512 } = given.world.registry.publish({ name, version: "1.0.0", files: { "pnpmfile.cjs": `require("fs").appendFileSync(process.env.VOUCHSAFE_E2E_MARKER, "config dependency\\n")\n` } })
      const { project, command, sandbox } = await guardedBy(given, {})
      await given.world.network.withdraw("alpha", { purl: `pkg:npm/${name}@1.0.0`, registry: given.world.registry.url, sha512, reason: "test" })
      const path = join(project, "pnpm-workspace.yaml")
      writeFileSync(path, readFileSync(path, "utf8").replace("configDependencies:\n", `configDependencies:\n  ${name}: 1.0.0+${integrity}\n`))
      const ran = await command("pnpm", "install")
      expect(readFileSync(join(sandbox.dir, "marker"), "utf8"), describeRun(ran)).toContain("config dependency")
      rmSync(join(sandbox.dir, "marker"))
      const refused = await command("env", `VOUCHSAFE_HOME=${join(project, "../memory")}`, "vouchsafe", "run", "--", "pnpm", "install")
      expect(refused.status, describeRun(refused)).toBe(1)
      expect(refused.output).toContain("WITHDRAWN")
      expect(existsSync(join(sandbox.dir, "marker")), describeRun(refused)).toBe(false)
    },
  },
  {
    who: "pnpm 11", what: "the pnpm that `packageManager` in package.json names", why: "pnpm fetches it and starts it before any hook", instead: "`pmOnFail: ignore`, and pnpm from elsewhere", managers: ["pnpm11"],
    async shows(given) {
      const version = "10.99.9"
      given.world.registry.publish({ name: "pnpm", version, manifest: { bin: { pnpm: "pnpm.cjs" } }, files: { "pnpm.cjs": { content: "#!/usr/bin/env node\nconsole.log('another pnpm ran')\n", mode: 0o755 } } })
      given.world.registry.publish({ name: "@pnpm/exe", version, files: { "index.js": "" } })
      given.world.registry.tamper([...TAMPER, { name: "pnpm", mode: "swap-tarball" }])
      const { project, command } = await guardedBy(given, {})
      const manifest = join(project, "package.json")
      writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, "utf8")) as object, packageManager: `pnpm@${version}` }))
      expect((await command("pnpm", "install")).output).toContain("another pnpm ran")
      appendFileSync(join(project, "pnpm-workspace.yaml"), "pmOnFail: ignore\n")
      expect((await command("pnpm", "install")).output).not.toContain("another pnpm ran")
    },
  },
  {
    who: "pnpm 11, 12", what: "a package that is withdrawn after it was installed", why: "pnpm answers “Already up to date” before any hook", instead: "`vouchsafe check`", managers: ["pnpm11", "pnpm12"],
    async shows(given) {
      const name = `zz-late-${given.account}`
      const { sha512 } = given.world.registry.publish({ name, version: "1.0.0", files: { "index.js": "" } })
      const { project, command } = await guardedBy(given, { [name]: "1.0.0" })
      const first = await command("pnpm", "install")
      expect(first.status, describeRun(first)).toBe(0)
      await given.world.network.withdraw("alpha", { purl: `pkg:npm/${name}@1.0.0`, registry: given.world.registry.url, sha512, reason: "test" })
      // Notices are asked for again after minutes only; a home without memory asks at once.
      const again = await command("env", `VOUCHSAFE_HOME=${join(project, "../memory")}`, "pnpm", "install")
      expect(again.status, describeRun(again)).toBe(0)
      const check = await command("env", `VOUCHSAFE_HOME=${join(project, "../memory")}`, "vouchsafe", "check")
      expect(check.status, describeRun(check)).toBe(1)
      expect(check.stdout).toContain("WITHDRAWN")
    },
  },
  {
    who: "pnpm 10, 11, 12", what: "a file in pnpm's store that was changed and its times put back", why: "pnpm hashes a stored file only when its times have changed; who can write there can write to `node_modules` too", instead: "a store that only you can write to",
    managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { project, sandbox, command } = await guardedBy(given, { "zz-leaf": "1.0.0" })
      const first = await command("pnpm", "install")
      expect(first.status, describeRun(first)).toBe(0)
      const store = join(sandbox.home, ".local/share/pnpm/store")
      for (const path of filesBelow(store).filter((file) => file.includes("/files/") && readFileSync(file, "utf8") === LEAF)) changeUnseen(path)
      rmSync(join(project, "node_modules"), { recursive: true })
      const again = await command("pnpm", "install")
      expect(again.status, describeRun(again)).toBe(0)
      expect(readFileSync(join(project, "node_modules/zz-leaf/index.js"), "utf8")).toContain("evil")
    },
  },
  {
    who: "Yarn 4", what: "`YARN_RC_FILENAME` and `YARN_PLUGINS` set by somebody else", why: "Yarn then loads other plugins than the project's", instead: RUN, managers: ["yarn4"],
    async shows(given) {
      const { project, command } = await guardedBy(given, ATTACKED)
      const hostile = ["env", "YARN_RC_FILENAME=.other.yml", `YARN_NPM_REGISTRY_SERVER=${given.world.registry.url}`, "YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1", "YARN_NODE_LINKER=node-modules"]
      expectRefused(await command(...hostile, "vouchsafe", "run", "--", "yarn", "install"))
      expectAttacked(await command(...hostile, "yarn", "install"), project)
    },
  },
  {
    who: "Yarn 4", what: "with `nodeLinker: pnpm`, a file in Yarn's global index that was changed and its times put back", why: "Yarn links what the index holds and looks at a file's times only; who can write there can write to `node_modules` too", instead: "an index that only you can write to", managers: ["yarn4"],
    async shows(given) {
      const { project, sandbox, command } = await guardedProject(given.world, { account: given.account, manager: given.manager, dependencies: { "zz-leaf": "1.0.0" }, settings: ["nodeLinker: pnpm"] })
      expect((await command("yarn", "install")).status).toBe(0)
      const index = join(sandbox.home, ".local/share/yarn/berry/index")
      for (const path of filesBelow(index).filter((file) => readFileSync(file, "utf8") === LEAF)) changeUnseen(path)
      rmSync(join(project, "node_modules"), { recursive: true })
      const again = await command("yarn", "install")
      expect(again.status, describeRun(again)).toBe(0)
      expect(readFileSync(join(project, "node_modules/zz-leaf/index.js"), "utf8")).toContain("evil")
    },
  },
  {
    who: "all", what: "installing the guard itself", why: "nothing guards before there is a guard", instead: "pin its version and integrity; `vouchsafe doctor` compares the hook's files with the release", managers: ["pnpm11"],
    async shows({ world, account, manager }) {
      const sandbox = world.sandbox(account)
      const project = sandbox.project("project", { "package.json": { name: "project", private: true }, ...policyFiles(world) })
      const found = await getManager(manager)
      world.registry.tamper([{ name: "pnpm-plugin-vouchsafe", mode: "swap-tarball" }])
      try {
        const ran = await run(["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"], { cwd: project, env: sandbox.env({ runtime: world.runtime, manager: found }) })
        expect(ran.status, describeRun(ran)).toBe(0)
      } finally {
        world.registry.tamper([])
      }
    },
  },
  {
    who: "pnpm 11", what: "Node 20", why: "pnpm 11 itself needs Node 22.13", instead: "pnpm 10 or 12, or a newer Node", managers: ["pnpm11"],
    async shows({ world, manager, account }) {
      const ran = await run(["pnpm", "--version"], { cwd: world.dir, env: world.sandbox(account).env({ runtime: await node20(), manager: await getManager(manager) }) })
      expect(ran.status, describeRun(ran)).not.toBe(0)
    },
  },
]

/** The README's table of what is not covered. */
export function notCoveredTable(): string {
  const rows = NOT_COVERED.map(({ who, what, why, instead }) => `| ${who} | ${what} | ${why} | ${instead} |`)
  return ["| manager | not covered | because | use instead |", "|---|---|---|---|", ...rows].join("\n")
}

/** A project with its guard fully set up. */
function guardedBy({ world, manager, account }: Given, dependencies: Readonly<Record<string, string>>): Promise<GuardedProject> {
  return guardedProject(world, { account, manager, dependencies })
}

/** The same with the hook as `vouchsafe init` puts it into a project. */
async function guardedByFile({ world, manager, account }: Given, dependencies: Readonly<Record<string, string>>): Promise<Pick<GuardedProject, "project" | "command">> {
  const sandbox = world.sandbox(account)
  const hook = join(world.tool.modules, "pnpm-plugin-vouchsafe")
  const project = sandbox.project("project", {
    "package.json": { name: "project", version: "1.0.0", private: true, dependencies }, "pnpm-workspace.yaml": "dangerouslyAllowAllBuilds: true\n", ...policyFiles(world),
    ".pnpmfile.cjs": readFileSync(join(hook, "pnpmfile.cjs"), "utf8"), ".vouchsafe/core.mjs": readFileSync(join(hook, "dist/core.mjs"), "utf8"),
  })
  return { project, command: commandIn(world, sandbox, await getManager(manager), project) }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => lstatSync(path).isFile())
}

/** Changes what `zz-leaf` holds, so that neither length nor times tell. */
function changeUnseen(path: string): void {
  const { atime, mtime, mode } = lstatSync(path)
  chmodSync(path, 0o600)
  writeFileSync(path, LEAF.replace("leaf", "evil"))
  chmodSync(path, mode)
  utimesSync(path, atime, mtime)
}

/** What the table says to use instead holds. */
function expectRefused(ran: Ran): void {
  expect(ran.status, describeRun(ran)).toBe(1)
  expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
}

function expectAttacked(ran: Ran, project: string): void {
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(findPackage(project, "zz-evil"), describeRun(ran)).not.toEqual([])
  expect(existsSync(join(project, "node_modules"))).toBe(true)
}
