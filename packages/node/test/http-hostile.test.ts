import { Agent, request as httpRequest } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { describe, expect, test } from "vitest"
import { textAnswer } from "../src/http/answer.ts"
import { readBody } from "../src/http/body.ts"
import { createMemory } from "../src/http/memory.ts"
import { createRouter, type Route } from "../src/http/router.ts"
import { createGuardedServer, type ServerOptions } from "../src/http/server.ts"
import { createSlots } from "../src/http/slots.ts"
import { ADMIN } from "../src/evidence/budget.ts"
import { ask, cleanup, quiet, raw } from "./support.ts"

const MIB = 1024 * 1024

async function serve(routes: readonly Route[], more: Partial<ServerOptions> = {}) {
  const server = createGuardedServer({ isOwnHost: () => true, router: createRouter(routes), connectionsMax: 1_000, logger: quiet, onAnswer: () => undefined, ...more })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanup(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { server, port, base: `http://127.0.0.1:${port}` }
}

/** A route whose answers wait until they are let go, and that counts them. */
function heldRoute() {
  const figures = { running: 0, most: 0, begun: 0 }
  const waiting: (() => void)[] = []
  const route: Route = {
    path: "/slow",
    async get() {
      figures.begun += 1
      figures.running += 1
      figures.most = Math.max(figures.most, figures.running)
      await new Promise<void>((resolve) => waiting.push(resolve))
      figures.running -= 1
      return textAnswer(200, "slow")
    },
  }
  return { route, figures, letGo: () => { for (const go of waiting.splice(0)) go() } }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(isSo()).toBe(true)
}

const GET_SLOW = "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"

describe("one connection has one request in work", () => {
  test("requests that are sent before the answer came are not begun: the connection ends with the first one's answer", async () => {
    const { route, figures, letGo } = heldRoute()
    const { port } = await serve([route])
    const received = raw(port, GET_SLOW.repeat(4))
    await until(() => figures.begun > 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
    letGo()
    const text = await received
    expect(figures).toEqual({ running: 0, most: 1, begun: 1 })
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(1)
    expect(text).toMatch(/connection: close/i)
  })

  test("a thousand of them end the connection at once", async () => {
    const { route, figures, letGo } = heldRoute()
    const { port } = await serve([route])
    expect(await raw(port, GET_SLOW.repeat(1_000))).toBe("")
    expect(figures.most).toBe(1)
    letGo()
  })

  test("the next request after an answer is answered on the same connection", async () => {
    const { port } = await serve([{ path: "/text", get: () => textAnswer(200, "hello") }, { path: "/later", get: async () => { await new Promise((resolve) => setImmediate(resolve)); return textAnswer(200, "x".repeat(20_000)) } }])
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    cleanup(() => agent.destroy())
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 40; i++) {
      await new Promise<void>((resolve, reject) => {
        const request = httpRequest({ agent, host: "127.0.0.1", port, path: i % 2 === 0 ? "/text" : "/later" }, (response) => {
          expect(response.statusCode).toBe(200)
          ports.add(response.socket.localPort)
          response.resume().once("end", resolve)
        })
        request.once("error", reject).end()
      })
    }
    expect(ports.size).toBe(1)
  })
})

describe("a listener outlives what its system tells it", () => {
  test("a connection that cannot be accepted is a line in the log", async () => {
    const lines: unknown[] = []
    const { server } = await serve([], { logger: { ...quiet, error: (facts) => void lines.push(facts) } })
    server.emit("error", Object.assign(new Error("accept ENFILE"), { code: "ENFILE" }))
    expect(lines).toEqual([{ error: "ENFILE: accept ENFILE" }])
  })
})

/** A connection that asks and never reads. */
async function mute(port: number, text: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => undefined)
  cleanup(() => socket.destroy())
  await new Promise<void>((resolve) => socket.once("connect", resolve))
  socket.pause()
  socket.write(text)
  return socket
}

describe("what callers do not take is bounded", () => {
  const LARGE = Buffer.alloc(24 * MIB)
  const large: Route = { path: "/large", get: () => ({ status: 200, headers: { "content-type": "application/octet-stream" }, body: LARGE }) }
  const GET_LARGE = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"

  test("an address that reads none of its answers gets no more of them, and others do", async () => {
    const begun: number[] = []
    const { port, base } = await serve([large], {
      memory: createMemory({ allBytes: 100 * MIB, perCallerBytes: 60 * MIB }), onAnswer: (_, status) => void begun.push(status),
    })
    const first = await mute(port, GET_LARGE)
    await until(() => begun.length === 1)
    await mute(port, GET_LARGE)
    await until(() => begun.length === 2)
    const refused = await ask(base, { path: "/large" })
    expect([refused.status, refused.headers["retry-after"], JSON.parse(refused.body)]).toMatchObject([503, "2", { error: { code: "BUSY" } }])
    first.destroy()
    await until(() => begun.length === 3)
    await until(() => begun.every((status) => status === 200 || status === 503))
    expect((await ask(base, { path: "/large" })).status).toBe(200)
  })

  test("an answer that is not taken in its time is cut off", async () => {
    const memory = createMemory({ allBytes: 100 * MIB, perCallerBytes: 30 * MIB })
    const { port } = await serve([large], { memory, answerMs: () => 50 })
    const socket = await mute(port, GET_LARGE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
    let length = 0
    socket.on("data", (chunk: Buffer) => { length += chunk.length }).pause()
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    await new Promise((resolve) => setTimeout(resolve, 150))
    socket.resume()
    await closed
    expect(length).toBeLessThan(LARGE.length)
    expect(memory.open("127.0.0.1").grow(30 * MIB)).toBe(true)
  })

  test("bodies on their way count too", async () => {
    const json: Route = { path: "/json", async post({ request }) { const body = await readBody(request, 10 * MIB); return body.ok ? textAnswer(200, String(body.bytes.length)) : body.answer } }
    const { port, base } = await serve([json], { memory: createMemory({ allBytes: 10 * MIB, perCallerBytes: 3 * MIB }) })
    const held = await mute(port, `POST /json HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${4 * MIB}\r\n\r\n${"x".repeat(2 * MIB)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const post = (bytes: number) => ask(base, { method: "POST", path: "/json", body: Buffer.alloc(bytes) })
    expect((await post(2 * MIB)).status).toBe(503)
    held.destroy()
    await until(() => held.destroyed)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([(await post(2 * MIB)).body, (await post(2 * MIB)).body]).toEqual([String(2 * MIB), String(2 * MIB)])
  })
})

describe("places", () => {
  test("no address has all of them; one /64 is one address; the admin has what is left", () => {
    const slots = createSlots({ all: 4, perCaller: 2 })
    const gives = ["2001:db8::1", "2001:db8::2"].map((from) => slots.take(from))
    expect(slots.refusal("2001:db8::3")).toBe("caller")
    expect(slots.refusal("2001:db8:0:1::3")).toBeUndefined()
    slots.take(ADMIN)
    slots.take(ADMIN)
    expect([slots.refusal(ADMIN), slots.refusal("192.0.2.1"), slots.running()]).toEqual(["all", "all", 4])
    gives[0]?.()
    gives[0]?.()
    expect([slots.refusal(ADMIN), slots.refusal("2001:db8::3"), slots.running()]).toEqual([undefined, undefined, 3])
  })

  test("memory that is given back is there again, and is not given back twice", () => {
    const memory = createMemory({ allBytes: 10, perCallerBytes: 6 })
    const share = memory.open("192.0.2.1")
    expect([share.grow(4), share.grow(3), share.grow(2)]).toEqual([true, false, true])
    share.release()
    share.release()
    const other = memory.open("192.0.2.2")
    expect([memory.open("192.0.2.1").grow(6), other.grow(4), other.grow(1), memory.open(ADMIN).grow(100)]).toEqual([true, true, false, true])
  })
})
