/** The corpus through every guard: what each says of every package. @packageDocumentation */
import { cpSync } from "node:fs"
import { join } from "node:path"
import { describeRun, type Ran } from "../support/index.ts"
import { CONFLICT, CORPUS, corpusDependencies, EXOTIC, EXPECTED, WITHDRAWN } from "./corpus.ts"
import { installCommand, type Guards, openStage, type ReplayManager, type Stage } from "./stage.ts"
import type { AttackWorld } from "./world.ts"

/** Code by package name; a package of which nothing is said is allowed. */
export type Said = Readonly<Record<string, string>>

const LOCKING: Readonly<Record<ReplayManager, { readonly argv: readonly string[]; readonly file: string }>> = {
  npm11: { argv: ["npm", "install", "--package-lock-only"], file: "package-lock.json" },
  pnpm10: { argv: ["pnpm", "install", "--lockfile-only"], file: "pnpm-lock.yaml" },
  yarn4: { argv: ["yarn", "install", "--mode=update-lockfile"], file: "yarn.lock" },
}

/** Brings the registry into the state that the corpus tells of. To be done before anybody asks for it. */
export function arrangeCorpus(world: AttackWorld): void {
  world.base.registry.tamper(CONFLICT.operators.map((operator) => ({ name: CONFLICT.name, mode: "swap-tarball", when: { userAgentIncludes: `(+${operator})` } })))
}

export async function withdrawOfCorpus(world: AttackWorld): Promise<void> {
  const { release, sha512 } = world.made(WITHDRAWN)
  await world.base.network.withdraw("beta", { purl: `pkg:npm/${release.name.replace("@", "%40")}@${release.version}`, registry: world.base.registry.url, sha512, reason: "its maintainer asked for it" })
}

/** One manager's guard on a lockfile that was made without any, and `check` on the same lockfile. */
export async function askGuards(world: AttackWorld, guards: Guards, manager: ReplayManager): Promise<{ readonly guard: Said; readonly check: Said; readonly ran: Ran }> {
  const { source } = world.made(EXOTIC)
  if (source === undefined) throw new Error(`${EXOTIC} has no repository`)
  const what = { ...CORPUS.attack, dependencies: corpusDependencies(source) }
  const bare = await openStage(world, guards, what, manager, "none")
  const locked = await bare.run(LOCKING[manager].argv)
  if (locked.status !== 0) throw new Error(describeRun(locked))
  const stage = await openStage(world, guards, what, manager, "shipped")
  cpSync(join(bare.project, LOCKING[manager].file), join(stage.project, LOCKING[manager].file))
  const check = await checked(stage)
  const ran = await stage.run(await installCommand(guards, stage))
  return { guard: saidIn(ran.output), check, ran }
}

async function checked(stage: Stage): Promise<Said> {
  const ran = await stage.run(["vouchsafe", "check", "--json"])
  const { verdicts, findings } = JSON.parse(ran.stdout) as { verdicts: readonly { purl: string; ok: boolean; code?: string }[]; findings: readonly { name: string; code: string; severity: string }[] }
  const local = findings.flatMap(({ name, code, severity }) => (severity === "deny" ? [[name, code] as const] : []))
  return withAllowed([...verdicts.flatMap(({ purl, ok, code }) => (ok ? [] : [[nameIn(purl.replace("pkg:npm/", "").replace("%40", "@")), code ?? ""] as const])), ...local])
}

const NAME = String.raw`((?:@[^\s/@]+/)?[^\s@/:]+)`
/** One line a refusal: of Yarn's errors, and of what `run` says at its end. */
const LINES = [new RegExp(`^\\s*${NAME}@\\S+: ([A-Z][A-Z_]+): `), new RegExp(`^ {2}(?:node_modules/)?${NAME}(?:@\\S+)? {2}([A-Z][A-Z_]+)$`)]
/** The form of pnpm's error: the package, and its codes below, the one that decided first. */
const [SUBJECT, CODE] = [new RegExp(`^\\s*${NAME}@\\S+$`), /^\s+([A-Z][A-Z_]+): /]

/** The code that decided, for each refused package, as people read it. */
function saidIn(output: string): Said {
  const found = new Map<string, string>()
  const note = (name: string, code: string): void => { if (!found.has(name)) found.set(name, code) }
  let name: string | undefined
  for (const line of output.replace(/^➤ YN\d{4}: │? ?/gm, "").split("\n")) {
    const [, subject, code] = LINES.map((pattern) => pattern.exec(line)).find((match) => match !== null) ?? []
    if (subject !== undefined && code !== undefined) note(subject, code)
    const below = CODE.exec(line)?.[1]
    name = SUBJECT.exec(line)?.[1] ?? name
    if (below !== undefined && name !== undefined) note(name, below)
  }
  return withAllowed([...found])
}

function nameIn(id: string): string {
  return /^(@[^/]+\/[^@]+|[^@]+)/.exec(id)?.[1] ?? id
}

function withAllowed(refused: readonly (readonly [string, string])[]): Said {
  return { ...Object.fromEntries(Object.keys(EXPECTED).map((name) => [name, "allowed"])), ...Object.fromEntries(refused) }
}
