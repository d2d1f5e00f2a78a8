import { type AddressInfo, connect } from "node:net"
import { gunzipSync } from "node:zlib"
import { beforeEach, describe, expect, test } from "vitest"
import { VouchsafeError } from "@vouchsafe/core"
import { acceptsGzip, jsonAnswer, textAnswer } from "../src/http/answer.ts"
import { readBody } from "../src/http/body.ts"
import { guardJson, ownHosts } from "../src/http/guard.ts"
import { createRouter } from "../src/http/router.ts"
import { createGuardedServer, type ServerOptions } from "../src/http/server.ts"
import { CONNECTIONS_PER_ADDRESS_MAX, HEADER_BYTES_MAX, TARGET_LENGTH_MAX } from "../src/limits.ts"
import { ask, cleanup, quiet, raw } from "./support.ts"

const BODY_BYTES_MAX = 1_000
let base = ""
let port = 0

const router = createRouter([
  { path: "/text", get: () => textAnswer(200, "hello") },
  { path: "/large", get: () => textAnswer(200, "x".repeat(20_000)) },
  { path: "/tree/", get: ({ path }) => textAnswer(200, path) },
  { path: "/throws-input", get: () => { throw new VouchsafeError("REQUEST_MALFORMED", "member a is \u001b[31mred\u202e, expected b") } },
  { path: "/throws", get: () => { throw new Error("secret inside") } },
  {
    path: "/json",
    post: async ({ request }) => {
      const refused = guardJson(request)
      if (refused !== undefined) return refused
      const body = await readBody(request, BODY_BYTES_MAX)
      return body.ok ? jsonAnswer(200, { bytes: body.bytes.length }) : body.answer
    },
  },
])

async function serve(more: Partial<ServerOptions> = {}): Promise<number> {
  const server = createGuardedServer({ isOwnHost: ownHosts("https://node.example/"), router, connectionsMax: 1_000, logger: quiet, onAnswer: () => undefined, ...more })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanup(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

beforeEach(async () => {
  port = await serve()
  base = `http://127.0.0.1:${port}`
})

const JSON_TYPE = { "content-type": "application/json" }
const POST = { method: "POST", path: "/json", body: "{}" }

describe("A7: what a web page could send never gets in", () => {
  test.each([
    { name: "a rebound name", ask: { headers: { host: "attacker.example" } }, status: 421, code: "WRONG_HOST" },
    { name: "a rebound name with the right port", ask: { headers: { host: "attacker.example:PORT" } }, status: 421, code: "WRONG_HOST" },
    { name: "localhost with another port", ask: { headers: { host: "localhost:1" } }, status: 421, code: "WRONG_HOST" },
    { name: "localhost without a port", ask: { headers: { host: "localhost" } }, status: 421, code: "WRONG_HOST" },
    { name: "a name that starts like the own one", ask: { headers: { host: "node.example.attacker.example" } }, status: 421, code: "WRONG_HOST" },
    { name: "credentials in front of the own host", ask: { headers: { host: "x@node.example" } }, status: 421, code: "WRONG_HOST" },
    { name: "another address of this machine", ask: { headers: { host: "10.0.0.1:PORT" } }, status: 421, code: "WRONG_HOST" },
    { name: "two Host headers", ask: { headers: ["Host", "127.0.0.1:PORT", "Host", "attacker.example"] }, status: 400, code: "REQUEST_MALFORMED" },
    { name: "an empty Host", ask: { headers: { host: "" } }, status: 421, code: "WRONG_HOST" },
    { name: "POST with an Origin", ask: { ...POST, headers: { ...JSON_TYPE, origin: "https://attacker.example" } }, status: 403, code: "CROSS_ORIGIN" },
    { name: "POST with the own Origin", ask: { ...POST, headers: { ...JSON_TYPE, origin: "https://node.example" } }, status: 403, code: "CROSS_ORIGIN" },
    { name: "POST with Origin null", ask: { ...POST, headers: { ...JSON_TYPE, origin: "null" } }, status: 403, code: "CROSS_ORIGIN" },
    { name: "POST from another site", ask: { ...POST, headers: { ...JSON_TYPE, "sec-fetch-site": "cross-site" } }, status: 403, code: "CROSS_ORIGIN" },
    { name: "POST from the same site", ask: { ...POST, headers: { ...JSON_TYPE, "sec-fetch-site": "same-origin" } }, status: 403, code: "CROSS_ORIGIN" },
    { name: "POST of a form", ask: { ...POST, headers: { "content-type": "application/x-www-form-urlencoded" } }, status: 415, code: "CONTENT_TYPE" },
    { name: "POST of plain text", ask: { ...POST, headers: { "content-type": "text/plain" } }, status: 415, code: "CONTENT_TYPE" },
    { name: "POST without a type", ask: { ...POST, headers: {} }, status: 415, code: "CONTENT_TYPE" },
    { name: "POST of JSON and something more", ask: { ...POST, headers: { "content-type": "application/json, text/plain" } }, status: 415, code: "CONTENT_TYPE" },
    { name: "a preflight", ask: { method: "OPTIONS", path: "/json", headers: { origin: "https://attacker.example", "access-control-request-method": "POST" } }, status: 403, code: "CROSS_ORIGIN" },
  ])("refused: $name", async ({ ask: given, status, code }) => {
    const withPort = JSON.parse(JSON.stringify(given).replaceAll("PORT", String(port))) as typeof given
    const reply = await ask(base, { path: "/text", ...withPort })
    expect(reply.status).toBe(status)
    expect(JSON.parse(reply.body)).toMatchObject({ error: { code } })
    expect(reply.headers["x-content-type-options"]).toBe("nosniff")
    expect(Object.keys(reply.headers).filter((name) => name.startsWith("access-control"))).toEqual([])
  })

  test.each(["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT", "[::1]:PORT", "node.example"])("answered: Host %s", async (host) => {
    expect((await ask(base, { path: "/text", headers: { host: host.replace("PORT", String(port)) } })).status).toBe(200)
  })

  test("every answer forbids scripts, frames and guessing, and names no other origin", async () => {
    for (const path of ["/text", "/nothing", "/throws", "/throws-input", "/tree/x"]) {
      const { headers } = await ask(base, { path })
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; frame-ancestors 'none'" })
    }
  })
})

describe("limits", () => {
  test.each([
    { name: "a path that is not served", ask: { path: "/nothing" }, status: 404, code: "NOT_FOUND" },
    { name: "a method that the path does not have", ask: { method: "POST", path: "/text", headers: JSON_TYPE }, status: 405, code: "METHOD_NOT_ALLOWED" },
    { name: "DELETE", ask: { method: "DELETE", path: "/text" }, status: 405, code: "METHOD_NOT_ALLOWED" },
    { name: "GET of a POST path", ask: { path: "/json" }, status: 405, code: "METHOD_NOT_ALLOWED" },
    { name: "a very long target", ask: { path: `/text?${"a".repeat(TARGET_LENGTH_MAX)}` }, status: 400, code: "REQUEST_MALFORMED" },
    { name: "an absolute target", ask: { path: "http://127.0.0.1/text" }, status: 400, code: "REQUEST_MALFORMED" },
    { name: "a body over the limit", ask: { ...POST, headers: JSON_TYPE, body: "x".repeat(BODY_BYTES_MAX + 1) }, status: 413, code: "REQUEST_TOO_LARGE" },
    { name: "a chunked body over the limit", ask: { ...POST, headers: { ...JSON_TYPE, "transfer-encoding": "chunked" }, body: "x".repeat(BODY_BYTES_MAX + 1) }, status: 413, code: "REQUEST_TOO_LARGE" },
    { name: "a compressed body", ask: { ...POST, headers: { ...JSON_TYPE, "content-encoding": "gzip" } }, status: 415, code: "CONTENT_TYPE" },
  ])("refused: $name", async ({ ask: given, status, code }) => {
    const reply = await ask(base, given)
    expect(reply.status).toBe(status)
    expect(JSON.parse(reply.body)).toMatchObject({ error: { code } })
  })

  test.each([
    { name: "headers over the limit", text: `GET /text HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(HEADER_BYTES_MAX)}\r\n\r\n`, says: "431" },
    { name: "no HTTP at all", text: "hello\r\n\r\n", says: "400" },
    { name: "a smuggled second length", text: "POST /json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", says: "400" },
    { name: "an upgrade", text: "GET /text HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", says: "" },
    { name: "CONNECT", text: "CONNECT 10.0.0.1:80 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n\r\n", says: "" },
  ])("closed: $name", async ({ text, says }) => {
    expect((await raw(port, text)).split("\r\n", 1)[0]).toContain(says)
  })

  test.each([
    { name: "headers that never end", text: "GET /text HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", says: "408" },
    { name: "a body that never comes", text: "POST /json HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n", says: "408" },
    { name: "nothing at all", text: "", says: "" },
  ])("a slow client is not waited for: $name", async ({ text, says }) => {
    const quick = await serve({ timeouts: { headersMs: 40, requestMs: 80, checkMs: 10 } })
    expect((await raw(quick, text.replace("PORT", String(quick)))).split("\r\n", 1)[0]).toContain(says)
  })

  test("one address has so many connections and no more; the others go on", async () => {
    const sockets = Array.from({ length: CONNECTIONS_PER_ADDRESS_MAX + 1 }, () => connect(port, "127.0.0.1"))
    cleanup(() => { for (const socket of sockets) socket.destroy() })
    for (const socket of sockets) socket.on("error", () => undefined)
    const closed = await Promise.any(sockets.map((socket) => new Promise<typeof socket>((resolve) => socket.on("close", () => resolve(socket)))))
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([closed])
    const [first] = sockets
    const answered = new Promise<string>((resolve) => first?.on("data", (chunk: Buffer) => resolve(chunk.toString())))
    first?.write(`GET /text HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
    expect(await answered).toContain("200 OK")
  })

  test("no Host at all", async () => {
    expect(await raw(port, "GET /text HTTP/1.1\r\nConnection: close\r\n\r\n")).toContain("0 Host headers, expected exactly one")
  })
})

describe("errors", () => {
  test("bad bytes are named, and what could turn a terminal around is escaped", async () => {
    const reply = await ask(base, { path: "/throws-input" })
    expect(reply.status).toBe(400)
    expect(JSON.parse(reply.body)).toEqual({ error: { code: "REQUEST_MALFORMED", message: "member a is \\u{1b}[31mred\\u{202e}, expected b" } })
  })
  test("a failure inside says nothing of the inside", async () => {
    const reply = await ask(base, { path: "/throws" })
    expect(reply.status).toBe(500)
    expect(reply.body).not.toContain("secret")
  })
})

describe("answers", () => {
  test("large text is compressed where the client accepts it", async () => {
    const reply = await ask(base, { path: "/large", headers: { "accept-encoding": "br, gzip;q=0.5" } })
    expect(reply.headers["content-encoding"]).toBe("gzip")
    expect(gunzipSync(reply.bytes).toString()).toBe("x".repeat(20_000))
    expect((await ask(base, { path: "/large" })).headers["content-encoding"]).toBeUndefined()
  })
  test.each([["gzip", true], ["gzip;q=0.1", true], ["*", true], ["gzip;q=0", false], ["gzip;q=0.0", false], ["br", false], ["x-gzip", false], [undefined, false]] as const)("accept-encoding %s: %s", (header, expected) => {
    expect(acceptsGzip(header)).toBe(expected)
  })
  test("HEAD has headers and no body; a query is ignored", async () => {
    const reply = await ask(base, { method: "HEAD", path: "/text?x=1" })
    expect([reply.status, reply.headers["content-length"], reply.body]).toEqual([200, "5", ""])
  })
})
