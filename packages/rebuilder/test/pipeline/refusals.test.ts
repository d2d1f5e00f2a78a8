import { createHash, randomUUID } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, describe, expect, test, vi } from "vitest"
import { startGitServer } from "../git/repositories.ts"
import type { RebuildRequest } from "../../src/types.ts"
import { createPipelineWorld, type Files, manifest, NAME, packed, type PipelineWorld, type Ran, VERSION } from "./world.ts"

let world: PipelineWorld
beforeAll(async () => { world = await createPipelineWorld() })

const MIB = 1024 * 1024

/** A package whose only entry is made by `node make.js`. */
function built(make: string, more: object = {}): Files {
  return { "package.json": manifest({ main: "dist/x.js", files: ["dist"], scripts: { build: "node make.js" }, ...more }), "make.js": make }
}

async function attempt(files: Files, published: Files | Buffer, more: Partial<RebuildRequest> = {}): Promise<Ran> {
  const repo = world.repository()
  const commit = repo.commit(files)
  repo.push("main")
  return world.run({ tarball: Buffer.isBuffer(published) ? published : packed(published), source: { repository: `file://${repo.bare}`, commit }, more })
}

const PUBLISHED = (files: Files): Files => ({ "package.json": files["package.json"] as string, "dist/x.js": "made\n" })

describe("a rebuild that does not come to its comparison", () => {
  test("repository gone", async () => {
    const server = await startGitServer(mkdtempSync(join(world.folder, "empty-")))
    try {
      const { result } = await world.run({ tarball: packed(PUBLISHED(built(""))), source: { repository: `${server.url}/gone.git`, commit: "ab".repeat(20) }, more: { gitProtocols: ["http"], gitHosts: [new URL(server.url).host] } })
      expect(result).toMatchObject({ status: "failed", step: "source", code: "SOURCE_NOT_FOUND", detail: expect.stringContaining("gone") as string })
    } finally {
      await server.close()
    }
  })

  test.each<{ name: string, more: Partial<RebuildRequest>, manifest?: object, says: string }>([
    { name: "no repository at all", more: {}, says: "not given" },
    { name: "a placeholder", more: {}, manifest: { repository: "unknown" }, says: "names none" },
    { name: "a host that is not configured", more: {}, manifest: { repository: "https://git.example/a/b" }, says: "not among those" },
    { name: "a protocol that runs programs", more: {}, manifest: { repository: "ext::sh -c evil" }, says: "no address of a known form" },
    { name: "credentials in the URL", more: {}, manifest: { repository: "https://a:b@git.example/a/b" }, says: "credentials" },
  ])("no source: $name", async ({ more, manifest: given, says }) => {
    const { result } = await world.run({ tarball: packed(PUBLISHED(built(""))), ...(given === undefined ? {} : { manifest: given }), more: { gitProtocols: ["https"], gitHosts: ["git.test"], ...more } })
    expect(result).toMatchObject({ status: "failed", step: "source", code: "SOURCE_NOT_FOUND", detail: expect.stringContaining(says) as string })
  })

  test("THREATS A10: a commit that only a pull request has", async () => {
    const repo = world.repository()
    repo.commit({ "a": "1" })
    repo.push("main")
    const commit = repo.commit(PUBLISHED(built("")))
    repo.push(`${commit}:refs/pull/7/head`)
    const { result } = await world.run({ tarball: packed(PUBLISHED(built(""))), source: { repository: `file://${repo.bare}`, commit } })
    expect(result).toMatchObject({ status: "failed", step: "source", code: "COMMIT_UNREACHABLE" })
  })

  test("build fails: its last lines are kept, without what moves a cursor", async () => {
    const files = built("console.error('first'); console.error('\\u001b[31mcannot make it\\u001b[0m'); process.exit(3)")
    const { result } = await attempt(files, PUBLISHED(files))
    expect(result).toMatchObject({ status: "failed", step: "npm run build", code: "BUILD_FAILED", detail: expect.stringMatching(/ended with status 3[^]*cannot make it/) as string })
    expect(JSON.stringify(result)).not.toContain("\\u001b")
  })

  test("build hangs", async () => {
    const files = built("setInterval(() => {}, 1000)")
    const { result } = await attempt(files, PUBLISHED(files), { limits: { stepTimeMs: 8000 } })
    expect(result).toMatchObject({ status: "failed", step: "npm run build", code: "BUILD_TIMEOUT" })
  })

  test.each<{ name: string, make: string, limits: RebuildRequest["limits"] }>([
    { name: "disk", make: "const { writeFileSync } = require('fs'); for (let n = 0; ; n++) writeFileSync('x' + n, Buffer.alloc(1048576))", limits: { diskBytes: 64 * MIB } },
    { name: "output", make: "for (;;) require('fs').writeSync(1, 'x'.repeat(65536))", limits: { outputBytes: MIB } },
    { name: "memory", make: "const held = []; for (;;) held.push(Buffer.alloc(8388608, 1))", limits: { memoryBytes: 512 * MIB } },
  ])("build is over its bound of $name", async ({ make, limits }) => {
    const files = built(make)
    const { result } = await attempt(files, PUBLISHED(files), { limits })
    expect(result).toMatchObject({ status: "failed", step: "npm run build", code: "BUILD_LIMIT" })
  })

  test.each<{ name: string, files: Files, says: string }>([
    { name: "packs nothing that is a file", files: built("const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/x.js', ''); fs.symlinkSync('/etc/passwd', '/build/packed/a.tgz')"), says: "2 tarballs" },
    { name: "leaves a folder where its tarball should be", files: built("require('fs').mkdirSync('/build/packed/other.tgz'); require('fs').mkdirSync('dist')"), says: "2 tarballs" },
  ])("build $name", async ({ files, says }) => {
    const { result } = await attempt(files, PUBLISHED(files))
    expect(result).toMatchObject({ status: "failed", code: "BUILD_FAILED", detail: expect.stringContaining(says) as string })
  })

  test("a dependency that is published later than the frozen time is not there", async () => {
    world.registry.publish({ name: "too-young-dependency", version: "1.0.0", publishedAt: "2026-06-01T00:00:00.000Z" })
    const files = built("", { devDependencies: { "too-young-dependency": "1.0.0" } })
    const { result } = await attempt(files, PUBLISHED(files), { frozenAt: Date.parse("2026-05-01T00:00:00Z") / 1000 })
    expect(result).toMatchObject({ status: "failed", step: "npm install --no-package-lock --ignore-scripts", code: "BUILD_FAILED" })
  })

  test("a published tarball of other bytes than were named, and one that no reader takes", async () => {
    const files = { "package.json": manifest({ main: "x.js" }), "x.js": "" }
    expect((await attempt(files, files, { sha512: "ab".repeat(64) })).result).toMatchObject({ status: "failed", step: "published tarball", code: "TARBALL_HOSTILE" })
    expect((await attempt(files, Buffer.from("<html>"))).result).toMatchObject({ status: "failed", step: "compare", code: "TARBALL_HOSTILE", detail: expect.stringContaining("published") as string })
  })

  test("no sandbox, no rebuild", async () => {
    const { createBubblewrap } = await import("../../src/sandbox/bubblewrap.ts")
    const { rebuild } = await import("../../src/pipeline.ts")
    const result = await rebuild({ purl: `pkg:npm/${NAME}@${VERSION}` } as RebuildRequest, { executor: createBubblewrap({ program: "/nonexistent/bwrap" }), program: { argv: [], mounts: [] }, recipes: "", nowMs: () => 0, onEvent: () => undefined })
    expect(result).toMatchObject({ status: "failed", step: "sandbox", code: "SANDBOX_UNAVAILABLE" })
  })

  test("a package manager that holds the package itself builds nothing of it", async () => {
    const repo = world.repository()
    const json = JSON.stringify({ name: "semver", version: "7.7.2", main: "dist/x.js", scripts: { build: "node make.js" } })
    const commit = repo.commit({ "package.json": json, "make.js": "" })
    repo.push("main")
    const { result } = await world.run({ tarball: packed({ "package.json": json }), source: { repository: `file://${repo.bare}`, commit }, more: { purl: "pkg:npm/semver@7.7.2" } })
    expect(result).toMatchObject({ status: "failed", step: "package managers", code: "TOOLCHAIN_FAILED", detail: expect.stringContaining("npm@10.9.4 holds semver@7.7.2 itself") as string })
  })
})

/** Tries what it can and writes a line for each attempt that worked; then makes its own output. */
const trying = (body: string): string => `
const fs = require("fs"), cp = require("child_process"), net = require("net"), dns = require("dns")
const attempt = async (name, action) => { try { console.log("TRY", name, JSON.stringify(String(await action()).slice(0, 80))) } catch (error) { console.log("REFUSED", name, error.code ?? error.message) } }
const connect = (port, host) => new Promise((resolve, reject) => { const socket = net.connect({ port, host, timeout: 1500 }, () => resolve("connected")).on("error", reject).on("timeout", () => { socket.destroy(); reject(new Error("timeout")) }) })
;(async () => {
${body}
fs.mkdirSync("dist", { recursive: true })
if (!fs.existsSync("dist/x.js")) fs.writeFileSync("dist/x.js", "made\\n")
})()`

describe("THREATS A10: what a build tries", () => {
  test("the network: nothing is there but the frozen view", async () => {
    const { port } = new URL(world.registry.url)
    const files = built(trying(`
      await attempt("registry", () => connect(${port}, "127.0.0.1"))
      await attempt("internet", () => connect(443, "1.1.1.1"))
      await attempt("metadata", () => connect(80, "169.254.169.254"))
      await attempt("names", () => dns.promises.lookup("example.com"))
      await attempt("git", () => cp.execFileSync("git", ["ls-remote", "https://git.example/x"], { stdio: "pipe" }))
      await attempt("fetch", () => fetch(${JSON.stringify(world.registry.url)}).then((answer) => answer.status))
      await attempt("put", () => fetch("http://127.0.0.1:4873/x", { method: "PUT", body: "x" }).then((answer) => { if (answer.status >= 400) throw new Error("status " + answer.status); return answer.status }))
      console.log("INTERFACES", Object.keys(require("os").networkInterfaces()).join())`))
    const { result, log } = await attempt(files, PUBLISHED(files))
    expect(result).toMatchObject({ status: "compared", match: "contents" })
    expect(log.match(/^TRY .*/gm)).toBeNull()
    expect(log.match(/^REFUSED \S+/gm)).toHaveLength(7)
    expect(log).toContain("INTERFACES lo\n")
  })

  test("to write outside, to keep something for the next one, to change its tools", async () => {
    const canary = join(world.folder, `canary-${randomUUID()}`)
    writeFileSync(canary, "untouched")
    const tool = join(world.folder, "..", "..")
    const files = built(trying(`
      for (const path of ["/usr/x", "/etc/x", "/x", "/build/x", "/toolchain/bin/npm", "/toolchain/node", "/toolchain/managers/npm-10.9.4/package.json", "/proc/sys/kernel/core_pattern", ${JSON.stringify(canary)}, ${JSON.stringify(join(tool, "x"))}, "/root/x", "/var/x"]) await attempt(path, () => fs.appendFileSync(path, "evil"))
      await attempt("link", () => { fs.symlinkSync(${JSON.stringify(canary)}, "link"); fs.appendFileSync("link", "evil") })
      await attempt("mount", () => cp.execFileSync("mount", ["-t", "tmpfs", "x", "/tmp"], { stdio: "pipe" }))
      await attempt("namespace", () => cp.execFileSync("unshare", ["-Ur", "true"], { stdio: "pipe" }))
      console.log("ENV", JSON.stringify(process.env))`))
    process.env["VOUCHSAFE_TEST_SECRET"] = "canary-token"
    const { result, log } = await attempt(files, PUBLISHED(files))
    delete process.env["VOUCHSAFE_TEST_SECRET"]
    expect(result).toMatchObject({ status: "compared", match: "contents" })
    expect(log.match(/^TRY .*/gm)).toBeNull()
    expect(log.match(/^REFUSED .*/gm)).toHaveLength(15)
    expect(readFileSync(canary, "utf8")).toBe("untouched")
    expect(log).toContain("ENV {")
    expect(log).not.toContain("canary-token")
  })

  test("to read the registry's tarball, in every way: never rebuilt", async () => {
    const secret = randomUUID()
    const { port } = new URL(world.registry.url)
    const view = "http://127.0.0.1:4873"
    // The only copy of the content is in the published tarball: who has it in the end has read that.
    const steal = trying(`
      const found = []
      const get = async (url) => { const answer = await fetch(url); if (!answer.ok) throw new Error("status " + answer.status); const bytes = Buffer.from(await answer.arrayBuffer()); found.push(bytes); return bytes.length }
      for (const path of ["${NAME}/-/${NAME}-${VERSION}.tgz", "${NAME}/-/${NAME}-1.0.0.tgz?x=1", "${NAME}//-/${NAME}-${VERSION}.tgz", "%66ixture/-/${NAME}-${VERSION}.tgz", "${NAME}/-/../-/${NAME}-${VERSION}.tgz", "${NAME}/${VERSION}", "${NAME}/latest", "${NAME}/v1.0.0", "${NAME}/=1.0.0", "copy-of-it/-/copy-of-it-1.0.0.tgz"])
        await attempt("view " + path, () => get("${view}/" + path))
      await attempt("packument", async () => { const names = Object.keys((await (await fetch("${view}/${NAME}")).json()).versions ?? {}); if (names.length === 0) throw new Error("no versions"); return names })
      await attempt("upstream", () => get("http://127.0.0.1:${port}/${NAME}/-/${NAME}-${VERSION}.tgz"))
      await attempt("through the view", () => get("${view}/http://127.0.0.1:${port}/${NAME}/-/${NAME}-${VERSION}.tgz"))
      for (const spec of ["${NAME}@${VERSION}", "${NAME}@latest", "${NAME}", "x@npm:${NAME}@${VERSION}", "${view}/${NAME}/-/${NAME}-${VERSION}.tgz", "http://127.0.0.1:${port}/${NAME}/-/${NAME}-${VERSION}.tgz", "copy-of-it@1.0.0"])
        await attempt("npm pack " + spec, () => cp.execFileSync("npm", ["pack", "--pack-destination", "/tmp", spec], { stdio: "pipe", cwd: "/tmp" }))
      await attempt("npm view", () => { const said = cp.execFileSync("npm", ["view", "${NAME}@${VERSION}", "dist.tarball"], { stdio: "pipe", cwd: "/tmp" }).toString().trim(); if (said === "") throw new Error("nothing"); return said })
      await attempt("npm cache", () => { const said = cp.execFileSync("npm", ["cache", "ls"], { stdio: "pipe", cwd: "/tmp" }).toString(); if (!said.includes("${NAME}-${VERSION}.tgz")) throw new Error("not in it"); return said })
      await attempt("disk", () => {
        const hits = []
        const walk = (folder, depth) => { if (depth > 12 || ["/proc", "/sys", "/dev"].includes(folder)) return
          let entries = []; try { entries = fs.readdirSync(folder, { withFileTypes: true }) } catch { return }
          for (const entry of entries) { const path = folder.replace(/\\/$/, "") + "/" + entry.name
            if (entry.isDirectory()) walk(path, depth + 1)
            else if (/(published|${NAME}).*\\.tgz$/.test(entry.name)) hits.push(path) } }
        walk("/", 0)
        for (const path of hits) found.push(fs.readFileSync(path))
        if (hits.length === 0) throw new Error("nothing of it"); return hits })
      await attempt("open files of others", () => { const hits = fs.readdirSync("/proc").filter((pid) => /^\\d+$/.test(pid)).flatMap((pid) => { try { return fs.readdirSync("/proc/" + pid + "/root/proc").length > 0 && fs.existsSync("/proc/" + pid + "/root" + __TARBALL__) ? [pid] : [] } catch { return [] } }); if (hits.length === 0) throw new Error("none"); return hits })
      const zlib = require("zlib")
      for (const bytes of found) { let text = ""; try { text = zlib.gunzipSync(bytes).toString("latin1") } catch { text = bytes.toString("latin1") }
        const hit = /STOLEN-[0-9a-f-]{36}/.exec(text); if (hit) { fs.mkdirSync("dist", { recursive: true }); fs.writeFileSync("dist/x.js", hit[0] + "\\n"); console.log("STOLEN", hit[0]) } }`).replace("__TARBALL__", JSON.stringify("/published.tgz"))
    const files = built(steal)
    const tarball = packed({ "package.json": files["package.json"] as string, "dist/x.js": `STOLEN-${secret}\n` })
    world.publish(tarball)
    world.registry.publish({ name: "copy-of-it", version: "1.0.0", tarball, publishedAt: "2026-01-01T00:00:00.000Z" })
    world.registry.clearRequests()
    const { result, log } = await attempt(files, tarball)
    expect(result).toMatchObject({ status: "compared", match: "none", differences: { classes: { changed: 1 } } })
    expect(log).not.toContain("STOLEN")
    expect(log).not.toContain(secret)
    expect(log.match(/^TRY .*/gm)).toBeNull()
    expect(log.match(/^REFUSED .*/gm)?.length).toBeGreaterThanOrEqual(24)
    expect(world.registry.requests.filter(({ kind, name }) => kind === "tarball" && name === NAME)).toEqual([])
  })

  test.each<{ name: string, dependency: Record<string, string> }>([
    { name: "itself", dependency: { [NAME]: VERSION } },
    { name: "itself, by an alias", dependency: { other: `npm:${NAME}@${VERSION}` } },
    { name: "itself, by its tag", dependency: { other: `npm:${NAME}@latest` } },
    { name: "itself, by the tarball's address in the view", dependency: { other: `http://127.0.0.1:4873/${NAME}/-/${NAME}-${VERSION}.tgz` } },
    { name: "the same bytes under another name", dependency: { "copy-of-it": "1.0.0" } },
  ])("to depend on $name: never rebuilt", async ({ dependency }) => {
    const files = built("const fs = require('fs'); const [name] = Object.keys(require('./package.json').devDependencies); fs.cpSync('node_modules/' + name + '/dist', 'dist', { recursive: true })", { devDependencies: dependency })
    const tarball = packed({ "package.json": files["package.json"] as string, "dist/x.js": "the published one\n" })
    world.publish(tarball)
    world.registry.publish({ name: "copy-of-it", version: "1.0.0", tarball, publishedAt: "2026-01-01T00:00:00.000Z" })
    const { result } = await attempt(files, tarball)
    expect(result).toMatchObject({ status: "failed", step: "npm install --no-package-lock --ignore-scripts", code: "BUILD_FAILED" })
  })

  test("nothing of a rebuild is left but what the caller gave it", async () => {
    const files = { "package.json": manifest({ main: "x.js" }), "x.js": "" }
    // a folder of its own: somebody else may be rebuilding on this machine
    const own = mkdtempSync(join(tmpdir(), "vst-"))
    vi.stubEnv("TMPDIR", own)
    try {
      const { tarball } = await attempt(files, files)
      const digest = createHash("sha512").update(readFileSync(tarball)).digest("hex")
      expect(digest).toBe(createHash("sha512").update(packed(files)).digest("hex"))
      expect(readdirSync(own).filter((name) => name.startsWith("vs-rebuild-") || name.startsWith("vouchsafe-pipe-"))).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      rmSync(own, { recursive: true, force: true })
    }
  })
})
