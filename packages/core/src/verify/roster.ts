import { hexEncode, utf8Encode } from "../bytes.ts"
import { openCheckpoint } from "../checkpoint.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError, shown, VouchsafeError } from "../errors.ts"
import { parseTlogPolicy, quorumSatisfied, type TlogPolicy } from "../policy-text.ts"
import { KEY_TYPE, parseVerifierKey, type VerifierKey } from "../vkey.ts"
import { repeatedMember } from "./json-lines.ts"
import { quorumsIntersect } from "./quorum.ts"
import { shapeReader } from "./shape.ts"
import { registryMember } from "./statement-text.ts"

export const ROSTER_FORMAT = "vouchsafe-roster/v1"
/** Longest roster in UTF-16 code units. */
export const ROSTER_LENGTH_MAX = 1_048_576
export const ROSTER_NODES_MAX = 128
export const ROSTER_REGISTRIES_MAX = 64
/** Logs that one node has had before. */
export const RETIRED_LOGS_MAX = 16

/** Names of operators. */
export const OPERATOR = /^[a-z0-9][a-z0-9-]{0,62}$/
const VKEY_LENGTH_MAX = 512
const POLICY_TEXT_LENGTH_MAX = 262_144
const FINAL_LENGTH_MAX = 65_536

/** An observations log that its operator has handed over to a later one. What stands in it up to its last head still counts. */
export interface RetiredLog {
  readonly log: VerifierKey
  /** Its last head, as a signed note. */
  readonly final: string
  /** Size of that head. Heads of later sizes count for nothing: whoever signed them was not the operator any more. */
  readonly size: number
}

/** One node: the logs of one attester and its witness, run by one operator. */
export interface RosterNode {
  readonly operator: string
  /** Base of the node's HTTP, with a trailing slash. */
  readonly url: string
  /** Key of the observations log; its name is the log's origin. */
  readonly log: VerifierKey
  /** Key of the notices log; its name is the log's origin. */
  readonly notices: VerifierKey
  readonly witness: VerifierKey
  /** Observations logs that came before `log`, oldest first; absent when there are none. */
  readonly retired?: readonly RetiredLog[]
}

/** Who is trusted (DESIGN §2; packages/spec/roster.md). */
export interface Roster {
  readonly version: number
  /** Distinct operators that must count, at least 1. */
  readonly threshold: number
  /** Distinct, in the order of first appearance. */
  readonly operators: readonly string[]
  /** One operator's word is all there is; every verdict says so. */
  readonly singleOperator: boolean
  readonly nodes: readonly RosterNode[]
  readonly policy: TlogPolicy
  /** Registry ids that the nodes observe; names from other registries never leave the machine (THREATS A8). */
  readonly registries: readonly string[]
  /** Hex SHA-256 of the document's text. */
  readonly digest: string
  /** Hex SHA-256 of the first log key that each node ever had: stays through hand-overs, new addresses and new registries. */
  readonly lineage: string
  /** What `doctor` should tell: arithmetic that a majority would not accept. */
  readonly warnings: readonly string[]
}

const read = shapeReader("ROSTER_MALFORMED", "roster")

/**
 * Reads a roster document and checks that its parts agree: every node's keys stand in the policy text and no others,
 * one witness an operator, and any two witness quorums for one log share a witness (2q > w, the log operator's own
 * witness excluded; THREATS A4).
 *
 * @throws VouchsafeError ROSTER_MALFORMED.
 */
export function parseRoster(crypto: Crypto, text: string): Roster {
  const value = read.json(text, ROSTER_LENGTH_MAX)
  const repeated = repeatedMember(text)
  if (repeated !== undefined) read.fail(repeated, "it once", "there twice")
  const document = read.object(value, "document", ["format", "version", "nodes", "policy", "registries"], ["threshold"])
  read.oneOf(document["format"], "format", [ROSTER_FORMAT])
  const version = read.integer(document["version"], "version", 1, Number.MAX_SAFE_INTEGER)
  const nodes = read.array(document["nodes"], "nodes", ROSTER_NODES_MAX).map((node, i) => parseNode(crypto, node, `nodes[${i}]`))
  if (nodes.length === 0) read.fail("nodes", "at least one node", "empty")
  const policy = inRoster("policy", () => parseTlogPolicy(read.string(document["policy"], "policy", POLICY_TEXT_LENGTH_MAX)))
  const registries = read.array(document["registries"], "registries", ROSTER_REGISTRIES_MAX).map((registry, i) => registryMember(registry, `registries[${i}]`, read))
  const operators = [...new Set(nodes.map((node) => node.operator))]
  const majority = Math.floor(operators.length / 2) + 1
  const threshold = document["threshold"] === undefined ? majority : read.integer(document["threshold"], "threshold", 1, operators.length)
  checkKeys(nodes, policy)
  const warnings = checkWitnesses(nodes, operators, policy)
  if (threshold < majority) {
    warnings.push(`threshold ${threshold} of ${operators.length} operators is not a majority: two quorums can disagree`)
  }
  return {
    version, threshold, operators, nodes, policy, registries, warnings,
    singleOperator: operators.length === 1,
    digest: hexEncode(crypto.sha256(utf8Encode(text))),
    lineage: hexEncode(crypto.sha256(utf8Encode(nodes.map(({ log, retired = [] }) => (retired[0]?.log ?? log).vkey).sort().join("\n")))),
  }
}

function parseNode(crypto: Crypto, value: unknown, at: string): RosterNode {
  const node = read.object(value, at, ["operator", "url", "log", "notices", "witness"], ["retired"])
  const url = registryMember(node["url"], `${at}.url`, read)
  return {
    operator: read.pattern(node["operator"], `${at}.operator`, OPERATOR, "a name of a-z, 0-9 and hyphens"),
    url,
    log: parseKey(node["log"], `${at}.log`, KEY_TYPE.ed25519),
    notices: parseKey(node["notices"], `${at}.notices`, KEY_TYPE.ed25519),
    witness: parseKey(node["witness"], `${at}.witness`, KEY_TYPE.cosignatureEd25519),
    ...(node["retired"] === undefined ? {} : { retired: read.array(node["retired"], `${at}.retired`, RETIRED_LOGS_MAX).map((one, i) => parseRetired(crypto, one, `${at}.retired[${i}]`)) }),
  }
}

function parseRetired(crypto: Crypto, value: unknown, at: string): RetiredLog {
  const retired = read.object(value, at, ["log", "final"])
  const log = parseKey(retired["log"], `${at}.log`, KEY_TYPE.ed25519)
  const final = read.string(retired["final"], `${at}.final`, FINAL_LENGTH_MAX)
  return { log, final, size: inRoster(`${at}.final`, () => openCheckpoint(crypto, final, log)).checkpoint.size }
}

function parseKey(value: unknown, at: string, type: number): VerifierKey {
  const text = read.string(value, at, VKEY_LENGTH_MAX)
  const key = inRoster(at, () => parseVerifierKey(text))
  if (key.type !== type) read.fail(at, `a key of type ${type}`, `type ${key.type}`)
  return key
}

/** What is wrong with a part is wrong with the roster. */
function inRoster<T>(at: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("ROSTER_MALFORMED", `roster: ${at}: ${cause.message}`, { cause, details: { at } })
  }
}

/** Names and public keys are unique over all roles, those of retired logs too, and nodes and policy text name the same keys. */
function checkKeys(nodes: readonly RosterNode[], policy: TlogPolicy): void {
  const keys = nodes.flatMap((node) => [node.log, node.notices, node.witness, ...(node.retired ?? []).map(({ log }) => log)])
  requireUnique(keys.map((key) => key.name), "key name")
  requireUnique(keys.map((key) => hexEncode(key.publicKey)), "public key")
  requireSame(policy.logs.map((log) => log.key.vkey), nodes.flatMap((node) => [node.log.vkey, node.notices.vkey]), "log")
  requireSame(policy.witnesses.map((witness) => witness.key.vkey), nodes.map((node) => node.witness.vkey), "witness")
}

function requireUnique(values: readonly string[], what: string): void {
  const seen = new Set<string>()
  for (const value of values) {
    if (seen.has(value)) read.fail("nodes", `every ${what} once`, value)
    seen.add(value)
  }
}

function requireSame(inPolicy: readonly string[], inNodes: readonly string[], what: string): void {
  for (const vkey of inNodes) if (!inPolicy.includes(vkey)) read.fail("policy", `a ${what} line for every node`, `no line for ${shown(vkey)}`)
  for (const vkey of inPolicy) if (!inNodes.includes(vkey)) read.fail("policy", `${what} lines of nodes only`, vkey)
}

function checkWitnesses(nodes: readonly RosterNode[], operators: readonly string[], policy: TlogPolicy): string[] {
  const warnings: string[] = []
  if (operators.length === 1) {
    if (policy.quorum !== "none") read.fail("policy", '"quorum none" with a single operator, whose own witness does not count', policy.quorum)
    return warnings
  }
  if (policy.quorum === "none") read.fail("policy", "a witness quorum: there are several operators", '"quorum none"')
  if (new Set(nodes.map((node) => node.operator)).size !== nodes.length) {
    read.fail("nodes", "one node, and so one witness, an operator", "an operator with several")
  }
  for (const operator of operators) {
    const eligible = new Set(eligibleWitnesses(nodes, policy, operator))
    if (!quorumSatisfied(policy, eligible)) {
      read.fail("policy", `a quorum that witnesses other than ${operator}'s own can reach`, "one that they cannot")
    }
    if (!quorumsIntersect(policy, eligible)) {
      read.fail("policy", `witness quorums that share a witness (2q > w) for the logs of ${operator}`, "two that share none")
    }
  }
  return warnings
}

/** Policy names of the witnesses that count for the logs of an operator: all but its own. */
export function eligibleWitnesses(nodes: readonly RosterNode[], policy: TlogPolicy, operator: string): string[] {
  const own = new Set(nodes.filter((node) => node.operator === operator).map((node) => node.witness.vkey))
  return policy.witnesses.filter((witness) => !own.has(witness.key.vkey)).map((witness) => witness.name)
}

/** The witness quorum that the members of a new roster of `operators` use: a majority of the other operators' witnesses. */
export function defaultWitnessQuorum(operators: number): number {
  return operators <= 1 ? 0 : Math.floor((operators - 1) / 2) + 1
}

/** Composes a roster document for nodes of distinct operators, with the default threshold and witness quorum. */
export function formatRoster(nodes: readonly RosterNode[], registries: readonly string[], more: { readonly version?: number; readonly threshold?: number } = {}): string {
  const lines: string[] = []
  for (const node of nodes) {
    lines.push(`log ${node.log.vkey} ${node.url}log/`, `log ${node.notices.vkey} ${node.url}notices/`)
  }
  for (const node of nodes) lines.push(`witness ${node.operator} ${node.witness.vkey} ${node.url}witness/`)
  const quorum = defaultWitnessQuorum(nodes.length)
  if (quorum > 0) lines.push(`group witnesses ${quorum} ${nodes.map((node) => node.operator).join(" ")}`)
  lines.push(`quorum ${quorum > 0 ? "witnesses" : "none"}`)
  const document = {
    format: ROSTER_FORMAT,
    version: more.version ?? 1,
    ...(more.threshold === undefined ? {} : { threshold: more.threshold }),
    nodes: nodes.map((node) => ({
      operator: node.operator, url: node.url, log: node.log.vkey, notices: node.notices.vkey, witness: node.witness.vkey,
      ...(node.retired === undefined ? {} : { retired: node.retired.map(({ log, final }) => ({ log: log.vkey, final })) }),
    })),
    policy: `${lines.join("\n")}\n`,
    registries,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
