// Everything of `npm test`. The last line is `N passed, N failed, N skipped`; exit status 1 where anything failed.
// Alone, with some steps only: `node packages/config/scripts/test-all.ts typecheck unit`.
import { readFileSync } from "node:fs"
import { delimiter, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { formatTable, runAll, STEPS, sum, summaryLine, type Step } from "../src/run/index.ts"

const FAILURES_SHOWN_MAX = 100
const NODE_MAJOR_MIN = 24
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..")
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !STEPS.includes(name as Step))
if (unknown.length > 0) {
  console.error(`test-all: expected steps of ${STEPS.join(", ")}, found ${unknown.join(", ")}`)
  process.exit(2)
}
if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR_MIN) {
  console.error(`test-all: expected Node >= ${NODE_MAJOR_MIN}, found ${process.versions.node}; \`npm test\` brings the right one where it can`)
  process.exit(2)
}

const env = {
  ...process.env,
  // The Node that runs this runs everything.
  PATH: [dirname(process.execPath), join(root, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter),
  TURBO_TELEMETRY_DISABLED: "1",
  // What the steps print passes through pipes; colours would end up in logs.
  NO_COLOR: "1",
  FORCE_COLOR: undefined,
}
const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { packageManager: string }
console.log(`== Node ${process.versions.node}, ${process.platform} ${process.arch}`)
const rows = await runAll(
  { root, env, pnpm: packageManager, print: (line) => console.log(line), nowMs: Date.now },
  asked.length === 0 ? STEPS : asked as Step[],
)
const total = sum(rows.map(([, count]) => count))

if (total.failures.length > 0) {
  console.log(`\nfailed:\n${total.failures.slice(0, FAILURES_SHOWN_MAX).map((message) => `  ${message}`).join("\n")}`)
  if (total.failures.length > FAILURES_SHOWN_MAX) console.log(`  and ${total.failures.length - FAILURES_SHOWN_MAX} more`)
}
console.log(`\n${formatTable(rows)}\n`)
console.log(summaryLine(total))
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
