import { createHash } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import {
  cosign, formatCheckpoint, formatEntryBundle, formatNote, formatObservation, formatRoster, formatSignatureLine, leafHash, NO_UPSTREAM, PLAIN_HISTORY, nodeReaderFromLeaves, parseTilePath, type RosterNode, rootOfLeaves, type Signer,
  signerFromSeed, TILE_HEIGHT, TILE_WIDTH, tileWidth, utf8Encode,
} from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"

const REGISTRY = "https://registry.example/"
let seeds = 0

function signer(name: string, type: 1 | 4): Signer {
  seeds += 1
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(28, seeds)
  return signerFromSeed(name, type, seed)
}

/** An observation that differs from others by its package alone. */
export function observationOf(log: string, name: string, more: { readonly sha512?: string } = {}): string {
  return formatObservation({
    purl: `pkg:npm/${name.replace("@", "%40")}@1.0.0`, sha512: more.sha512 ?? createHash("sha512").update(name).digest("hex"), log, registry: REGISTRY, observedAt: 1_700_000_000,
    tarball: { size: 1, sha1: "a".repeat(40), commitment: "b".repeat(64) },
    contents: { tarSha256: "c".repeat(64), h1: `h1:${"A".repeat(43)}=`, files: 1, unpackedSize: 1, manifest: "d".repeat(64), executables: { count: 0, sha256: "e".repeat(64) } },
    package: { name, version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt: null, publisher: null, repository: null, mismatch: [] },
    upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
  })
}

/** One log of a node, as it is served. Everything may be changed between requests. */
export interface ServedLog {
  readonly signer: Signer
  entries: string[]
  /** Entries of the head that is shown, where that is not all of them. */
  shownSize: number | undefined
  /** Whether the head carries cosignatures. */
  isCosigned: boolean
  /** Last change to an answer; undefined answers 404. */
  edit: (path: string, body: Uint8Array) => Uint8Array | undefined
}

export interface LogServer {
  readonly operator: string
  readonly place: RosterNode
  readonly log: ServedLog
  readonly notices: ServedLog
  readonly paths: string[]
  /** Logs of others that this one serves copies of, by the hex SHA-256 of their origin. */
  readonly copies: Map<string, ServedLog>
}

export interface LogServers {
  readonly nodes: readonly LogServer[]
  readonly rosterText: string
  close(): Promise<void>
}

/** Nodes that serve nothing but their logs, each on a port of its own. */
export async function startLogServers(operators: readonly string[]): Promise<LogServers> {
  const started = await Promise.all(operators.map(async (operator) => {
    const own = { log: signer(`${operator}.example/log`, 1), notices: signer(`${operator}.example/notices`, 1), witness: signer(`${operator}.example/witness`, 4) }
    const served = (key: Signer): ServedLog => ({ signer: key, entries: [], shownSize: undefined, isCosigned: true, edit: (_path, body) => body })
    const state = { log: served(own.log), notices: served(own.notices), witnesses: [] as Signer[], paths: [] as string[], copies: new Map<string, ServedLog>() }
    const server = createServer((request, response) => {
      const [, which = "", path = ""] = /^\/(log|notices|mirror\/[0-9a-f]{64})\/(.*)$/.exec(request.url ?? "") ?? []
      state.paths.push(request.url ?? "")
      const log = which === "log" ? state.log : which === "notices" ? state.notices : state.copies.get(which.slice("mirror/".length))
      const body = log === undefined ? undefined : answer(log, state.witnesses, path)
      const edited = body === undefined || log === undefined ? undefined : log.edit(path, body)
      response.writeHead(edited === undefined ? 404 : 200).end(edited)
    })
    await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    return { operator, own, state, server, place: { operator, url, log: own.log.verifier, notices: own.notices.verifier, witness: own.witness.verifier } as RosterNode }
  }))
  for (const node of started) node.state.witnesses.push(...started.filter((other) => started.length === 1 || other !== node).map((other) => other.own.witness))
  return {
    nodes: started.map(({ operator, place, state }) => ({ operator, place, log: state.log, notices: state.notices, paths: state.paths, copies: state.copies })),
    rosterText: formatRoster(started.map(({ place }) => place), [REGISTRY]),
    close: async () => { for (const { server } of started) await new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }) },
  }
}

function answer(log: ServedLog, witnesses: readonly Signer[], path: string): Uint8Array | undefined {
  const size = log.shownSize ?? log.entries.length
  const leaves = log.entries.slice(0, size).map((entry) => leafHash(nodeCrypto, utf8Encode(entry)))
  if (path === "checkpoint") {
    const text = formatCheckpoint({ origin: log.signer.verifier.name, size, root: rootOfLeaves(nodeCrypto, leaves) })
    const own = formatSignatureLine(log.signer.verifier.name, log.signer.verifier.keyId, log.signer.sign(utf8Encode(text)))
    const now = Math.floor(Date.now() / 1_000)
    return utf8Encode(formatNote(text, [own, ...(log.isCosigned ? witnesses.map((witness) => cosign(witness, text, now)) : [])]))
  }
  const { level, index, width } = parseTilePath(path)
  if (tileWidth(level, index, size) < width) return undefined
  if (level === "entries") return formatEntryBundle(log.entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width).map(utf8Encode))
  const reader = nodeReaderFromLeaves(nodeCrypto, leaves)
  return Buffer.concat(Array.from({ length: width }, (_, i) => reader.node(level * TILE_HEIGHT, index * TILE_WIDTH + i)))
}
