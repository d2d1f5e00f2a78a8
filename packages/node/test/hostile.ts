import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import {
  cosign, formatCheckpoint, formatEntryBundle, formatNote, formatSignatureLine, leafHash, nodeReaderFromLeaves, parseTilePath, rootOfLeaves, type Signer, TILE_HEIGHT, TILE_WIDTH, tileWidth,
  utf8Encode,
} from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { cleanup } from "./support.ts"

/** A log of a node that is none: whoever has the keys says what stands in it, and may say something else the next time. */
export interface HostileLog {
  readonly signer: Signer
  entries: string[]
}

export interface HostileNode {
  readonly log: HostileLog
  readonly notices: HostileLog
  /** Whose cosignatures its heads carry. */
  witnesses: readonly Signer[]
  /** Unix seconds, of the cosignatures. */
  now: () => number
  readonly asked: string[]
  url: string
  close(): Promise<void>
}

/** Serves two logs under real keys on a port of its own. */
export async function startHostile(keys: { readonly log: Signer; readonly notices: Signer }, now: () => number): Promise<HostileNode> {
  const node: HostileNode = { log: { signer: keys.log, entries: [] }, notices: { signer: keys.notices, entries: [] }, witnesses: [], now, asked: [], url: "", close: async () => undefined }
  const server = createServer((request, response) => {
    node.asked.push(request.url ?? "")
    const [, which = "", path = ""] = /^\/(log|notices)\/(.*)$/.exec(request.url ?? "") ?? []
    const log = which === "log" ? node.log : which === "notices" ? node.notices : undefined
    const body = log === undefined ? undefined : answer(node, log, path)
    response.writeHead(body === undefined ? 404 : 200).end(body)
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  node.close = () => new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
  cleanup(() => node.close())
  return node
}

function answer(node: HostileNode, log: HostileLog, path: string): Uint8Array | undefined {
  const leaves = log.entries.map((entry) => leafHash(nodeCrypto, utf8Encode(entry)))
  if (path === "checkpoint") {
    const { name, keyId } = log.signer.verifier
    const text = formatCheckpoint({ origin: name, size: leaves.length, root: rootOfLeaves(nodeCrypto, leaves) })
    const own = formatSignatureLine(name, keyId, log.signer.sign(utf8Encode(text)))
    return utf8Encode(formatNote(text, [own, ...node.witnesses.map((witness) => cosign(witness, text, node.now()))]))
  }
  const { level, index, width } = parseTilePath(path)
  if (tileWidth(level, index, leaves.length) < width) return undefined
  if (level === "entries") return formatEntryBundle(log.entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width).map(utf8Encode))
  const reader = nodeReaderFromLeaves(nodeCrypto, leaves)
  return Buffer.concat(Array.from({ length: width }, (_, i) => reader.node(level * TILE_HEIGHT, index * TILE_WIDTH + i)))
}
