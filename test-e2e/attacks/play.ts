/**
 * Plays a row: the control without a guard, the attack, the twin.
 *
 * @packageDocumentation
 */
import type { VerdictCode } from "@vouchsafe/core"
import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describeRun, type Ran } from "../support/index.ts"
import { filesWith } from "./disk.ts"
import { inTurns } from "./turns.ts"
import { type Guarding, type Guards, installCommand, openStage, type ReplayManager, type Stage } from "./stage.ts"
import type { Case, Row } from "./types.ts"
import type { AttackWorld } from "./world.ts"

/** What was seen of one install. */
export interface Seen {
  readonly ran: Ran
  /** What ran of the payload. */
  readonly marked: string
  /** Calls of node-gyp. */
  readonly gyp: string
  /** Files of the judged versions, anywhere on the machine. */
  readonly files: readonly string[]
  /** Codes that deny, of all judged versions, as `explain` tells; empty for a control. */
  readonly codes: readonly VerdictCode[]
  /** The code that decided each judged version. */
  readonly decided: readonly VerdictCode[]
}

/** What a play came to: empty where it is as the reference expects, else what is not. */
export interface Played {
  readonly seen: Seen
  readonly faults: readonly string[]
}

interface Explained { readonly verdict: { readonly ok: boolean; readonly code?: VerdictCode; readonly findings: readonly { readonly code: VerdictCode; readonly severity: string }[] } }

const LOCKFILES = { npm11: "package-lock.json", pnpm10: "pnpm-lock.yaml", yarn4: "yarn.lock" } as const

/** Installs as a person would, and looks at everything afterwards. */
async function install(world: AttackWorld, guards: Guards, what: Case, stage: Stage, row: Row): Promise<Seen> {
  const isControl = stage.guarding === "none"
  // A gyp file is never evaluated here: without a guard only a stub for node-gyp is called, and managers that bring their own run no scripts.
  const quiet = isControl && row.payload === "gyp" && stage.manager !== "npm11" ? { pnpm10: ["--ignore-scripts"], yarn4: ["--mode=skip-build"] }[stage.manager] : []
  const ran = await stage.run([...await installCommand(guards, stage), ...quiet])
  if (isControl && row.payload === "import" && ran.status === 0) await stage.run(["node", "-e", what === row.attack ? Object.keys(what.dependencies).map((name) => `require(${JSON.stringify(name)})`).join(";") : ""])
  return look(world, what, stage, ran)
}

async function look(world: AttackWorld, what: Case, stage: Stage, ran: Ran, isExplained = stage.guarding !== "none"): Promise<Seen> {
  const { payload, gyp } = stage.marks()
  const files = filesWith(stage.sandbox.dir, what.judged.map((spec) => world.made(spec).canary))
  const verdicts = isExplained ? await Promise.all(what.judged.map((spec) => explain(stage, spec))) : []
  return {
    ran, marked: payload, gyp, files,
    codes: [...new Set(verdicts.flatMap(({ findings }) => findings.filter(({ severity }) => severity === "deny").map(({ code }) => code)))],
    decided: verdicts.flatMap(({ code }) => code ?? []),
  }
}

async function explain(stage: Stage, spec: string): Promise<Explained["verdict"]> {
  const ran = await stage.run(["vouchsafe", "explain", spec, "--json"])
  const verdict = ran.stdout.startsWith("{") ? (JSON.parse(ran.stdout) as Partial<Explained>).verdict : undefined
  if (verdict === undefined) throw new Error(describeRun(ran))
  return verdict
}

const fault = (isFault: boolean, text: string): string[] => (isFault ? [text] : [])

/** The attack without a guard: it has to work. */
export async function playControl(world: AttackWorld, guards: Guards, row: Row, manager: ReplayManager): Promise<Played> {
  if (row.payload === "absence") return playAbsence(world, guards, row, row.attack, manager, "none")
  const seen = await install(world, guards, row.attack, await openStage(world, guards, row.attack, manager, "none"), row)
  const acts = row.payload === "gyp" ? manager !== "npm11" || seen.gyp.includes("rebuild") : seen.marked !== ""
  return {
    seen, faults: [
      ...fault(seen.ran.status !== 0, `unguarded, the install ends with ${String(seen.ran.status)}`), ...fault(seen.files.length === 0, "unguarded, no file of the bad version is there"),
      ...fault(!acts, "unguarded, the payload does not act"), ...fault(row.payload === "gyp" && seen.marked !== "", "the gyp file was evaluated"),
    ],
  }
}

/** The attack against a guarded project. */
export async function playAttack(world: AttackWorld, guards: Guards, row: Row, manager: ReplayManager, guarding: Exclude<Guarding, "none">): Promise<Played> {
  if (row.payload === "absence") return playAbsence(world, guards, row, row.attack, manager, guarding)
  const seen = await install(world, guards, row.attack, await openStage(world, guards, row.attack, manager, guarding), row)
  const expected = row.isWithdrawn === true && guarding === "shipped" ? [["TOO_YOUNG" as const]] : row.expected
  const printed = expected.flat().filter((code) => seen.ran.output.includes(code))
  return {
    seen, faults: [
      ...fault(seen.marked !== "", `the payload acted: ${seen.marked.trim()}`), ...fault(seen.gyp !== "", "node-gyp was called"),
      ...fault(seen.files.length > 0, `files of the bad version are there: ${seen.files.slice(0, 3).join(", ")}`), ...fault(seen.ran.status === 0, "the install ended with 0"),
      ...fault(printed.length === 0, `none of ${expected.flat().join(", ")} was printed`),
      ...expected.flatMap((choice) => fault(!choice.some((code) => seen.codes.includes(code)), `${choice.join(" or ")} is not among the findings (${seen.codes.join(", ")})`)),
      ...fault(guarding === "off" && seen.codes.includes("TOO_YOUNG"), "TOO_YOUNG with the age rule off"),
    ],
  }
}

/** The honest twin under the policy as shipped: it has to install. */
export async function playTwin(world: AttackWorld, guards: Guards, row: Row, manager: ReplayManager): Promise<Played> {
  if (row.payload === "absence") return playAbsence(world, guards, row, row.twin, manager, "shipped")
  const seen = await install(world, guards, row.twin, await openStage(world, guards, row.twin, manager, "shipped"), row)
  return { seen, faults: [...fault(seen.ran.status !== 0, `the twin was refused: ${seen.codes.join(", ")}`), ...fault(seen.ran.status === 0 && seen.files.length === 0, "the twin's files are not there")] }
}

/** Lockfiles of those who installed what is gone while it was there: with a guard in the project, and without. */
const locked = new Map<string, string>()
const lockKey = (what: Case, manager: ReplayManager, guarding: Guarding): string => `${what.judged.join()} ${manager} ${guarding === "none" ? "bare" : "guarded"}`

/** Lets somebody lock what will be gone later. To be done for each manager before {@link takeAway}. */
export async function lockBefore(world: AttackWorld, guards: Guards, row: Row, managers: readonly ReplayManager[]): Promise<void> {
  const all = managers.flatMap((manager) => [row.attack, row.twin].flatMap((what) => (["shipped", "none"] as const).map((guarding) => ({ manager, what, guarding }))))
  await inTurns(all, async ({ manager, what, guarding }) => {
    const stage = await openStage(world, guards, what, manager, guarding)
    const ran = await stage.run(await installCommand(guards, stage))
    if (ran.status !== 0) throw new Error(describeRun(ran))
    locked.set(lockKey(what, manager, guarding), stage.project)
  })
}

/** Yarn 4 reads none of npm's variables. */
const BEHIND_SHIM = `export YARN_NPM_REGISTRY_SERVER="\${npm_config_registry%/}" YARN_NPM_AUTH_TOKEN="$(sed -n 's/.*:_authToken=//p' "$npm_config_userconfig")" YARN_NPM_ALWAYS_AUTH=true; exec "$0" "$@"`

/** Another machine with the same lockfile, after the registry has lost the version (the attack) or another one (the twin). */
async function playAbsence(world: AttackWorld, guards: Guards, row: Row, what: Case, manager: ReplayManager, guarding: Guarding): Promise<Played> {
  const isBehindShim = manager !== "npm11"
  const from = locked.get(lockKey(what, manager, isBehindShim ? "none" : guarding))
  if (from === undefined) throw new Error(`row ${row.number}: nobody locked ${what.judged.join(", ")} with ${manager}`)
  const stage = await openStage(world, guards, what, manager, guarding, isBehindShim)
  const [lockfile, copy] = [join(from, LOCKFILES[manager]), join(stage.project, LOCKFILES[manager])]
  cpSync(lockfile, copy)
  const argv = manager === "yarn4" ? ["yarn", "install", "--immutable"] : manager === "npm11" ? ["npm", "ci"] : ["pnpm", "install", "--frozen-lockfile"]
  // Plugins judge what their manager fetches, and fetch nothing; bytes that the registry has lost come through the shim, to which `run` leads all but Yarn 4.
  const guarded = ["vouchsafe", "run", "--", ...(manager === "yarn4" ? ["sh", "-c", BEHIND_SHIM, ...argv] : argv)]
  const seen = await look(world, what, stage, await stage.run(guarding === "none" ? argv : guarded), false)
  if (guarding === "none" && what === row.attack) return { seen, faults: fault(seen.ran.status === 0, "unguarded, what was unpublished still installs") }
  return {
    seen, faults: [
      ...fault(seen.ran.status !== 0, "the install failed although the network has the bytes"), ...fault(!seen.files.some((path) => path.includes("node_modules")), "no file of it is there"),
      ...fault(readFileSync(copy, "utf8") !== readFileSync(lockfile, "utf8"), "the lockfile changed"),
    ],
  }
}

/** The registry loses what the row is about: the attack's version is unpublished, and of the twin another one. */
export function takeAway(world: AttackWorld, row: Row): void {
  const [name = "", version = ""] = (row.attack.judged[0] ?? "").split(/(?!^)@/)
  world.base.registry.unpublish(name, version)
  const other = row.twin.releases.at(-1)
  if (other !== undefined) world.base.registry.unpublish(other.name, other.version)
  const kept = world.made(row.twin.judged[0] ?? "")
  world.base.registry.publish({ ...kept.fixture, deprecated: "use the language's own function" })
}
