import { nobleCrypto } from "@vouchsafe/core"
import { afterEach, expect, test } from "vitest"
import { type Peers, type PeersOptions, startPeers } from "../src/index.ts"

const started: Peers[] = []
afterEach(async () => {
  for (const peers of started.splice(0)) await peers.close()
})

async function start(fill: number, more: Partial<PeersOptions>): Promise<Peers> {
  const peers = await startPeers({
    seed: new Uint8Array(32).fill(fill), listen: ["/ip4/127.0.0.1/tcp/0"], isPrivateAllowed: false, members: () => [], crypto: nobleCrypto, clock: { nowMs: () => Date.now() },
    timers: { after: (ms, run) => { const timer = setTimeout(run, ms); return () => clearTimeout(timer) } }, limits: { redialEveryMs: 20, backoffMs: 20 }, ...more,
  })
  started.push(peers)
  return peers
}

test("private addresses are neither announced nor dialled unless they are allowed, whoever names them", { timeout: 60_000 }, async () => {
  const open = await start(1, { isPrivateAllowed: true })
  const [address = ""] = open.addresses()
  expect(address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)
  const asked: string[] = []
  let resolve = (): void => undefined
  const askedTwice = new Promise<void>((done) => { resolve = done })
  const strict = await start(2, {
    bootstrap: [address], known: { load: () => Promise.resolve([{ id: open.id, addresses: [address], seenAtSeconds: 1 }]), save: () => Promise.resolve() }, limits: { redialEveryMs: 20, searchFirstMs: 1, searchSoonMs: 1, searchEveryMs: 1 },
    findAddresses: () => { if (asked.push("roster") === 3) resolve(); return Promise.resolve([address, address.replace("127.0.0.1", "localhost").replace("/ip4/", "/dns4/")]) },
  })
  await askedTwice
  await expect(strict.request(open.id, "/test/1", new Uint8Array(), { bytesMax: 1, timeoutMs: 5_000 })).rejects.toMatchObject({ code: "UNREACHABLE" })
  expect([strict.addresses(), strict.peers(), open.peers()]).toEqual([[], [], []])

  // The same peer with the same words, allowed.
  let isConnected = (): void => undefined
  const connected = new Promise<void>((done) => { isConnected = done })
  const third = await start(3, { isPrivateAllowed: true, bootstrap: [address], onEvent: ({ kind }) => { if (kind === "connected") isConnected() } })
  await connected
  expect(third.peers()).toMatchObject([{ id: open.id, path: "direct", operator: undefined, score: 0 }])
})

test("a place that is taken: UNREACHABLE, with the place", async () => {
  const first = await start(1, { isPrivateAllowed: true })
  const taken = (first.addresses()[0] ?? "").replace(/\/p2p\/.*/, "")
  await expect(start(2, { listen: [taken] })).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining(taken) })
})
