import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { applyHandover, type EvidenceAnswer, parseHandover, parseRoster, type Roster } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { main } from "../src/main.ts"
import { clientFor, evidence, layOut, place, registryOf, spawnDaemon, start } from "./network.ts"
import { ask, tempFolder } from "./support.ts"

async function run(argv: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const printed = { out: "", err: "" }
  const status = await main(argv, { env: {}, stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } }, once: () => undefined })
  return { status, ...printed }
}

const post = (adminSocket: string, path: string, body: object) => ask("http://localhost/", { method: "POST", path, headers: { "content-type": "application/json" }, body: JSON.stringify(body), socketPath: adminSocket })
const nowSeconds = (): number => Math.floor(systemClock.nowMs() / 1000)
/** Digest that an answer's statement of an artifact has. */
function sha512In(answer: EvidenceAnswer, { purl }: { readonly purl: string }): string {
  const found = answer.log.entries.map((text) => (JSON.parse(text) as { subject: { name: string; digest: { sha512: string } }[] }).subject[0]).find((subject) => subject?.name === purl)
  if (found === undefined) throw new Error(`no statement about ${purl}`)
  return found.digest.sha512
}

/** Everything in force in the notices log of a node: what it says of each package. */
async function noticesOf(url: string): Promise<{ name: string; notice: string; log: string }[]> {
  const { notices } = await evidence(url, {})
  return notices.entries.map((text) => {
    const { subject, predicate } = JSON.parse(text) as { subject: { name: string }[]; predicate: { notice: string; log: string } }
    return { name: subject[0]?.name ?? "", notice: predicate.notice, log: predicate.log }
  })
}

test("a node that is alone goes on with new keys; what it withdrew stays withdrawn, what it took back stays taken back", async () => {
  const registry = await registryOf(3)
  const folder = tempFolder()
  const [data, to, third] = ["one", "two", "three"].map((name) => join(folder, name)) as [string, string, string]
  const env = { npm_config_registry: registry.url }
  const node = await start(place(data, { operator: "solo" }, env))
  const artifacts = [0, 1, 2].map((n) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url }))
  const before = await evidence(node.listenUrl, { artifacts })
  const withdrawals = await Promise.all(artifacts.slice(0, 2).map((artifact) => post(node.adminSocket, "/v1/withdraw", { ...artifact, sha512: sha512In(before, artifact), reason: "malware" })))
  expect(withdrawals.map(({ status }) => status)).toEqual([200, 200])
  expect((await post(node.adminSocket, "/v1/reverse", { index: (JSON.parse(withdrawals[1]?.body ?? "") as { index: number }).index, reason: "it was another one" })).status).toBe(200)
  // Answers once everything is cosigned.
  expect(await noticesOf(node.listenUrl)).toHaveLength(3)
  const kept = join(folder, "kept.json")
  cpSync(join(data, "roster.json"), kept)
  const roster = (path: string): Roster => parseRoster(nodeCrypto, readFileSync(path, "utf8"))
  expect((await clientFor(roster(kept)).check(artifacts.map((artifact) => ({ ...artifact, sha512: sha512In(before, artifact) })))).verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))).toEqual(["WITHDRAWN", "allowed", "allowed"])
  await node.stop()

  const rotated = await run(["rotate", "--data", data, "--to", to])
  expect([rotated.err, rotated.status]).toEqual(["", 0])
  expect(JSON.parse(rotated.out)).toMatchObject({ data: to, handover: join(to, "handover.json"), carried: 1, from: { log: roster(kept).nodes[0]?.log.vkey }, to: { log: expect.stringMatching(/^solo\.vouchsafe\.local\/log\/2\+/) as string } })
  expect(readdirSync(folder).sort()).toEqual(["kept.json", "one", "two"])
  for (const name of readdirSync(join(to, "keys"))) expect(statSync(join(to, "keys", name)).mode & 0o777).toBe(0o600)
  // The old folder is for fsck only.
  expect(await run(["fsck", "--data", data])).toMatchObject({ status: 0 })
  await expect(start(place(data, { operator: "solo" }, env))).rejects.toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining(to) as string })
  expect(await run(["rotate", "--data", data, "--to", third])).toMatchObject({ status: 3, err: expect.stringContaining("handed over") as string })

  const next = await start(place(to, {}, env))
  expect(next.operator).toBe("solo")
  expect(await noticesOf(next.listenUrl)).toEqual([{ name: "pkg:npm/zz-0@1.0.0", notice: "withdrawal", log: "solo.vouchsafe.local/notices/2" }])
  const present = roster(join(to, "roster.json"))
  expect(present.nodes[0]).toMatchObject({ operator: "solo", retired: [{ log: roster(kept).nodes[0]?.log, size: 3 }] })
  const after = await evidence(next.listenUrl, { artifacts })
  expect(after.artifacts.map(({ status }) => status)).toEqual(["observed", "observed", "observed"])
  const checked = await clientFor(present).check(artifacts.map((artifact) => ({ ...artifact, sha512: sha512In(after, artifact) })))
  expect(checked.verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))).toEqual(["WITHDRAWN", "allowed", "allowed"])
  await next.stop()

  // And once more, now of the second generation.
  expect(JSON.parse((await run(["rotate", "--data", to, "--to", third])).out)).toMatchObject({ to: { log: expect.stringMatching(/^solo\.vouchsafe\.local\/log\/3\+/) as string }, carried: 1 })
  const last = await start(place(third, {}, env))
  expect(roster(join(third, "roster.json")).nodes[0]?.retired?.map(({ log }) => log.name)).toEqual(["solo.vouchsafe.local/log", "solo.vouchsafe.local/log/2"])
  await last.stop()
  expect(JSON.parse((await run(["fsck", "--data", third])).out)).toMatchObject({ findings: [] })
})

test("in a network of four the others take it up with the roster, and a package that its registry lost is vouched for by the retired log", async () => {
  const registry = await registryOf(2)
  const network = await layOut(4, [registry.url], { npm_config_registry: registry.url })
  const nodes = await Promise.all(network.places.map((at) => start(at)))
  const artifacts = [0, 1].map((n) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url }))
  const home = tempFolder()
  const policy = { threshold: 4 }
  const first = await evidence(nodes[0]?.listenUrl ?? "", { artifacts })
  const requests = artifacts.map((artifact) => ({ ...artifact, sha512: sha512In(first, artifact) }))
  expect((await clientFor(network.roster, policy, undefined, home).check(requests)).verdicts.map(({ ok }) => ok)).toEqual([true, true])
  await Promise.all(nodes.map((node) => node.stop()))

  const [alpha, ...others] = network.places
  const data = alpha?.config.data ?? ""
  const to = join(data, "..", "alpha-2")
  const rotated = await run(["rotate", "--data", data, "--to", to])
  expect([rotated.err, rotated.status]).toEqual(["", 0])
  writeFileSync(network.rosterPath, applyHandover(nodeCrypto, readFileSync(network.rosterPath, "utf8"), parseHandover(nodeCrypto, readFileSync(join(to, "handover.json"), "utf8")), nowSeconds()))
  const roster = parseRoster(nodeCrypto, readFileSync(network.rosterPath, "utf8"))
  registry.unpublish("zz-0")
  await Promise.all([{ ...alpha, config: { ...alpha?.config, data: to } } as typeof network.places[0], ...others].map((at) => start(at)))
  const checked = await clientFor(roster, policy, undefined, home).check(requests)
  expect(checked.verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))).toEqual(["allowed", "allowed"])
  // Nothing was asked for again: the cache is this network's, and the retired log counts.
  expect(checked.verdicts[0]?.claims.map(({ origin }) => origin)).toContain("alpha.vouchsafe.local/log")
  // Who has nothing from before is not told what the retired log said: alpha's present one cannot observe what is gone.
  const fresh = await clientFor(roster, policy).check(requests)
  expect(fresh.verdicts.map(({ ok }) => ok)).toEqual([false, true])
  expect(fresh.verdicts[1]?.claims.map(({ origin }) => origin)).toContain("alpha.vouchsafe.local/log/2")
})

describe("rotate refuses, and leaves nothing", () => {
  test("what was said wrongly, a folder in use, one that is no node's, entries that nobody cosigned", async () => {
    const registry = await registryOf(1)
    const folder = tempFolder()
    const data = join(folder, "data")
    const env = { npm_config_registry: registry.url }
    const daemon = await spawnDaemon(["--data", data, "--listen", "127.0.0.1:0", "--operator", "solo", "--allow-private-addresses"], { HOME: folder, ...env })
    expect(await run(["rotate", "--data", data, "--to", join(folder, "to")])).toMatchObject({ status: 3, err: expect.stringContaining("in use") as string })
    daemon.child.kill("SIGTERM")
    await daemon.ended
    mkdirSync(join(folder, "full"))
    writeFileSync(join(folder, "full", "x"), "mine")
    for (const [argv, status, says] of [
      [["--data", data], 2, "--to"], [["--data", data, "--to", join(folder, "full")], 2, "not empty"], [["--data", data, "--to", join(data, "next")], 2, "in the data folder"],
      [["--data", folder, "--to", join(folder, "to")], 2, "no data folder"], [["--data", data, "--to", join(folder, "to"), "--storage", "postgres://u@localhost/d"], 2, "--storage"],
    ] as const) {
      expect(await run(["rotate", ...argv])).toMatchObject({ status, out: "", err: expect.stringContaining(says) as string })
    }
    // One of four that nobody answers has no cosigned head.
    const network = await layOut(4, [registry.url], env)
    const alone = await start(network.places[0] as typeof network.places[0])
    await alone.stop()
    expect(await run(["rotate", "--data", network.places[0]?.config.data ?? "", "--to", join(folder, "to")])).toMatchObject({ status: 3, err: expect.stringContaining("expected all") as string })
    expect(readdirSync(folder).filter((name) => name.startsWith("to"))).toEqual([])
    expect(existsSync(join(data, "handed-over.json"))).toBe(false)
  })
})
