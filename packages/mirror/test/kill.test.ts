import { spawn } from "node:child_process"
import { readdir } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { cleanup, expectSame, grow, key, mirrorOf, newDirectory, newLog, sourceOf } from "./support.ts"

/** Kills; the soak raises it. */
const KILLS = Number(process.env["VOUCHSAFE_SOAK_KILLS"] ?? 10)
const SEED = Number(process.env["VOUCHSAFE_SOAK_SEED"] ?? Date.now() % 1_000_000)
/** Kills that one copy suffers; then another is begun. */
const KILLS_PER_COPY = 10
/** Operations on the disk at which a child may end itself: some 200 in a round. */
const MOMENTS_MAX = 150
const GROWTH_MAX = 4_000
/** Against hanging: one round takes about a second. */
const HANGING_MS = 60_000

function randomFrom(seed: number): () => number {
  let state = seed % 2_147_483_647 || 1
  return () => {
    state = state * 48_271 % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Runs a child until it is dead; the sizes that it said were durable. */
async function runAndKill(directory: string, url: string, round: number, random: () => number): Promise<{ readonly sizes: number[]; readonly isKilled: boolean }> {
  const dieAt = round % 2 === 0 ? 0 : 1 + Math.floor(random() * MOMENTS_MAX)
  const child = spawn(process.execPath, [
    "--conditions=source", "--disable-warning=ExperimentalWarning", fileURLToPath(new URL("kill-child.ts", import.meta.url)), directory, url, key.vkey, String(dieAt),
  ], { stdio: ["ignore", "pipe", "pipe"] })
  cleanup(() => child.kill("SIGKILL"))
  let said = ""
  let complaint = ""
  child.stdout.on("data", (text: Buffer) => { said += text.toString() })
  child.stderr.on("data", (text: Buffer) => { complaint += text.toString() })
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => {
    child.on("close", (_code, how) => resolve(how))
    if (dieAt === 0) killDuring = () => child.kill("SIGKILL")
  })
  killDuring = () => undefined
  expect(complaint).toBe("")
  // One that came to its end before its moment was not killed, and says all there is.
  expect([null, "SIGKILL"]).toContain(signal)
  return { sizes: said.split("\n").slice(0, -1).map((line) => Number(line.slice(2))), isKilled: signal === "SIGKILL" }
}

/** Kills the child whose requests are counted. */
let killDuring: () => void = () => undefined

test(`kill -9 at a random moment, ${KILLS} times (VOUCHSAFE_SOAK_SEED=${SEED}): what was durable is served and right, the rest is fetched again`, async () => {
  const random = randomFrom(SEED)
  let killed = 0
  for (let first = 0; first < KILLS; first += KILLS_PER_COPY) {
    const log = await newLog(0)
    const early = await newLog(0)
    let requestsLeft = Number.POSITIVE_INFINITY
    const server = createServer((request, response) => {
      if (--requestsLeft <= 0) killDuring()
      const path = (request.url ?? "").slice("/log/".length)
      void log.serve(path).then(({ status, body }) => response.writeHead(status).end(body))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    cleanup(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/log/`
    const directory = await newDirectory()
    let acknowledged = 0
    for (let round = first; round < Math.min(KILLS, first + KILLS_PER_COPY); round++) {
      await grow(log, log.size + 500 + Math.floor(random() * GROWTH_MAX))
      requestsLeft = 1 + Math.floor(random() * 12)
      const { sizes, isKilled } = await runAndKill(directory, url, round, random)
      if (isKilled) killed++
      acknowledged = Math.max(acknowledged, ...sizes)
      // What a dead process left: nothing that was durable is lost, nothing is shown that is not the log's.
      const copy = await mirrorOf(directory, [])
      const size = copy.head()?.size ?? 0
      expect(size).toBeGreaterThanOrEqual(acknowledged)
      await grow(early, size)
      if (copy.head() !== undefined) await expectSame(copy, early)
      await copy.close()
    }
    requestsLeft = Number.POSITIVE_INFINITY
    const before = await bundlesIn(directory)
    const source = sourceOf("origin", log)
    const last = await mirrorOf(directory, [source])
    expect(await last.sync()).toMatchObject({ size: log.size })
    await expectSame(last, log)
    const fetched = source.asked.filter((path) => /^tile\/entries\/[x0-9/]+$/.test(path)).length
    expect(fetched).toBeLessThanOrEqual(Math.floor(log.size / 256) - before)
    await last.close()
  }
  console.log(`mirror: ${killed} of ${KILLS} were killed before they were done`)
  expect(killed).toBeGreaterThan(0)
}, KILLS * HANGING_MS)

/** Full bundles that are files. */
async function bundlesIn(directory: string): Promise<number> {
  return (await readdir(join(directory, "tile", "entries"), { recursive: true, withFileTypes: true }).catch(() => [])).filter((one) => one.isFile()).length
}
