import { createHash } from "node:crypto"
import { request as httpRequest } from "node:http"
import { Ajv2020 } from "ajv/dist/2020.js"
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { nodeCrypto } from "@vouchsafe/client/node"
import { formatRebuild, parseRebuild, parseRoster, type Rebuild } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { openBuildStore } from "../src/builds/store.ts"
import { BUILD_ATTEMPTS_MAX, BUILD_FOLLOWERS_PER_ADDRESS_MAX, BUILDS_PER_REQUESTER } from "../src/limits.ts"
import { checkData } from "../src/fsck.ts"
import { holdFolder } from "../src/state/folder.ts"
import { startNode } from "../src/index.ts"
import { openDsse } from "./dsse.ts"
import { clientFor, evidence, place, registryOf, start } from "./network.ts"
import { ask, cleanup, tempFolder, type Reply } from "./support.ts"

const FAKE = fileURLToPath(new URL("./fake-rebuilder.mjs", import.meta.url))
const TOKEN = "token-0123456789abcdef"
const CANARY = "canary-9876543210fedcba"
const JSON_TYPE = { "content-type": "application/json" }
const WITH_TOKEN = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}` }
const GIVEN = { repository: "https://git.example/acme/zz-0", commit: "34".repeat(20) }

interface Status {
  readonly id: string
  readonly state: string
  readonly attempts: number
  readonly step: string | null
  readonly result: { index: number; match: string; differences: { count: number; document: string | null; diff: string | null }; recipe: string } | null
  readonly failure: { step: string | null; code: string; detail: string } | null
}

/** A lone node with the role rebuilder and a rebuilder that does as it is told. */
async function world(mode: string, more: { env?: Record<string, string> } = {}) {
  const registry = await registryOf(30)
  const folder = tempFolder()
  const [modeFile, outside, tokens] = ["mode", "outside", "tokens"].map((name) => join(folder, name)) as [string, string, string]
  writeFileSync(modeFile, mode)
  writeFileSync(tokens, `# who may\nacme ${TOKEN}\nother-token-0123456789\n`, { mode: 0o600 })
  const at = place(join(folder, "data"), { registries: [registry.url], rebuild: true, buildTokenFile: tokens, gitHosts: ["git.example"] }, more.env)
  const started = { ...at, world: { ...at.world, rebuilder: [process.execPath, FAKE, modeFile, outside] } }
  const node = await start(started)
  const calls = callsOf(node.listenUrl, node.adminSocket, registry.url)
  const setMode = (next: string): void => writeFileSync(modeFile, next)
  return { registry, at: started, node, url: node.listenUrl, outside, setMode, tokens, ...calls }
}

function callsOf(url: string, adminSocket: string, registry: string) {
  const post = (body: unknown, headers: Record<string, string> = WITH_TOKEN, socketPath?: string): Promise<Reply> =>
    ask(url, { method: "POST", path: "/v1/builds", headers, body: typeof body === "string" ? body : JSON.stringify(body), ...(socketPath === undefined ? {} : { socketPath }) })
  const artifact = (n: number) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry })
  const idOf = (reply: Reply): string => {
    if (reply.status !== 202) throw new Error(`${reply.status}: ${reply.body}`)
    return (JSON.parse(reply.body) as { id: string }).id
  }
  const status = async (id: string): Promise<Status> => JSON.parse((await ask(url, { path: `/v1/builds/${id}` })).body) as Status
  const log = async (id: string, from = 0): Promise<string> => (await ask(url, { path: `/v1/builds/${id}/log?from=${from}` })).body
  /** The log ends when the build does. */
  const end = async (id: string): Promise<Status> => {
    await log(id)
    return status(id)
  }
  return { post, artifact, idOf, status, log, end, admin: (body: unknown) => post(body, JSON_TYPE, adminSocket) }
}

async function rebuildsIn(url: string, artifact: { purl: string; registry: string }): Promise<Rebuild[]> {
  return (await evidence(url, { artifacts: [artifact] })).log.entries.filter((entry) => entry.includes("/rebuild/v1")).map(parseRebuild)
}

/** Waits until a file is there, told by the system. */
function appears(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(join(path, ".."), () => {
      if (existsSync(path)) done()
    })
    const done = (): void => {
      watcher.close()
      resolve()
    }
    if (existsSync(path)) done()
  })
}

describe("a build", () => {
  test("is queued, built, logged under its own key, and found by clients; its documents are served by digest", async () => {
    const { url, post, idOf, end, log, artifact, registry, at, node } = await world("none")
    const reply = await post({ ...artifact(0), source: GIVEN })
    const done = await end(idOf(reply))
    expect(done).toMatchObject({ state: "done", attempts: 1, failure: null, result: { index: 1, match: "none", differences: { count: 1 } } })
    const [rebuild] = await rebuildsIn(url, artifact(0))
    expect(rebuild).toMatchObject({
      purl: artifact(0).purl, registry: registry.url, sha512: registry.built("zz-0", "1.0.0")?.sha512, match: "none", source: { ...GIVEN, foundBy: ["given"] },
      differences: { count: 1, document: done.result?.differences.document },
    })
    for (const sha256 of [done.result?.differences.document, done.result?.differences.diff, done.result?.recipe]) {
      const blob = await ask(url, { path: `/v1/blob/${sha256 ?? ""}` })
      expect(createHash("sha256").update(blob.bytes).digest("hex")).toBe(sha256)
      expect(blob.headers).toMatchObject({ "content-disposition": "attachment", "x-content-type-options": "nosniff", "cache-control": expect.stringContaining("immutable") as string })
    }
    expect(await log(done.id)).toBe(`== observe\n== fetch\n== clone\ncloning pkg:npm/zz-0@1.0.0\n== done: none\n`)
    expect(await log(done.id, 11)).toBe(`== fetch\n== clone\ncloning pkg:npm/zz-0@1.0.0\n== done: none\n`)
    const { exportKey } = JSON.parse((await ask(url, { path: "/v1/status" })).body) as { exportKey: string }
    const provenance = openDsse((await ask(url, { path: "/v1/envelope/1" })).body, Buffer.from(exportKey.split("+").slice(2).join("+"), "base64").subarray(1))
    // What was rebuilt, under its own digest and never the published one's: they differ.
    expect(provenance?.payload).toMatchObject({
      predicateType: "https://slsa.dev/provenance/v1", subject: [{ name: "rebuild/zz-0-1.0.0.tgz", digest: { sha512: "cd".repeat(64) } }],
      predicate: { runDetails: { builder: { id: `${url}rebuilder/v1` } }, buildDefinition: { resolvedDependencies: [{ digest: { gitCommit: GIVEN.commit } }] } },
    })
    const roster = parseRoster(nodeCrypto, readFileSync(node.rosterPath, "utf8"))
    const { verdicts } = await clientFor(roster).check([{ ...artifact(0), sha512: registry.built("zz-0", "1.0.0")?.sha512 as string }], { budgetMs: 20_000 })
    expect(verdicts[0]).toMatchObject({ ok: false, code: "SOURCE_MISMATCH" })
    expect((await ask(url, { path: "/metrics" })).body).toContain('vouchsafe_build_seconds_count{outcome="none"} 1')
    await node.stop()
    const held = holdFolder(at.config.data)
    cleanup(() => held.release())
    expect((await checkData(held, nodeCrypto)).findings).toEqual([])
  })
  test("that fails is told, with its step and reason, and leaves no statement", async () => {
    const { url, post, idOf, end, artifact } = await world("failed")
    expect(await end(idOf(await post(artifact(0))))).toMatchObject({ state: "failed", result: null, failure: { step: "build", code: "BUILD_FAILED", detail: "npm run build ended with 2" } })
    expect(await rebuildsIn(url, artifact(0))).toEqual([])
  })
  test("of what is waiting already is the same build; once it is over, another", async () => {
    const { admin, post, idOf, end, artifact, setMode, outside } = await world("hang")
    const first = idOf(await post(artifact(0)))
    await appears(outside)
    setMode("tgz")
    const [again, other] = [await admin(artifact(0)), await post(artifact(1))]
    expect([idOf(again), JSON.parse(again.body)]).toEqual([first, { id: first, known: true }])
    expect(idOf(await post({ ...artifact(0), source: GIVEN }))).not.toBe(first)
    process.kill(Number(readFileSync(outside, "utf8")), "SIGKILL")
    expect((await end(first)).failure).toMatchObject({ code: "REBUILDER_FAILED", detail: expect.stringContaining("SIGKILL") as string })
    expect((await end(idOf(other))).state).toBe("done")
    expect(idOf(await post(artifact(0)))).not.toBe(first)
  })
  test("newest two rebuilds travel with an observation, and no more", async () => {
    const { url, post, idOf, end, artifact } = await world("tgz")
    const indices: number[] = []
    for (let i = 0; i < 4; i++) indices.push((await end(idOf(await post({ ...artifact(0), source: { ...GIVEN, commit: `${i}f`.repeat(20) } })))).result?.index ?? -1)
    const answer = await evidence(url, { artifacts: [artifact(0)] })
    expect(answer.artifacts[0]?.indices).toEqual([0, ...indices.slice(-2)])
  })
  test("runs with an environment of three names, a request without secrets, and a tarball that nobody else can read", async () => {
    const { post, idOf, end, artifact, outside, at, registry } = await world("report", { env: { SECRET_OF_THE_OPERATOR: CANARY, NODE_AUTH_TOKEN: CANARY } })
    expect((await end(idOf(await post(artifact(0))))).state).toBe("done")
    const seen = readFileSync(outside, "utf8")
    const { env, mode, request } = JSON.parse(seen) as { env: Record<string, string>; mode: number; request: Record<string, unknown> }
    expect(Object.keys(env).filter((name) => !name.startsWith("__")).sort()).toEqual(["HOME", "LANG", "PATH"])
    for (const secret of [CANARY, TOKEN, "PRIVATE+KEY", join(at.config.data, "keys")]) expect(seen).not.toContain(secret)
    expect(mode).toBe(0o600)
    expect(request).toMatchObject({ format: "vouchsafe-rebuild-request/v1", upstream: { registry: registry.url }, gitHosts: ["git.example"], frozenAt: expect.any(Number) as number })
    expect(existsSync(String(request["workspace"]))).toBe(false)
  })
})

describe("a log that is read while it grows", () => {
  /** Reads along until the first byte came; the returned function hangs up. */
  const readAlong = (url: string, id: string, localAddress = "127.0.0.1"): Promise<{ status: number; hangUp: () => void }> => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const request = httpRequest({ host: hostname, port, path: `/v1/builds/${id}/log`, agent: false, localAddress }, (response) => {
      const found = { status: response.statusCode ?? 0, hangUp: () => { request.destroy() } }
      response.once("data", () => resolve(found)).on("error", () => undefined)
    })
    request.on("error", reject).end()
  })

  test("is sent as it comes, to so many of one address at once, and whoever hangs up makes room", async () => {
    const { url, post, idOf, artifact, outside, log } = await world("hang")
    const id = idOf(await post(artifact(0)))
    await appears(outside)
    const readers = await Promise.all(Array.from({ length: BUILD_FOLLOWERS_PER_ADDRESS_MAX }, () => readAlong(url, id)))
    expect(new Set(readers.map(({ status }) => status))).toEqual(new Set([200]))
    expect((await ask(url, { path: `/v1/builds/${id}/log` })).status).toBe(503)
    if (process.platform === "linux") readers.push(await readAlong(url, id, "127.0.0.2"))
    expect(readers.at(-1)?.status).toBe(200)
    for (const { hangUp } of readers) hangUp()
    let status = 503
    for (let turn = 0; turn < 1_000 && status === 503; turn++) {
      const head = await ask(url, { method: "HEAD", path: `/v1/builds/${id}/log` })
      status = head.status
      expect(head.bytes.length).toBe(0)
    }
    expect(status).toBe(200)
    process.kill(Number(readFileSync(outside, "utf8")), "SIGKILL")
    expect(await log(id)).toContain("== failed: REBUILDER_FAILED")
  })
})

describe("documents", () => {
  const schema = (name: string) => new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(fileURLToPath(new URL(`../../spec/schemas/${name}.schema.json`, import.meta.url)), "utf8")) as object)
  test.each(["tgz", "none", "failed", "hang"])("of a build that is %s are those of the schemas", async (mode) => {
    const { post, idOf, end, status, artifact, outside } = await world(mode)
    const request = { ...artifact(0), source: GIVEN }
    expect([schema("build-request")(request), schema("build-request")({ ...request, recipe: {} })]).toEqual([true, false])
    const id = idOf(await post(request))
    const document = mode === "hang" ? await appears(outside).then(() => status(id)) : await end(id)
    const validate = schema("build-status")
    expect([validate(document), validate.errors]).toEqual([true, null])
  })
})

describe("what a rebuilder says is foreign input: nothing wrong becomes a statement", () => {
  const bad = (more: object): string => JSON.stringify(more)
  test.each([
    { name: "ends without a result", mode: "silent", says: "no result" },
    { name: "is killed", mode: "dies", says: "SIGKILL" },
    { name: "ends with another status", mode: "status", says: "ended with 3" },
    { name: "writes prose", mode: "prose", says: "not JSON" },
    { name: "gives two results", mode: "twice", says: "a line after the result" },
    { name: "writes an event of its own", mode: "unknown-event", says: "type" },
    { name: "writes a line without end", mode: "long", says: "a line of more than" },
    { name: "says another status", mode: bad({ status: "ok" }), says: "status" },
    { name: "says more than it is asked", mode: bad({ purl: "pkg:npm/other@1.0.0" }), says: "purl" },
    { name: "claims a match of its own", mode: bad({ match: "equal" }), says: "match" },
    { name: "claims the same .tgz with another digest", mode: bad({ match: "tgz", rebuilt: { sha512: "0a".repeat(64), tarSha256: "ab".repeat(32), h1: `h1:${"A".repeat(43)}=`, size: 1, files: 1 } }), says: "match" },
    { name: "claims no difference and counts some", mode: bad({ differences: { count: 3, classes: { changed: 3 }, document: '{"format":"vouchsafe-differences/v1"}', diff: "" } }), says: "match" },
    { name: "names no commit", mode: bad({ source: { repository: "https://git.example/a/b", commit: "0".repeat(40), ref: "refs/tags/v1", foundBy: ["tag"], directory: "", signature: { state: "unsigned", kind: null, key: null, signer: null } } }), says: "commit" },
    { name: "names no repository", mode: bad({ source: { repository: "unknown", commit: "12".repeat(20), ref: "refs/tags/v1", foundBy: ["tag"], directory: "", signature: { state: "unsigned", kind: null, key: null, signer: null } } }), says: "repository" },
    { name: "names a pull request", mode: bad({ source: { repository: "https://git.example/a/b", commit: "12".repeat(20), ref: "refs/pull/1/head", foundBy: ["tag"], directory: "", signature: { state: "unsigned", kind: null, key: null, signer: null } } }), says: "ref" },
    { name: "found it in no way", mode: bad({ source: { repository: "https://git.example/a/b", commit: "12".repeat(20), ref: "refs/tags/v1", foundBy: [], directory: "", signature: { state: "unsigned", kind: null, key: null, signer: null } } }), says: "foundBy" },
    { name: "gives a recipe of another digest", mode: bad({ recipe: { sha256: "ab".repeat(32), override: false, document: "{}" } }), says: "recipe.sha256" },
    { name: "gives differences of another format", mode: bad({ differences: { count: 0, classes: {}, document: "{}", diff: "" } }), says: "differences.document.format" },
    { name: "froze the registry at another time", mode: bad({ environment: { frozenAt: 5, node: "24.1.0", manager: "npm@11.1.0", platform: "linux-x64", sandbox: "bubblewrap 0.8.0" } }), says: "frozenAt" },
    { name: "names no sandbox", mode: bad({ environment: null }), says: "environment" },
  ])("one that $name", async ({ mode, says }) => {
    const { url, post, idOf, end, artifact } = await world(mode)
    const status = await end(idOf(await post(artifact(0))))
    expect(status).toMatchObject({ state: "failed", result: null, failure: { code: "REBUILDER_FAILED", detail: expect.stringContaining(says) as string } })
    expect(await rebuildsIn(url, artifact(0))).toEqual([])
  })
  test("one that builds another source than was asked for", async () => {
    const { url, post, idOf, end, artifact } = await world(bad({ source: { repository: "https://git.example/a/b", commit: "12".repeat(20), ref: "refs/tags/v1", foundBy: ["tag"], directory: "", signature: { state: "unsigned", kind: null, key: null, signer: null } } }))
    expect((await end(idOf(await post({ ...artifact(0), source: GIVEN })))).failure).toMatchObject({ code: "REBUILDER_FAILED", detail: expect.stringContaining("the one that was asked for") as string })
    expect(await rebuildsIn(url, artifact(0))).toEqual([])
  })
  test("one that writes more than a log holds", async () => {
    const { post, idOf, end, artifact, url } = await world("flood")
    const done = await end(idOf(await post(artifact(0))))
    expect(done.state).toBe("done")
    const log = await ask(url, { path: `/v1/builds/${done.id}/log` })
    expect(log.bytes.length).toBeLessThan(4 * 1024 * 1024 + 200)
    expect(log.body).toContain("the rest of this log is left out")
  })
})

describe("the published tarball", () => {
  test("of other bytes than this node observed is not built from", async () => {
    const { url, post, idOf, end, artifact, registry } = await world("tgz")
    await evidence(url, { artifacts: [artifact(0)] })
    registry.tamper([{ name: "zz-0", mode: "swap-tarball" }])
    expect((await end(idOf(await post(artifact(0))))).failure).toMatchObject({ step: "fetch", code: "UPSTREAM_FAILED", detail: expect.stringContaining("as this node observed") as string })
  })
  test("of a version that is not there is nothing to compare with", async () => {
    const { post, idOf, end, registry } = await world("tgz")
    expect((await end(idOf(await post({ purl: "pkg:npm/zz-none@1.0.0", registry: registry.url })))).failure).toMatchObject({ step: "observe", code: "NOT_FOUND" })
  })
})

describe("who may ask", () => {
  const hex = "0".repeat(32)
  test.each([
    { name: "without a token", headers: JSON_TYPE, status: 401, code: "UNAUTHENTICATED" },
    { name: "with another's token", headers: { ...JSON_TYPE, authorization: "Bearer token-0123456789abcdeg" }, status: 403, code: "NOT_ALLOWED" },
    { name: "with part of a token", headers: { ...JSON_TYPE, authorization: `Bearer ${TOKEN.slice(0, -1)}` }, status: 403, code: "NOT_ALLOWED" },
    { name: "with an empty token", headers: { ...JSON_TYPE, authorization: "Bearer " }, status: 403, code: "NOT_ALLOWED" },
    { name: "with the token as a password", headers: { ...JSON_TYPE, authorization: `Basic ${Buffer.from(`acme:${TOKEN}`).toString("base64")}` }, status: 403, code: "NOT_ALLOWED" },
    { name: "with the token, from a page", headers: { ...WITH_TOKEN, origin: "https://attacker.example" }, status: 403, code: "CROSS_ORIGIN" },
    { name: "with the token, as a form", headers: { ...WITH_TOKEN, "content-type": "text/plain" }, status: 415, code: "CONTENT_TYPE" },
    { name: "as admin, by saying so", headers: { ...JSON_TYPE, "x-requester": "admin", authorization: "admin" }, status: 403, code: "NOT_ALLOWED" },
  ])("not one $name", async ({ headers, status, code }) => {
    const { url, post, artifact, at } = await world("tgz")
    const reply = await post(artifact(0), headers as unknown as Record<string, string>)
    expect([reply.status, (JSON.parse(reply.body) as { error: { code: string } }).error.code]).toEqual([status, code])
    expect((await ask(url, { path: "/metrics" })).body).toContain("vouchsafe_builds_queued 0")
    if (code === "UNAUTHENTICATED" || code === "NOT_ALLOWED") expect(at.lines.join("")).toContain("a request for a build was refused")
    expect(at.lines.join("")).not.toContain(TOKEN)
  })
  test("nobody but the admin where there is no token file, and nobody at all where the node does not rebuild", async () => {
    const { at, node, artifact } = await world("tgz")
    await node.stop()
    const without = await start({ ...at, config: { ...at.config, buildTokenFile: undefined } })
    const calls = callsOf(without.listenUrl, without.adminSocket, artifact(0).registry)
    expect((await calls.post(artifact(0))).status).toBe(403)
    expect((await calls.end(calls.idOf(await calls.admin(artifact(0))))).state).toBe("done")
    await without.stop()
    const off = await start({ ...at, config: { ...at.config, rebuild: false } })
    const refused = await callsOf(off.listenUrl, off.adminSocket, artifact(0).registry).admin(artifact(0))
    expect([refused.status, refused.body]).toEqual([404, expect.stringContaining("does not rebuild")])
  })
  test("nobody more than their share, and no guesser for ever", async () => {
    const { post, artifact, outside } = await world("hang")
    for (let i = 0; i < BUILDS_PER_REQUESTER.queued; i++) expect((await post(artifact(i))).status).toBe(202)
    await appears(outside)
    const over = await post(artifact(25))
    expect([over.status, over.body]).toEqual([429, expect.stringContaining("you have 20 builds waiting or running")])
    // Another holder still may.
    expect((await post(artifact(25), { ...JSON_TYPE, authorization: "Bearer other-token-0123456789" })).status).toBe(202)
    const guesses = await Promise.all(Array.from({ length: 40 }, (_, i) => post(artifact(0), { ...JSON_TYPE, authorization: `Bearer guess-0123456789-${i}` })))
    expect(guesses.filter(({ status }) => status === 429).length).toBeGreaterThan(10)
  })
  test.each([
    { name: "nothing", body: "", says: "not JSON" },
    { name: "no purl", body: { registry: "R" }, says: "document.purl" },
    { name: "a purl of another kind", body: { purl: "pkg:pypi/a@1", registry: "R" }, says: "pkg:pypi" },
    { name: "a registry that this node does not observe", body: { purl: "pkg:npm/a@1.0.0", registry: "https://registry.example/" }, says: "registry" },
    { name: "a tarball to take the result from", body: { purl: "pkg:npm/a@1.0.0", registry: "R", tarball: "/etc/passwd" }, says: "document.tarball" },
    { name: "a recipe", body: { purl: "pkg:npm/a@1.0.0", registry: "R", recipe: {} }, says: "document.recipe" },
    { name: "a repository on this machine's disk", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "file:///etc" } }, says: "source.repository" },
    { name: "a repository that is an option", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "--upload-pack=x" } }, says: "source.repository" },
    { name: "a transport that runs a command", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "ext::sh -c id" } }, says: "source.repository" },
    { name: "a repository with credentials", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "https://me:pw@git.example/a/b" } }, says: "source.repository" },
    { name: "a repository on another host", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "https://169.254.169.254/a/b" } }, says: "a host that this node clones from" },
    { name: "a host that ends like an allowed one", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "https://notgit.example/a/b" } }, says: "a host that this node clones from" },
    { name: "a repository path that climbs", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, repository: "https://git.example/a/../../b" } }, says: "source.repository" },
    { name: "a branch for a commit", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, commit: "main" } }, says: "source.commit" },
    { name: "a commit of zeros", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, commit: "0".repeat(40) } }, says: "source.commit" },
    { name: "a directory that climbs", body: { purl: "pkg:npm/a@1.0.0", registry: "R", source: { ...GIVEN, directory: "../x" } }, says: "source.directory" },
  ])("not for $name", async ({ body, says }) => {
    const { post, registry } = await world("tgz")
    const reply = await post(typeof body === "string" ? body : JSON.stringify(body).replace('"R"', JSON.stringify(registry.url)))
    expect([reply.status, reply.body]).toEqual([400, expect.stringContaining(says)])
  })
  test.each([`/v1/builds/${hex}`, `/v1/builds/${hex}/log`, "/v1/builds/", "/v1/builds/../../keys/log.key", "/v1/builds/x/log", `/v1/builds/${hex}/log/log`])("404: %s", async (path) => {
    const { url } = await world("tgz")
    expect((await ask(url, { path })).status).toBe(404)
  })
  test.each(["-1", "x", "1e3", "0x1", "00", ""])("a log from %j: 400", async (from) => {
    const { url, post, idOf, end, artifact } = await world("tgz")
    const { id } = await end(idOf(await post(artifact(0))))
    expect((await ask(url, { path: `/v1/builds/${id}/log?from=${from}` })).status).toBe(400)
  })
})

describe("the token file", () => {
  test.each([
    { name: "that others can read", text: `${TOKEN}\n`, mode: 0o644, code: "STATE_UNSAFE" },
    { name: "without a token", text: "# nobody\n", mode: 0o600, code: "CONFIG_MALFORMED" },
    { name: "with a short token", text: "short\n", mode: 0o600, code: "CONFIG_MALFORMED" },
    { name: "with three words a line", text: `a b ${TOKEN}\n`, mode: 0o600, code: "CONFIG_MALFORMED" },
    { name: "with one name twice", text: `a ${TOKEN}\na other-${TOKEN}\n`, mode: 0o600, code: "CONFIG_MALFORMED" },
  ])("$name is refused, and no secret is repeated", async ({ text, mode, code }) => {
    const { at, node, tokens } = await world("tgz")
    await node.stop()
    writeFileSync(tokens, text)
    chmodSync(tokens, mode)
    await expect(startNode(at.config, at.world)).rejects.toMatchObject({ code, message: expect.not.stringContaining(TOKEN) as string })
  })
  test("that is not there, and a machine without bubblewrap, are said at the start", async () => {
    const { at, node, tokens } = await world("tgz")
    await node.stop()
    await expect(startNode(at.config, { ...at.world, env: { ...at.world.env, PATH: "/nonexistent" } })).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("bwrap") as string, hint: expect.stringContaining("apt install bubblewrap") as string })
    rmSync(tokens)
    await expect(startNode(at.config, at.world)).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("cannot be read") as string })
  })
})

describe("what was accepted is built, whatever happens to the node", () => {
  test("a build under way when the node stops is taken up again, and its process is gone", async () => {
    const { at, node, post, idOf, artifact, outside, setMode } = await world("hang")
    const [id, second] = [idOf(await post(artifact(0))), idOf(await post(artifact(1)))]
    await appears(outside)
    await node.stop()
    expect(() => process.kill(Number(readFileSync(outside, "utf8")), 0)).toThrow("ESRCH")
    setMode("tgz")
    const next = await start(at)
    const calls = callsOf(next.listenUrl, next.adminSocket, artifact(0).registry)
    // A stop is not the build's fault: it does not count as an attempt.
    expect(await calls.end(id)).toMatchObject({ state: "done", attempts: 1 })
    expect((await calls.end(second)).state).toBe("done")
    expect(await rebuildsIn(next.listenUrl, artifact(0))).toHaveLength(1)
  })
  test("a statement on its way into the log when the node was killed is there once, and a build cut off three times is given up", async () => {
    const { at, node, url, post, idOf, end, artifact } = await world("tgz")
    const first = await end(idOf(await post(artifact(0))))
    const entry = (await evidence(url, { artifacts: [artifact(0)] })).log.entries.find((text) => text.includes("/rebuild/v1")) as string
    await node.stop()
    const store = openBuildStore(join(at.config.data, "builds", "builds.db"))
    const outcome = { kind: "rebuilt", index: -1, match: "tgz", sha512: "00", recipe: "11", differences: { count: 0, document: null, diff: null } } as const
    const add = (id: string, n: number): void => {
      store.add({ id: id.repeat(32), requester: "admin", queuedAt: 1, ...artifact(n), source: null })
      store.start(id.repeat(32), 2)
    }
    const later = formatRebuild({ ...parseRebuild(entry), rebuiltAt: parseRebuild(entry).rebuiltAt + 1 })
    // Killed after the append, killed before it, and killed while building, for the third time.
    add("a", 0)
    store.stage("a".repeat(32), entry, outcome)
    add("b", 0)
    store.stage("b".repeat(32), later, outcome)
    add("c", 2)
    for (let i = 1; i < BUILD_ATTEMPTS_MAX; i++) {
      store.requeue("c".repeat(32), false)
      store.start("c".repeat(32), 2)
    }
    add("d", 3)
    store.close()
    const left = join(at.config.data, "builds", "scratch", `${"d".repeat(32)}-1`)
    mkdirSync(left, { recursive: true })
    writeFileSync(join(left, "published.tgz"), "left by a killed node")
    const next = await start(at)
    const calls = callsOf(next.listenUrl, next.adminSocket, artifact(0).registry)
    expect(await calls.status("a".repeat(32))).toMatchObject({ state: "done", result: { index: first.result?.index } })
    expect(await calls.status("b".repeat(32))).toMatchObject({ state: "done", result: { index: 2 } })
    expect(await calls.status("c".repeat(32))).toMatchObject({ state: "failed", failure: { code: "INTERRUPTED" } })
    expect(await calls.end("d".repeat(32))).toMatchObject({ state: "done", attempts: 2 })
    expect(existsSync(left)).toBe(false)
    expect((await evidence(next.listenUrl, { artifacts: [artifact(0)] })).artifacts[0]?.indices).toEqual([0, 1, 2])
  })
})
