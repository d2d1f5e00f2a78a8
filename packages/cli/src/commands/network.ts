import { loadNpmConfig } from "@vouchsafe/client/node"
import { registryIdOf, shellWord } from "@vouchsafe/core"
import { join, resolve } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { usage } from "../usage.ts"
import { forgetNetwork, type LocalNetwork, LOCAL_NODES_MAX, readNetwork, startNetwork } from "../network/local.ts"
import { isRunning, stopNode } from "../network/process.ts"
import { waitUntilCosigned } from "../network/ready.ts"
import { printJson, printLines, say, table } from "../output.ts"
import type { Register } from "./types.ts"

const NAMES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "omicron", "pi"]

interface UpFlags {
  readonly data?: string
  readonly nodes: string
  readonly operators?: string
  readonly registry?: string[]
  readonly threshold?: string
  readonly allowPrivateAddresses?: boolean
  readonly json?: boolean
}

/** `network up|status|down`: a local network for trying and testing. */
export const registerNetwork: Register = (program, io, done) => {
  const network = program.command("network").description("a local network of several nodes, for trying and testing")
  network.command("up").description("start one node an operator on loopback and write the roster they share")
    .option("--data <dir>", "folder of the network (default: .vouchsafe-network here)")
    .option("--nodes <n>", "how many", "4")
    .option("--operators <names>", "names, separated by commas, instead of --nodes")
    .option("--registry <url...>", "registries to observe (default: the npm configuration's)")
    .option("--threshold <n>", "operators that must vouch (default: a majority)")
    .option("--allow-private-addresses", "let nodes connect to loopback and private addresses")
    .option("--json", "one JSON document on stdout")
    .action(async (flags: UpFlags) => {
      const operators = operatorsOf(flags)
      const registries = flags.registry?.map(registryIdOf) ?? [(await loadNpmConfig({ dir: io.cwd, env: io.env as NodeJS.ProcessEnv })).default]
      const threshold = flags.threshold === undefined ? {} : { threshold: wholeNumber(flags.threshold, "--threshold", operators.length) }
      say(io, `starting ${operators.length} nodes…`)
      const started = await startNetwork(io, { folder: folderOf(io, flags), operators, registries, allowPrivateAddresses: flags.allowPrivateAddresses === true, ...threshold })
      const waiting = await waitUntilCosigned(started.roster)
      if (waiting.length > 0) say(io, `the logs of ${waiting.join(", ")} are not cosigned yet: \`vouchsafe status\` tells when they are`)
      show(io, started, flags.json === true)
      if (flags.json !== true) say(io, `roster: ${started.roster}\nnext: vouchsafe init --roster ${shellWord(started.roster)}`)
      done(EXIT.done)
    })
  network.command("status").description("which of its nodes run").option("--data <dir>", "folder of the network (default: .vouchsafe-network here)").option("--json", "one JSON document on stdout")
    .action((flags: UpFlags) => {
      const known = readNetwork(folderOf(io, flags))
      show(io, known, flags.json === true)
      done(known.nodes.every(isRunning) ? EXIT.done : EXIT.world)
    })
  network.command("down").description("stop its nodes; keys and logs stay").option("--data <dir>", "folder of the network (default: .vouchsafe-network here)").option("--json", "one JSON document on stdout")
    .action(async (flags: UpFlags) => {
      const folder = folderOf(io, flags)
      const known = readNetwork(folder)
      const ended = await Promise.all(known.nodes.map(async (node) => ({ operator: node.operator, ended: await stopNode(node) })))
      forgetNetwork(folder)
      if (flags.json === true) printJson(io, { nodes: ended })
      else printLines(io, table(ended.map((node) => [node.operator, node.ended])))
      done(EXIT.done)
    })
}

function folderOf(io: CliIo, flags: UpFlags): string {
  return flags.data === undefined ? join(io.cwd, ".vouchsafe-network") : resolve(io.cwd, flags.data)
}

function operatorsOf(flags: UpFlags): string[] {
  if (flags.operators === undefined) return NAMES.slice(0, wholeNumber(flags.nodes, "--nodes", LOCAL_NODES_MAX))
  const names = flags.operators.split(",")
  if (names.length > LOCAL_NODES_MAX || new Set(names).size !== names.length || !names.every((name) => /^[a-z0-9][a-z0-9-]{0,62}$/.test(name))) {
    throw usage(`--operators is "${flags.operators}", expected up to ${LOCAL_NODES_MAX} distinct names of a-z, 0-9 and hyphens`)
  }
  return names
}

function wholeNumber(text: string, flag: string, max: number): number {
  const value = Number(text)
  if (!/^[1-9][0-9]*$/.test(text) || value > max) throw usage(`${flag} is "${text}", expected a number from 1 to ${max}`)
  return value
}

function show(io: CliIo, network: LocalNetwork, json: boolean): void {
  const nodes = network.nodes.map((node) => ({ ...node, running: isRunning(node) }))
  if (json) printJson(io, { roster: network.roster, nodes })
  else printLines(io, table(nodes.map((node) => [node.operator, node.url, node.running ? `runs as ${node.pid}` : "does not run"])))
}
