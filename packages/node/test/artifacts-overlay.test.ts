// A node without an address that others reach gives tarballs over the overlay, under the same checks.
import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import { evidence, layOut, type Place, registryOf, start } from "./network.ts"
import { ask } from "./support.ts"

const NOISE = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => createHash("sha512").update(String(i)).digest()))
const P2P = { p2pListen: ["/ip4/127.0.0.1/tcp/0"] }

/** Waits until a node says in its log that it is connected to a node of this operator. */
async function untilBound(at: Place, operator: string): Promise<void> {
  await expect.poll(() => at.lines.some((line) => line.includes("peer is a node of the roster") && line.includes(`"operator":"${operator}"`)), { timeout: 30_000, interval: 50 }).toBe(true)
}

test("an unpublished version is pinned from a peer whose HTTP address leads nowhere", { timeout: 90_000 }, async () => {
  const registry = await registryOf(0, { packages: [{ name: "zz-big", version: "1.0.0", files: { "noise.bin": NOISE } }] })
  const { places } = await layOut(2, [registry.url])
  const [hidden, open] = places.map((at, i): Place => ({ ...at, config: { ...at.config, ...P2P, ...(i === 0 ? { listen: { host: "127.0.0.1", port: 0 } } : {}) } })) as [Place, Place]
  const two = await start(open)
  const one = await start(hidden)
  await untilBound(open, one.operator)
  const artifact = { purl: "pkg:npm/zz-big@1.0.0", registry: registry.url }
  const sha512 = registry.built("zz-big", "1.0.0")?.sha512 ?? ""
  expect((await evidence(one.listenUrl, { artifacts: [artifact] })).artifacts[0]?.status).toBe("observed")
  registry.unpublish("zz-big", "1.0.0")
  const pinned = await ask("http://localhost/", { method: "POST", path: "/v1/pin", socketPath: two.adminSocket, headers: { "content-type": "application/json" }, body: JSON.stringify({ artifacts: [{ ...artifact, sha512 }] }) })
  expect(JSON.parse(pinned.body.split("\n")[0] ?? "")).toMatchObject({ pinned: { sha512, from: expect.stringMatching(/^peer 12D3KooW/) } })
  const bytes = (await ask(two.listenUrl, { path: `/v1/artifact/${sha512}` })).bytes
  expect(createHash("sha512").update(bytes).digest("hex")).toBe(sha512)
})
