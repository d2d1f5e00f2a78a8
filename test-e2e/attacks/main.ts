/**
 * `npm run attacks`: every row of the replay through npm, pnpm and Yarn, with the age rule off and with the policy as shipped, beside its
 * benign twin and an unguarded control. Prints a table; `--json` one document. Exit status 1 where a row does not end as it should.
 */
import { parseArgs } from "node:util"
import { describeRun } from "../support/index.ts"
import { prepare, replayAll } from "./replay.ts"
import { ROWS } from "./rows/index.ts"
import { MANAGERS, type ReplayManager } from "./stage.ts"
import { formatTable, formatTotals, summarise } from "./table.ts"
import { openAttackWorld } from "./world.ts"

const { values } = parseArgs({ options: { json: { type: "boolean" }, row: { type: "string", multiple: true }, manager: { type: "string", multiple: true } } })
const rows = values.row === undefined ? ROWS : ROWS.filter(({ number }) => values.row?.includes(String(number)))
const managers = values.manager === undefined ? MANAGERS : MANAGERS.filter((id) => values.manager?.includes(id))
if (rows.length === 0 || managers.length === 0) {
  console.error(`attacks: expected --row of 1 to ${ROWS.length} and --manager of ${MANAGERS.join(", ")}`)
  process.exit(2)
}
const started = performance.now()
const say = (text: string): void => { process.stderr.write(`${text}\n`) }
const seconds = (): string => `${Math.round((performance.now() - started) / 1000)} s`

const world = await openAttackWorld(rows)
try {
  say(`attacks: the network stands after ${seconds()}`)
  const prepared = await prepare(world, rows, () => managers as readonly ReplayManager[])
  say(`attacks: observed after ${seconds()}`)
  const results = await replayAll(prepared, rows, ({ row, manager, kind, guarding, played: { faults, seen } }) => {
    say(`attacks: row ${row.number} ${manager} ${kind}${kind === "attack" ? ` (${guarding})` : ""}: ${faults.length === 0 ? "as expected" : `${faults.join("; ")}\n${describeRun(seen.ran)}`}`)
  }, managers)
  const summaries = summarise(rows, results)
  if (values.json === true) process.stdout.write(`${JSON.stringify({ managers, rebuilt: Object.fromEntries(await prepared.rebuilt), rows: summaries }, null, 2)}\n`)
  else process.stdout.write(`${formatTable(summaries)}\n\n${formatTotals(summaries)}\n`)
  say(`attacks: ${results.length} installs, ${seconds()}`)
  process.exitCode = summaries.every(({ faults }) => faults.length === 0) ? 0 : 1
} finally {
  await world.close()
}
