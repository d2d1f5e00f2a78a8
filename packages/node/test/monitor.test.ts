import { Ajv2020 } from "ajv/dist/2020.js"
import { nodeCrypto } from "@vouchsafe/client/node"
import {
  formatNotice, formatObservation, formatRoster, NO_UPSTREAM, PLAIN_HISTORY, NOTICES_PER_DAY_MAX, parseMisbehavior, parseRoster, type RosterNode, type Signer, verifyMisbehavior,
} from "@vouchsafe/core"
import type { ReportsDocument } from "@vouchsafe/monitor"
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import type { RunningNode } from "../src/index.ts"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { type HostileNode, startHostile } from "./hostile.ts"
import { freePorts, place, start } from "./network.ts"
import { ask, manualTime, type ManualTime, tempFolder } from "./support.ts"
import { watched } from "./watched.ts"

/** Steps of five seconds: six hours, against hanging only. */
const STEPS_MAX = 4_320
const REGISTRY = "https://registry.example/"
const digest = (text: string): string => createHash("sha512").update(text).digest("hex")

function observation(log: string, name: string, tarball: string, observedAt: number): string {
  return formatObservation({
    purl: `pkg:npm/${name}@1.0.0`, sha512: digest(tarball), log, registry: REGISTRY, observedAt,
    tarball: { size: 1, sha1: "a".repeat(40), commitment: createHash("sha256").update(`${log}\n${tarball}`).digest("hex") },
    contents: { tarSha256: "c".repeat(64), h1: `h1:${"A".repeat(43)}=`, files: 1, unpackedSize: 1, manifest: "d".repeat(64), executables: { count: 0, sha256: "e".repeat(64) } },
    package: { name, version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt: null, publisher: null, repository: null, mismatch: [] }, upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
  })
}

interface World {
  readonly node: RunningNode
  readonly hostile: HostileNode
  readonly mallory: RosterNode
  readonly time: ManualTime
  readonly nowSeconds: () => number
  /** Waits for a log line of the node. */
  seen(...words: string[]): Promise<void>
  has(...words: string[]): boolean
  restart(): Promise<RunningNode>
}

/** A real node that monitors, and an operator of its roster whose logs the test writes: with real keys, really cosigned. */
async function startWorld(prepare: (hostile: HostileNode, nowSeconds: () => number) => void): Promise<World> {
  const folder = tempFolder()
  const time = manualTime(Date.now())
  const nowSeconds = (): number => Math.floor(time.clock.nowMs() / 1000)
  const [port = 0] = await freePorts(1)
  const keys = new Map(["alpha", "beta", "mallory"].map((operator) => [operator, loadOrCreateKeys(join(folder, operator), operator)] as const))
  const hostile = await startHostile(keys.get("mallory") as { log: Signer; notices: Signer }, nowSeconds)
  const nodes = [...keys].map(([operator, own], i): RosterNode => ({
    operator, url: operator === "mallory" ? hostile.url : `http://127.0.0.1:${i === 0 ? port : 9}/`, log: own.log.verifier, notices: own.notices.verifier, witness: own.witness.verifier,
  }))
  hostile.witnesses = [...keys.values()].map(({ witness }) => witness)
  const roster = join(folder, "roster.json")
  writeFileSync(roster, formatRoster(nodes, [REGISTRY]))
  expect(parseRoster(nodeCrypto, readFileSync(roster, "utf8")).operators).toHaveLength(3)
  const at = place(join(folder, "alpha"), { roster, monitor: true, listen: { host: "127.0.0.1", port } })
  const { place: running, seen, has } = watched({ ...at, world: { ...at.world, clock: time.clock, timers: time.timers } })
  prepare(hostile, nowSeconds)
  return { node: await start(running), hostile, mallory: nodes[2] as RosterNode, time, nowSeconds, seen, has, restart: () => start(running) }
}

async function reportsOf(node: RunningNode): Promise<ReportsDocument> {
  const reply = await ask(node.listenUrl, { path: "/v1/reports" })
  expect(reply.status).toBe(200)
  return JSON.parse(reply.body) as ReportsDocument
}

test("a hostile log: the double observation is proven, the flood and the head that stops are reported, and all of it is kept", async () => {
  const world = await startWorld(({ log, notices }, nowSeconds) => {
    const [origin, noticesOrigin] = [log.signer.verifier.name, notices.signer.verifier.name]
    log.entries.push(observation(origin, "x", "one", nowSeconds()), observation(origin, "y", "one more", nowSeconds()), observation(origin, "x", "two", nowSeconds()), "not a statement")
    notices.entries.push(...Array.from({ length: NOTICES_PER_DAY_MAX + 1 }, (_, i) => formatNotice({
      purl: `pkg:npm/p${i}@1.0.0`, sha512: digest(`p${i}`), log: noticesOrigin, registry: REGISTRY, notice: "withdrawal", time: nowSeconds(), reason: "no",
    })))
  })
  const { hostile, mallory } = world
  for (const kind of ["double-observation", "unreadable-entry", "notices-flood"]) await world.seen("the monitor found something", kind)
  const document = await reportsOf(world.node)
  const schema = JSON.parse(readFileSync(new URL("../../spec/schemas/reports.schema.json", import.meta.url), "utf8")) as object
  expect(new Ajv2020({ strict: false }).validate(schema, document)).toBe(true)
  const against = document.reports.filter(({ operator }) => operator === "mallory")
  expect(against.map(({ kind }) => kind).sort()).toEqual(["double-observation", "notices-flood", "unreadable-entry"])
  const double = against.find(({ kind }) => kind === "double-observation")
  expect(double).toMatchObject({ origin: mallory.log.name, entries: [{ index: 0 }, { index: 2 }] })
  const proof = await ask(world.node.listenUrl, { path: `/v1/reports/${double?.proof ?? ""}` })
  expect([proof.status, proof.headers["content-disposition"]]).toEqual([200, "attachment"])
  expect(verifyMisbehavior(nodeCrypto, parseMisbehavior(proof.body), mallory.log)).toBe(true)
  for (const path of [`/v1/reports/${"0".repeat(64)}`, "/v1/reports/", "/v1/reports/x"]) expect((await ask(world.node.listenUrl, { path })).status).toBe(404)
  expect((await ask(world.node.listenUrl, { path: "/metrics" })).body).toMatch(/vouchsafe_monitor_findings_total\{kind="double-observation"\} 1/)

  await hostile.close()
  await world.time.advance(62 * 60_000)
  const stopped = (await reportsOf(world.node)).reports.filter(({ kind, active }) => kind === "stopped-head" && active).map(({ origin }) => origin)
  expect(stopped).toContain(mallory.log.name)
  expect(stopped).toContain(mallory.notices.name)
  await world.node.stop()

  const again = await world.restart()
  const kept = await reportsOf(again)
  expect(kept.reports.find(({ kind }) => kind === "double-observation")).toMatchObject({ count: 1, proof: double?.proof })
  expect(kept.logs.find(({ origin }) => origin === mallory.log.name)).toMatchObject({ size: 4, read: 4 })
})

test("a log that shows another history: a fork with its proof, and the older history stays readable", async () => {
  let honest: readonly string[] = []
  const world = await startWorld(({ log }, nowSeconds) => {
    honest = Array.from({ length: 300 }, (_, i) => observation(log.signer.verifier.name, `p${i}`, `t${i}`, nowSeconds()))
    log.entries.push(...honest)
  })
  const { hostile, mallory, nowSeconds } = world
  await world.seen('"copied"', mallory.log.name)
  hostile.log.entries = honest.map((entry, i) => (i === 100 ? observation(mallory.log.name, "p100", "another", nowSeconds()) : entry))
  hostile.log.entries.push(observation(mallory.log.name, "new", "new", nowSeconds()))
  // In steps: time must not run away from a round that is at work.
  for (let step = 0; step < STEPS_MAX && !world.has("signed two histories", mallory.log.name); step++) await world.time.advance(5_000)
  const fork = (await reportsOf(world.node)).reports.find(({ kind }) => kind === "fork")
  expect(fork).toMatchObject({ origin: mallory.log.name, operator: "mallory", count: 1 })
  const proof = await ask(world.node.listenUrl, { path: `/v1/reports/${fork?.proof ?? ""}` })
  expect(verifyMisbehavior(nodeCrypto, parseMisbehavior(proof.body), mallory.log)).toBe(true)
  const status = JSON.parse((await ask(world.node.listenUrl, { path: "/v1/status" })).body) as { mirrors: { logs: { origin: string }[] }; monitor: { active: object } }
  expect(status.mirrors.logs.find(({ origin }) => origin === mallory.log.name)).toMatchObject({ size: 300, forked: true, failure: null })
  expect(status.monitor.active).toMatchObject({ fork: 1 })
})

test("without --monitor there are no reports", async () => {
  const at = place(join(tempFolder(), "alpha"), { registries: [REGISTRY] })
  const node = await start(at)
  expect((await ask(node.listenUrl, { path: "/v1/reports" })).status).toBe(404)
})
