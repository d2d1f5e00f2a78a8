// One server process of the benchmark: `upstream [COUNT]` or `bare`. Prints {"url"} when it listens, with a COUNT also the names and digests of so many packages.
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { digestsOf } from "@vouchsafe/testkit/registry"
import { packageNames, TOKEN, upstreamPackument, upstreamTarball } from "./material.ts"

const [mode, argument = ""] = process.argv.slice(2)

function listen(handler: RequestListener): void {
  const server = createServer(handler)
  server.listen(0, "127.0.0.1", () => { tell(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`) })
}
function tell(url: string): void {
  const packages = mode === "upstream" && argument !== "" ? packageNames(Number(argument)).map((name) => ({ name, version: "1.0.0", sha512: digestsOf(upstreamTarball(name)).sha512 })) : undefined
  process.stdout.write(`${JSON.stringify({ url, packages })}\n`)
}

if (mode === "upstream") {
  // made once: four nodes ask for everything, and would wait for this process rather than work
  const made = new Map<string, Buffer>()
  const once = (path: string, make: () => Buffer): Buffer => {
    const body = made.get(path) ?? make()
    made.set(path, body)
    return body
  }
  listen((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1)
    const name = path.split("/-/")[0] as string
    const body = once(path, () => (path.includes("/-/") ? upstreamTarball(name) : gzipSync(upstreamPackument(name, `http://${request.headers.host ?? ""}/`), { level: 1 })))
    response.writeHead(200, path.includes("/-/") ? { "content-type": "application/octet-stream", "content-length": body.length } : { "content-type": "application/json", "content-encoding": "gzip", "content-length": body.length, etag: `"${name}"` })
    response.end(body)
  })
} else if (mode === "bare") {
  // the same bytes and headers as the shim's, from a map: the least that a server can do
  const answers = new Map<string, { headers: Record<string, string>; body: Buffer }>()
  for (const name of packageNames(Number(argument.split(" ")[1]))) {
    for (const path of [`/${name}`, `/${name}/-/${name}-1.0.0.tgz`]) {
      const response = await fetch(new URL(path, argument.split(" ")[0]), { headers: { authorization: `Bearer ${TOKEN}`, accept: "application/vnd.npm.install-v1+json", "accept-encoding": "gzip" } })
      const plain = Buffer.from(await response.arrayBuffer())
      const zipped = response.headers.get("content-encoding") === "gzip"
      const body = zipped ? gzipSync(plain, { level: 5 }) : plain
      answers.set(path, { body, headers: { "content-type": response.headers.get("content-type") ?? "", etag: response.headers.get("etag") ?? "", "cache-control": "no-cache", "content-length": String(body.length), ...(zipped ? { "content-encoding": "gzip", vary: "accept, accept-encoding" } : {}) } })
    }
  }
  listen((request, response) => {
    const found = answers.get(request.url ?? "")
    if (found) response.writeHead(200, found.headers).end(found.body)
    else response.writeHead(404).end()
  })
} else throw new RangeError(`mode is ${String(mode)}, expected upstream or bare`)
