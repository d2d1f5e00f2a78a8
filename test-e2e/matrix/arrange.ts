import { appendFileSync, cpSync, existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { policyFiles, runOk, type Ran, type Sandbox, type World } from "../support/index.ts"
import { SUBJECTS, type Cell } from "./cells.ts"
import { commandOf, type Guarded } from "./guards.ts"

/** A project as it stands before the command that is judged. */
export interface Arranged {
  readonly sandbox: Sandbox
  readonly project: string
  readonly marker: string
  /** What was installed without any guard to fill caches, where the situation needs that. */
  readonly unguarded: Ran | undefined
  /** Folders that hold the package because this function put it there. */
  readonly seeded: readonly string[]
}

/** Two real packages beside the fixture: the first has a dependency of its own. */
export const REAL = { "is-odd": "3.0.1", picocolors: "1.1.1" } as const
const BEFORE = "before"

export async function arrange(world: World, { situation, outcome }: Cell, guarded: Guarded, sandbox: Sandbox): Promise<Arranged> {
  const { family } = guarded.manager
  const parent = { [situation === "optional" ? "zz-optional" : SUBJECTS[outcome].parent]: "1.0.0" }
  const start = situation === "add" || situation === "dlx" ? { "zz-good": "1.0.0" } : { ...parent, ...REAL }
  const files = { ...manifests(situation === "workspaces", start), ...(family === "yarn" ? { "yarn.lock": "" } : {}) }
  const project = sandbox.project("project", { ...files, ...policyFiles(world) })
  settle(project, guarded, situation)
  const marker = join(sandbox.dir, "marker")
  const env = sandbox.env({ runtime: guarded.runtime, manager: guarded.manager, path: [world.tool.binDir] })
  let unguarded: Ran | undefined
  let seeded: string[] = []
  if (situation === "warm" || situation === "frozen") {
    // Yarn keeps archives in the project unless told otherwise: only a shared folder is warm for another project.
    const shared = family === "yarn" && situation === "warm" ? { YARN_ENABLE_GLOBAL_CACHE: "true" } : {}
    const before = sandbox.project(BEFORE, files)
    if (family === "pnpm") settle(before, undefined, situation)
    unguarded = await runOk(commandOf(guarded.manager, "cold", ""), { cwd: before, env: { ...env, ...shared } })
    if (situation === "frozen") seeded = await takeLockfile(world, guarded, sandbox, { from: before, to: project, env, files })
  }
  if (situation === "add") await runOk(guarded.argv("cold", ""), { cwd: project, env })
  return { sandbox, project, marker, unguarded, seeded }
}

/** package.json files: one, or a root with two members of which the second has the dependencies. */
function manifests(workspaces: boolean, dependencies: Readonly<Record<string, string>>): Record<string, unknown> {
  if (!workspaces) return { "package.json": { name: "project", version: "1.0.0", private: true, dependencies } }
  return {
    "package.json": { name: "project", version: "1.0.0", private: true, workspaces: ["packages/*"] },
    "packages/one/package.json": { name: "one", version: "1.0.0", dependencies: { "zz-leaf": "1.0.0" } },
    "packages/two/package.json": { name: "two", version: "1.0.0", dependencies },
  }
}

function settle(project: string, guarded: Guarded | undefined, situation: Cell["situation"]): void {
  guarded?.prepare(project)
  if (guarded !== undefined && guarded.manager.family !== "pnpm") return
  const lines = ["dangerouslyAllowAllBuilds: true", ...(situation === "workspaces" ? ["packages: ['packages/*']"] : [])]
  appendFileSync(join(project, "pnpm-workspace.yaml"), `${lines.join("\n")}\n`)
}

interface Taking {
  readonly from: string
  readonly to: string
  readonly env: Record<string, string>
  readonly files: Readonly<Record<string, unknown>>
}

/** Gives the project a lockfile that a machine without guard made: what a pull request may bring. */
async function takeLockfile(world: World, guarded: Guarded, sandbox: Sandbox, { from, to, env, files }: Taking): Promise<string[]> {
  const { family } = guarded.manager
  const copy = (name: string): void => cpSync(join(from, name), join(to, name), { recursive: true })
  if (family === "npm") copy("package-lock.json")
  if (family === "yarn") {
    copy("yarn.lock")
    copy(".yarn/cache")
    return [".yarn/cache"]
  }
  if (family === "pnpm") {
    // pnpm pins its pnpmfile in the lockfile, so that one has to be made with the hook in place; "observe" lets everything pass.
    const observed = sandbox.project("observed", { ...files, ...policyFiles(world, "observe") })
    settle(observed, guarded, "frozen")
    await runOk(["pnpm", "install"], { cwd: observed, env })
    cpSync(join(observed, "pnpm-lock.yaml"), join(to, "pnpm-lock.yaml"))
  }
  return []
}

/** What ran, one line each, and then forgets it. */
export function takeMarks(arranged: Pick<Arranged, "marker">): string[] {
  if (!existsSync(arranged.marker)) return []
  const lines = readFileSync(arranged.marker, "utf8").trim().split("\n")
  rmSync(arranged.marker)
  return lines
}

/** Environment of the command that is judged. */
export function environmentOf(world: World, { situation }: Pick<Cell, "situation">, guarded: Guarded, sandbox: Sandbox): Record<string, string> {
  const more = guarded.manager.family === "yarn" && situation === "warm" ? { YARN_ENABLE_GLOBAL_CACHE: "true" } : {}
  return sandbox.env({ runtime: guarded.runtime, manager: guarded.manager, path: [world.tool.binDir], more })
}

