import type { HttpTransport } from "@vouchsafe/ports"
import { formatKnownPeers, parseKnownPeers } from "@vouchsafe/p2p"
import { formatSigningKey, KEY_TYPE, signerFromSeed, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { readInvocation } from "../src/config/arguments.ts"
import { checkPeerDial } from "../src/peers/addresses.ts"
import { loadOrCreatePeerKey } from "../src/peers/key.ts"
import { knownFile } from "../src/peers/known-file.ts"
import { addressesOfNodes, peerAddresses } from "../src/peers/roster-addresses.ts"
import { layOut, type Place, place, spawnDaemon, start } from "./network.ts"
import { ask, quiet, tempFolder } from "./support.ts"

const PEER = "12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA"
const OTHER = "12D3KooWKXT5khw7GV8BXC4LTwFhjEc8xiAUGtpSSey8ZeRcpeJJ"
const REGISTRY = "https://registry.example/"
const P2P = { p2pListen: ["/ip4/127.0.0.1/tcp/0"] }

describe("configuration of peers", () => {
  test("is taken as it is said, and absent otherwise", () => {
    const argv = ["--p2p-listen", "/ip4/0.0.0.0/tcp/4791", "--p2p-listen", "/ip6/::/tcp/4791/ws", "--p2p-announce", "/dns4/alpha.example/tcp/443/wss", "--p2p-bootstrap", `/dns/b.example/tcp/1/p2p/${PEER}`, "--p2p-relay"]
    expect(readInvocation([...argv, "--data", tempFolder()], {}).config).toMatchObject({
      p2pListen: ["/ip4/0.0.0.0/tcp/4791", "/ip6/::/tcp/4791/ws"], p2pAnnounce: ["/dns4/alpha.example/tcp/443/wss"], p2pBootstrap: [`/dns/b.example/tcp/1/p2p/${PEER}`], p2pRelay: true,
    })
    expect(readInvocation(["--data", tempFolder()], {}).config.p2pListen).toBeUndefined()
  })
  test.each([
    ["--p2p-listen", "4791"], ["--p2p-listen", "/ip4/0.0.0.0/udp/4791"], ["--p2p-listen", "/ip4/0.0.0.0/tcp/99999"], ["--p2p-listen", `/ip4/0.0.0.0/tcp/1/p2p/${PEER}`], ["--p2p-listen", "/ip4/0.0.0.0/tcp/1/wss"],
    ["--p2p-announce", "/p2p-circuit"], ["--p2p-announce", "alpha.example:4791"], ["--p2p-bootstrap", "/ip4/1.1.1.1/tcp/1"], ["--p2p-bootstrap", `/dnsaddr/b.example/p2p/${PEER}`],
    ["--p2p-bootstrap", `/ip4/1.1.1.1/tcp/1/p2p/0OIl`], ["--p2p-bootstrap", `/dns4/${"a".repeat(300)}/tcp/1/p2p/${PEER}`], ["--p2p-bootstrap", `/dns4/A.example/tcp/1/p2p/${PEER}`],
  ])("refuses %s %s", (option, address) => {
    expect(() => readInvocation([option, address, "--data", tempFolder()], {})).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
  })
  test.each([[{ p2pBootstrap: [`/ip4/1.1.1.1/tcp/1/p2p/${PEER}`] }], [{ p2pAnnounce: ["/ip4/1.1.1.1/tcp/1"] }], [{ p2pRelay: true }]])("%j without a place to listen starts no node", async (more) => {
    await expect(start(place(join(tempFolder(), "data"), { registries: [REGISTRY], ...more }))).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("--p2p-listen") })
  })
  test("a port that is taken starts no node, and leaves nothing behind", async () => {
    const data = join(tempFolder(), "data")
    const first = place(data, { registries: [REGISTRY], ...P2P })
    const node = await start(first)
    const [address = ""] = await addressesIn(node.listenUrl)
    const second = place(join(tempFolder(), "data"), { registries: [REGISTRY], p2pListen: [address.slice(0, address.indexOf("/p2p/"))] })
    await expect(start(second)).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("cannot be listened for") })
  })
})

async function statusOf(url: string): Promise<{ peers?: { id: string; addresses: string[]; connected: { id: string; operator: string | null; path: string }[] } }> {
  return JSON.parse((await ask(url, { path: "/v1/status" })).body) as Awaited<ReturnType<typeof statusOf>>
}

async function addressesIn(url: string): Promise<string[]> {
  return (await statusOf(url)).peers?.addresses ?? []
}

/** Waits until a node says in its log that it is connected to a node of this operator. */
async function untilBound(at: Place, operator: string): Promise<void> {
  const isSaid = (): boolean => at.lines.some((line) => line.includes("peer is a node of the roster") && line.includes(`"operator":"${operator}"`))
  await expect.poll(isSaid, { timeout: 30_000, interval: 50 }).toBe(true)
}

describe("nodes with peers", () => {
  test("find each other by the roster alone and know who is who; a restart keeps the name; no backup has the key", { timeout: 60_000 }, async () => {
    const network = await layOut(2, [REGISTRY])
    const [one, two] = network.places.map((at): Place => ({ ...at, config: { ...at.config, ...P2P } })) as [Place, Place]
    const alpha = await start(one)
    const beta = await start(two)
    await Promise.all([untilBound(one, "beta"), untilBound(two, "alpha")])
    const before = await statusOf(alpha.listenUrl)
    expect(before.peers).toMatchObject({ id: expect.stringMatching(/^12D3KooW/), addresses: [expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)], connected: [{ operator: "beta", path: "direct", score: 0 }] })
    const metrics = (await ask(alpha.listenUrl, { path: "/metrics" })).body
    expect(metrics).toMatch(/^vouchsafe_peers_connected 1$/m)
    expect(metrics).toMatch(/^vouchsafe_peers_bound 1$/m)
    expect(metrics).not.toContain("12D3KooW")

    const to = join(tempFolder(), "backup")
    expect((await ask(alpha.listenUrl, { method: "POST", path: "/v1/backup", socketPath: alpha.adminSocket, headers: { "content-type": "application/json" }, body: JSON.stringify({ to, withKeys: true }) })).status).toBe(200)
    expect([existsSync(join(to, "backup.json")), readdirSync(join(to, "keys")).sort(), existsSync(join(to, "peers.json"))]).toEqual([true, ["export.key", "log.key", "notices.key"], false])

    await alpha.stop()
    const known = join(alpha.data, "peers.json")
    expect(statSync(known).mode & 0o777).toBe(0o600)
    expect(parseKnownPeers(readFileSync(known, "utf8"))).toMatchObject([{ id: (await statusOf(beta.listenUrl)).peers?.id }])
    one.lines.splice(0)
    const again = await start(one)
    await untilBound(one, "beta")
    expect((await statusOf(again.listenUrl)).peers?.id).toBe(before.peers?.id)
  })

  test("a node without peers has no such member, no key, and has not loaded the library", { timeout: 60_000 }, async () => {
    // Tells of every module of the library that is asked for.
    const watching = `--import=data:text/javascript,${encodeURIComponent('import{registerHooks}from"node:module";registerHooks({resolve(name,context,next){if(name.includes("libp2p"))process.stderr.write("LOADED "+name+"\\n");return next(name,context)}})')}`
    const run = async (...more: readonly string[]) => {
      const daemon = await spawnDaemon(["--data", join(tempFolder(), "data"), "--listen", "127.0.0.1:0", "--registry", REGISTRY, ...more], { NODE_OPTIONS: watching })
      const { peers } = await statusOf(daemon.ready.url)
      daemon.child.kill("SIGTERM")
      return { ended: await daemon.ended, peers, hasKey: existsSync(join(daemon.ready.data, "keys", "peer.key")), hasLoaded: daemon.stderr().includes("LOADED libp2p") }
    }
    expect(await run()).toEqual({ ended: 0, peers: undefined, hasKey: false, hasLoaded: false })
    expect(await run("--p2p-listen", "/p2p-circuit")).toEqual({ ended: 0, peers: { id: expect.any(String), addresses: [], connected: [] }, hasKey: true, hasLoaded: true })
  })
})

describe("the peer's key", () => {
  const NAME = "alpha.vouchsafe.local/peer"
  const keyFile = (text?: string, mode = 0o600): string => {
    const path = join(tempFolder(), "peer.key")
    if (text !== undefined) {
      writeFileSync(path, text)
      chmodSync(path, mode)
    }
    return path
  }
  const seed = new Uint8Array(32).fill(7)
  const keyOf = (name: string, type: number = KEY_TYPE.ed25519): string => `${formatSigningKey(signerFromSeed(name, type, seed).verifier, seed)}\n`

  test("is made once, for its owner's eyes only", () => {
    const path = keyFile()
    const first = loadOrCreatePeerKey(path, NAME)
    expect([first.length, statSync(path).mode & 0o777]).toEqual([32, 0o600])
    expect(loadOrCreatePeerKey(path, NAME)).toEqual(first)
    expect(loadOrCreatePeerKey(keyFile(), NAME)).not.toEqual(first)
    expect(loadOrCreatePeerKey(keyFile(keyOf(NAME)), NAME)).toEqual(seed)
  })
  test.each([
    { name: "readable by others", text: keyOf(NAME), mode: 0o644, says: "0644" },
    { name: "another operator's", text: keyOf("beta.vouchsafe.local/peer"), says: "expected alpha.vouchsafe.local/peer" },
    { name: "a key of another type", text: keyOf(NAME, KEY_TYPE.cosignatureEd25519), says: "expected alpha" },
    { name: "empty", text: "", says: "PRIVATE+KEY+" },
    { name: "cut", text: keyOf(NAME).slice(0, -10), says: "signing key" },
    { name: "of another key ID", text: keyOf(NAME).replace(/\+[0-9a-f]{8}\+/, "+00000000+"), says: "key ID" },
  ])("refuses one that is $name, without a word of it", ({ text, mode, says }) => {
    const path = keyFile(text, mode)
    let refused: unknown
    try {
      loadOrCreatePeerKey(path, NAME)
    } catch (error) {
      refused = error
    }
    expect(refused).toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining(says) })
    expect(JSON.stringify([(refused as Error).message, (refused as Error).cause])).not.toContain(keyOf(NAME).trim().split("+").at(-1))
  })
})

describe("known peers on disk", () => {
  const form = { format: formatKnownPeers, parse: parseKnownPeers }
  const peers = [{ id: PEER, addresses: [`/ip4/1.1.1.1/tcp/1/p2p/${PEER}`], seenAtSeconds: 5 }]
  test("come back, and are written only when they changed", async () => {
    const path = join(tempFolder(), "peers.json")
    const file = knownFile(path, form, quiet)
    expect(await file.load()).toEqual([])
    await file.save(peers)
    expect([await file.load(), statSync(path).mode & 0o777]).toEqual([peers, 0o600])
    const { ino } = statSync(path)
    await file.save(peers)
    expect(statSync(path).ino).toBe(ino)
  })
  test.each([["{", "JSON"], ['{"format":"vouchsafe-peers/v1","peers":[{}]}', "peers[0]"], [" ".repeat(4 * 1024 * 1024 + 1), "more than"]])("what cannot be read is said and left out", async (text, says) => {
    const path = join(tempFolder(), "peers.json")
    writeFileSync(path, text)
    const warnings: string[] = []
    expect(await knownFile(path, form, { ...quiet, warn: (_, message) => void warnings.push(message) }).load()).toEqual([])
    expect(warnings).toEqual([expect.stringContaining(says)])
  })
  test("what cannot be written is said and nothing else", async () => {
    const folder = join(tempFolder(), "peers.json")
    mkdirSync(folder)
    const warnings: string[] = []
    await knownFile(folder, form, { ...quiet, warn: (_, message) => void warnings.push(message) }).save(peers)
    expect(warnings).toEqual([expect.stringContaining("not written")])
  })
})

describe("addresses in status documents", () => {
  const good = `/ip4/1.1.1.1/tcp/1/p2p/${PEER}`
  test.each([
    { name: "addresses", document: { peers: { addresses: [good, `/dns4/a.example/tcp/443/wss/p2p/${PEER}`, `${good}/p2p-circuit/p2p/${OTHER}`] } }, count: 3 },
    { name: "no peers", document: {}, count: 0 }, { name: "peers that are a word", document: { peers: "x" }, count: 0 }, { name: "a document that is a list", document: [], count: 0 },
    { name: "addresses that are an object", document: { peers: { addresses: { length: 3 } } }, count: 0 },
    { name: "numbers and nonsense", document: { peers: { addresses: [1, null, "x", "/ip4/1.1.1.1/tcp/1", `/unix/x/p2p/${PEER}`, good] } }, count: 1 },
    { name: "too many", document: { peers: { addresses: Array.from({ length: 100 }, (_, i) => `/ip4/1.1.1.1/tcp/${i + 1}/p2p/${PEER}`) } }, count: 16 },
    { name: "a prototype", document: JSON.parse('{"__proto__":{"peers":{"addresses":["x"]}}}') as unknown, count: 0 },
  ])("$name: $count", ({ document, count }) => {
    expect(peerAddresses(JSON.stringify(document))).toHaveLength(count)
  })
  test("an address has to name its peer", () => {
    expect([checkPeerDial(good), checkPeerDial("/ip4/1.1.1.1/tcp/1"), checkPeerDial(`${good}/p2p-circuit`), checkPeerDial(`${good}\n`)]).toEqual([true, false, false, false])
  })
  test("nodes that are dead, refuse, or answer nonsense give none, and the others theirs", async () => {
    const answers: Readonly<Record<string, { readonly status: number; readonly body: string }>> = {
      "http://a.example/v1/status": { status: 200, body: JSON.stringify({ peers: { addresses: [good] } }) }, "http://b.example/v1/status": { status: 500, body: "" }, "http://c.example/v1/status": { status: 200, body: "<html>" },
    }
    const transport: HttpTransport = {
      request({ url }) {
        const answer = answers[url]
        if (answer === undefined) return Promise.reject(new VouchsafeError("UNREACHABLE", "nobody there"))
        return Promise.resolve({ status: answer.status, headers: {}, body: utf8Encode(answer.body) })
      },
    }
    expect(await addressesOfNodes(["http://d.example/", "http://c.example/", "http://b.example/", "http://a.example/"], transport)).toEqual([good])
  })
})
