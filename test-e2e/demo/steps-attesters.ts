import type { Report } from "./report.ts"
import { codeIn, guardedProject } from "./steps-install.ts"
import { MARKER, type World } from "./world.ts"

/** Packages that no node has seen before, since a node observes a version once. */
const SEEN_BY_ONE_LIAR = "is-odd@3.0.1"
const SEEN_BY_TWO = "is-even@1.0.0"

/** The registry shows these operators' nodes other bytes: what their logs then say is wrong, and signed. */
function deceive(world: World, name: string, operators: readonly string[]): void {
  world.registry.tamper(operators.map((operator) => ({ name, mode: "swap-tarball" as const, when: { userAgentIncludes: `(+${operator})` } })))
}

/** One of four says something else than the others. */
export async function lieAlone(world: World, report: Report): Promise<void> {
  await report.step(`one attester, delta, states other bytes for ${SEEN_BY_ONE_LIAR}; npm, guarded`, "the install goes on, and delta is named", async () => {
    const project = await guardedProject(world, "one-liar", "npm")
    deceive(world, "is-odd", ["delta"])
    const ran = await world.install(project, SEEN_BY_ONE_LIAR)
    world.registry.tamper([])
    const named = /DIGEST_CONFLICT[^\n]*\bdelta\b/.exec(ran.output)?.[0] ?? "nobody is named"
    return {
      ran: [ran], cameOut: `exit ${String(ran.status)}, ${named}`,
      checks: [
        { what: "exit status 0", holds: ran.status === 0 }, { what: "is-odd is installed", holds: project.has("node_modules/is-odd/package.json") },
        { what: "delta is named with DIGEST_CONFLICT", holds: named !== "nobody is named" },
      ],
    }
  })
}

/** Two of four are fewer than the threshold, but enough that the rest is no majority. */
export async function collude(world: World, report: Report): Promise<void> {
  await report.step(`two attesters, gamma and delta, state the same other bytes for ${SEEN_BY_TWO}; npm, guarded`, "refused at threshold 3 with DIGEST_CONFLICT, nothing installed", async () => {
    const project = await guardedProject(world, "two-liars", "npm")
    deceive(world, "is-even", ["gamma", "delta"])
    const ran = await world.install(project, SEEN_BY_TWO)
    world.registry.tamper([])
    return {
      ran: [ran], cameOut: `exit ${String(ran.status)}, ${codeIn(ran.output)}`,
      checks: [
        { what: "exit status is not 0", holds: ran.status !== 0 }, { what: "the output says DIGEST_CONFLICT", holds: ran.output.includes("DIGEST_CONFLICT") },
        { what: "is-even is not installed", holds: !project.has("node_modules/is-even/package.json") }, { what: "no marker", holds: !project.has(MARKER) },
      ],
    }
  })
}
