import { httpTransport } from "@vouchsafe/client/node"
import { displayName, escapeForDisplay } from "@vouchsafe/core"
import { resolve } from "node:path"
import { listPins, pinAll, unpinAll } from "../artifacts/pins.ts"
import { judgeNamed } from "../artifacts/requests.ts"
import { parseSpec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { type NodePlace, ownNode, socketPlace } from "../nodes.ts"
import { printJson, printLines, say, table } from "../output.ts"
import { usage } from "../usage.ts"
import { readLockfile } from "./lockfile.ts"
import type { Register } from "./types.ts"

interface Flags {
  readonly lockfile?: string
  readonly socket?: string
  readonly list?: boolean
  readonly all?: boolean
  readonly json?: boolean
}

const MIB = 1024 * 1024

/** `pin SPEC…`, `pin --lockfile FILE`: the node of one's own keeps what is named for good. */
export const registerPin: Register = (program, io, done) => {
  program.command("pin").description("let your own node keep packages for good, so that they install without their registry")
    .argument("[specs...]", "name@version").option("--lockfile <file>", "everything that a lockfile names").option("--list", "print what is pinned")
    .option("--socket <path>", "a node of your own, by its admin socket").option("--json", "one JSON document on stdout")
    .action(async (specs: string[], flags: Flags) => { done(await (flags.list === true ? list(io, specs, flags) : pin(io, specs, flags))) })
}

/** `unpin SPEC…`, `unpin --lockfile FILE`: lets go of it. */
export const registerUnpin: Register = (program, io, done) => {
  program.command("unpin").description("let your own node forget pinned packages when it needs room")
    .argument("[specs...]", "name@version").option("--lockfile <file>", "everything that a lockfile names").option("--all", "everything")
    .option("--socket <path>", "a node of your own, by its admin socket").option("--json", "one JSON document on stdout")
    .action(async (specs: string[], flags: Flags) => { done(await unpin(io, specs, flags)) })
}

async function pin(io: CliIo, specs: readonly string[], flags: Flags): Promise<number> {
  if (specs.length === 0 && flags.lockfile === undefined) throw usage("nothing is named, expected packages or --lockfile FILE", "for example: vouchsafe pin --lockfile package-lock.json")
  const place = placeFor(io, flags)
  const { allowed, refused } = await judgeNamed(io, specs, flags.lockfile)
  const transport = httpTransport()
  try {
    const { pinned, failed } = await pinAll(transport, place, allowed, (count) => { if (io.isTty && flags.json !== true) say(io, `${count} of ${allowed.length}`) })
    const exit = refused.length + failed.length > 0 ? EXIT.refused : EXIT.done
    if (flags.json === true) {
      printJson(io, { pinned, failed, refused })
      return exit
    }
    for (const { purl, code, message } of [...refused, ...failed]) say(io, `vouchsafe: not pinned ${displayName(purl)}: ${escapeForDisplay(code)}: ${escapeForDisplay(message)}`)
    const bytes = pinned.reduce((sum, { size }) => sum + size, 0)
    printLines(io, [`${pinned.length} of ${allowed.length + refused.length} pinned, ${(bytes / MIB).toFixed(1)} MiB`])
    return exit
  } finally {
    transport.close()
  }
}

async function list(io: CliIo, specs: readonly string[], flags: Flags): Promise<number> {
  if (specs.length > 0 || flags.lockfile !== undefined) throw usage("--list takes no packages and no lockfile")
  const place = placeFor(io, flags)
  const transport = httpTransport()
  try {
    const pins = await listPins(transport, place)
    if (flags.json === true) printJson(io, pins)
    else printLines(io, pins.length === 0 ? ["nothing is pinned"] : table(pins.map(({ purl, size, isHeld, registry }) => [displayName(purl), String(size), isHeld ? "held" : "lost", escapeForDisplay(registry)])))
    return EXIT.done
  } finally {
    transport.close()
  }
}

async function unpin(io: CliIo, specs: readonly string[], flags: Flags): Promise<number> {
  if (specs.length === 0 && flags.lockfile === undefined && flags.all !== true) throw usage("nothing is named, expected packages, --lockfile FILE or --all")
  const place = placeFor(io, flags)
  // Letting go needs no verdict: what was withdrawn since may go too.
  const named = new Set(specs.map((spec) => parseSpec(spec).purl))
  if (flags.lockfile !== undefined) for (const { purl } of readLockfile(resolve(io.cwd, flags.lockfile)).entries) if (purl !== undefined) named.add(purl)
  const transport = httpTransport()
  try {
    const pins = (await listPins(transport, place)).filter(({ purl }) => flags.all === true || named.has(purl))
    const unpinned = await unpinAll(transport, place, pins)
    if (flags.json === true) printJson(io, { unpinned })
    else printLines(io, [`${unpinned} unpinned`])
    return EXIT.done
  } finally {
    transport.close()
  }
}

function placeFor(io: CliIo, { socket }: Flags): NodePlace {
  const place = socket === undefined ? ownNode(io) : socketPlace(resolve(io.cwd, socket))
  if (place === undefined) throw usage("none of your own nodes runs", "start one with `vouchsafe node`, or name its admin socket with --socket")
  return place
}
