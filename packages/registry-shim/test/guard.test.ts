// THREATS A7: the shim answers its client and nobody else.
import { afterEach, describe, expect, test } from "vitest"
import { startShim } from "../src/index.ts"
import { ask, startWorld, TOKEN, type World } from "./world.ts"

const GOOD = { name: "zz-good", version: "1.0.0" }
const worlds: World[] = []
afterEach(async () => { for (const world of worlds.splice(0)) await world.close() })
async function start(): Promise<World> {
  const world = await startWorld({ registry: { packages: [GOOD] } })
  worlds.push(world)
  return world
}

describe("A7: refuses", () => {
  test.each([
    { name: "a foreign Host", headers: { host: "registry.example" }, status: 421 },
    { name: "a name that resolves to loopback (DNS rebinding)", headers: { host: "evil.example:80" }, status: 421 },
    { name: "our host with another port", headers: { host: "127.0.0.1:1" }, status: 421 },
    { name: "our host without a port", headers: { host: "127.0.0.1" }, status: 421 },
    { name: "an Origin", headers: { origin: "http://evil.example" }, status: 403 },
    { name: "our own address as Origin", headers: { origin: "http://127.0.0.1" }, status: 403 },
    { name: "the Origin null", headers: { origin: "null" }, status: 403 },
    { name: "Sec-Fetch-Site cross-site", headers: { "sec-fetch-site": "cross-site" }, status: 403 },
    { name: "Sec-Fetch-Site same-origin", headers: { "sec-fetch-site": "same-origin" }, status: 403 },
    { name: "Sec-Fetch-Site of any other value", headers: { "sec-fetch-site": "nonsense" }, status: 403 },
    { name: "a wrong token", headers: { authorization: `Bearer ${TOKEN}x` }, status: 401 },
    { name: "a token of the right length", headers: { authorization: `Bearer ${"x".repeat(TOKEN.length)}` }, status: 401 },
    { name: "a token that starts right", headers: { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, status: 401 },
    { name: "no token", headers: { authorization: "" }, status: 401 },
    { name: "the token as Basic", headers: { authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString("base64")}` }, status: 401 },
    { name: "two tokens", headers: { authorization: `Bearer ${TOKEN}, Bearer ${TOKEN}` }, status: 401 },
  ])("$name", async ({ headers, status }) => {
    const world = await start()
    for (const path of ["/zz-good", "/zz-good/-/zz-good-1.0.0.tgz", "/-/ping"]) {
      const answer = await world.get(path, headers)
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.body.toString())).toHaveProperty("error")
      expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([])
    }
    expect(world.registry.requests).toEqual([])
    expect(world.network.asked).toEqual([])
  })
  test.each(["OPTIONS", "PATCH", "TRACE"])("the method %s", async (method) => {
    const world = await start()
    expect((await ask(world.shim.url, { path: "/zz-good", method })).status).toBe(405)
  })
  test.each([
    { what: "another address than loopback", more: { host: "0.0.0.0" } }, { what: "a short token", more: { token: "short" } }, { what: "a token with a space", more: { token: `${TOKEN} ${TOKEN}` } },
  ])("to start with $what", async ({ more }) => {
    const world = await start()
    const registries = { default: world.registry.url, scopes: {}, registryFor: () => world.registry.url, credentialsFor: () => undefined }
    await expect(startShim({ registries, check: (requests) => world.network.check(requests), token: TOKEN, cacheDir: world.dir, clock: { nowMs: () => 0 }, emit: () => undefined, ...more })).rejects.toThrow(RangeError)
  })
})

test("A7: lets the client in by every name that is ours, and by sec-fetch-site none", async () => {
  const world = await start()
  for (const host of [`127.0.0.1:${world.shim.port}`, `localhost:${world.shim.port}`, `LOCALHOST:${world.shim.port}`]) expect((await world.get("/zz-good", { host })).status).toBe(200)
  expect((await world.get("/zz-good", { "sec-fetch-site": "none" })).status).toBe(200)
})

test("A7: the token stays here", async () => {
  const world = await start()
  for (const path of ["/zz-good", "/zz-good/-/zz-good-1.0.0.tgz", "/-/ping", "/zz-good?write=true", "/zz-good/latest", "/"]) await world.get(path)
  await ask(world.shim.url, { path: "/zz-good", method: "PUT", body: "{}" })
  expect(world.registry.requests.length).toBeGreaterThan(5)
  for (const { headers, url } of world.registry.requests) expect(JSON.stringify([headers, url])).not.toContain(TOKEN)
})
