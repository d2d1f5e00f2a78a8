import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server as HttpServer } from "node:http"
import { connect, createServer as createTcp, type AddressInfo, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createBubblewrap } from "../../src/sandbox/bubblewrap.ts"
import { type GitProxy, type GitProxyOptions, startGitProxy } from "../../src/view/git-proxy.ts"
import { LIMITS } from "../sandbox/run.ts"

let folder: string
let proxy: GitProxy | undefined
let tcp: Server
let http: HttpServer
let reached: string[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-proxy-"))
  reached = []
  tcp = createTcp({ allowHalfOpen: true }, (socket) => {
    reached.push("tcp")
    socket.on("error", () => socket.destroy()).on("data", (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`)).on("end", () => socket.end())
  })
  http = createServer((request, response) => {
    reached.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
    if (request.url === "/large") response.end(Buffer.alloc(1_000_000))
    else response.writeHead(200, { "set-cookie": "a=b", "x-git": "1" }).end("hello")
  })
  await Promise.all([tcp, http].map((server) => new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })))
})
afterEach(async () => {
  await proxy?.close()
  proxy = undefined
  http.closeAllConnections()
  await Promise.all([tcp, http].map((server) => new Promise((resolve) => { server.close(resolve) })))
  rmSync(folder, { recursive: true, force: true })
})

const portOf = (server: Server | HttpServer): number => (server.address() as AddressInfo).port

async function open(more: Partial<GitProxyOptions> = {}): Promise<GitProxy> {
  proxy = await startGitProxy({ socket: join(folder, "git.sock"), hosts: [`127.0.0.1:${portOf(tcp)}`, `127.0.0.1:${portOf(http)}`], protocols: ["https", "http"], allowPrivateAddresses: true, ...more })
  return proxy
}

/** Writes bytes, and gives all that comes until the other side hangs up. */
function talk(text: string, then?: string): Promise<string> {
  return new Promise((resolve) => {
    let got = ""
    const socket = connect(join(folder, "git.sock"), () => socket.write(text))
    socket.on("data", (chunk: Buffer) => {
      const first = got === ""
      got += chunk.toString("latin1")
      if (first && then !== undefined) socket.end(then)
    }).on("error", () => socket.destroy()).on("close", () => resolve(got))
  })
}

describe("passes on", () => {
  test("a tunnel to a host of the list", async () => {
    const running = await open()
    const port = portOf(tcp)
    expect(await talk(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`, "hi")).toBe("HTTP/1.1 200 connected\r\n\r\necho hi")
    expect(running.events).toEqual([{ host: "127.0.0.1", port, outcome: "connected" }])
    expect(running.bytes()).toBe(9)
  })

  test("a request over http, without credentials and cookies either way", async () => {
    await open()
    const answer = await talk(`GET http://127.0.0.1:${portOf(http)}/info/refs?service=git-upload-pack HTTP/1.1\r\nhost: evil.example\r\ngit-protocol: version=2\r\nauthorization: Basic canary\r\nproxy-authorization: Basic canary\r\ncookie: canary\r\nx-canary: canary\r\nconnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(answer).toContain("x-git: 1")
    expect(answer).not.toContain("set-cookie")
    expect(reached).toHaveLength(1)
    expect(reached[0]).toContain("/info/refs?service=git-upload-pack")
    expect(reached[0]).toContain('"git-protocol":"version=2"')
    expect(reached[0]).toContain(`"host":"127.0.0.1:${portOf(http)}"`)
    expect(reached[0]).not.toContain("canary")
  })
})

describe("refuses, and reaches nobody", () => {
  const rows: readonly { name: string, say: () => string, more?: Partial<GitProxyOptions>, says?: string }[] = [
    { name: "a host that is not on the list", say: () => "CONNECT evil.example:443 HTTP/1.1\r\n\r\n", says: "none to clone from" },
    { name: "another port of a host on the list", say: () => "CONNECT git.example:22 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] }, says: "none to clone from" },
    { name: "http's port by CONNECT", say: () => "CONNECT git.example:80 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] }, says: "none to clone from" },
    { name: "a name that ends like one on the list", say: () => "CONNECT evilgit.example:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] }, says: "none to clone from" },
    { name: "a name that begins like one on the list", say: () => "CONNECT git.example.evil.example:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] }, says: "none to clone from" },
    { name: "a name with a dot at its end", say: () => "CONNECT git.example.:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] } },
    { name: "credentials before the name", say: () => "CONNECT git.example@evil.example:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] } },
    { name: "no port", say: () => "CONNECT git.example HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"] } },
    { name: "an address for a name", say: () => "CONNECT 2130706433:443 HTTP/1.1\r\n\r\n", more: { hosts: ["127.0.0.1"] } },
    { name: "https where it is not allowed", say: () => `CONNECT 127.0.0.1:${portOf(tcp)} HTTP/1.1\r\n\r\n`, more: { protocols: ["http"] }, says: "https is not allowed here" },
    { name: "http where it is not allowed", say: () => `GET http://127.0.0.1:${portOf(http)}/ HTTP/1.1\r\nhost: x\r\n\r\n`, more: { protocols: ["https"] }, says: "http is not allowed here" },
    { name: "loopback, where private addresses are refused", say: () => `CONNECT 127.0.0.1:${portOf(tcp)} HTTP/1.1\r\n\r\n`, more: { allowPrivateAddresses: false }, says: "expected a public address" },
    ...["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.100.100.200", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0"].map((address) => (
      { name: `a name at ${address}`, say: () => "CONNECT git.example:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"], allowPrivateAddresses: false, resolve: () => Promise.resolve(["93.184.215.14", address]) }, says: "expected a public address" })),
    { name: "a name that has no address", say: () => "CONNECT git.example:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"], resolve: () => Promise.resolve([]) }, says: "has no address" },
    { name: "a name that cannot be resolved", say: () => "CONNECT git.example:443 HTTP/1.1\r\n\r\n", more: { hosts: ["git.example"], resolve: () => Promise.reject(new Error("no such name")) }, says: "cannot be resolved" },
    { name: "a path instead of an address", say: () => "GET /x HTTP/1.1\r\nhost: x\r\n\r\n" },
    { name: "https without a tunnel", say: () => `GET https://127.0.0.1:${portOf(http)}/ HTTP/1.1\r\nhost: x\r\n\r\n` },
    { name: "ftp", say: () => `GET ftp://127.0.0.1:${portOf(http)}/ HTTP/1.1\r\nhost: x\r\n\r\n` },
    { name: "credentials in the address", say: () => `GET http://a:b@127.0.0.1:${portOf(http)}/ HTTP/1.1\r\nhost: x\r\n\r\n` },
    { name: "a method that git has not", say: () => `PUT http://127.0.0.1:${portOf(http)}/ HTTP/1.1\r\nhost: x\r\n\r\n`, says: "none of git's" },
  ]
  test.each(rows)("$name", async ({ say, more, says }) => {
    await open(more)
    const answer = await talk(say().replace("HTTP/1.1\r\n", "HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").replace("host: x\r\nconnection: close\r\nhost: x\r\n", "host: x\r\nconnection: close\r\n"))
    expect(answer).toMatch(/^HTTP\/1\.1 40[03] /)
    if (says !== undefined) expect(answer).toContain(says)
    expect(reached).toEqual([])
    expect(proxy?.bytes()).toBe(0)
  })

  test("a name is resolved once, and the connection goes where was looked", async () => {
    let asked = 0
    await open({ hosts: [`git.example:${portOf(tcp)}`], resolve: () => Promise.resolve([(asked += 1) === 1 ? "127.0.0.1" : "192.0.2.1"]) })
    expect(await talk(`CONNECT git.example:${portOf(tcp)} HTTP/1.1\r\nhost: x\r\n\r\n`, "hi")).toContain("echo hi")
    expect(asked).toBe(1)
  })
})

test("more bytes than allowed end the connection", async () => {
  const running = await open({ bytesMax: 100_000 })
  const answer = await talk(`GET http://127.0.0.1:${portOf(http)}/large HTTP/1.1\r\nhost: x\r\n\r\n`)
  expect(answer.length).toBeLessThan(900_000)
  expect(running.bytes()).toBeGreaterThan(100_000)
})

test("git inside the sandbox clones through it, and from nowhere else", async () => {
  const bare = join(folder, "repository.git")
  const work = join(folder, "work")
  const git = (cwd: string, ...args: string[]): void => { execFileSync("git", ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main", ...args], { cwd, env: { PATH: process.env["PATH"], HOME: folder, GIT_CONFIG_NOSYSTEM: "1" }, stdio: "pipe" }) }
  mkdirSync(work)
  git(work, "init")
  git(work, "commit", "--allow-empty", "-m", "first")
  git(folder, "clone", "--bare", work, bare)
  git(bare, "update-server-info")
  // the plain protocol: files of a bare repository
  const server = createServer((request, response) => {
    const { stdout, status } = spawnSync("cat", [join(folder, (request.url ?? "").split("?")[0] as string)])
    response.writeHead(status === 0 ? 200 : 404).end(stdout)
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  try {
    await open({ hosts: [`127.0.0.1:${portOf(server)}`] })
    const target = join(folder, "clone")
    mkdirSync(target)
    const clone = async (port: number): Promise<{ status: string, text: string }> => {
      let text = ""
      const outcome = await createBubblewrap().run(
        { mounts: [{ host: target, inside: "/source", writable: true }], forwards: [{ socket: join(folder, "git.sock"), port: 3128 }], limits: { ...LIMITS, memoryBytes: 512 * 1024 * 1024 } },
        { argv: ["git", "-c", "http.proxy=http://127.0.0.1:3128", "clone", "--", `http://127.0.0.1:${port}/repository.git`, `/source/${port}`], cwd: "/source", env: { GIT_TERMINAL_PROMPT: "0" }, timeoutMs: 60_000 },
        (chunk) => { text += Buffer.from(chunk).toString() })
      return { status: outcome.status === "exited" ? String(outcome.exitCode) : outcome.status, text }
    }
    expect(await clone(portOf(server))).toMatchObject({ status: "0" })
    expect(await clone(portOf(http))).toMatchObject({ status: "128", text: expect.stringContaining("403") })
    expect(reached).toEqual([])
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => { server.close(resolve) })
  }
})
