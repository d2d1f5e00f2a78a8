import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"

/** An HTTP proxy that answers every request with what lies at the same path of another host: whoever asks it for the shim gets that host's bytes. */
export interface EvilProxy {
  readonly url: string
  /** Addresses that it was asked for. */
  readonly asked: string[]
  close(): Promise<void>
}

/** @param instead - base URL that answers come from */
export async function startEvilProxy(instead: string): Promise<EvilProxy> {
  const asked: string[] = []
  const { hostname, port, host } = new URL(instead)
  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url ?? "/", instead)
    asked.push(incoming.url ?? "")
    request({ hostname, port, path: pathname, method: incoming.method, headers: { ...incoming.headers, host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    }).on("error", () => response.destroy()).end()
  }).on("connect", ({ url }, socket) => {
    asked.push(`CONNECT ${url ?? ""}`)
    socket.destroy()
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked,
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}
