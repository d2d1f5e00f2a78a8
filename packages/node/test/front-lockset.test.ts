import { type AddressInfo } from "node:net"
import { createServer, type IncomingMessage } from "node:http"
import { httpTransport, systemClock } from "@vouchsafe/client/node"
import { formatLocksetAnswer } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createRouter } from "../src/http/router.ts"
import { createGuardedServer } from "../src/http/server.ts"
import { LOCKSETS_PER_ADDRESS } from "../src/lockset/limits.ts"
import { locksetForward } from "../src/storage/forward.ts"
import { ask, cleanup, quiet, type Reply } from "./support.ts"

const JSON_TYPE = { "content-type": "application/json" }
const NODE_URL = "https://node.example/"
const LOCKSET = formatLocksetAnswer({ index: 7, checkpoint: "checkpoint\n", proof: [], entry: "entry" })

interface Said {
  readonly status: number
  readonly body: string
  readonly headers?: Record<string, string>
}
const error = (status: number, code: string, headers: Record<string, string> = {}): Said => ({ status, body: JSON.stringify({ error: { code, message: `says ${code}`, hint: "do this" } }), headers })

/** Something that answers every request the same. */
async function place(said: Said | "cut") {
  const asked: { readonly request: IncomingMessage; readonly body: string }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
      asked.push({ request, body: Buffer.concat(chunks).toString() })
      if (said === "cut") request.socket.destroy()
      else response.writeHead(said.status, said.headers).end(said.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanup(() => { server.close(); server.closeAllConnections() })
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

async function front(reachedAt: readonly string[], nodeUrl = NODE_URL): Promise<string> {
  const transport = httpTransport()
  cleanup(() => transport.close())
  const server = createGuardedServer({
    isOwnHost: () => true, connectionsMax: 100, logger: quiet, onAnswer: () => undefined,
    router: createRouter([locksetForward({ nodeUrl, reachedAt, transport, clock: systemClock, logger: quiet })]),
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  cleanup(() => { server.close(); server.closeAllConnections() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const post = (url: string, headers: Record<string, string> = JSON_TYPE): Promise<Reply> => ask(url, { method: "POST", path: "/v1/lockset", headers, body: '{"lines":[]}' })
const told = ({ status, headers, body }: Reply) => [status, headers["retry-after"], (JSON.parse(body) as { error?: { code: string } }).error?.code]

describe("a front end passes locksets on to the node that acts", () => {
  test("what the node answers is what is answered; it is asked by its own name, and told who asks for others", async () => {
    const node = await place({ status: 200, body: LOCKSET, headers: { "set-cookie": "a=b" } })
    const reply = await post(await front([node.url]))
    expect([reply.status, reply.body, reply.headers["set-cookie"], reply.headers["content-type"]]).toEqual([200, LOCKSET, undefined, "application/json"])
    expect(node.asked.map(({ request, body }) => [request.url, request.headers.host, request.headers.via, body])).toEqual([["/v1/lockset", "node.example", "1.1 vouchsafe-front", '{"lines":[]}']])
  })

  test.each([
    { name: "a refusal of the lines", said: error(400, "REQUEST_MALFORMED"), expected: [400, undefined, "REQUEST_MALFORMED"] },
    { name: "a budget that is used up", said: error(429, "RATE_LIMITED", { "retry-after": "30" }), expected: [429, "30", "RATE_LIMITED"] },
    { name: "witnesses that are slow", said: error(503, "NOT_COSIGNED", { "retry-after": "2" }), expected: [503, "2", "NOT_COSIGNED"] },
    { name: "a process that stands by, alone", said: error(503, "BUSY", { "retry-after": "1" }), expected: [503, "1", "BUSY"] },
  ])("passed on: $name", async ({ said, expected }) => {
    expect(told(await post(await front([(await place(said)).url])))).toEqual(expected)
  })

  test.each<{ readonly name: string; readonly said: Said | "cut" }>([
    { name: "a page of a balancer", said: { status: 503, body: "<html>no server</html>" } },
    { name: "an answer that is no lockset", said: { status: 200, body: "{}" } },
    { name: "a redirect elsewhere", said: { status: 302, body: "", headers: { location: "http://127.0.0.1:1/" } } },
    { name: "a status that does not go with its code", said: { ...error(503, "RATE_LIMITED") } },
    { name: "a code that nobody knows", said: error(400, "constructor") },
    { name: "no answer", said: "cut" },
  ])("503, and where the node is: $name", async ({ said }) => {
    const reply = await post(await front([(await place(said)).url]))
    expect(told(reply)).toEqual([503, "2", "BUSY"])
    expect(JSON.parse(reply.body)).toMatchObject({ error: { hint: `ask ${NODE_URL}` } })
  })

  test("of several places the one that acts is found, and only one is asked once it answered", async () => {
    const [gone, standby, acting, other] = await Promise.all([place("cut"), place(error(503, "BUSY")), place({ status: 200, body: LOCKSET }), place({ status: 200, body: LOCKSET })])
    expect((await post(await front([gone.url, standby.url, acting.url, other.url]))).status).toBe(200)
    expect([standby.asked.length, acting.asked.length, other.asked.length]).toEqual([1, 1, 0])
    // One that acts and says no has said it for all.
    const refusing = await place(error(429, "RATE_LIMITED"))
    expect((await post(await front([refusing.url, other.url]))).status).toBe(429)
    expect(other.asked).toHaveLength(0)
  })

  test("a balancer that leads back to a front end makes no circle", async () => {
    const node = await place({ status: 200, body: LOCKSET })
    const behind = await front([node.url])
    const reply = await post(await front([behind]))
    expect(told(reply)).toEqual([503, "2", "BUSY"])
    expect(reply.body).toContain("comes back to a front end")
    expect(node.asked).toHaveLength(0)
    expect((await post(behind, { ...JSON_TYPE, via: "1.1 proxy.example, 1.1 vouchsafe-front" })).status).toBe(503)
    expect((await post(behind, { ...JSON_TYPE, via: "1.1 proxy.example" })).status).toBe(200)
  })

  test("strangers are counted here: nothing is passed on beyond an address's budget, and nothing that a page sends", async () => {
    const node = await place({ status: 200, body: LOCKSET })
    const url = await front([node.url])
    expect((await post(url, { "content-type": "text/plain" })).status).toBe(415)
    expect((await post(url, { ...JSON_TYPE, origin: "https://evil.example" })).status).toBe(403)
    expect(node.asked).toHaveLength(0)
    let last: Reply | undefined
    for (let i = 0; i <= LOCKSETS_PER_ADDRESS.burst && last?.status !== 429; i++) last = await post(url)
    expect([last?.status, last?.headers["retry-after"]]).toEqual([429, "30"])
    expect(node.asked).toHaveLength(LOCKSETS_PER_ADDRESS.burst)
  })
})
