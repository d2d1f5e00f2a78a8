/**
 * `npm run soak`: full counts and long runs of what `npm test` does in small. Ends with one line a part, exit status 1 where any failed.
 * Parts may be named: `node test-e2e/soak/main.ts kills properties matrix`.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { ROOT } from "../support/index.ts"

interface Part {
  readonly command: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

const PART_MS_MAX = 4 * 3_600_000
const KILLS = "200"
const SEQUENCER_KILLS = "50"
const SIMULATION = { steps: "10000", seeds: "1001..1200" }
const LARGE_LOG_ENTRIES = "1000000"
const LAGGARD_ENTRIES = "100000"
const vitest = (folder: string, ...files: string[]): Pick<Part, "command" | "cwd"> => ({
  command: [join(ROOT, "node_modules/.bin/vitest"), "run", "--config", "../config/vitest.config.ts", "--root", ".", "--testTimeout", String(PART_MS_MAX), ...files], cwd: join(ROOT, "packages", folder),
})

const PARTS: Readonly<Record<string, readonly Part[]>> = {
  kills: [
    { ...vitest("log", "test/kill.test.ts"), env: { VOUCHSAFE_SOAK_KILLS: KILLS } },
    { ...vitest("mirror", "test/kill.test.ts"), env: { VOUCHSAFE_SOAK_KILLS: KILLS } },
    { ...vitest("storage", "test/cluster.test.ts"), env: { VOUCHSAFE_SOAK_KILLS: SEQUENCER_KILLS } },
    { ...vitest("node", "test/kill.test.ts"), env: { VOUCHSAFE_SOAK_KILLS: KILLS } },
  ],
  "large-log": ["log/bench/large.ts", "node/bench/lookups.ts", "node/bench/cosigned.ts"].map((script) => (
    { command: [process.execPath, "--conditions=source", join("packages", script), LARGE_LOG_ENTRIES], cwd: ROOT, env: { VOUCHSAFE_LARGE_LOG_BARS: "1" } }
  )),
  laggard: [{ command: ["node", "--conditions=source", "packages/mirror/bench/laggard.ts", LAGGARD_ENTRIES], cwd: ROOT, env: { VOUCHSAFE_MIRROR_BARS: "1" } }],
  properties: ["core", "log", "client", "attester"].map((folder) => ({ ...vitest(folder), env: { SLOW: "1" } })),
  simulation: [{ command: [process.execPath, "--conditions=source", join(ROOT, "test-e2e/simulation/random-seeds.ts"), SIMULATION.steps, SIMULATION.seeds], cwd: ROOT, env: {} }],
  memory: [{ command: [process.execPath, "--conditions=source", join(ROOT, "test-e2e/bench/shim-install.ts")], cwd: ROOT, env: {} }],
  matrix: [{ command: [join(ROOT, "node_modules/.bin/vitest"), "run", "--config", "../packages/config/vitest.e2e.config.ts", "--root", "test-e2e", "matrix"], cwd: ROOT, env: { VOUCHSAFE_E2E_FULL: "1" } }],
}

const asked = process.argv.slice(2)
const names = asked.length === 0 ? Object.keys(PARTS) : asked
const results = names.map((name): readonly [string, boolean] => {
  const parts = PARTS[name]
  if (parts === undefined) throw new Error(`no part ${name}, expected some of ${Object.keys(PARTS).join(", ")}`)
  return [name, parts.every(({ command: [file = "", ...args], cwd, env }) => {
    process.stdout.write(`soak: ${name}: ${file} ${args.join(" ")}\n`)
    return spawnSync(file, args, { cwd, env: { ...process.env, ...env }, stdio: "inherit", timeout: PART_MS_MAX }).status === 0
  })]
})
for (const [name, passed] of results) process.stdout.write(`soak: ${name} ${passed ? "passed" : "FAILED"}\n`)
process.exitCode = results.every(([, passed]) => passed) ? 0 : 1
