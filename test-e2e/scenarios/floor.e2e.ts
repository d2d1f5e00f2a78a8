// A floor outside of the checkout holds against a change of the policy in it (THREATS A5; packages/spec/floor.md): the variable's, the machine's, and both.
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, findPackage, guardedProject, openWorld, TAMPER, type GuardedProject, type ManagerId, type World } from "../support/index.ts"

const FORMAT = "vouchsafe-policy/v1"
const VARIABLE = "VOUCHSAFE_POLICY_FLOOR"
const INSTALL: Readonly<Record<string, readonly string[]>> = {
  npm11: ["vouchsafe", "run", "--", "npm", "install", "zz-evil"], pnpm12: ["pnpm", "add", "zz-evil"], yarn4: ["yarn", "add", "zz-evil"],
}

let world: World
let accounts = 0
beforeAll(async () => {
  world = await openWorld("floor")
  world.registry.tamper(TAMPER)
  return () => world.close()
})

/** A floor as an administrator writes it, outside of every project. */
function floor(name: string, content: object | string): string {
  const path = join(world.dir, name)
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify({ format: FORMAT, roster: "-", ...content }))
  return path
}

/** What somebody's change leaves of the guard: `observe` reports and never blocks. */
function weakened(manager: ManagerId, more: object = { preset: "observe" }): Promise<GuardedProject> {
  return guardedProject(world, { account: `floor-${accounts++}`, manager, files: { "vouchsafe.json": { format: FORMAT, roster: "./vouchsafe.roster.json", ...more } } })
}

/** A command line whose process sees a machine with this floor, and everything else as it is. */
function onMachineWith(path: string): string[] {
  const [etc, real] = [join(world.dir, `etc-${accounts++}`), join(world.dir, "real-etc")]
  mkdirSync(join(etc, "vouchsafe"), { recursive: true })
  copyFileSync(path, join(etc, "vouchsafe/policy-floor.json"))
  mkdirSync(real, { recursive: true })
  for (const name of readdirSync("/etc")) if (name !== "vouchsafe") symlinkSync(join(real, name), join(etc, name))
  return ["bwrap", "--dev-bind", "/", "/", "--ro-bind", "/etc", real, "--ro-bind", etc, "/etc", "--"]
}

/** Runs an install that has to be refused with this code, and to leave nothing and run nothing. */
async function refused({ command, project, sandbox }: GuardedProject, argv: readonly string[], code: string): Promise<string> {
  const ran = await command(...argv)
  expect([ran.status !== 0, ran.output.includes(code), findPackage(project, "zz-evil"), existsSync(join(sandbox.dir, "marker"))], describeRun(ran)).toEqual([true, true, [], false])
  return ran.output
}

describe.each(["npm11", "pnpm12", "yarn4"] as const)("A5: a checkout that switches its guard off, %s", (id) => {
  test("is held by the floor that a variable names, and by nothing else", async () => {
    const given = await weakened(id)
    const install = INSTALL[id] ?? []
    await refused(given, ["env", `${VARIABLE}=${floor("strict.json", { preset: "recommended" })}`, ...install], "NOT_VOUCHED")
    const free = await given.command(...install)
    expect([free.status, findPackage(given.project, "zz-evil").length > 0], describeRun(free)).toEqual([0, true])
  })
})

describe("A5: the machine's floor", () => {
  const machine = (): string[] => onMachineWith(floor("machine.json", { preset: "recommended" }))
  const install = INSTALL["npm11"] ?? []

  test("holds with no variable, and a laxer variable does not replace it", async () => {
    const given = await weakened("npm11")
    await refused(given, [...machine(), ...install], "NOT_VOUCHED")
    await refused(given, [...machine(), "env", `${VARIABLE}=${floor("lax.json", { preset: "observe" })}`, ...install], "NOT_VOUCHED")
    const free = await given.command(...install)
    expect([free.status, findPackage(given.project, "zz-evil").length > 0], describeRun(free)).toEqual([0, true])
  })

  test("does not have the project's exception, and `vouchsafe allow` says so", async () => {
    const given = await weakened("npm11", {})
    const allow = ["vouchsafe", "allow", "zz-evil@1.0.0", "--code", "NOT_VOUCHED", "--owner", "mallory", "--reason", "trust me", "--until", new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)]
    const allowed = await given.command(...machine(), ...allow)
    expect([allowed.status, allowed.stderr.includes("/etc/vouchsafe/policy-floor.json must have this exception too")], describeRun(allowed)).toEqual([0, true])
    await refused(given, [...machine(), ...install], "NOT_VOUCHED")
    const free = await given.command(...install)
    expect([free.status, findPackage(given.project, "zz-evil").length > 0], describeRun(free)).toEqual([0, true])
  })
})

describe("[F4] a floor that is not to be used refuses everything", () => {
  test.each([
    { name: "it is not there", path: () => join(world.dir, "missing.json"), says: `${VARIABLE} names no file` },
    { name: "the checkout can change it", path: ({ project }: GuardedProject) => join(project, "vouchsafe.json"), says: "inside the project" },
    { name: "it cannot be read", path: () => floor("broken.json", '{\n  "format": "vouchsafe-policy/v1",\n  "treshold": 4\n}'), says: "broken.json:3: document.treshold" },
  ])("$name", async ({ path, says }) => {
    const given = await weakened("npm11", {})
    const output = await refused(given, ["env", `${VARIABLE}=${path(given)}`, ...INSTALL["npm11"] ?? []], "CONFIG_MALFORMED")
    expect(output).toContain(says)
    const status = await given.command("env", `${VARIABLE}=${path(given)}`, "vouchsafe", "doctor")
    expect(status.status, describeRun(status)).toBe(2)
  })
})
