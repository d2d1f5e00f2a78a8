import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTcpServer, type AddressInfo } from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, onTestFinished, test } from "vitest"
import type { HttpRequest } from "@vouchsafe/ports"
import { httpTransport } from "../../src/node/http.ts"
import { temporaryDirectory } from "../support/temp.ts"

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

async function listen(server: Server | ReturnType<typeof createTcpServer>, where: number | string = 0): Promise<string> {
  await new Promise<void>((resolve) => (typeof where === "string" ? server.listen(where, resolve) : server.listen(where, "127.0.0.1", resolve)))
  onTestFinished(() => {
    server.close()
    if ("closeAllConnections" in server) server.closeAllConnections()
  })
  return typeof where === "string" ? "http://localhost/" : `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function serve(handler: Handler, where?: string): Promise<string> {
  return listen(createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => handler(request, response, Buffer.concat(chunks)))
  }), where)
}

function transport(options = {}) {
  const made = httpTransport(options)
  onTestFinished(() => made.close())
  return made
}

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({ method: "GET", url, timeoutMs: 30_000, maxBytes: 100_000, ...more })

test("sends method, path, headers and body; gives status, headers and body, whatever the status", async () => {
  const url = await serve((request, response, body) => {
    response.writeHead(418, { "X-Answer": "yes", "set-cookie": ["a=1", "b=2"] })
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body: body.toString() }))
  })
  const answer = await transport({ userAgent: "test/1" }).request({ method: "POST", url: `${url}a/b?c=d#e`, headers: { "content-type": "application/json" }, body: Buffer.from("{}"), timeoutMs: 30_000, maxBytes: 100_000 })
  expect(answer.status).toBe(418)
  expect(answer.headers).toMatchObject({ "x-answer": "yes", "set-cookie": "a=1, b=2" })
  expect(JSON.parse(Buffer.from(answer.body).toString())).toEqual({
    method: "POST", url: "/a/b?c=d", body: "{}",
    headers: { host: new URL(url).host, "user-agent": "test/1", "accept-encoding": "gzip", "content-type": "application/json", "content-length": "2", connection: "keep-alive" },
  })
})

test("follows no redirect", async () => {
  const url = await serve((_, response) => response.writeHead(302, { location: "http://127.0.0.1:9/" }).end())
  expect((await transport().request(get(url))).status).toBe(302)
})

test("decompresses gzip", async () => {
  const url = await serve((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("hello")))
  expect(Buffer.from((await transport().request(get(url))).body).toString()).toBe("hello")
})

test("speaks to a Unix socket", async () => {
  const path = join(temporaryDirectory(), "node.sock")
  await serve((request, response) => response.end(`${request.headers.host} ${request.url}`), path)
  expect(Buffer.from((await transport().request(get("http://localhost/v1/gather", { socketPath: path }))).body).toString()).toBe("localhost /v1/gather")
})

test("keeps a connection for the next request", async () => {
  const ports = new Set<number | undefined>()
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort)
    response.end("x")
  })
  const one = transport()
  await one.request(get(url))
  await one.request(get(url))
  expect(ports.size).toBe(1)
})

test("a kept connection that the server closed meanwhile is no failure", async () => {
  let count = 0
  const url = await listen(createTcpServer((socket) => {
    socket.on("error", () => socket.destroy())
    socket.on("data", () => {
      count += 1
      // The second request on a connection gets a reset instead of an answer.
      if (count === 2) socket.resetAndDestroy()
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    })
  }))
  const one = transport()
  await one.request(get(url))
  expect((await one.request(get(url))).status).toBe(200)
  expect(count).toBe(3)
})

const BOMB = gzipSync(Buffer.alloc(1_000_000))

describe("refuses", () => {
  const rows: { name: string; handler: Handler; code: string; says: string; request?: Partial<HttpRequest> }[] = [
    { name: "a body over the limit, announced", handler: (_, response) => response.writeHead(200, { "content-length": 100_001 }).end(Buffer.alloc(100_001)), code: "UPSTREAM_FAILED", says: "larger than 100000 bytes" },
    { name: "a body over the limit, not announced", handler: (_, response) => { response.write(Buffer.alloc(60_000)); response.end(Buffer.alloc(60_000)) }, code: "UPSTREAM_FAILED", says: "larger than 100000 bytes" },
    { name: "a body over the limit once decompressed", handler: (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(BOMB), code: "UPSTREAM_FAILED", says: "larger than 100000 bytes" },
    { name: "a body over a limit of zero", request: { maxBytes: 0 }, handler: (_, response) => response.end("x"), code: "UPSTREAM_FAILED", says: "larger than 0 bytes" },
    { name: "what is not gzip and says so", handler: (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("hello"), code: "UPSTREAM_FAILED", says: "not valid gzip" },
    { name: "gzip that ends early", handler: (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("hello").subarray(0, 12)), code: "UPSTREAM_FAILED", says: "not valid gzip" },
    { name: "another encoding", handler: (_, response) => response.writeHead(200, { "content-encoding": "br" }).end("x"), code: "UPSTREAM_FAILED", says: "encoded as \"br\"" },
    { name: "an answer cut in the middle", handler: (_, response) => { response.writeHead(200, { "content-length": 10 }); response.write("x"); setImmediate(() => response.destroy()) }, code: "UNREACHABLE", says: "cut" },
    { name: "a gzip answer cut in the middle", handler: (_, response) => { response.writeHead(200, { "content-encoding": "gzip", "content-length": 500 }); response.write(BOMB.subarray(0, 100)); setImmediate(() => response.destroy()) }, code: "UNREACHABLE", says: "cut" },
    { name: "no answer", handler: (request) => void request.socket.destroy(), code: "UNREACHABLE", says: "no connection" },
    { name: "an answer that does not come", request: { timeoutMs: 50 }, handler: () => undefined, code: "TIMEOUT", says: "within 50 ms" },
    { name: "an answer that drips", request: { timeoutMs: 50 }, handler: (_, response) => { response.writeHead(200); response.write("x") }, code: "TIMEOUT", says: "within 50 ms" },
  ]
  test.each(rows)("$name", async ({ handler, code, says, request }) => {
    const url = await serve(handler)
    await expect(transport().request(get(url, request))).rejects.toMatchObject({ name: "VouchsafeError", code, message: expect.stringContaining(says) })
  })

  test("a port where nobody listens", async () => {
    const server = createServer()
    const url = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    await expect(transport().request(get(url))).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("ECONNREFUSED") })
  })

  test("a socket that is not there", async () => {
    await expect(transport().request(get("http://localhost/", { socketPath: join(temporaryDirectory(), "none.sock") }))).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("ENOENT") })
  })

  test("what is no HTTP", async () => {
    const url = await listen(createTcpServer((socket) => void socket.end("hello there\r\n\r\n")))
    await expect(transport().request(get(url))).rejects.toMatchObject({ code: "UNREACHABLE" })
  })

  test.each(["file:///etc/passwd", "ftp://registry.example/"])("%s: the caller's bug", async (url) => {
    await expect(transport().request(get(url))).rejects.toBeInstanceOf(TypeError)
  })
})

describe("can be stopped", () => {
  test("before", async () => {
    const stop = new AbortController()
    stop.abort()
    await expect(transport().request(get("http://127.0.0.1:9/", { signal: stop.signal }))).rejects.toMatchObject({ code: "TIMEOUT" })
  })

  test("while it waits", async () => {
    const stop = new AbortController()
    const url = await serve(() => stop.abort())
    await expect(transport().request(get(url, { signal: stop.signal }))).rejects.toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("stopped") })
  })
})

test("credentials in a URL are not repeated in messages", async () => {
  const error = await transport().request(get("http://user:canary@127.0.0.1:9/")).catch((caught: unknown) => caught)
  expect(String(error)).not.toContain("canary")
})
