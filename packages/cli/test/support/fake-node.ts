import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll } from "vitest"

/** One request as it came. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a fake node answers: status and document, or text in pieces. */
export interface Reply {
  readonly status?: number
  readonly json?: unknown
  readonly pieces?: readonly string[]
}

/** A server that answers as a test says, and remembers what it was asked. */
export async function fakeNode(answer: (asked: Asked) => Reply | undefined): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (part: string) => { body += part }).on("end", () => {
      const one = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body }
      asked.push(one)
      const reply = answer(one) ?? { status: 404, json: { error: { code: "NOT_FOUND", message: "nothing here" } } }
      response.writeHead(reply.status ?? 200, { "content-type": reply.pieces === undefined ? "application/json" : "text/plain" })
      for (const piece of reply.pieces ?? []) response.write(piece)
      response.end(reply.pieces === undefined ? JSON.stringify(reply.json) : undefined)
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  afterAll(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked }
}
