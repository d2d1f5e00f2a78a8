import { connect } from "node:net"
import { TOKEN } from "./material.ts"

export interface LoadResult { readonly requests: number; readonly bytes: number; readonly ms: number }

/**
 * Asks for `paths` in turn over kept connections until `msMax` has passed, one request at a time on each.
 * Talks over plain sockets: an HTTP client would cost more than the servers under test.
 */
export async function load(url: string, paths: readonly string[], { connections, msMax }: { readonly connections: number; readonly msMax: number }): Promise<LoadResult> {
  const { hostname, port, host } = new URL(url)
  const started = performance.now()
  let next = 0
  let requests = 0
  let bytes = 0
  const one = (): Promise<void> => new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let left = -1
    let head = ""
    const ask = (): void => {
      if (performance.now() - started > msMax) { socket.destroy(); resolve(); return }
      socket.write(`GET ${paths[next++ % paths.length] as string} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${TOKEN}\r\naccept: application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*\r\naccept-encoding: gzip\r\nuser-agent: bench\r\n\r\n`)
    }
    socket.on("error", reject).on("connect", ask).on("data", (chunk: Buffer) => {
      let body = chunk.length
      if (left < 0) {
        head += chunk.toString("latin1")
        const end = head.indexOf("\r\n\r\n")
        if (end < 0) return
        if (!head.startsWith("HTTP/1.1 200")) { reject(new Error(head.slice(0, 200))); socket.destroy(); return }
        left = Number(/content-length: (\d+)/i.exec(head)?.[1])
        body = head.length - end - 4
        head = ""
      }
      left -= body
      bytes += body
      if (left > 0) return
      left = -1
      requests++
      ask()
    })
  })
  await Promise.all(Array.from({ length: connections }, one))
  return { requests, bytes, ms: performance.now() - started }
}
