// THREATS A7: the shim of a run talks to the command that it was started for, and to no web page, name or neighbour.
import { request } from "node:http"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { commandIn, describeRun, getManager, openWorld, policyFiles, type World } from "../support/index.ts"

/** What the probe tries from inside of a run, with the addresses that the run gave it. */
const PROBE = `
import { request } from "node:http"
import { readFileSync, statSync, writeFileSync } from "node:fs"
const url = process.env.npm_config_registry
const text = readFileSync(process.env.npm_config_userconfig, "utf8")
const token = /:_authToken=(\\S+)/.exec(text)[1]
const { hostname, port, host } = new URL(url)
const ask = (headers, method = "GET") => new Promise((resolve, reject) => {
  request({ hostname, port, method, path: "/zz-good", headers }, (answer) => { answer.resume(); answer.on("end", () => resolve({ status: answer.statusCode, cors: answer.headers["access-control-allow-origin"] ?? null })) }).on("error", reject).end()
})
const bearer = { authorization: "Bearer " + token }
const seen = {
  address: hostname, url, tokenBits: Buffer.from(token, "base64url").length * 8,
  mode: (statSync(process.env.npm_config_userconfig).mode & 0o777).toString(8), userconfig: process.env.npm_config_userconfig,
  asNpm: await ask(bearer), noToken: await ask({}), wrongToken: await ask({ authorization: "Bearer " + token.slice(0, -1) + "-" }), basic: await ask({ authorization: "Basic " + Buffer.from("x:" + token).toString("base64") }),
  origin: await ask({ ...bearer, origin: "http://" + host }), nullOrigin: await ask({ ...bearer, origin: "null" }), preflight: await ask({ origin: "http://evil.example", "access-control-request-method": "GET" }, "OPTIONS"),
  crossSite: await ask({ ...bearer, "sec-fetch-site": "cross-site" }), sameOrigin: await ask({ ...bearer, "sec-fetch-site": "same-origin" }), none: await ask({ ...bearer, "sec-fetch-site": "none" }),
  rebound: await ask({ ...bearer, host: "evil.example:" + port }), otherPort: await ask({ ...bearer, host: hostname + ":1" }),
}
writeFileSync("seen.json", JSON.stringify(seen))
`

interface Answer { readonly status: number; readonly cors: string | null }
type Seen = Record<string, Answer> & { readonly address: string; readonly url: string; readonly tokenBits: number; readonly mode: string; readonly userconfig: string }

let world: World
let seen: Seen
beforeAll(async () => {
  world = await openWorld("shim")
  const sandbox = world.sandbox("me")
  const project = sandbox.project("project", { "package.json": { name: "project", private: true }, "probe.mjs": PROBE, ...policyFiles(world) })
  const ran = await commandIn(world, sandbox, await getManager("npm11"), project)("vouchsafe", "run", "--", "node", "probe.mjs")
  expect(ran.status, describeRun(ran)).toBe(0)
  seen = JSON.parse(readFileSync(join(project, "seen.json"), "utf8")) as Seen
  return () => world.close()
})

test("A7: the shim listens on loopback, with a token of at least 128 bits in a file that only its owner can read", () => {
  expect(seen.address).toBe("127.0.0.1")
  expect(seen.tokenBits).toBeGreaterThanOrEqual(128)
  expect(seen.mode).toBe("600")
})

test.each([
  { who: "the command it was started for", key: "asNpm", status: 200 },
  { who: "a program that says it is no web page", key: "none", status: 200 },
  { who: "a neighbour without the token", key: "noToken", status: 401 },
  { who: "a neighbour with another token", key: "wrongToken", status: 401 },
  { who: "a neighbour with the token in another scheme", key: "basic", status: 401 },
  { who: "a web page of its own origin", key: "origin", status: 403 },
  { who: "a sandboxed web page", key: "nullOrigin", status: 403 },
  { who: "a browser that asks first", key: "preflight", status: 403 },
  { who: "a web page of another site", key: "crossSite", status: 403 },
  { who: "a web page of the same site", key: "sameOrigin", status: 403 },
  { who: "a name that was bound to loopback", key: "rebound", status: 421 },
  { who: "another port's name", key: "otherPort", status: 421 },
])("A7: the shim answers $who with $status and without CORS", ({ key, status }) => {
  expect(seen[key]).toEqual({ status, cors: null })
})

test("A7: the shim is gone with its token when the command ends", async () => {
  expect(() => readFileSync(seen.userconfig)).toThrow(/ENOENT/)
  const { hostname, port } = new URL(seen.url)
  await expect(new Promise((resolve, reject) => { request({ hostname, port, path: "/" }, resolve).on("error", reject).end() })).rejects.toMatchObject({ code: "ECONNREFUSED" })
})
