import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { describeRun, findPackage, getManager, guardedProject, node20, policyFiles, run, type GuardedProject, type ManagerId, type Ran, type World } from "../support/index.ts"

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
    who: "pnpm 10, 11, 12", what: "`pnpm dlx` and `pnpm create` with the plugin alone", why: "pnpm loads no plugin of the project there", instead: RUN, managers: ["pnpm10", "pnpm11", "pnpm12"],
    async shows(given) {
      const { command } = await guardedBy(given, {})
      expectRefused(await command("vouchsafe", "run", "--", "pnpm", "dlx", "zz-evil"))
      const ran = await command("pnpm", "dlx", "zz-evil")
      expect(ran.status, describeRun(ran)).toBe(0)
      expect(ran.output).toContain("zz-evil ran")
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
      const files = readdirSync(store, { recursive: true, encoding: "utf8" }).map((name) => join(store, name)).filter((path) => path.includes("/files/") && lstatSync(path).isFile())
      for (const path of files.filter((name) => readFileSync(name, "utf8") === LEAF)) {
        const { atime, mtime } = lstatSync(path)
        writeFileSync(path, LEAF.replace("leaf", "evil"))
        utimesSync(path, atime, mtime)
      }
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
