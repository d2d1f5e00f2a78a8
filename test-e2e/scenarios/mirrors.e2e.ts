// What a node leaves behind when it dies is read from other nodes' copies; and a log that turns on its readers is caught by a monitor.
import { httpTransport, nodeCrypto } from "@vouchsafe/client/node"
import { formatObservation, type Observation, parseMisbehavior, parseObservation, parseRoster, parseSigningKey, type RosterNode, utf8Decode, utf8Encode, verifyMisbehavior } from "@vouchsafe/core"
import { collectCosignatures, openLog } from "@vouchsafe/log"
import type { Log } from "@vouchsafe/ports"
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { describeRun, guardedProject, type GuardedProject, openWorld, type World } from "../support/index.ts"

/** Against hanging only: copies follow within seconds. */
const PATIENCE_MS = 90_000
const BYTES_MAX = 4 * 1024 * 1024

let world: World
let me: GuardedProject
let roster: ReturnType<typeof parseRoster>

beforeAll(async () => {
  world = await openWorld("mirrors", { nodeConfig: { alpha: { monitor: true } } })
  return () => world.close()
})

const nodeOf = (operator: string): RosterNode => roster.nodes.find((node) => node.operator === operator) as RosterNode
const pathOf = (origin: string): string => `mirror/${createHash("sha256").update(origin).digest("hex")}`

async function get(url: string): Promise<{ status: number; body: string }> {
  const transport = httpTransport()
  try {
    const { status, body } = await transport.request({ method: "GET", url, timeoutMs: 10_000, maxBytes: BYTES_MAX })
    return { status, body: utf8Decode(body) }
  } finally {
    transport.close()
  }
}

/** Asks until what is answered is what is waited for. */
async function until<T>(ask: () => Promise<T>, isIt: (found: T) => boolean): Promise<T> {
  const started = performance.now()
  for (;;) {
    const found = await ask()
    if (isIt(found)) return found
    if (performance.now() - started > PATIENCE_MS) throw new Error(`waited in vain; last: ${JSON.stringify(found)}\n${world.network.logOf("alpha")}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

test("what beta observed and withdrew is read and verified from copies when beta is dead", async () => {
  me = await guardedProject(world, { account: "me", manager: "npm11", dependencies: { "zz-good": "1.0.0" } })
  const installed = await me.command("vouchsafe", "run", "--", "npm", "install")
  expect(installed.status, describeRun(installed)).toBe(0)
  roster = parseRoster(nodeCrypto, readFileSync(world.network.roster, "utf8"))
  const beta = nodeOf("beta")
  const sha512 = world.registry.built("zz-good", "1.0.0")?.sha512 as string
  await world.network.withdraw("beta", { purl: "pkg:npm/zz-good@1.0.0", registry: world.registry.url, sha512, reason: "a test" })
  const copied = async (operator: string, origin: string): Promise<string> => (await get(`${nodeOf(operator).url}${pathOf(origin)}/checkpoint`)).body
  const sizeIn = (note: string): number => Number(note.split("\n")[1])
  const original = sizeIn((await get(`${beta.url}log/checkpoint`)).body)
  await until(() => copied("alpha", beta.log.name), (note) => sizeIn(note) >= original)
  // Notices are copied by all, whoever they are.
  for (const operator of ["alpha", "gamma", "delta"]) await until(() => copied(operator, beta.notices.name), (note) => sizeIn(note) >= 1)
  expect((await get(`${nodeOf("gamma").url}${pathOf(beta.log.name)}/checkpoint`)).status).toBe(404)
  world.network.kill("beta")

  const inspected = await me.command("vouchsafe", "log", "inspect", "--operator", "beta", "--json")
  expect(inspected.status, describeRun(inspected)).toBe(0)
  expect((JSON.parse(inspected.stdout) as { package: string }[]).map((row) => row.package)).toContain("zz-good@1.0.0")
  const withdrawn = await me.command("vouchsafe", "log", "inspect", "--operator", "beta", "--notices", "--mirror", nodeOf("delta").url, "--json")
  expect(JSON.parse(withdrawn.stdout), describeRun(withdrawn)).toMatchObject([{ kind: "withdrawal", package: "zz-good@1.0.0" }])
  const verified = await me.command("vouchsafe", "log", "verify", "--operator", "beta", "--json")
  expect((JSON.parse(verified.stdout) as { logs: { outcome: string; detail: string }[] }).logs, describeRun(verified)).toMatchObject([
    { outcome: "verified", detail: expect.stringContaining("read from the copy of alpha") as string }, { outcome: "verified", detail: expect.stringContaining("read from the copy of") as string },
  ])
  const missing = await me.command("vouchsafe", "log", "inspect", "--operator", "beta", "--mirror", nodeOf("gamma").url, "--json")
  expect(missing.status, describeRun(missing)).toBe(3)
})

/** Whoever has beta's machine goes on with its log, under its key and at its address, and every witness cosigns: the log only grows. */
async function takeOver(beta: RosterNode): Promise<{ readonly log: Log; close(): Promise<void> }> {
  const data = world.network.node("beta").data
  const { signer } = parseSigningKey(readFileSync(join(data, "keys/log.key"), "utf8").trim())
  const log = await openLog({ directory: join(data, "log"), origin: beta.log.name, signer, crypto: nodeCrypto })
  const server = createServer((request, response) => {
    void log.serve((request.url ?? "").slice("/log/".length)).then(({ status, body }) => response.writeHead(status).end(body))
  })
  const { hostname, port } = new URL(beta.url)
  await new Promise<void>((resolve) => server.listen(Number(port), hostname, resolve))
  return {
    log,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await log.close()
    },
  }
}

test("beta's log comes back with a second observation of one version: the monitor proves it, and the proof convicts anywhere", async () => {
  const beta = nodeOf("beta")
  const hostile = await takeOver(beta)
  try {
    const entries = await hostile.log.entries(Array.from({ length: hostile.log.size }, (_, i) => i))
    const honest = entries.map((entry) => parseObservation(utf8Decode(entry))).find(({ purl }) => purl === "pkg:npm/zz-good@1.0.0") as Observation
    const forged = formatObservation({ ...honest, sha512: "0".repeat(128), tarball: { ...honest.tarball, commitment: "0".repeat(64) } })
    await hostile.log.append([{ bytes: utf8Encode(forged), keys: [] }])
    const transport = httpTransport()
    const others = roster.nodes.filter(({ operator }) => operator !== "beta")
    const cosigners = collectCosignatures({
      log: hostile.log, witnesses: others.map(({ operator, url, witness }) => ({ name: operator, key: witness, submissionUrl: `${url}witness/` })), quorum: (names) => names.size === others.length,
      transport, crypto: nodeCrypto, clock: { nowMs: () => Date.now() },
    })
    expect(await cosigners.collect()).toBe(true)
    await cosigners.close()
    transport.close()

    const alpha = nodeOf("alpha")
    interface Reports { readonly reports: readonly { readonly kind: string; readonly origin: string; readonly proof: string | null; readonly entries: readonly unknown[] }[] }
    const { reports } = await until(async () => JSON.parse((await get(`${alpha.url}v1/reports`)).body) as Reports, (found) => found.reports.some(({ kind }) => kind === "double-observation"))
    const double = reports.find(({ kind }) => kind === "double-observation")
    expect(double).toMatchObject({ origin: beta.log.name, entries: [{ origin: beta.log.name }, { index: entries.length }] })
    const { body } = await get(`${alpha.url}v1/reports/${double?.proof ?? ""}`)
    expect(verifyMisbehavior(nodeCrypto, parseMisbehavior(body), beta.log)).toBe(true)

    const told = await me.command("vouchsafe", "log", "reports", "--json")
    expect(told.status, describeRun(told)).toBe(4)
    expect((JSON.parse(told.stdout) as { monitors: string[]; reports: object[] }), describeRun(told)).toMatchObject({ monitors: ["alpha"], reports: expect.arrayContaining([expect.objectContaining({ kind: "double-observation", operator: "beta", proven: true })]) as object[] })
    writeFileSync(join(me.project, "proof.json"), body)
    const convicted = await me.command("vouchsafe", "log", "verify", "proof.json")
    expect(convicted.status, describeRun(convicted)).toBe(4)
  } finally {
    await hostile.close()
  }
})
