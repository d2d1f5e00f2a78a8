import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import { formatRoster, parseRoster } from "@vouchsafe/core"
import type { Report } from "./report.ts"
import { codeIn, guardedProject } from "./steps-install.ts"
import type { Project, World } from "./world.ts"

interface RunningNode {
  readonly operator: string
  readonly url: string
  readonly data: string
  readonly pid: number
}

function nodes(world: World): RunningNode[] {
  return (JSON.parse(readFileSync(join(world.networkFolder, "network.json"), "utf8")) as { nodes: RunningNode[] }).nodes
}

function nodeOf(world: World, operator: string): RunningNode {
  const node = nodes(world).find((candidate) => candidate.operator === operator)
  if (node === undefined) throw new Error(`no node of ${operator} runs`)
  return node
}

/** Every file below a folder. */
function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** A byte of every tarball that the shim keeps is changed; npm's own cache is emptied, so that it asks the shim. */
export async function spoilCache(world: World, report: Report): Promise<void> {
  await report.step("every tarball in the shim's warm cache is changed by one byte; npm ci, guarded", "no changed byte is installed: each is noticed, dropped and fetched anew", async () => {
    const project = await guardedProject(world, "spoiled", "npm")
    const first = await world.install(project)
    const kept = files(join(project.own, "vouchsafe")).filter((file) => isGzip(file))
    for (const file of kept) flipByte(file)
    rmSync(join(project.own, "npm-cache"), { recursive: true, force: true })
    rmSync(join(project.dir, "node_modules"), { recursive: true, force: true })
    const ran = await world.vouchsafe(project, "run", "--", "npm", "ci")
    const app = await project.run(["node", "app.js"])
    const left = files(join(project.own, "vouchsafe")).filter((file) => isGzip(file) && kept.includes(file)).length
    return {
      ran: [first, ran], cameOut: `${kept.length} tarballs spoiled, then exit ${String(ran.status)}, the app says ${JSON.stringify(app.stdout.trim())}`,
      checks: [
        { what: "the cache held tarballs", holds: kept.length > 10 }, { what: "exit status 0", holds: ran.status === 0 },
        { what: "the app answers", holds: app.stdout.trim() === "hello from express" }, { what: "the cache holds good ones again", holds: left === kept.length },
      ],
    }
  })
}

function isGzip(file: string): boolean {
  const start = readFileSync(file).subarray(0, 2)
  return statSync(file).size > 100 && start[0] === 0x1f && start[1] === 0x8b
}

function flipByte(file: string): void {
  const bytes = readFileSync(file)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(file, bytes)
}

/** kill -9 of one of four. */
export async function killNode(world: World, report: Report): Promise<void> {
  await report.step("the node of alpha is killed; npm, guarded, a package that nobody has seen yet", "the install goes on with three of four", async () => {
    process.kill(nodeOf(world, "alpha").pid, "SIGKILL")
    const project = await guardedProject(world, "one-dead", "npm")
    const ran = await world.install(project, "left-pad@1.3.0")
    return {
      ran: [ran], cameOut: `exit ${String(ran.status)}, ${project.has("node_modules/left-pad/package.json") ? "installed" : "not installed"}`,
      checks: [{ what: "exit status 0", holds: ran.status === 0 }, { what: "left-pad is installed", holds: project.has("node_modules/left-pad/package.json") }],
    }
  })
}

/** Longest until the liar's node answers. */
const LIAR_READY_MS = 60_000

/**
 * Throws an operator's log away and has its node begin another one under the same key. A node asks its witnesses how far they saw it, and would not
 * start: so its operator gives it a roster of his own, in which nobody else can be reached.
 */
async function lieAs(world: World, operator: string): Promise<void> {
  const liar = nodeOf(world, operator)
  process.kill(liar.pid, "SIGKILL")
  await until(() => !isAlive(liar.pid))
  rmSync(join(liar.data, "log"), { recursive: true })
  const { nodes: all, registries, threshold, version } = parseRoster(nodeCrypto, readFileSync(world.roster, "utf8"))
  const roster = join(world.networkFolder, "liar.roster.json")
  writeFileSync(roster, formatRoster(all.map((node, i) => (node.operator === operator ? node : { ...node, url: `http://127.0.0.1:${i + 1}/` })), registries, { threshold, version }))
  const child = world.begin("node", "--data", liar.data, "--operator", operator, "--url", liar.url, "--listen", new URL(liar.url).host, "--roster", roster, "--registry", world.registry.url, "--allow-private-addresses")
  let said = ""
  child.stdout?.on("data", (chunk) => (said += String(chunk)))
  await until(() => said.includes('"event":"ready"') || child.exitCode !== null)
  if (child.exitCode !== null || child.pid === undefined) throw new Error(`the node of ${operator} ended with ${String(child.exitCode)}`)
  child.stdout?.destroy()
  // `network down` ends it with the others.
  const path = join(world.networkFolder, "network.json")
  const network = JSON.parse(readFileSync(path, "utf8")) as { nodes: RunningNode[] }
  writeFileSync(path, JSON.stringify({ ...network, nodes: network.nodes.map((node) => (node.operator === operator ? { ...node, pid: child.pid } : node)) }))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false
    throw error
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + LIAR_READY_MS
  while (!isSo()) {
    if (Date.now() > endMs) throw new Error(`waited ${LIAR_READY_MS} ms in vain`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** beta throws its log away and writes another history under the same key. */
export async function rewriteHistory(world: World, report: Report): Promise<void> {
  let witness: Project | undefined
  await report.step("the log of beta rewrites its history; vouchsafe log verify, by somebody who saw it before", "exit 4, with a proof that stands alone", async () => {
    const project = await guardedProject(world, "auditor", "npm")
    witness = project
    const before = await world.vouchsafe(project, "log", "verify", "--operator", "beta")
    await world.network("down")
    await world.network("up", "--operators", "alpha,beta,gamma,delta", "--registry", world.registry.url, "--allow-private-addresses")
    await lieAs(world, "beta")
    await growLog(world)
    const after = await world.vouchsafe(project, "log", "verify", "--operator", "beta")
    const file = /proof: (\S+)/.exec(after.output)?.[1]
    const alone = file === undefined ? undefined : await world.vouchsafe(project, "log", "verify", file)
    return {
      ran: [before, after, ...(alone === undefined ? [] : [alone])], cameOut: `before ${String(before.status)}, after ${String(after.status)}, the proof alone ${String(alone?.status)}`,
      checks: [
        { what: "before the rewrite, exit status 0", holds: before.status === 0 }, { what: "after it, exit status 4", holds: after.status === 4 },
        { what: "the proof file convicts beta, exit status 4", holds: alone?.status === 4 && alone.output.includes("beta") },
      ],
    }
  })
  await report.step("the same person installs with npm, guarded", "the install goes on with the three others, and beta is named", async () => {
    if (witness === undefined) throw new Error("the step before did not get so far")
    const ran = await world.install(witness)
    return {
      ran: [ran], cameOut: `exit ${String(ran.status)}, ${/LOG_MISBEHAVED[^\n]*\bbeta\b/.test(ran.output) ? "beta is named" : "beta is not named"}`,
      checks: [{ what: "exit status 0", holds: ran.status === 0 }, { what: "beta is named with LOG_MISBEHAVED", holds: /LOG_MISBEHAVED[^\n]*\bbeta\b/.test(ran.output) }],
    }
  })
}

/** Small packages that make a log longer. */
const MORE = ["once@1.4.0", "wrappy@1.0.2", "isarray@2.0.5", "ansi-regex@6.0.1", "strip-ansi@7.1.0", "minimist@1.2.8", "balanced-match@1.0.2", "concat-map@0.0.1", "has-flag@4.0.0", "color-name@1.1.4"]
/** beta's witnesses refuse its new head, so it answers only when this is over. */
const GROW_DEADLINE_MS = 12_000

/** Lets beta observe what it had observed and more, in another order, so that its new log is no shorter than the old one. */
async function growLog(world: World): Promise<void> {
  const lock = JSON.parse(readFileSync(join(world.networkFolder, "..", "honest-npm", "package-lock.json"), "utf8")) as { packages: Record<string, { version?: string }> }
  const names = Object.entries(lock.packages).filter(([place]) => place !== "").map(([place, entry]) => `${place.slice(place.lastIndexOf("node_modules/") + 13)}@${entry.version ?? ""}`)
  const artifacts = [...new Set([...names, "is-odd@3.0.1", "is-even@1.0.0", "left-pad@1.3.0", ...MORE])].reverse()
    .map((spec) => ({ purl: `pkg:npm/${spec.replace(/^@/, "%40")}`, registry: world.registry.url }))
  const { url } = nodeOf(world, "beta")
  const body = JSON.stringify({ format: "vouchsafe-evidence-request/v1", artifacts, deadlineMs: GROW_DEADLINE_MS, knownSize: 0, noticesFrom: 0 })
  const answer = await fetch(`${url}v1/evidence`, { method: "POST", headers: { "content-type": "application/json" }, body })
  await answer.arrayBuffer()
}

/** Nobody left to ask. */
export async function loseAllNodes(world: World, report: Report): Promise<void> {
  for (const family of ["npm", "pnpm", "yarn"] as const) {
    await report.step(`all nodes are gone; ${family}, guarded`, "refused with UNREACHABLE, nothing installed", async () => {
      if (family === "npm") await world.network("down")
      const project = await guardedProject(world, `alone-${family}`, family)
      const ran = await world.install(project)
      return {
        ran: [ran], cameOut: `exit ${String(ran.status)}, ${codeIn(ran.output)}`,
        checks: [
          { what: "exit status is not 0", holds: ran.status !== 0 }, { what: "the output says UNREACHABLE", holds: ran.output.includes("UNREACHABLE") },
          { what: "express is not installed", holds: !project.has("node_modules/express/package.json") },
        ],
      }
    })
  }
}
