/**
 * The command line and `<data>/node.json` (CONTRACT: spec/node-http.md, "Process"). The command line wins, key by key.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parseJson, registryIdOf, shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { LOG_LEVELS, type LogLevel } from "../logger.ts"
import { checkOperatorName } from "../state/keys.ts"
import { checkGitHosts, checkPublisherKeys, GIT_HOSTS_DEFAULT, parseRegistryKeys } from "./values.ts"

/** What the daemon was told. Absent members were not said. */
export interface NodeConfig {
  readonly data: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly operator?: string | undefined
  /** Public base URL, with a trailing slash. */
  readonly url?: string | undefined
  readonly roster?: string | undefined
  /** Registry ids. */
  readonly registries: readonly string[]
  readonly allowPrivateAddresses: boolean
  readonly logLevel: LogLevel
  /** Whether this node rebuilds packages from source. */
  readonly rebuild: boolean
  /** File with the tokens of those who may ask for builds; without it only the admin socket may. */
  readonly buildTokenFile?: string | undefined
  /** Hosts from which sources are cloned. */
  readonly gitHosts: readonly string[]
  /** Verifier keys (text form) of the publishers whose releases this node logs. */
  readonly publisherKeys: readonly string[]
  /** File with the Sigstore trusted root; the embedded one by default. */
  readonly trustRoot?: string | undefined
  /** Files with the signing keys of registries, by registry id; the embedded ones by default. */
  readonly registryKeys: ReadonlyMap<string, string>
}

/** One call of the binary. */
export interface Invocation {
  readonly command: "run" | "keys" | "fsck" | "help" | "version"
  readonly config: NodeConfig
}

/** Where a node listens when nothing says otherwise. */
export const LISTEN_DEFAULT = "127.0.0.1:4790"

const OPTIONS = {
  "data": { type: "string" },
  "listen": { type: "string" },
  "operator": { type: "string" },
  "url": { type: "string" },
  "roster": { type: "string" },
  "registry": { type: "string", multiple: true },
  "allow-private-addresses": { type: "boolean" },
  "log-level": { type: "string" },
  "rebuild": { type: "boolean" },
  "build-token-file": { type: "string" },
  "git-host": { type: "string", multiple: true },
  "publisher-key": { type: "string", multiple: true },
  "trust-root": { type: "string" },
  "registry-keys": { type: "string", multiple: true },
  "help": { type: "boolean", short: "h" },
  "version": { type: "boolean" },
} as const

/** Everything that may be said, in either place, before it is checked. */
interface Said {
  readonly listen?: string | undefined
  readonly operator?: string | undefined
  readonly url?: string | undefined
  readonly roster?: string | undefined
  readonly registry?: readonly string[] | undefined
  readonly allowPrivateAddresses?: boolean | undefined
  readonly logLevel?: string | undefined
  readonly rebuild?: boolean | undefined
  readonly buildTokenFile?: string | undefined
  readonly gitHost?: readonly string[] | undefined
  readonly publisherKey?: readonly string[] | undefined
  readonly trustRoot?: string | undefined
  /** `REGISTRY=FILE`, files already resolved. */
  readonly registryKeys?: readonly string[] | undefined
}

const CONFIG_BYTES_MAX = 64 * 1024
const KEYS_OF_FILE = [
  "listen", "operator", "url", "roster", "registry", "allowPrivateAddresses", "logLevel", "rebuild", "buildTokenFile", "gitHost", "publisherKey", "trustRoot", "registryKeys",
] as const
const LIST_LENGTH_MAX = 100
/** Longest item of a list in the configuration, in characters: a verifier key is the longest. */
const ITEM_LENGTH_MAX = 4_096

/**
 * Reads the command line and, where there is one, the data folder's configuration file.
 * @throws VouchsafeError USAGE for a wrong command line, CONFIG_MALFORMED for wrong values.
 */
export function readInvocation(argv: readonly string[], env: NodeJS.ProcessEnv): Invocation {
  const { values, positionals } = parseCommandLine(argv)
  const [command = "run", ...rest] = positionals
  if (rest.length > 0 || (command !== "run" && command !== "keys" && command !== "fsck")) {
    throw new VouchsafeError("USAGE", `command is ${shown(positionals.join(" "))}, expected keys, fsck or none`, { hint: "vouchsafe-node --help" })
  }
  const data = resolve(values.data ?? defaultData(env))
  const inFile = readConfigFile(join(data, "node.json"))
  const config = checkSaid(data, {
    listen: values.listen ?? inFile.listen,
    operator: values.operator ?? inFile.operator,
    url: values.url ?? inFile.url,
    roster: fromEither(values.roster, inFile.roster, data),
    registry: values.registry ?? inFile.registry,
    allowPrivateAddresses: values["allow-private-addresses"] ?? inFile.allowPrivateAddresses,
    logLevel: values["log-level"] ?? inFile.logLevel,
    rebuild: values.rebuild ?? inFile.rebuild,
    buildTokenFile: fromEither(values["build-token-file"], inFile.buildTokenFile, data),
    gitHost: values["git-host"] ?? inFile.gitHost,
    publisherKey: values["publisher-key"] ?? inFile.publisherKey,
    trustRoot: fromEither(values["trust-root"], inFile.trustRoot, data),
    registryKeys: values["registry-keys"]?.map((pair) => resolvePair(pair, ".")) ?? inFile.registryKeys?.map((pair) => resolvePair(pair, data)),
  })
  return { command: values.help === true ? "help" : values.version === true ? "version" : command, config }
}

/** A path: of the command line from where it was started, of the file from its folder. */
function fromEither(said: string | undefined, inFile: string | undefined, data: string): string | undefined {
  if (said !== undefined) return resolve(said)
  return inFile === undefined ? undefined : resolve(data, inFile)
}

/** Resolves the file of a `REGISTRY=FILE`. A URL may hold an equals sign, a file seldom does: the last one separates. */
function resolvePair(pair: string, folder: string): string {
  const at = pair.lastIndexOf("=")
  return at < 0 ? pair : `${pair.slice(0, at)}=${resolve(folder, pair.slice(at + 1))}`
}

function parseCommandLine(argv: readonly string[]) {
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

function readConfigFile(path: string): Said {
  if (!existsSync(path)) return {}
  const text = readFileSync(path, "utf8")
  if (text.length > CONFIG_BYTES_MAX) throw new VouchsafeError("CONFIG_MALFORMED", `${path} has ${text.length} characters, expected at most ${CONFIG_BYTES_MAX}`)
  const read = shapeReader("CONFIG_MALFORMED", path)
  const file = read.object(parseJson("CONFIG_MALFORMED", path, text), "$", [], KEYS_OF_FILE)
  const string = (key: string): string | undefined => (file[key] === undefined ? undefined : read.string(file[key], `$.${key}`, 4096))
  const flag = (key: string): boolean | undefined => {
    const value = file[key]
    return value === undefined || typeof value === "boolean" ? value : read.fail(`$.${key}`, "true or false", value)
  }
  const list = (key: string): string[] | undefined => (
    file[key] === undefined ? undefined : read.array(file[key], `$.${key}`, LIST_LENGTH_MAX).map((item, i) => read.string(item, `$.${key}[${i}]`, ITEM_LENGTH_MAX))
  )
  return {
    listen: string("listen"), operator: string("operator"), url: string("url"), roster: string("roster"), logLevel: string("logLevel"),
    registry: list("registry"), allowPrivateAddresses: flag("allowPrivateAddresses"), rebuild: flag("rebuild"), buildTokenFile: string("buildTokenFile"),
    gitHost: list("gitHost"), publisherKey: list("publisherKey"), trustRoot: string("trustRoot"), registryKeys: list("registryKeys"),
  }
}

function checkSaid(data: string, said: Said): NodeConfig {
  const level = LOG_LEVELS.find((known) => known === (said.logLevel ?? "info"))
  if (level === undefined) throw new VouchsafeError("CONFIG_MALFORMED", `log level is ${shown(said.logLevel ?? "")}, expected one of ${LOG_LEVELS.join(", ")}`)
  return {
    data,
    listen: parseListen(said.listen ?? LISTEN_DEFAULT),
    operator: said.operator === undefined ? undefined : checkOperatorName(said.operator),
    url: said.url === undefined ? undefined : parsePublicUrl(said.url),
    roster: said.roster,
    registries: [...new Set((said.registry ?? []).map(registryIdOf))],
    allowPrivateAddresses: said.allowPrivateAddresses ?? false,
    logLevel: level,
    rebuild: said.rebuild ?? false,
    buildTokenFile: said.buildTokenFile,
    gitHosts: checkGitHosts(said.gitHost ?? GIT_HOSTS_DEFAULT),
    publisherKeys: checkPublisherKeys(said.publisherKey ?? []),
    trustRoot: said.trustRoot,
    registryKeys: parseRegistryKeys(said.registryKeys ?? []),
  }
}

/** `HOST:PORT`, where HOST may be `[…]`. @throws VouchsafeError CONFIG_MALFORMED. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(0|[1-9][0-9]{0,4})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) throw new VouchsafeError("CONFIG_MALFORMED", `listen is ${shown(text)}, expected HOST:PORT`)
  const host = match[1] as string
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port }
}

/** An http or https base URL in its one spelling, with a trailing slash. @throws VouchsafeError CONFIG_MALFORMED. */
export function parsePublicUrl(text: string): string {
  try {
    return registryIdOf(text)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new VouchsafeError("CONFIG_MALFORMED", `url is ${shown(text)}, expected http(s)://host[:port]/ without credentials or query`)
  }
}
