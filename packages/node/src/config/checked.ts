/**
 * What a node is told: the members of its configuration, checked (spec/node-http.md, "Configuration").
 *
 * @packageDocumentation
 */
import { isVouchsafeError, registryIdOf, shown, VouchsafeError } from "@vouchsafe/core"
import { parseBytes, parseSwitch } from "../artifacts/bytes.ts"
import { checkAdminKeys } from "../auth/keys.ts"
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../logger.ts"
import { type MirrorMode, parseMirrorMode } from "../mirror/mode.ts"
import { checkPeerAnnounce, checkPeerBootstrap, checkPeerListen } from "../peers/addresses.ts"
import { checkOperatorName } from "../state/keys.ts"
import { checkObjects, checkStorage } from "../storage/addresses.ts"
import type { Said } from "./members.ts"
import { checkDnsServers, checkGitHosts, checkPublisherKeys, GIT_HOSTS_DEFAULT, parseRegistryKeys } from "./values.ts"

/** Where a node listens when nothing says otherwise. */
export const LISTEN_DEFAULT = "127.0.0.1:4790"

/** What the daemon was told. Absent members were not said. */
export interface NodeConfig {
  readonly data: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly operator?: string | undefined
  /** Public base URL, with a trailing slash. */
  readonly url?: string | undefined
  readonly roster?: string | undefined
  /** The first root of the roster's repository; its presence makes the node follow that repository. */
  readonly rosterGenesis?: string | undefined
  /** Bases of copies of that repository. */
  readonly rosterSources?: readonly string[] | undefined
  /** Registry ids. */
  readonly registries: readonly string[]
  readonly allowPrivateAddresses: boolean
  readonly logLevel: LogLevel
  /** JSON lines for machines, or lines for people; JSON by default. */
  readonly logFormat?: LogFormat
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
  /** TUF repository from which trusted root and registry keys are refreshed, with a trailing slash; absent: they stay as they are. */
  readonly trustMirror?: string | undefined
  /** File with that repository's root.json; the embedded one by default. */
  readonly trustRootJson?: string | undefined
  /** File with the keys whose signatures of commits count in rebuilds. */
  readonly allowedSigners?: string | undefined
  /** Files with the signing keys of registries, by registry id; the embedded ones by default. */
  readonly registryKeys: ReadonlyMap<string, string>
  /** Where peers may connect, as multiaddrs; their presence turns peer-to-peer on. */
  readonly p2pListen?: readonly string[] | undefined
  /** What others are told to dial beside where the node listens. */
  readonly p2pAnnounce?: readonly string[] | undefined
  /** Peers to begin with, beside those of the roster. */
  readonly p2pBootstrap?: readonly string[] | undefined
  /** Whether this node passes on the traffic of peers that nobody can dial. */
  readonly p2pRelay?: boolean | undefined
  /** `postgres://…`: where logs and the witness's memory are, instead of the data folder. Never with a password. */
  readonly storage?: string | undefined
  /** `s3://…`: where tiles and documents are then. */
  readonly objects?: string | undefined
  /** Of a front end: where the node is reached from there, the process that acts and those that stand by; its URL in the roster by default. */
  readonly nodeUrls?: readonly string[] | undefined
  /** Verifier keys (text form) of those who may send signed admin requests. */
  readonly adminKeys?: readonly string[] | undefined
  /** File with the bearer tokens of those who may send admin requests. */
  readonly adminTokenFile?: string | undefined
  /** Whether this node says anything new about packages; it does by default. */
  readonly attester?: boolean | undefined
  /** Whether it cosigns the roster's logs; it does by default. */
  readonly witness?: boolean | undefined
  /** Which logs of other nodes are copied; notices logs by default, all of a monitor. */
  readonly mirror?: MirrorMode | undefined
  /** Whether this node reads all logs and reports what it finds. */
  readonly monitor?: boolean | undefined
  /** Whether tarballs are kept and given to others; on by default. */
  readonly artifacts?: boolean | undefined
  /** Whether name servers and git hosts are asked about what packages say of their past; on by default. */
  readonly historyLookups?: boolean | undefined
  /** Name servers that are asked about e-mail domains, `address` or `address:port`; the machine's by default. */
  readonly dnsServers?: readonly string[] | undefined
  /** Bytes of tarballs that are kept, in bytes. */
  readonly artifactQuota?: number | undefined
  /** Bytes of tarballs that are given to others, and fetched from them, in bytes a second. */
  readonly artifactBandwidth?: number | undefined
}

/** What was said, checked, with defaults for the rest. @throws VouchsafeError CONFIG_MALFORMED. */
export function checkSaid(data: string, said: Said): NodeConfig {
  const level = LOG_LEVELS.find((known) => known === (said.logLevel ?? "info"))
  if (level === undefined) throw new VouchsafeError("CONFIG_MALFORMED", `log level is ${shown(said.logLevel ?? "")}, expected one of ${LOG_LEVELS.join(", ")}`)
  const format = LOG_FORMATS.find((known) => known === (said.logFormat ?? LOG_FORMATS[0]))
  if (format === undefined) throw new VouchsafeError("CONFIG_MALFORMED", `log format is ${shown(said.logFormat ?? "")}, expected one of ${LOG_FORMATS.join(", ")}`)
  return {
    data,
    listen: parseListen(said.listen ?? LISTEN_DEFAULT),
    operator: said.operator === undefined ? undefined : checkOperatorName(said.operator),
    url: said.url === undefined ? undefined : parsePublicUrl(said.url),
    roster: said.roster,
    rosterGenesis: said.rosterGenesis,
    rosterSources: said.rosterSource === undefined ? undefined : [...new Set(said.rosterSource.map((url) => parsePublicUrl(url, "roster source")))],
    registries: [...new Set((said.registry ?? []).map(registryIdOf))],
    allowPrivateAddresses: said.allowPrivateAddresses ?? false,
    logLevel: level,
    logFormat: format,
    rebuild: said.rebuild ?? false,
    buildTokenFile: said.buildTokenFile,
    gitHosts: checkGitHosts(said.gitHost ?? GIT_HOSTS_DEFAULT),
    publisherKeys: checkPublisherKeys(said.publisherKey ?? []),
    trustRoot: said.trustRoot,
    trustMirror: said.trustMirror === undefined ? undefined : parsePublicUrl(said.trustMirror, "trust mirror"),
    trustRootJson: said.trustRootJson,
    allowedSigners: said.allowedSigners,
    registryKeys: parseRegistryKeys(said.registryKeys ?? []),
    attester: said.attester === undefined ? undefined : parseSwitch("attester", said.attester),
    witness: said.witness === undefined ? undefined : parseSwitch("witness", said.witness),
    mirror: said.mirror === undefined ? undefined : parseMirrorMode(said.mirror),
    monitor: said.monitor,
    historyLookups: said.historyLookups === undefined ? undefined : parseSwitch("history look-ups", said.historyLookups),
    dnsServers: said.dnsServer === undefined ? undefined : checkDnsServers(said.dnsServer),
    artifacts: said.artifacts === undefined ? undefined : parseSwitch("artifacts", said.artifacts),
    artifactQuota: said.artifactQuota === undefined ? undefined : parseBytes("artifact quota", said.artifactQuota),
    artifactBandwidth: said.artifactBandwidth === undefined ? undefined : parseBytes("artifact bandwidth", said.artifactBandwidth),
    p2pListen: said.p2pListen === undefined ? undefined : checkPeerListen(said.p2pListen),
    p2pAnnounce: said.p2pAnnounce === undefined ? undefined : checkPeerAnnounce(said.p2pAnnounce),
    p2pBootstrap: said.p2pBootstrap === undefined ? undefined : checkPeerBootstrap(said.p2pBootstrap),
    p2pRelay: said.p2pRelay,
    storage: said.storage === undefined ? undefined : checkStorage(said.storage),
    objects: said.objects === undefined ? undefined : checkObjects(said.objects),
    nodeUrls: said.nodeUrl === undefined ? undefined : [...new Set(said.nodeUrl.map((url) => parsePublicUrl(url, "node URL")))],
    adminKeys: said.adminKey === undefined ? undefined : checkAdminKeys(said.adminKey),
    adminTokenFile: said.adminTokenFile,
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
export function parsePublicUrl(text: string, what = "url"): string {
  try {
    return registryIdOf(text)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new VouchsafeError("CONFIG_MALFORMED", `${what} is ${shown(text)}, expected http(s)://host[:port]/ without credentials or query`)
  }
}
