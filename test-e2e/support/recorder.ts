import { createServer, request, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"

/** One exchange as it went over the wire. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly answer: Buffer
}

/** Stands in front of a server and keeps everything that passes. */
export interface Recorder {
  readonly url: string
  readonly exchanges: readonly Exchange[]
  close(): Promise<void>
}

/** @param target - base URL; everything is passed on to it, under its own name */
export async function startRecorder(target: string): Promise<Recorder> {
  const exchanges: Exchange[] = []
  const to = new URL(target)
  const server = createServer((incoming, response) => {
    const { method = "GET", url: path = "/", headers } = incoming
    const pass = async (): Promise<void> => {
      const body = await buffer(incoming)
      const outgoing = request({ hostname: to.hostname, port: to.port, method, path, headers: { ...headers, host: to.host } }, (answered) => {
        buffer(answered).then((answer) => {
          exchanges.push({ method, path, headers, body, answer })
          response.writeHead(answered.statusCode ?? 502, answered.headers).end(answer)
        }, () => response.destroy())
      })
      outgoing.on("error", () => response.destroy())
      outgoing.end(body)
    }
    pass().catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => { server.on("error", reject).listen(0, "127.0.0.1", resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, exchanges,
    close: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() }),
  }
}
