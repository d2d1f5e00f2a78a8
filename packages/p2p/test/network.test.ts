/** Real peers, each a process of its own, on loopback. */
import { afterEach, describe, expect, test } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { endAll, type PeerProcess, startPeer, untilBound, untilHeard } from "./support/processes.ts"

const LISTEN = ["/ip4/127.0.0.1/tcp/0"]
const BEHIND_A_DOOR = ["/p2p-circuit"]
const MEMBERS = ["alpha", "beta", "gamma", "delta", "epsilon"]
/** Only what they are told: they neither search nor tell. */
const ALONE = { searchFirstMs: 1e9, searchSoonMs: 1e9, searchEveryMs: 1e9 }
const folders: string[] = []
const tempFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "vouchsafe-p2p-"))
  folders.push(folder)
  return join(folder, "peers.json")
}

afterEach(() => {
  endAll()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const at = (name: string, more: Partial<Parameters<typeof startPeer>[0]> = {}): Promise<PeerProcess> => startPeer({ name, members: MEMBERS, listen: LISTEN, ...more })
const operatorsOf = async (peer: PeerProcess): Promise<(string | undefined)[]> => (await peer.status()).connected.map(({ operator }) => operator).sort()

describe("a network", () => {
  test("finds everybody from one, lives on when that one is dead, and takes back who was away, from its own memory", { timeout: 180_000 }, async () => {
    const known = tempFile()
    const alpha = await at("alpha")
    const bootstrap = alpha.addresses
    const [beta, gamma, delta] = await Promise.all([at("beta", { bootstrap, known }), at("gamma", { bootstrap, listen: ["/ip4/127.0.0.1/tcp/0/ws"] }), at("delta", { bootstrap, stranger: true })])
    // Nobody named beta to gamma.
    await Promise.all([untilBound(beta, "alpha", "gamma"), untilBound(gamma, "alpha", "beta"), untilBound(alpha, "beta", "gamma"), untilBound(delta, "alpha", "beta", "gamma")])
    await untilHeard(beta, [alpha, gamma, delta], "first")
    expect(await operatorsOf(beta)).toEqual(["alpha", "gamma", undefined])

    await alpha.kill()
    await untilHeard(gamma, [beta, delta], "without alpha")
    await beta.close()
    const again = await at("beta", { bootstrap, known })
    await untilBound(again, "gamma")
    await untilHeard(gamma, [again], "back again")
    expect(again.id).toBe(beta.id)
  })

  test("dials again whoever was killed and comes back, without being told to", { timeout: 180_000 }, async () => {
    const alpha = await at("alpha")
    const address = alpha.addresses[0] ?? ""
    const beta = await at("beta", { bootstrap: [address], limits: ALONE })
    await untilBound(beta, "alpha")
    await alpha.kill()
    await beta.until("alpha gone", ({ kind }) => kind === "disconnected")
    await beta.until("a dial that failed", ({ kind }) => kind === "unreached")
    const before = beta.said.length
    await at("alpha", { listen: [address.slice(0, address.indexOf("/p2p/"))], limits: ALONE })
    await beta.until("alpha again", ({ kind }) => kind === "connected", before)
  })
})

describe("topics", () => {
  test("what a handler rejects is passed on to nobody, and whoever sends it again and again is dropped", { timeout: 180_000 }, async () => {
    const middle = await at("beta", { limits: ALONE })
    const bootstrap = middle.addresses
    const [first, last] = await Promise.all([at("alpha", { bootstrap, limits: ALONE }), at("gamma", { bootstrap, limits: ALONE })])
    await Promise.all([untilBound(first, "beta"), untilBound(last, "beta")])
    await untilHeard(first, [middle, last], "good")
    await first.run({ do: "publish", texts: ["bad 1", "old 1", "boom 1"] })
    await untilHeard(first, [last], "good again")
    expect(last.said.filter(({ kind, text }) => kind === "heard" && !text?.startsWith("good"))).toEqual([])
    expect(middle.said.filter(({ text }) => text === "bad 1")).toHaveLength(1)

    expect((await middle.status()).connected.find(({ operator }) => operator === "alpha")?.score).toBeLessThan(-10)
    await first.run({ do: "publish", texts: ["bad 2", "bad 3", "bad 4", "bad 5", "bad 6"] })
    const denied = await middle.until("denied", ({ kind }) => kind === "denied")
    expect(denied).toMatchObject({ peer: first.id, fault: "malformed" })
    await first.until("cut off", ({ kind }) => kind === "disconnected")
    // It dials again and again, as it was told to, and is not let in.
    const before = first.said.length
    await first.until("no way in", ({ kind }) => kind === "unreached" || kind === "disconnected", before)
    expect(await operatorsOf(middle)).toEqual(["gamma"])
  })

  test("a peer that floods is dropped", { timeout: 180_000 }, async () => {
    const victim = await at("beta", { limits: ALONE })
    const flooder = await at("alpha", { bootstrap: victim.addresses, limits: ALONE })
    await untilHeard(flooder, [victim], "good")
    await flooder.run({ do: "publish", texts: Array.from({ length: 2_500 }, (_, i) => `flood ${i}`) })
    expect(await victim.until("denied", ({ kind }) => kind === "denied")).toMatchObject({ peer: flooder.id, fault: "flooded" })
    // Most of it reached nobody.
    expect(victim.said.filter(({ text }) => text?.startsWith("flood")).length).toBeLessThan(1_500)
  })
})

describe("requests", () => {
  test("are answered whole, or not at all; a liar is dropped", { timeout: 180_000 }, async () => {
    const server = await at("beta", { limits: ALONE })
    const asker = await at("alpha", { bootstrap: server.addresses, limits: ALONE })
    await untilBound(asker, "beta")
    const ask = (protocol: string, size: number, more: { bytesMax?: number; timeoutMs?: number; peer?: string } = {}) => asker.run({ do: "request", peer: server.id, protocol, size, bytesMax: 2_000_000, timeoutMs: 20_000, ...more })
    expect(await ask("/test/echo/1", 1_500_000)).toEqual({ size: 1_500_000, isSame: true })
    expect(await ask("/test/echo/1", 0)).toEqual({ size: 0, isSame: true })
    // More at once than streams are allowed: they wait for each other.
    expect(await Promise.all(Array.from({ length: 100 }, () => ask("/test/echo/1", 10_000)))).toEqual(Array.from({ length: 100 }, () => ({ size: 10_000, isSame: true })))
    const refused: readonly (readonly [string, () => Promise<unknown>, string])[] = [
      ["a request that is too large", () => ask("/test/echo/1", 2_000_001), "UPSTREAM_FAILED"],
      ["an answer that is too large", () => ask("/test/echo/1", 1_000, { bytesMax: 999 }), "UPSTREAM_FAILED"],
      ["a protocol that nobody serves", () => ask("/test/none/1", 1), "UPSTREAM_FAILED"],
      ["a handler that throws", () => ask("/test/throws/1", 1), "UPSTREAM_FAILED"],
      ["a handler that never answers", () => ask("/test/never/1", 1, { timeoutMs: 200 }), "TIMEOUT"],
      ["a peer that nobody knows", () => ask("/test/echo/1", 1, { peer: "12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA" }), "UNREACHABLE"],
      ["a peer that is none", () => ask("/test/echo/1", 1, { peer: "nobody" }), "UNREACHABLE"],
    ]
    for (const [name, asked, code] of refused) await expect(asked(), name).rejects.toMatchObject({ code })
    await server.run({ do: "report", peer: asker.id, fault: "lied" })
    await asker.until("cut off", ({ kind }) => kind === "disconnected")
    await expect(ask("/test/echo/1", 1)).rejects.toMatchObject({ code: expect.stringMatching(/^(?:UNREACHABLE|UPSTREAM_FAILED)$/) })
  })
})

describe("peers that nobody can dial", () => {
  test("find each other through a relay and exchange a megabyte; a relay that ends early is noticed", { timeout: 180_000 }, async () => {
    const relay = await at("alpha", { relay: true })
    const bootstrap = relay.addresses
    // They ask nobody but the routing table.
    const limits = { exchangeAskedMax: 0 }
    const [beta, gamma] = await Promise.all([at("beta", { bootstrap, listen: BEHIND_A_DOOR, limits }), at("gamma", { bootstrap, listen: BEHIND_A_DOOR, limits })])
    await Promise.all([untilBound(beta, "alpha", "gamma"), untilBound(gamma, "alpha", "beta")])
    expect((await beta.status()).connected.find(({ operator }) => operator === "gamma")).toMatchObject({ path: "relayed", address: expect.stringContaining("/p2p-circuit") })
    expect(await beta.run({ do: "request", peer: gamma.id, protocol: "/test/echo/1", size: 1_000_000, bytesMax: 1_000_000, timeoutMs: 30_000 })).toEqual({ size: 1_000_000, isSame: true })
    await untilHeard(beta, [gamma], "through the relay")

    const small = await at("delta", { relay: true, limits: { relayBytesMax: 200_000 } })
    const [epsilon, zeta] = await Promise.all([at("epsilon", { bootstrap: small.addresses, listen: BEHIND_A_DOOR }), at("zeta", { bootstrap: small.addresses, listen: BEHIND_A_DOOR })])
    await untilBound(zeta, "epsilon")
    const cut = zeta.run({ do: "request", peer: epsilon.id, protocol: "/test/echo/1", size: 1_000_000, bytesMax: 1_000_000, timeoutMs: 10_000 })
    await expect(cut).rejects.toMatchObject({ code: expect.stringMatching(/^(?:UPSTREAM_FAILED|TIMEOUT)$/) })
  })
})
