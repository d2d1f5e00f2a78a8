/**
 * `vouchsafe-node config show|validate|set`: a node's configuration, for its operator.
 *
 * @packageDocumentation
 */
import { escapeForDisplay, shown, VouchsafeError } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { isAnswered } from "../admin/socket.ts"
import { ensurePrivateFolder } from "../state/folder.ts"
import { operatorOfKeys } from "../state/keys.ts"
import { checkFile, type Invocation } from "./arguments.ts"
import { checkSaid, LISTEN_DEFAULT } from "./checked.ts"
import { CONFIG_NAME, parseConfig, readConfigFile, writeConfig } from "./file.ts"
import { memberNamed, MEMBER_NAMES, type Member, MEMBERS, type Said, type Source, valueOfWords } from "./members.ts"
import { GIT_HOSTS_DEFAULT } from "./values.ts"

/** One value and where it comes from. */
export interface ShownMember {
  readonly member: Member
  /** null where nothing is said and the node decides when it starts. */
  readonly value: string | boolean | readonly string[] | null
  readonly source: Source
}

/** Runs one of the three. @returns what to print. @throws VouchsafeError USAGE, CONFIG_MALFORMED. */
export async function configCommand(invocation: Invocation): Promise<string> {
  const { told: { words, json } } = invocation
  const [action, ...rest] = words
  if (action === "show" && rest.length === 0) return printed(json, showConfig(invocation))
  if (action === "validate" && rest.length === 1) {
    const path = resolve(rest[0] as string)
    validateConfig(path)
    return json ? `${JSON.stringify({ file: path, valid: true })}\n` : `${path} is valid\n`
  }
  if (action === "set" && rest.length >= 2) return setConfig(invocation.config.data, rest[0] as string, rest.slice(1), json)
  throw new VouchsafeError("USAGE", `config ${shown(words.join(" "))} is no call, expected config show, config validate FILE or config set KEY VALUE`, { hint: "vouchsafe-node --help" })
}

/** Every member with its value and source. */
export function showConfig({ config, layered }: Invocation): { readonly data: string; readonly file: string | null; readonly members: readonly ShownMember[] } {
  const file = join(config.data, CONFIG_NAME)
  const defaults: Partial<Record<Member, ShownMember["value"]>> = {
    listen: LISTEN_DEFAULT, operator: operatorOfKeys(config.data) ?? "local", registry: [], allowPrivateAddresses: false, logLevel: "info", logFormat: "json", rebuild: false, gitHost: GIT_HOSTS_DEFAULT, publisherKey: [], registryKeys: [],
  }
  return { data: config.data, file: existsSync(file) ? file : null, members: MEMBER_NAMES.map((member) => ({ member, value: layered.said[member] ?? defaults[member] ?? null, source: layered.sources[member] })) }
}

function printed(json: boolean, config: ReturnType<typeof showConfig>): string {
  if (json) return `${JSON.stringify(config, null, 2)}\n`
  const wide = Math.max(...MEMBER_NAMES.map(({ length }) => length))
  const word = (value: ShownMember["value"]): string => (value === null ? "-" : Array.isArray(value) ? (value.length === 0 ? "-" : value.join(" ")) : String(value))
  return [`data folder: ${config.data}`, ...config.members.map(({ member, value, source }) => `${member.padEnd(wide)}  ${source.padEnd("environment".length)}  ${word(value)}`)].map((line) => `${escapeForDisplay(line)}\n`).join("")
}

/** @throws VouchsafeError USAGE where there is no such file, CONFIG_MALFORMED naming line and member. */
export function validateConfig(path: string): void {
  if (!existsSync(path)) throw new VouchsafeError("USAGE", `${path} does not exist, expected a configuration file`)
  checkFile(path, parseConfig(path, readFileSync(path, "utf8")))
}

async function setConfig(data: string, name: string, words: readonly string[], json: boolean): Promise<string> {
  const member = memberNamed(name)
  const value = valueOfWords(member, words, member)
  const path = join(data, CONFIG_NAME)
  checkSaid(data, { [member]: value } as Said)
  const operator = operatorOfKeys(data)
  if (member === "operator" && operator !== undefined && operator !== value) {
    throw new VouchsafeError("CONFIG_MALFORMED", `operator is ${shown(String(value))}, expected ${operator}, whose keys are in ${data}`, { hint: "a data folder belongs to one operator for ever; give another operator its own --data" })
  }
  if (MEMBERS[member] === "path" && !existsSync(resolve(data, value as string))) throw new VouchsafeError("CONFIG_MALFORMED", `${member} is ${shown(value as string)}, expected a file that exists, named from ${data}`)
  const { said } = readConfigFile(path)
  ensurePrivateFolder(data)
  writeConfig(path, { ...said, [member]: value })
  const restart = await isAnswered(join(data, "admin.sock"))
  if (json) return `${JSON.stringify({ file: path, member, value, restartNeeded: restart })}\n`
  return `${escapeForDisplay(`${member} is ${Array.isArray(value) ? value.join(" ") : String(value)} in ${path}`)}\n${restart ? "a node runs on this folder: restart it, it reads its configuration when it starts\n" : ""}`
}
