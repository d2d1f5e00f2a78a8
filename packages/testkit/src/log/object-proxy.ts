/**
 * A way to an object store that can fail at any request, and that honours conditional writes where the store behind it does not.
 *
 * @packageDocumentation
 */
import { type IncomingMessage, createServer, request, type ServerResponse } from "node:http"

/**
 * `lost`: the connection ends before the store hears the request. `kept`: the store carries it out, then the connection ends. `error`: the store
 * carries it out, the answer is 500. `late`: the store carries it out, the answer comes when nobody waits any more. `torn`: the answer is cut off.
 */
export type ObjectFault = "lost" | "kept" | "error" | "late" | "torn"

export const OBJECT_FAULTS: readonly ObjectFault[] = ["lost", "kept", "error", "late", "torn"]

/** See {@link startObjectProxy}. */
export interface ObjectProxy {
  readonly port: number
  /** Requests since the last call of `failAt`, as `METHOD path`. */
  readonly requests: readonly string[]
  /** Lets requests number `from` (from 1; 0: none) to `to` fail, and resets the count. */
  failAt(from: number, fault: ObjectFault, to?: number): void
  close(): Promise<void>
}

/** Milliseconds that the store behind may take for one request. */
const STORE_MS_MAX = 20_000

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: Buffer
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Forwards a request that arrived whole: a sender that dies half-way leaves nothing behind. */
function forward(port: number, asked: IncomingMessage, body: Buffer, method = asked.method): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // A request that never ends would hold up all later ones of its path.
    request({ host: "127.0.0.1", port, method, path: asked.url, headers: asked.headers, agent: false, signal: AbortSignal.timeout(STORE_MS_MAX) }, (answer) => {
      bodyOf(answer).then((found) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: found }), reject)
    }).once("error", reject).end(body)
  })
}

function refuseExisting(): Answer {
  return { status: 412, headers: { "content-type": "application/xml" }, body: Buffer.from("<Error><Code>PreconditionFailed</Code></Error>") }
}

/**
 * Starts a proxy to an object store on loopback.
 *
 * @param conditional - whether `If-None-Match: *` of a PUT is honoured here
 */
export async function startObjectProxy(storePort: number, conditional: boolean): Promise<ObjectProxy> {
  let requests: string[] = []
  let plan: { readonly from: number; readonly to: number; readonly fault: ObjectFault } = { from: 0, to: 0, fault: "lost" }
  const busy = new Map<string, Promise<unknown>>()
  /** Paths that were stored through here, and bytes by path: what a conditional write looks at. */
  const stored = new Set<string>()

  const carryOut = async (asked: IncomingMessage, body: Buffer): Promise<Answer> => {
    const path = asked.url ?? ""
    if (asked.method !== "PUT") return forward(storePort, asked, body)
    const before = busy.get(path) ?? Promise.resolve()
    const own = before.then(async () => {
      if (conditional && asked.headers["if-none-match"] === "*" && stored.has(path)) return refuseExisting()
      const answer = await forward(storePort, asked, body)
      if (answer.status === 200) stored.add(path)
      return answer
    })
    busy.set(path, own.catch(() => undefined))
    return own
  }

  const give = (response: ServerResponse, { status, headers, body }: Answer): void => {
    const { connection: _, "transfer-encoding": __, ...kept } = headers
    response.writeHead(status, { ...kept, "content-length": body.length }).end(body)
  }

  const answer = async (asked: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(asked)
    requests.push(`${asked.method} ${asked.url}`)
    const number = requests.length
    const fault = number >= plan.from && number <= plan.to ? plan.fault : undefined
    if (fault === "lost") return void response.destroy()
    const found = await carryOut(asked, body)
    switch (fault) {
      case "kept": return void response.destroy()
      case "error": return give(response, { ...found, status: 500, body: Buffer.from("<Error><Code>InternalError</Code></Error>") })
      case "late": return void asked.socket.once("close", () => response.destroy())
      case "torn":
        response.writeHead(found.status, { "content-length": found.body.length + 1 }).write(found.body)
        return void setImmediate(() => response.destroy())
      case undefined: return give(response, found)
    }
  }

  const server = createServer((asked, response) => {
    answer(asked, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the proxy has no port")
  return {
    port: address.port,
    get requests() {
      return requests
    },
    failAt(from, fault, to = from) {
      requests = []
      plan = { from, to, fault }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
