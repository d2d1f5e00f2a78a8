/**
 * Nodes that serve what a test tells them to, each on a port of its own: the other side of what gossip has to find.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { type Bytes, cosign, formatCheckpoint, KEY_TYPE, leafHash, nodeReaderFromLeaves, parseTilePath, type RosterNode, rootOfLeaves, type Signer, signerFromSeed, signNote, TILE_HEIGHT, TILE_WIDTH, tileWidth, utf8Encode } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { cleanup } from "./support.ts"

export interface HostileNode {
  readonly place: RosterNode
  readonly log: Signer
  readonly witness: Signer
  /** Answers by path; everything else is 404. */
  readonly answers: Map<string, string | Uint8Array>
  readonly asked: string[]
}

/** Starts one. Its keys follow from its name. */
export async function startHostile(operator: string, seed: number): Promise<HostileNode> {
  const answers = new Map<string, string | Uint8Array>()
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ""
    asked.push(path)
    const body = answers.get(path)
    response.writeHead(body === undefined ? 404 : 200).end(body)
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  cleanup(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
  const [log, notices, witness] = [KEY_TYPE.ed25519, KEY_TYPE.ed25519, KEY_TYPE.cosignatureEd25519].map((type, i) => (
    signerFromSeed(`${operator}.example/${["log", "notices", "witness"][i] ?? ""}`, type, new Uint8Array(32).fill(seed + i))
  )) as [Signer, Signer, Signer]
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return { log, witness, answers, asked, place: { operator, url, log: log.verifier, notices: notices.verifier, witness: witness.verifier } }
}

/** A history of a log: `trunk <i>` up to `from`, its own entries after that. */
export function historyOf(signer: Signer, branch: string, from: number) {
  const leaves = (size: number): Bytes[] => Array.from({ length: size }, (_, i) => leafHash(nodeCrypto, utf8Encode(`${i < from ? "trunk" : branch} ${i}`)))
  return {
    head(size: number, witnesses: readonly Signer[], timeSeconds: number): string {
      const text = formatCheckpoint({ origin: signer.verifier.name, size, root: rootOfLeaves(nodeCrypto, leaves(size)) })
      return signNote(signer, text) + witnesses.map((witness) => cosign(witness, text, timeSeconds)).join("")
    },
    /** Every hash tile of the tree of `size` entries, by its path below the log's. */
    tiles(size: number, paths: readonly string[]): [string, Bytes][] {
      const reader = nodeReaderFromLeaves(nodeCrypto, leaves(size))
      return paths.flatMap((path): [string, Bytes][] => {
        const { level, index, width } = parseTilePath(path)
        if (level === "entries" || tileWidth(level, index, size) < width) return []
        return [[path, Buffer.concat(Array.from({ length: width }, (_, i) => reader.node(level * TILE_HEIGHT, index * TILE_WIDTH + i)))]]
      })
    },
  }
}
