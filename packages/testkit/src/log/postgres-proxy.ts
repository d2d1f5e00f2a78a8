/**
 * A way to PostgreSQL that can be cut at any statement: before the server hears it, or after it was carried out and before the answer.
 *
 * @packageDocumentation
 */
import { connect, createServer, type Socket } from "node:net"

/** `lost`: the server never hears the statement. `kept`: it carries it out, and nobody hears so. */
export type Cut = "lost" | "kept"

/** See {@link startPostgresProxy}. */
export interface PostgresProxy {
  readonly port: number
  /** Statements passed since the last call of `cutAt`, over all connections. */
  readonly statements: number
  /** Cuts the connection of statement number `number` from now on (from 1; 0: never), and resets the count. */
  cutAt(number: number, cut: Cut): void
  /** Ends all connections; later ones are refused. */
  close(): Promise<void>
}

const LENGTH_BYTES = 4
const TYPED_HEADER_BYTES = 5
/** Simple query, and the end of an extended one: what the server answers with ReadyForQuery. */
const STATEMENT_TYPES = new Set(["Q", "S"])
const READY_FOR_QUERY = "Z"

/** Splits a stream into protocol messages. The first one of a client has no type. */
function messagesOf(hasStartup: boolean): (chunk: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0)
  let atStart = hasStartup
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const messages: Buffer[] = []
    for (;;) {
      const header = atStart ? 0 : 1
      if (rest.length < header + LENGTH_BYTES) return messages
      const length = header + rest.readUInt32BE(header)
      if (rest.length < length) return messages
      messages.push(rest.subarray(0, length))
      rest = rest.subarray(length)
      atStart = false
    }
  }
}

const typeOf = (message: Buffer): string => (message.length < TYPED_HEADER_BYTES ? "" : String.fromCharCode(message[0] ?? 0))

/** Starts a proxy to a server on loopback, without TLS. */
export async function startPostgresProxy(serverPort: number): Promise<PostgresProxy> {
  const sockets = new Set<Socket>()
  let statements = 0
  let failAt = 0
  let how: Cut = "lost"

  const join = (client: Socket): void => {
    const server = connect(serverPort, "127.0.0.1")
    const end = (): void => {
      client.destroy()
      server.destroy()
      sockets.delete(client)
      sockets.delete(server)
    }
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", end).on("close", end)
    }
    const fromClient = messagesOf(true)
    const fromServer = messagesOf(false)
    let isMute = false
    let isStartup = true
    client.on("data", (chunk: Buffer) => {
      for (const message of fromClient(chunk)) {
        const isStatement = !isStartup && STATEMENT_TYPES.has(typeOf(message))
        isStartup = false
        if (isStatement && ++statements === failAt) {
          if (how === "lost") return end()
          isMute = true
        }
        server.write(message)
      }
    })
    server.on("data", (chunk: Buffer) => {
      for (const message of fromServer(chunk)) {
        if (!isMute) client.write(message)
        else if (typeOf(message) === READY_FOR_QUERY) return end()
      }
    })
  }

  const listener = createServer(join)
  await new Promise<void>((resolve) => {
    listener.listen(0, "127.0.0.1", resolve)
  })
  const address = listener.address()
  if (address === null || typeof address === "string") throw new Error("the proxy has no port")
  return {
    port: address.port,
    get statements() {
      return statements
    },
    cutAt(number, cut) {
      statements = 0
      failAt = number
      how = cut
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => {
        listener.close(resolve)
      })
    },
  }
}
