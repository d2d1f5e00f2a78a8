import { httpTransport, loadNpmConfig } from "@vouchsafe/client/node"
import { displayName, escapeForDisplay, HEX_COMMIT, shellWord, VouchsafeError } from "@vouchsafe/core"
import { resolve } from "node:path"
import { readToken } from "../admin/token.ts"
import { BUILD_ID, type BuildStatus, followBuild, readStatus } from "../builds/follow.ts"
import { parseSpec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { askNode, type NodePlace, ownNode, placeOf, refusalOf, socketPlace } from "../nodes.ts"
import { printJson, printLines, say } from "../output.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

interface Flags {
  readonly source?: string
  readonly commit?: string
  readonly directory?: string
  readonly node?: string
  readonly socket?: string
  readonly tokenFile?: string
  readonly wait?: boolean
  readonly follow?: boolean
  readonly json?: boolean
}

const SAYS = { tgz: "the same .tgz", tar: "the same tar inside", contents: "the same files", none: "other files" } as const

/** `build SPEC`: asks a node to rebuild. `build status ID`: how it goes. */
export const registerBuild: Register = (program, io, done) => {
  const build = program.command("build").description("ask a node to rebuild a package from its source, and to log what came out")
    .argument("<spec>", "name@version").option("--source <url>", "the repository, with --commit (default: the node finds it)").option("--commit <sha>", "the commit, 40 or 64 hex digits")
    .option("--directory <path>", "the package's folder in the repository").option("--token-file <file>", "a token of the node's operator, for a node that is not your own")
    .option("--wait", "follow it to its end").option("--node <url>", "the node (default: your own)").option("--socket <path>", "a node of your own, by its admin socket").option("--json", "one JSON document on stdout")
    .action(async (text: string, flags: Flags) => { done(await ask(io, text, flags)) })
  build.command("status").description("how a build goes").argument("<id>", "what `vouchsafe build` printed").option("--follow", "print its log until it is over")
    .option("--node <url>", "the node (default: your own)").option("--socket <path>", "a node of your own, by its admin socket").option("--json", "one JSON document on stdout")
    .action(async (id: string, flags: Flags) => { done(await show(io, placeFor(io, flags), id, flags, flags.follow === true)) })
}

async function ask(io: CliIo, text: string, flags: Flags): Promise<number> {
  const spec = parseSpec(text)
  const place = placeFor(io, flags)
  const source = sourceOf(flags)
  const authorization = tokenFor(io, place, flags)
  const registry = (await loadNpmConfig({ dir: io.cwd, env: io.env as NodeJS.ProcessEnv })).registryFor(spec.name)
  const transport = httpTransport()
  let id: string
  try {
    const answer = await askNode(transport, place, { path: "v1/builds", body: { purl: spec.purl, registry, ...(source === undefined ? {} : { source }) }, ...(authorization === undefined ? {} : { authorization }) })
    if (answer.status !== 202) {
      const refused = refusalOf(answer)
      if (flags.json === true) printJson(io, { error: refused })
      say(io, `vouchsafe: ${refused.code}: ${escapeForDisplay(refused.message)}${refused.hint === undefined ? "" : `\n  next: ${escapeForDisplay(refused.hint)}`}`)
      return answer.status >= 500 ? EXIT.world : EXIT.refused
    }
    id = buildIdIn(answer.document, place)
  } finally {
    transport.close()
  }
  if (flags.wait === true) return show(io, place, id, flags, true)
  if (flags.json === true) printJson(io, { id, node: place.name })
  else {
    printLines(io, [id])
    const where = Object.entries({ "--node": flags.node, "--socket": flags.socket }).map(([flag, value]) => (value === undefined ? "" : ` ${flag} ${shellWord(value)}`))
    say(io, `queued at ${escapeForDisplay(place.name)}\nnext: vouchsafe build status ${id} --follow${where.join("")}`)
  }
  return EXIT.done
}

/** It becomes part of a command line. @throws VouchsafeError UPSTREAM_FAILED for what no node gives. */
function buildIdIn(document: unknown, place: NodePlace): string {
  const { id } = (typeof document === "object" && document !== null ? document : {}) as { id?: unknown }
  if (typeof id !== "string" || !BUILD_ID.test(id)) throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} named no build, expected 32 hex digits`)
  return id
}

async function show(io: CliIo, place: NodePlace, id: string, flags: Flags, follow: boolean): Promise<number> {
  const transport = httpTransport()
  try {
    const { status, document } = follow
      // A stranger's build may print anything: line ends stay, whatever could move a terminal's cursor does not.
      ? await followBuild(transport, place, id, (text) => io.stderr.write(text.split("\n").map(escapeForDisplay).join("\n")))
      : await readStatus(transport, place, id)
    if (flags.json === true) printJson(io, document)
    else printLines(io, describe(status, place))
    return exitOf(status)
  } finally {
    transport.close()
  }
}

/** What a build came to: a difference, like a failure, is not what was hoped for. */
function exitOf({ state, result }: BuildStatus): number {
  if (state === "failed") return EXIT.refused
  return state === "done" && result?.match === "none" ? EXIT.refused : EXIT.done
}

function describe({ purl, state, step, result, failure }: BuildStatus, place: NodePlace): string[] {
  const name = displayName(purl)
  if (failure !== null) return [`${name}: no comparison: ${failure.code}${failure.step === null ? "" : ` at ${escapeForDisplay(failure.step)}`}: ${escapeForDisplay(failure.detail)}`]
  if (result === null) return [`${name}: ${state}${step === null ? "" : `, at ${escapeForDisplay(step)}`}`]
  const lines = [`${name}: ${SAYS[result.match]} (${result.match}), entry ${result.index} of the node's log`]
  if (result.differences.count > 0) lines.push(`${result.differences.count} files differ: ${place.url}v1/blob/${result.differences.diff ?? result.differences.document ?? ""}`)
  return lines
}

function placeFor(io: CliIo, { node, socket }: Flags): NodePlace {
  if (node !== undefined && socket !== undefined) throw usage("--node and --socket name two nodes, expected one")
  if (socket !== undefined) return socketPlace(resolve(io.cwd, socket))
  if (node !== undefined) return placeOf(node)
  const own = ownNode(io)
  if (own !== undefined) return own
  throw usage("no node was named and none of your own runs", "name one with --node URL, or start your own with `vouchsafe node --rebuild`")
}

function sourceOf({ source, commit, directory }: Flags): { repository: string; commit: string; directory?: string } | undefined {
  if (source === undefined && commit === undefined && directory === undefined) return undefined
  if (source === undefined || commit === undefined) throw usage("--source and --commit belong together, expected both or neither")
  if (!HEX_COMMIT.test(commit)) throw usage(`--commit is "${escapeForDisplay(commit)}", expected 40 or 64 lower-case hex digits`)
  return { repository: source, commit, ...(directory === undefined ? {} : { directory }) }
}

function tokenFor(io: CliIo, place: NodePlace, { tokenFile }: Flags): string | undefined {
  return tokenFile === undefined ? undefined : `Bearer ${readToken(io, place, tokenFile, "ask the node's operator for its https address")}`
}
