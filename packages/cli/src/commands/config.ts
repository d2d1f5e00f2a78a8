import { exitStatus, spawnNode } from "../binaries.ts"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines, say } from "../output.ts"
import type { Register } from "./types.ts"

interface ConfigFlags {
  readonly data?: string
  readonly json?: boolean
}

/** `config show|validate|set`: a node's configuration. The daemon reads and judges it: the same code that it starts with. */
export const registerConfig: Register = (program, io, done) => {
  const config = program.command("config").description("a node's configuration: show it with sources, judge a file, set a member")
  const data = "data folder of the node (default: the one that `vouchsafe node` uses)"
  const json = "one JSON document on stdout"
  config.command("show").description("every value and where it comes from: arguments, environment, file or default")
    .option("--data <dir>", data).option("--json", json)
    .action(async (flags: ConfigFlags) => done(await ask(io, ["show"], flags)))
  config.command("validate").description("judge a configuration file without using it").argument("<file>", "a node.json")
    .option("--data <dir>", data).option("--json", json)
    .action(async (file: string, flags: ConfigFlags) => done(await ask(io, ["validate", file], flags)))
  config.command("set").description("write one member of the node's node.json").argument("<key>", "a member, such as logLevel").argument("<value...>", "its value; several for a list")
    .option("--data <dir>", data).option("--json", json)
    .action(async (key: string, values: string[], flags: ConfigFlags) => done(await ask(io, ["set", key, ...values], flags)))
}

async function ask(io: CliIo, words: readonly string[], { data, json }: ConfigFlags): Promise<number> {
  const args = ["config", ...(data === undefined ? [] : ["--data", data]), ...(json === true ? ["--json"] : []), "--", ...words]
  const child = spawnNode(io, args, { stdio: ["ignore", "pipe", "pipe"] })
  const printed = { out: "", err: "" }
  child.stdout?.on("data", (chunk: Buffer) => { printed.out += chunk.toString() })
  child.stderr?.on("data", (chunk: Buffer) => { printed.err += chunk.toString() })
  const status = await exitStatus(child)
  if (json === true && status !== EXIT.done && printed.out === "") printJson(io, { error: complaintOf(printed.err) })
  if (printed.out !== "") printLines(io, [printed.out.trimEnd()])
  if (printed.err !== "") say(io, `vouchsafe: ${printed.err.trimEnd()}`)
  return status
}

/** What the daemon says on stderr: a code, a message, and perhaps the next step on a line of its own. */
function complaintOf(text: string): { readonly code: string; readonly message: string; readonly hint?: string } {
  const [, code = "UPSTREAM_FAILED", message = text.trimEnd(), hint] = /^([A-Z_]+): (.*)\n(?: {2}(.*)\n)?$/.exec(text) ?? []
  return { code, message, ...(hint === undefined ? {} : { hint }) }
}
