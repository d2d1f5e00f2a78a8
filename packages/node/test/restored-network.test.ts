import { chmodSync, cpSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import { checkConsistency, cosign, formatRoster, KEY_TYPE, openCheckpoint, parseRoster, parseVerifierKey, type RosterNode, signerFromSeed, type Signer, VouchsafeError } from "@vouchsafe/core"
import { openLog } from "@vouchsafe/log"
import type { HttpTransport } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { refuseBehind, requireCaughtUp } from "../src/backup/caught-up.ts"
import type { RestoredMark } from "../src/backup/format.ts"
import { main } from "../src/main.ts"
import { evidence, layOut, place, registryOf, spawnDaemon, start } from "./network.ts"
import { cleanup, tempFolder } from "./support.ts"

async function run(argv: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const printed = { out: "", err: "" }
  const status = await main(argv, { env: {}, stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } }, once: () => undefined })
  return { status, ...printed }
}

test("a network of three: killed and restored from its newest backup a node goes on with the same history; an older backup is refused by what its witnesses hold", async () => {
  const registry = await registryOf(6)
  const { places: [alpha, ...others], roster, rosterPath } = await layOut(3, [registry.url])
  if (alpha === undefined) throw new Error("no node was laid out")
  const running = await Promise.all(others.map(start))
  const args = (data: string, url: string): string[] => ["--data", data, "--roster", rosterPath, "--listen", new URL(url).host, "--allow-private-addresses"]
  const { data } = alpha.config
  const url = roster.nodes[0]?.url as string
  const artifact = (n: number) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url })
  const daemon = await spawnDaemon(args(data, url), { HOME: data })
  await evidence(url, { artifacts: [artifact(0), artifact(1)] })
  const older = join(tempFolder(), "older")
  expect((await run(["backup", "--data", data, "--to", older, "--with-keys"])).status).toBe(0)
  const before = await evidence(url, { artifacts: [artifact(2), artifact(3)] })
  const newest = join(tempFolder(), "newest")
  expect((await run(["backup", "--data", data, "--to", newest, "--with-keys"])).status).toBe(0)
  daemon.child.kill("SIGKILL")
  await daemon.ended

  // The newest: the roster names its new witness, and all go on.
  const restored = join(tempFolder(), "restored")
  const { witness } = JSON.parse((await run(["restore", "--from", newest, "--data", restored, "--witness-key", "new"])).out) as { witness: string }
  await expect(start(place(restored, { ...alpha.config, data: restored }))).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("witness key") })
  await Promise.all(running.map((node) => node.stop()))
  const nodes = roster.nodes.map((node, i) => (i === 0 ? { ...node, witness: parseVerifierKey(witness) as typeof node.witness } : node))
  writeFileSync(rosterPath, formatRoster(nodes, [registry.url], { version: 2 }))

  // Nobody who could know answers: no start.
  await expect(start(place(restored, { ...alpha.config, data: restored }))).rejects.toMatchObject({ code: "UNREACHABLE", hint: expect.stringContaining("--without-witness") })
  const [beta, gamma] = await Promise.all(others.map(start))
  const again = await spawnDaemon(args(restored, url), { HOME: restored })
  const after = await evidence(url, { artifacts: [artifact(4)], knownSize: 4 })
  const headOf = (answer: typeof before) => openCheckpoint(nodeCrypto, answer.log.checkpoint, (roster.nodes[0] as RosterNode).log).checkpoint
  const [old, now] = [headOf(before), headOf(after)]
  expect([old.size, now.size]).toEqual([4, 5])
  expect(checkConsistency(nodeCrypto, { oldSize: 4, newSize: 5, oldRoot: old.root, newRoot: now.root, proof: after.log.consistency })).toBe("consistent")
  again.child.kill("SIGTERM")
  expect(await again.ended).toBe(0)

  // The older one: both witnesses hold more than it has.
  const outdated = join(tempFolder(), "outdated")
  const third = await run(["restore", "--from", older, "--data", outdated, "--witness-key", "new", "--accept-unwitnessed"])
  expect(third.status).toBe(0)
  const { witness: thirdWitness } = JSON.parse(third.out) as { witness: string }
  // Its witness is named by a roster, so that it is refused for its log alone.
  const lines = formatRoster(nodes.map((node, i) => (i === 0 ? { ...node, witness: parseVerifierKey(thirdWitness) as typeof node.witness } : node)), [registry.url], { version: 3 })
  const rosterOfOutdated = join(tempFolder(), "roster.json")
  writeFileSync(rosterOfOutdated, lines)
  await expect(start(place(outdated, { ...alpha.config, data: outdated, roster: rosterOfOutdated }))).rejects.toMatchObject({
    code: "STATE_UNSAFE", message: expect.stringMatching(/witness (beta|gamma)\S* cosigned for alpha\S*\/log a head of 5 entries, more than the 2 restored.*fork/), hint: expect.stringContaining("begin a new one"),
  })
  // Refused again: nothing was settled by trying.
  await expect(start(place(outdated, { ...alpha.config, data: outdated, roster: rosterOfOutdated }))).rejects.toMatchObject({ code: "STATE_UNSAFE" })
  await Promise.all([beta, gamma].map((node) => node?.stop()))
}, 120_000)

describe("a data folder that went back without a word", () => {
  /** A network in which alpha's folder was copied after two observations, and two more were made. */
  async function wentBack() {
    const registry = await registryOf(6)
    const { places: [alpha, ...others], roster } = await layOut(3, [registry.url])
    if (alpha === undefined) throw new Error("no node was laid out")
    const running = await Promise.all(others.map(start))
    const url = roster.nodes[0]?.url as string
    const observe = async (...numbers: number[]): Promise<void> => {
      const node = await start(alpha)
      await evidence(url, { artifacts: numbers.map((n) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url })) })
      await node.stop()
    }
    await observe(0, 1)
    const copy = join(tempFolder(), "copy")
    cpSync(alpha.config.data, copy, { recursive: true })
    await observe(2, 3)
    rmSync(alpha.config.data, { recursive: true })
    cpSync(copy, alpha.config.data, { recursive: true })
    for (const folder of [alpha.config.data, join(alpha.config.data, "keys")]) chmodSync(folder, 0o700)
    return { alpha, others, running, url, registry }
  }
  const behind = { code: "STATE_UNSAFE", message: expect.stringMatching(/witness (beta|gamma)\S* cosigned for alpha\S*\/log a head of 4 entries, more than the 2 .*fork/) as string }

  test("does not start: its witnesses hold what it had signed", async () => {
    const { alpha } = await wentBack()
    await expect(start(alpha)).rejects.toMatchObject(behind)
  }, 60_000)

  test("starts while no witness answers, and ends when one comes back", async () => {
    const { alpha, others: [beta], running } = await wentBack()
    await Promise.all(running.map((node) => node.stop()))
    const node = await start(alpha)
    await start(beta as never)
    expect(await node.failed).toMatchObject(behind)
  }, 60_000)
})

describe("what witnesses say of a restored log", () => {
  const signerOf = (name: string, type: number, fill: number): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(fill))
  const logSigner = signerOf("alpha.vouchsafe.local/log", KEY_TYPE.ed25519, 1)
  const names = ["alpha", "beta", "gamma", "delta"]
  const witnesses = names.map((name, i) => signerOf(`${name}.vouchsafe.local/witness`, KEY_TYPE.cosignatureEd25519, 10 + i))
  const nodes = names.map((operator, i) => ({
    operator, url: `http://${operator}.example/`, witness: witnesses[i]?.verifier as never, notices: signerOf(`${operator}.vouchsafe.local/notices`, KEY_TYPE.ed25519, 30 + i).verifier,
    log: i === 0 ? logSigner.verifier : signerOf(`${operator}.vouchsafe.local/log`, KEY_TYPE.ed25519, 20 + i).verifier,
  }))
  const text = formatRoster(nodes, ["https://registry.example/"])
  const roster = parseRoster(nodeCrypto, text)
  const own = { path: "roster.json", text, roster, self: roster.nodes[0] as never }
  const MARK: RestoredMark = { takenAtSeconds: 1, acceptUnwitnessed: false, withoutWitnesses: [] }

  async function logOf(entries: readonly string[]) {
    const log = await openLog({ directory: join(tempFolder(), "log"), origin: logSigner.verifier.name, signer: logSigner, crypto: nodeCrypto })
    cleanup(() => log.close())
    if (entries.length > 0) await log.append(entries.map((entry) => ({ bytes: new TextEncoder().encode(entry), keys: [] })))
    return log
  }
  type Reply = { readonly status: number; readonly body: string } | "silent"
  const cosigned = (checkpoint: string, by: number): Reply => ({ status: 200, body: checkpoint + cosign(witnesses[by] as Signer, checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1), 1_700_000_000) })
  const NONE: Reply = { status: 404, body: "not found\n" }
  const transportOf = (replies: Readonly<Record<string, Reply>>): HttpTransport => ({
    request: async ({ url }) => {
      const reply = replies[new URL(url).hostname.split(".")[0] as string] ?? NONE
      if (reply === "silent") throw new VouchsafeError("TIMEOUT", "no answer")
      return { status: reply.status, headers: {}, body: new TextEncoder().encode(reply.body) }
    },
  })
  const outcome = async (replies: (heads: { same: string; older: string; larger: string; fork: string; foreign: string }) => Readonly<Record<string, Reply>>, mark: Partial<RestoredMark> = {}) => {
    const log = await logOf(["a", "b", "c"])
    const foreign = signerOf("alpha.vouchsafe.local/log", KEY_TYPE.ed25519, 99)
    const other = await openLog({ directory: join(tempFolder(), "log"), origin: foreign.verifier.name, signer: foreign, crypto: nodeCrypto })
    cleanup(() => other.close())
    const heads = { same: log.checkpoint(), older: (await logOf(["a", "b"])).checkpoint(), larger: (await logOf(["a", "b", "c", "d"])).checkpoint(), fork: (await logOf(["a", "x"])).checkpoint(), foreign: other.checkpoint() }
    return requireCaughtUp(log, { ...MARK, ...mark }, { own, transport: transportOf(replies(heads)), crypto: nodeCrypto })
  }
  const gone = (...list: string[]): Partial<RestoredMark> => ({ withoutWitnesses: roster.policy.witnesses.map(({ name }) => name).filter((name) => list.some((one) => name.startsWith(one))) })

  test.each([
    { name: "nobody ever cosigned", replies: () => ({}) },
    { name: "the very same head", replies: ({ same }: { same: string }) => ({ beta: cosigned(same, 1), gamma: cosigned(same, 2) }) },
    { name: "an older head of the same history", replies: ({ older }: { older: string }) => ({ beta: cosigned(older, 1) }) },
    { name: "what the node's own witness says is not asked", replies: () => ({ alpha: "silent" as const }) },
    { name: "one that is gone for good", replies: () => ({ beta: "silent" as const }), mark: gone("beta") },
  ])("goes on: $name", async ({ replies, mark = {} }) => {
    await expect(outcome(replies as never, mark)).resolves.toBeUndefined()
  })
  test("at any other start only what is proven counts: silence and nonsense are no reason not to start", async () => {
    const log = await logOf(["a", "b", "c"])
    const larger = (await logOf(["a", "b", "c", "d"])).checkpoint()
    const ask = (replies: Readonly<Record<string, Reply>>) => refuseBehind(log, { own, transport: transportOf(replies), crypto: nodeCrypto })
    await expect(ask({ beta: "silent", gamma: { status: 200, body: "hello\n" }, delta: { status: 200, body: larger } })).resolves.toBeUndefined()
    await expect(ask({ beta: "silent", gamma: cosigned(larger, 2) })).rejects.toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining("more than the 3") })
  })
  test.each([
    { name: "a larger head, of one witness alone", replies: (h: Record<string, string>) => ({ gamma: cosigned(h["larger"] as string, 2) }), code: "STATE_UNSAFE", says: "4 entries, more than the 3" },
    { name: "a larger head, although others are silent", replies: (h: Record<string, string>) => ({ beta: "silent", gamma: cosigned(h["larger"] as string, 2) }), code: "STATE_UNSAFE", says: "more than the 3" },
    { name: "a larger head of a witness said to be gone", replies: (h: Record<string, string>) => ({ gamma: cosigned(h["larger"] as string, 2) }), mark: gone("gamma"), code: "STATE_UNSAFE", says: "more than the 3" },
    { name: "another tree of a smaller size", replies: (h: Record<string, string>) => ({ delta: cosigned(h["fork"] as string, 3) }), code: "STATE_UNSAFE", says: "another tree of 2 entries" },
    { name: "silence", replies: () => ({ beta: "silent" }), code: "UNREACHABLE", says: "beta" },
    { name: "silence of another than was said", replies: () => ({ beta: "silent", gamma: "silent" }), mark: gone("gamma"), code: "UNREACHABLE", says: "beta" },
    { name: "silence of a quorum, whatever was said", replies: () => ({ beta: "silent", gamma: "silent", delta: "silent" }), mark: gone("beta", "gamma", "delta"), code: "STATE_UNSAFE", says: "a quorum by themselves" },
    { name: "a head without the witness's own cosignature", replies: (h: Record<string, string>) => ({ beta: { status: 200, body: h["same"] as string } }), code: "UNREACHABLE", says: "its own cosignature" },
    { name: "a head cosigned by another", replies: (h: Record<string, string>) => ({ beta: cosigned(h["same"] as string, 2) }), code: "UNREACHABLE", says: "its own cosignature" },
    { name: "a head that another key signed", replies: (h: Record<string, string>) => ({ beta: cosigned(h["foreign"] as string, 1) }), code: "UNREACHABLE", says: "beta" },
    { name: "no checkpoint", replies: () => ({ beta: { status: 200, body: "hello\n" } }), code: "UNREACHABLE", says: "beta" },
    { name: "a failure", replies: () => ({ beta: { status: 503, body: "" } }), code: "UNREACHABLE", says: "503" },
  ])("refuses: $name", async ({ replies, mark = {}, code, says }) => {
    await expect(outcome(replies as never, mark)).rejects.toMatchObject({ code, message: expect.stringContaining(says) })
  })
})
