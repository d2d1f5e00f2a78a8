import { request } from "node:http"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

/** What stands before several processes of one node: passes connections to the one whose health is good, as a load balancer does. */
export interface Balancer {
  readonly url: string
  /** Ports in the order in which they are asked. */
  backends: readonly number[]
  close(): Promise<void>
}

const HEALTH_MS_MAX = 2_000

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/-/healthz", agent: false, timeout: HEALTH_MS_MAX }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.once("error", () => resolve(false)).once("timeout", () => asked.destroy()).end()
  })
}

export async function startBalancer(): Promise<Balancer> {
  const sockets = new Set<Socket>()
  const balancer = { backends: [] as readonly number[] }
  const join = async (client: Socket): Promise<void> => {
    let port: number | undefined
    for (const candidate of balancer.backends) port ??= await isHealthy(candidate) ? candidate : undefined
    if (port === undefined || client.destroyed) return void client.destroy()
    const server = connect(port, "127.0.0.1")
    const end = (): void => {
      client.destroy()
      server.destroy()
      sockets.delete(server)
    }
    sockets.add(server)
    for (const socket of [client, server]) socket.once("error", end).once("close", end)
    client.pipe(server)
    server.pipe(client)
  }
  const listener = createServer((client) => {
    sockets.add(client)
    client.once("close", () => sockets.delete(client)).on("error", () => client.destroy())
    void join(client)
  })
  await new Promise<void>((resolve) => { listener.listen(0, "127.0.0.1", resolve) })
  return Object.assign(balancer, {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => { listener.close(resolve) })
    },
  })
}
