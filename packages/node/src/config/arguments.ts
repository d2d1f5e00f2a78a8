/**
 * The command line, the environment and `<data>/node.json` (spec/node-http.md, "Process" and "Configuration"), in this order, member by member.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { checkSaid, type NodeConfig } from "./checked.ts"
import { atLine, CONFIG_NAME, type ConfigFile, readConfigFile } from "./file.ts"
import { layer, type Layered, MEMBER_NAMES, type MemberKind, MEMBERS, optionOf, type Said, saidByEnvironment, withPaths } from "./members.ts"

/** One call of the binary. */
export interface Invocation {
  readonly command: (typeof COMMANDS)[number] | "help" | "version"
  readonly config: NodeConfig
  /** Where each value of the configuration came from. */
  readonly layered: Layered
  readonly told: Told
}

/** What was said to one command. */
export interface Told {
  /** After the command's name. */
  readonly words: readonly string[]
  readonly json: boolean
  readonly to: string | undefined
  readonly withKeys: boolean
  readonly from: string | undefined
  readonly witnessKey: string | undefined
  readonly keys: string | undefined
  readonly acceptUnwitnessed: boolean
  readonly withoutWitnesses: readonly string[]
}

const COMMANDS = ["run", "front", "keys", "fsck", "config", "backup", "restore", "rotate"] as const

/** Options beside the members of the configuration; lists the commands that take each. */
const COMMAND_OPTIONS = {
  "json": ["config"], "to": ["backup", "rotate"], "with-keys": ["backup"], "from": ["restore"], "witness-key": ["restore"], "keys": ["restore"],
  "accept-unwitnessed": ["restore"], "without-witness": ["restore"],
} as const

const OPTIONS = {
  "data": { type: "string" },
  ...Object.fromEntries(MEMBER_NAMES.map((member) => [optionOf(member), optionType(MEMBERS[member])])),
  "json": { type: "boolean" },
  "to": { type: "string" },
  "with-keys": { type: "boolean" },
  "from": { type: "string" },
  "witness-key": { type: "string" },
  "keys": { type: "string" },
  "accept-unwitnessed": { type: "boolean" },
  "without-witness": { type: "string", multiple: true },
  "help": { type: "boolean", short: "h" },
  "version": { type: "boolean" },
} as const

function optionType(kind: MemberKind): { readonly type: "string" | "boolean"; readonly multiple?: boolean } {
  if (kind === "flag") return { type: "boolean" }
  return kind === "list" || kind === "pairs" ? { type: "string", multiple: true } : { type: "string" }
}

/**
 * Reads the command line, the environment and, where there is one, the data folder's configuration file.
 * @throws VouchsafeError USAGE for a wrong command line, CONFIG_MALFORMED for wrong values.
 */
export function readInvocation(argv: readonly string[], env: NodeJS.ProcessEnv): Invocation {
  const { values, positionals } = parseCommandLine(argv)
  const [name = "run", ...words] = positionals
  const command = COMMANDS.find((known) => known === name)
  if (command === undefined || (words.length > 0 && command !== "config")) {
    throw new VouchsafeError("USAGE", `command is ${shown(positionals.join(" "))}, expected ${COMMANDS.slice(1).join(", ")} or none`, { hint: "vouchsafe-node --help" })
  }
  for (const [option, commands] of Object.entries(COMMAND_OPTIONS)) {
    if (values[option] !== undefined && !(commands as readonly string[]).includes(command)) throw new VouchsafeError("USAGE", `--${option} belongs to ${commands.join(", ")}, expected no such option here`, { hint: "vouchsafe-node --help" })
  }
  const text = (option: string): string | undefined => values[option] as string | undefined
  const data = resolve(text("data") ?? defaultData(env))
  const told: Told = {
    words, json: values["json"] === true, to: text("to"), withKeys: values["with-keys"] === true, from: text("from"), witnessKey: text("witness-key"), keys: text("keys"),
    acceptUnwitnessed: values["accept-unwitnessed"] === true, withoutWitnesses: (values["without-witness"] ?? []) as readonly string[],
  }
  if (values["help"] === true) return { command: "help", config: checkSaid(data, {}), layered: layer({ arguments: {}, environment: {}, file: {} }), told }
  const layered = layer({ arguments: saidByArguments(values), environment: withPaths(saidByEnvironment(env), "."), file: readChecked(data) })
  return { command: values["version"] === true ? "version" : command, config: checkSaid(data, layered.said), layered, told }
}

/** The file of a data folder, each value judged where it stands, so that what is wrong is found by its line. */
function readChecked(data: string): Said {
  const path = join(data, CONFIG_NAME)
  const file = readConfigFile(path)
  checkFile(path, file)
  return withPaths(file.said, data)
}

/** @throws VouchsafeError CONFIG_MALFORMED naming line and member. */
export function checkFile(path: string, { said, lineOf }: ConfigFile): void {
  for (const member of MEMBER_NAMES) {
    if (said[member] !== undefined) atLine(path, lineOf, () => checkSaid(".", { [member]: said[member] }), member)
  }
}

function saidByArguments(values: Readonly<Record<string, unknown>>): Said {
  return withPaths(Object.fromEntries(MEMBER_NAMES.map((member) => [member, values[optionOf(member)]])) as Said, ".")
}

function parseCommandLine(argv: readonly string[]): { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new VouchsafeError("USAGE", (cause as Error).message, { hint: "vouchsafe-node --help", cause })
  }
}

/** `$VOUCHSAFE_HOME/node`, else `$XDG_DATA_HOME/vouchsafe/node`, else `~/.local/share/vouchsafe/node`. */
function defaultData(env: NodeJS.ProcessEnv): string {
  if (env["VOUCHSAFE_HOME"]) return join(env["VOUCHSAFE_HOME"], "node")
  return join(env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "vouchsafe", "node")
}
