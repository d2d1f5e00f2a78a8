import type { Family } from "../support/managers.ts"
import type { Report } from "./report.ts"
import { MARKER, type Project, type World } from "./world.ts"

/** A dependency of express that the lying registry replaces; its stand-in runs a script at install. */
const VICTIM = "ms"

/** Other bytes, with a packument that matches them, for everybody but the nodes. */
export function attackClients(world: World): void {
  world.registry.tamper([{ name: VICTIM, mode: "swap-tarball", when: { userAgentExcludes: "vouchsafe-node/" } }])
}

/** No guard: the attack works. */
export async function attackUnguarded(world: World, report: Report): Promise<void> {
  await report.step(`npm install, unguarded, from a registry that swaps ${VICTIM} for a copy with an install script`, "the attack works: exit 0 and the marker is written", async () => {
    attackClients(world)
    const project = world.project("unguarded", "npm")
    const ran = await project.run(["npm", "install"])
    world.registry.tamper([])
    return {
      ran: [ran], cameOut: `exit ${String(ran.status)}, marker ${project.has(MARKER) ? "written" : "absent"}`,
      checks: [{ what: "exit status 0", holds: ran.status === 0 }, { what: "the marker is there", holds: project.has(MARKER) }],
    }
  })
  await report.step("four nodes of four operators are started, each a process of its own", "exit 0, a roster that asks for 3 of 4", async () => {
    const ran = await world.network("up", "--operators", "alpha,beta,gamma,delta", "--registry", world.registry.url, "--allow-private-addresses")
    return { ran: [ran], cameOut: `exit ${String(ran.status)}`, checks: [{ what: "exit status 0", holds: ran.status === 0 }, { what: "four nodes run", holds: ran.stdout.split("runs as").length === 5 }] }
  })
}

/** A copy of the app with `vouchsafe init` done in it. */
export async function guardedProject(world: World, name: string, family: Family): Promise<Project> {
  const project = world.project(name, family)
  const ran = await world.vouchsafe(project, "init", "--roster", world.roster)
  if (ran.status !== 0) throw new Error(`init failed in ${name}: ${ran.output}`)
  return project
}

/** The main job. */
export async function installGuarded(world: World, report: Report, family: Family): Promise<void> {
  await report.step(`express, installed for real by ${family}, guarded`, "exit 0, and the app runs", async () => {
    const project = await guardedProject(world, `honest-${family}`, family)
    const ran = await world.install(project)
    const app = await project.run(["node", "app.js"])
    return {
      ran: [ran, app], cameOut: `exit ${String(ran.status)}, the app says ${JSON.stringify(app.stdout.trim())}`,
      checks: [{ what: "exit status 0", holds: ran.status === 0 }, { what: "the app answers", holds: app.stdout.trim() === "hello from express" }],
    }
  })
}

/** The same attack as at the start, now against a guarded project with empty caches. */
export async function serveOthersBytes(world: World, report: Report, family: Family): Promise<void> {
  await report.step(`the registry gives this client other bytes of ${VICTIM}; ${family}, guarded`, "refused with NOT_VOUCHED, no script ran, nothing of it on disk", async () => {
    const project = await guardedProject(world, `attacked-${family}`, family)
    attackClients(world)
    const ran = await world.install(project)
    world.registry.tamper([])
    return {
      ran: [ran], cameOut: `exit ${String(ran.status)}, ${codeIn(ran.output)}, marker ${project.has(MARKER) ? "WRITTEN" : "absent"}`,
      checks: [
        { what: "exit status is not 0", holds: ran.status !== 0 }, { what: "the output says NOT_VOUCHED", holds: ran.output.includes("NOT_VOUCHED") },
        { what: "no marker", holds: !project.has(MARKER) }, { what: `no node_modules/${VICTIM}`, holds: !project.has(`node_modules/${VICTIM}/package.json`) },
      ],
    }
  })
}

/** The first refusal code in an output. */
export function codeIn(output: string): string {
  return /\b(NOT_VOUCHED|DIGEST_CONFLICT|UNREACHABLE|PENDING|PROOF_INVALID|WITHDRAWN|NOTICES_STALE|EXOTIC_SOURCE|WRONG_REGISTRY|LOG_MISBEHAVED)\b/.exec(output)?.[0] ?? "no code"
}
