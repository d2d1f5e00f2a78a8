/**
 * The main job on real packages: four nodes of four operators as processes on loopback, an express app, three package managers,
 * and one attack after the other. Ends with `demo: N of N as expected`.
 */
import { getManager } from "../support/managers.ts"
import { openReport } from "./report.ts"
import { attackUnguarded, installGuarded, serveOthersBytes } from "./steps-install.ts"
import { collude, lieAlone } from "./steps-attesters.ts"
import { killNode, loseAllNodes, rewriteHistory, spoilCache } from "./steps-network.ts"
import { openWorld } from "./world.ts"

const say = (text: string): void => { process.stdout.write(text) }

say("demo: fetching npm, pnpm and Yarn…\n")
const managers = { npm: await getManager("npm11"), pnpm: await getManager("pnpm10"), yarn: await getManager("yarn4") }
const world = await openWorld(managers)
const report = openReport(say)
try {
  await attackUnguarded(world, report)
  for (const family of ["npm", "pnpm", "yarn"] as const) await installGuarded(world, report, family)
  for (const family of ["npm", "pnpm", "yarn"] as const) await serveOthersBytes(world, report, family)
  await lieAlone(world, report)
  await collude(world, report)
  await spoilCache(world, report)
  await killNode(world, report)
  await rewriteHistory(world, report)
  await loseAllNodes(world, report)
} finally {
  await world.end()
}
process.exitCode = report.end()
