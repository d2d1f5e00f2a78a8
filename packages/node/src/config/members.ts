/**
 * The members of a node's configuration, and where each value comes from: arguments, then the environment, then `<data>/node.json`, then
 * the default (spec/node-http.md, "Configuration").
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { resolve } from "node:path"

/** `path`: a file, found from where it was named. `pairs`: `REGISTRY=FILE`. */
export type MemberKind = "text" | "flag" | "path" | "list" | "pairs"

/** Every member under its name in the file. */
export const MEMBERS = {
  listen: "text", operator: "text", url: "text", roster: "path", registry: "list", allowPrivateAddresses: "flag", logLevel: "text", logFormat: "text",
  rebuild: "flag", buildTokenFile: "path", gitHost: "list", publisherKey: "list", trustRoot: "path", registryKeys: "pairs",
  trustMirror: "text", trustRootJson: "path", allowedSigners: "path",
  p2pListen: "list", p2pAnnounce: "list", p2pBootstrap: "list", p2pRelay: "flag",
  rosterGenesis: "path", rosterSource: "list",
  attester: "text", witness: "text",
  mirror: "text", monitor: "flag",
  storage: "text", objects: "text", nodeUrl: "list", adminKey: "list", adminTokenFile: "path",
  historyLookups: "text", dnsServer: "list",
  artifacts: "text", artifactQuota: "text", artifactBandwidth: "text",
} as const satisfies Readonly<Record<string, MemberKind>>

export type Member = keyof typeof MEMBERS
export const MEMBER_NAMES = Object.keys(MEMBERS) as Member[]
type ValueOf = { readonly text: string; readonly path: string; readonly flag: boolean; readonly list: readonly string[]; readonly pairs: readonly string[] }

/** What was said, in one place or in all. */
export type Said = { readonly [M in Member]?: ValueOf[(typeof MEMBERS)[M]] | undefined }
export type Source = "arguments" | "environment" | "file" | "default"

/** All that was said, and where. */
export interface Layered {
  readonly said: Said
  readonly sources: Readonly<Record<Member, Source>>
}

/** `logLevel` on a command line is `--log-level`. */
export function optionOf(member: Member): string {
  return member.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `logLevel` in the environment is `VOUCHSAFE_NODE_LOG_LEVEL`. */
export function variableOf(member: Member): string {
  return `VOUCHSAFE_NODE_${optionOf(member).replaceAll("-", "_").toUpperCase()}`
}

/** A member by its name in the file or on the command line. @throws VouchsafeError USAGE. */
export function memberNamed(name: string): Member {
  const member = MEMBER_NAMES.find((known) => known === name || optionOf(known) === name)
  if (member === undefined) throw new VouchsafeError("USAGE", `configuration has no member ${shown(name)}, expected one of ${MEMBER_NAMES.join(", ")}`)
  return member
}

/** Puts the places over each other, member by member. */
export function layer(places: Readonly<Record<Exclude<Source, "default">, Said>>): Layered {
  const said: Record<string, unknown> = {}
  const sources = {} as Record<Member, Source>
  for (const member of MEMBER_NAMES) {
    const source = (["arguments", "environment", "file"] as const).find((place) => places[place][member] !== undefined)
    sources[member] = source ?? "default"
    if (source !== undefined) said[member] = places[source][member]
  }
  return { said: said as Said, sources }
}

/** Resolves what names a file from the folder in which it was said. */
export function withPaths(said: Said, folder: string): Said {
  const out: Record<string, unknown> = {}
  for (const member of MEMBER_NAMES) {
    const value = said[member]
    if (value === undefined) continue
    if (MEMBERS[member] === "path") out[member] = resolve(folder, value as string)
    else if (MEMBERS[member] === "pairs") out[member] = (value as readonly string[]).map((pair) => resolvePair(pair, folder))
    else out[member] = value
  }
  return out as Said
}

/** Resolves the file of a `REGISTRY=FILE`. A URL may hold an equals sign, a file seldom does: the last one separates. */
function resolvePair(pair: string, folder: string): string {
  const at = pair.lastIndexOf("=")
  return at < 0 ? pair : `${pair.slice(0, at)}=${resolve(folder, pair.slice(at + 1))}`
}

/** A member's value from words. @throws VouchsafeError CONFIG_MALFORMED. */
export function valueOfWords(member: Member, words: readonly string[], place: string): string | boolean | readonly string[] {
  const kind: MemberKind = MEMBERS[member]
  const wrong = (expected: string): VouchsafeError => new VouchsafeError("CONFIG_MALFORMED", `${place} is ${shown(words.join(" "))}, expected ${expected}`)
  if (kind === "list" || kind === "pairs") {
    if (words.length === 0) throw wrong("at least one value")
    return words
  }
  const [word] = words
  if (word === undefined || words.length > 1 || word === "") throw wrong("one value")
  if (kind !== "flag") return word
  if (word !== "true" && word !== "false") throw wrong("true or false")
  return word === "true"
}

/** What the environment says: `VOUCHSAFE_NODE_…`; lists are separated by white space. An empty variable says nothing. @throws VouchsafeError CONFIG_MALFORMED. */
export function saidByEnvironment(env: Readonly<Record<string, string | undefined>>): Said {
  const out: Record<string, unknown> = {}
  for (const member of MEMBER_NAMES) {
    const text = env[variableOf(member)]
    if (text === undefined || text === "") continue
    const isList = MEMBERS[member] === "list" || MEMBERS[member] === "pairs"
    out[member] = valueOfWords(member, isList ? text.split(/\s+/).filter((word) => word !== "") : [text], variableOf(member))
  }
  return out as Said
}
