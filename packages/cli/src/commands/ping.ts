import { httpTransport, nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { escapeForDisplay, type RosterNode } from "@vouchsafe/core"
import { EXIT } from "../io.ts"
import { rosterNodes } from "../roster/up-to-date.ts"
import { placeOf } from "../nodes.ts"
import { printJson, printLines, table } from "../output.ts"
import { type Pinged, pingNode, type PingTarget } from "../ping/ping.ts"
import type { Register } from "./types.ts"

/** `ping`: whether nodes answer, how fast, with which keys and heads, and whether their clocks agree with this one. */
export const registerPing: Register = (program, io, done) => {
  program.command("ping").description("whether nodes answer: time, version, heads, keys as in the roster, clock")
    .argument("[urls...]", "nodes (default: those of the roster)").option("--json", "one JSON document on stdout")
    .action(async (urls: string[], flags: { json?: boolean }) => {
      const roster = await rosterNodes(io, urls.length === 0)
      const targets: PingTarget[] = urls.length === 0
        ? roster.map((node) => targetOf(node, roster))
        : urls.map((text) => placeOf(text).url).map((url) => targetOf(roster.find((node) => node.url === url), roster, url))
      const transport = httpTransport()
      try {
        const pinged = await Promise.all(targets.map((target) => pingNode({ transport, crypto: nodeCrypto, clock: systemClock }, target)))
        if (flags.json === true) printJson(io, { nodes: pinged })
        else printLines(io, table(pinged.map(lineOf)))
        done(pinged.every(({ reachable, keys }) => reachable && keys !== "other") ? EXIT.done : EXIT.world)
      } finally {
        transport.close()
      }
    })
}

function targetOf(expected: RosterNode | undefined, roster: readonly RosterNode[], url = expected?.url ?? ""): PingTarget {
  return { url, expected, witnessed: (roster.find(({ operator }) => operator !== expected?.operator) ?? expected)?.log.name }
}

function lineOf(node: Pinged): string[] {
  const name = node.operator ?? "-"
  if (!node.reachable) return [name, node.url, escapeForDisplay(`not reached: ${node.failure ?? ""}`)].map(escapeForDisplay)
  const head = (what: string, one: Pinged["log"]): string => (one === null ? `${what} ?` : `${what} ${one.size}${one.cosignedAgeSeconds === null ? "" : ` (${one.cosignedAgeSeconds} s old)`}`)
  const clock = node.clockOffsetSeconds === null ? "clock ?" : `clock ${node.clockOffsetSeconds >= 0 ? "+" : ""}${node.clockOffsetSeconds} s`
  const keys = node.keys === "other" ? `OTHER KEYS: ${node.differences.join("; ")}` : node.keys === "same" ? "keys as in the roster" : "keys not in the roster"
  return [name, node.url, `${node.status}`, `${node.roundTripMs} ms`, `version ${node.version ?? "?"}`, head("log", node.log), head("notices", node.notices), clock, keys].map(escapeForDisplay)
}
