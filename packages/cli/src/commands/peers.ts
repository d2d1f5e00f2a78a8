import { httpTransport } from "@vouchsafe/client/node"
import { escapeForDisplay, isVouchsafeError, type RosterNode, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"
import { EXIT } from "../io.ts"
import { askNode, type NodePlace, ownNode, placeOf } from "../nodes.ts"
import { printJson, printLines, table } from "../output.ts"
import { rosterNodes } from "../roster/up-to-date.ts"
import type { Register } from "./types.ts"

const TIMEOUT_MS = 10_000
/** Most that one node may say of its peers, and the longest word of it, in characters. */
const PEERS_MAX = 1_000
const WORD_LENGTH_MAX = 512

/** One peer, as the node says. */
interface PeerLine {
  readonly id: string
  /** null: a stranger, as far as that node can tell. */
  readonly operator: string | null
  readonly address: string
  readonly path: string
  readonly score: number | null
}

/** One node and whom it is connected to. */
interface NodePeers {
  readonly node: string
  readonly reached: boolean
  /** null: not reached, or it does no peer-to-peer. */
  readonly peers: { readonly id: string; readonly addresses: readonly string[]; readonly connected: readonly PeerLine[] } | null
  /** Operators of the roster with whom it is not connected. */
  readonly missing: readonly string[]
  readonly detail?: string
}

/** `peers`: whom a node is connected to, and whom of the roster it is not. */
export const registerPeers: Register = (program, io, done) => {
  program.command("peers").description("whom a node is connected to by peer-to-peer, and whom of the roster it is not")
    .argument("[url]", "a node (default: your own that runs here, else those of the roster)").option("--json", "one JSON document on stdout")
    .action(async (url: string | undefined, flags: { json?: boolean }) => {
      const transport = httpTransport()
      try {
        const place = url === undefined ? ownNode(io) : placeOf(url)
        const roster = await rosterNodes(io, place === undefined)
        const places = place === undefined ? roster.map((node) => ({ name: node.operator, url: node.url })) : [place]
        const nodes = await Promise.all(places.map((one) => ask(transport, one, roster)))
        if (flags.json === true) printJson(io, { nodes })
        else printLines(io, nodes.flatMap(linesOf))
        done(nodes.every(({ reached }) => reached) ? EXIT.done : EXIT.world)
      } finally {
        transport.close()
      }
    })
}

async function ask(transport: HttpTransport, place: NodePlace, roster: readonly RosterNode[]): Promise<NodePeers> {
  const none = { node: place.name, reached: false, peers: null, missing: [] } as const
  try {
    const { status, document } = await askNode(transport, place, { path: "v1/status", timeoutMs: TIMEOUT_MS })
    if (status !== 200) return { ...none, detail: `answered ${status}, expected 200` }
    const said = memberOf(document, "peers")
    if (said === undefined) return { ...none, reached: true, detail: "does no peer-to-peer; a node does with --p2p-listen" }
    const peers = readPeers(place, said)
    const self = memberOf(document, "operator")
    const there = new Set(peers.connected.map(({ operator }) => operator))
    return { node: place.name, reached: true, peers, missing: [...new Set(roster.map(({ operator }) => operator))].filter((operator) => operator !== self && !there.has(operator)) }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...none, detail: error.message }
  }
}

/** @throws VouchsafeError UPSTREAM_FAILED for what no node says. */
function readPeers(place: NodePlace, said: unknown): NonNullable<NodePeers["peers"]> {
  const fail = (what: string): never => {
    throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} says of its peers what is no ${what}`)
  }
  const word = (of: unknown, name: string): string => {
    const value = memberOf(of, name)
    return typeof value === "string" ? value.slice(0, WORD_LENGTH_MAX) : fail(name)
  }
  const list = (name: string): readonly unknown[] => {
    const value = memberOf(said, name)
    return Array.isArray(value) ? value.slice(0, PEERS_MAX) : fail(name)
  }
  const addresses = list("addresses").map((address) => (typeof address === "string" ? address.slice(0, WORD_LENGTH_MAX) : fail("address")))
  const connected = list("connected").map((peer): PeerLine => {
    const [operator, score] = [memberOf(peer, "operator"), memberOf(peer, "score")]
    return { id: word(peer, "id"), operator: operator === null ? null : word(peer, "operator"), address: word(peer, "address"), path: word(peer, "path"), score: typeof score === "number" ? score : null }
  })
  return { id: word(said, "id"), addresses, connected }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function linesOf({ node, peers, missing, detail, reached }: NodePeers): string[] {
  if (peers === null) return [escapeForDisplay(`${node}: ${reached ? "" : "not reached: "}${detail ?? ""}`)]
  const rows = peers.connected.map(({ operator, id, path, score, address }) => [`  ${operator ?? "(stranger)"}`, id, path, `score ${score ?? "?"}`, address].map((cell) => escapeForDisplay(cell)))
  const lost = missing.map((operator) => [`  ${operator}`, "not connected"].map((cell) => escapeForDisplay(cell)))
  return [escapeForDisplay(`${node} is ${peers.id}, connected to ${peers.connected.length}`), ...table([...rows, ...lost])]
}
