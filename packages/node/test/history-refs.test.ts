import type { IncomingMessage, ServerResponse } from "node:http"
import { describe, expect, test } from "vitest"
import { lsRefsCommand, readAdvertisement, readRefs } from "../src/history/git-wire.ts"
import { createSourceRefs } from "../src/history/refs.ts"
import { createGuardedFetch } from "../src/registry/guarded-fetch.ts"
import { resolveBySystem } from "../src/registry/resolve.ts"
import { git, type Served } from "./history-servers.ts"
import { cleanup } from "./support.ts"

function refs(hosts: readonly string[], allowPrivateAddresses = true) {
  const clock = { now: 1_770_000_000_000, nowMs: () => clock.now }
  const fetch = createGuardedFetch({ allowPrivateAddresses, registries: hosts.map((host) => `https://${host}/`), resolve: resolveBySystem, userAgent: "vouchsafe-node/0 (+test)" })
  cleanup(() => fetch.close())
  return { clock, list: createSourceRefs({ fetch, hosts, allowPrivateAddresses, clock }).list }
}

describe("branches and tags", () => {
  test.each(["0", "2"] as const)("of a server that speaks version %s", async (speaks) => {
    const { host, head } = await git({ speaks })
    const found = await refs([host]).list(`git+http://${host}/ann/x.git`, 0)
    expect([...found?.tags.keys() ?? []].sort()).toEqual(["v1.0.0", "v1.1.0"])
    expect(found?.tags.get("v1.1.0")).toBe(head)
    expect(found?.tags.get("v1.0.0")).not.toBe(head)
    expect([...found?.heads ?? []]).toEqual([head])
  })
  test("of a repository that was moved, at the same host", async () => {
    const served: Served = await git({ answer: (request, response) => {
      if (!request.url?.startsWith("/old/")) return false
      response.writeHead(301, { location: request.url.replace("/old/name", "/ann/x.git") }).end()
      return true
    } })
    const found = await refs([served.host]).list(`http://${served.host}/old/name`, 0)
    expect(found?.tags.size).toBe(2)
    expect(served.seen.at(-1)).toBe("POST /ann/x.git/git-upload-pack")
  })
  test("an answer is used again, unless the version came after it", async () => {
    const served = await git()
    const { list, clock } = refs([served.host])
    const url = `http://${served.host}/ann/x.git`
    const nowSeconds = clock.now / 1000
    await Promise.all([list(url, 0), list(url, nowSeconds - 100)])
    expect(served.seen).toHaveLength(2)
    served.tag("v1.2.0")
    clock.now += 60_000
    expect((await list(url, nowSeconds - 100))?.tags.has("v1.2.0")).toBe(false)
    expect((await list(url, nowSeconds + 30))?.tags.has("v1.2.0")).toBe(true)
    expect(served.seen).toHaveLength(4)
  })
})

describe("nobody could look", () => {
  const type = "application/x-git-upload-pack-advertisement"
  test.each<{ name: string; url: (host: string) => string; answer?: (request: IncomingMessage, response: ServerResponse) => boolean; hosts?: readonly string[]; isPublic?: boolean; asked: number }>([
    { name: "a host that is not configured", url: (host) => `http://${host}/ann/x.git`, hosts: ["git.example"], asked: 0 },
    { name: "http where only public addresses are allowed", url: (host) => `http://${host}/ann/x.git`, isPublic: true, asked: 0 },
    { name: "a private address where only public ones are allowed", url: (host) => `https://${host}/ann/x.git`, isPublic: true, asked: 0 },
    { name: "a file", url: () => "file:///etc", asked: 0 },
    { name: "a program", url: () => "ext::sh -c id", asked: 0 },
    { name: "an option", url: () => "--upload-pack=id", asked: 0 },
    { name: "credentials in the address", url: (host) => `http://ann:secret@${host}/ann/x.git`, asked: 0 },
    { name: "no repository", url: () => "n/a", asked: 0 },
    { name: "a repository that is not there", url: (host) => `http://${host}/ann/y.git`, asked: 1 },
    { name: "a redirect to another scheme", url: (host) => `http://${host}/ann/x.git`, answer: (_request, response) => { response.writeHead(302, { location: "file:///etc/passwd" }).end(); return true }, asked: 1 },
    { name: "a page for people", url: (host) => `http://${host}/ann/x.git`, answer: (_request, response) => { response.writeHead(200, { "content-type": "text/html" }).end("<html>"); return true }, asked: 1 },
    { name: "lines that are none", url: (host) => `http://${host}/ann/x.git`, answer: (_request, response) => { response.writeHead(200, { "content-type": type }).end("zzzz"); return true }, asked: 1 },
    { name: "no refs at all", url: (host) => `http://${host}/ann/x.git`, answer: (_request, response) => { response.writeHead(200, { "content-type": type }).end("0000"); return true }, asked: 1 },
    { name: "a connection that is cut", url: (host) => `http://${host}/ann/x.git`, answer: (_request, response) => { response.writeHead(200, { "content-type": type, "content-length": "100" }); response.write("0000"); setImmediate(() => response.destroy()); return true }, asked: 1 },
    { name: "a refusal of the second question", url: (host) => `http://${host}/ann/x.git`, answer: (request, response) => { if (request.method === "POST") response.writeHead(403).end(); return request.method === "POST" }, asked: 2 },
    { name: "a redirect of the second question", url: (host) => `http://${host}/ann/x.git`, answer: (request, response) => { if (request.method === "POST") response.writeHead(307, { location: "/ann/y.git/git-upload-pack" }).end(); return request.method === "POST" }, asked: 2 },
  ])("$name", async ({ url, answer, hosts, isPublic, asked }) => {
    const served = await git(answer === undefined ? {} : { answer })
    const { list } = refs(hosts ?? [served.host], isPublic !== true)
    expect(await list(url(served.host), 0)).toBeUndefined()
    expect(served.seen).toHaveLength(asked)
    // It is not asked again at once, whoever wants to know.
    expect(await list(url(served.host), Number.MAX_SAFE_INTEGER)).toBeUndefined()
    expect(served.seen).toHaveLength(asked)
  })
})

describe("git's lines", () => {
  const packet = (line: string): string => `${(line.length + 4).toString(16).padStart(4, "0")}${line}`
  test("the question is written as git writes it", () => {
    expect(lsRefsCommand("sha256").toString()).toBe("0014command=ls-refs\n0019object-format=sha256\n00010009peel\n001bref-prefix refs/heads/\n001aref-prefix refs/tags/\n0000")
  })
  test("an advertisement with and without the service in front", () => {
    const capabilities = `${packet("version 2\n")}${packet("ls-refs=unborn\n")}${packet("object-format=sha1\n")}0000`
    const expected = { version: 2, objectFormat: "sha1" }
    expect(readAdvertisement(Buffer.from(`${packet("# service=git-upload-pack\n")}0000${capabilities}`))).toEqual(expected)
    expect(readAdvertisement(Buffer.from(capabilities))).toEqual(expected)
  })
  test.each(["00", "00zz", "0010abc", "0005", "-001", "+00a", " 00a"])("refuses %j", (text) => {
    expect([readAdvertisement(Buffer.from(text)), readRefs(Buffer.from(text))]).toEqual([undefined, undefined])
  })
})
