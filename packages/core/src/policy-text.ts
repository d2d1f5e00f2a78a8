/**
 * Trust policies in text (C2SP tlog-policy; STANDARDS §7): which logs, which witnesses, how many of them.
 *
 * @packageDocumentation
 */
import { hexEncode, isWellFormed } from "./bytes.ts"
import { parseDecimal } from "./decimal.ts"
import { isVouchsafeError, refusals, shown } from "./errors.ts"
import { KEY_TYPE, parseVerifierKey, type VerifierKey } from "./vkey.ts"

/** Longest policy text, in UTF-16 units. */
export const POLICY_LENGTH_MAX = 1_000_000
/** Most logs, witnesses and groups; the specification asks for at least 32 each. */
export const POLICY_ITEMS_MAX = 1024

/** A log that may be trusted. */
export interface PolicyLog { readonly key: VerifierKey; readonly url?: string }
/** A witness under the policy's own name for it. */
export interface PolicyWitness { readonly name: string; readonly key: VerifierKey; readonly url?: string }
/** A group is satisfied when at least `threshold` of its members are. */
export interface PolicyGroup { readonly name: string; readonly threshold: number; readonly members: readonly string[] }

/** A policy. `quorum` names a witness or a group, or is `none`. */
export interface TlogPolicy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: readonly PolicyGroup[]
  readonly quorum: string
}

const NONE = "none"

interface Draft {
  readonly logs: PolicyLog[]
  readonly witnesses: PolicyWitness[]
  readonly groups: PolicyGroup[]
  quorum: string | undefined
  readonly names: Set<string>
  readonly members: Set<string>
  readonly logKeys: Set<string>
  readonly witnessKeys: Set<string>
}

const refuse = /* @__PURE__ */ refusals("POLICY_TEXT_MALFORMED", "policy ")

function inLine<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!isVouchsafeError(cause) || cause.code === "POLICY_TEXT_MALFORMED") throw cause
    throw refuse(`${what}: ${cause.message}`, cause)
  }
}

function readKey(vkey: string, types: readonly number[], keys: Set<string>): VerifierKey {
  const key = parseVerifierKey(vkey)
  if (!types.includes(key.type)) throw refuse(`has the key ${shown(vkey)} of type ${key.type}, expected ${types.join(" or ")}`)
  // Same key bytes under another name would let one party count twice.
  const id = hexEncode(key.publicKey)
  if (keys.has(id)) throw refuse(`names the key of ${shown(key.name)} twice, expected distinct keys`)
  keys.add(id)
  return key
}

function readUrl(url: string | undefined): { readonly url?: string } {
  if (url === undefined) return {}
  if (!/^https?:\/\/[^/]/.test(url)) throw refuse(`has the address ${shown(url)}, expected http:// or https://`)
  return { url }
}

function readName(draft: Draft, name: string): string {
  if (name === NONE) throw refuse(`gives the name "none", which is reserved`)
  if (draft.names.has(name)) throw refuse(`gives the name ${shown(name)} twice, expected one namespace for witnesses and groups`)
  draft.names.add(name)
  return name
}

function expectWords(words: readonly string[], least: number, most: number): void {
  if (words.length < least || words.length > most) throw refuse(`has a line of ${words.length} words, expected ${least} to ${most}: ${shown(words.join(" "))}`)
}

function expectRoom(list: readonly unknown[]): void {
  if (list.length >= POLICY_ITEMS_MAX) throw refuse(`has more than ${POLICY_ITEMS_MAX} lines of one kind`)
}

function readGroup(draft: Draft, words: readonly string[]): PolicyGroup {
  expectWords(words, 4, POLICY_ITEMS_MAX)
  const [, nameWord = "", rule = "", ...members] = words
  for (const member of members) {
    if (!draft.names.has(member)) throw refuse(`group ${shown(nameWord)} has the member ${shown(member)}, expected a name from an earlier line`)
    if (draft.members.has(member)) throw refuse(`has the member ${shown(member)} twice, expected each name in at most one group`)
    draft.members.add(member)
  }
  const name = readName(draft, nameWord)
  const threshold = rule === "any" ? 1 : rule === "all" ? members.length : parseDecimal(rule)
  if (threshold < 1 || threshold > members.length) throw refuse(`group ${shown(name)} asks for ${threshold} of ${members.length} members`)
  return { name, threshold, members }
}

function readLine(draft: Draft, words: readonly string[]): void {
  const [keyword = "", first = "", second = "", third] = words
  switch (keyword) {
    case "log":
      expectWords(words, 2, 3)
      expectRoom(draft.logs)
      draft.logs.push({ key: readKey(first, [KEY_TYPE.ed25519, KEY_TYPE.cosignatureMlDsa44], draft.logKeys), ...readUrl(words[2]) })
      return
    case "witness":
      expectWords(words, 3, 4)
      expectRoom(draft.witnesses)
      draft.witnesses.push({
        name: readName(draft, first),
        key: readKey(second, [KEY_TYPE.cosignatureEd25519, KEY_TYPE.cosignatureMlDsa44], draft.witnessKeys),
        ...readUrl(third),
      })
      return
    case "group":
      expectRoom(draft.groups)
      draft.groups.push(readGroup(draft, words))
      return
    case "quorum":
      expectWords(words, 2, 2)
      if (draft.quorum !== undefined) throw refuse("has a second quorum line, expected exactly one")
      if (first !== NONE && !draft.names.has(first)) throw refuse(`quorum is ${shown(first)}, expected "none" or a name from an earlier line`)
      draft.quorum = first
      return
    default:
      throw refuse(`has a line that starts with ${shown(keyword)}, expected log, witness, group or quorum`)
  }
}

/**
 * Reads a policy.
 * @throws VouchsafeError POLICY_TEXT_MALFORMED; the message names the line.
 */
export function parseTlogPolicy(text: string): TlogPolicy {
  if (text.length > POLICY_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${POLICY_LENGTH_MAX}`)
  if (!isWellFormed(text) || /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) {
    throw refuse("has a control character, expected none but tabs and newlines")
  }
  const draft: Draft = {
    logs: [], witnesses: [], groups: [], quorum: undefined,
    names: new Set(), members: new Set(), logKeys: new Set(), witnessKeys: new Set(),
  }
  text.split("\n").forEach((line, i) => {
    if (line.startsWith("#")) return
    const words = line.split(/[ \t]+/).filter((word) => word !== "")
    if (words.length > 0) inLine(`line ${i + 1}`, () => readLine(draft, words))
  })
  const { logs, witnesses, groups, quorum } = draft
  if (quorum === undefined) throw refuse("has no quorum line, expected exactly one")
  return { logs, witnesses, groups, quorum }
}

/** Tells whether the witnesses that cosigned, by their names in the policy, satisfy its quorum. Other names are ignored. */
export function quorumSatisfied(policy: TlogPolicy, witnessNames: ReadonlySet<string>): boolean {
  if (policy.quorum === NONE) return true
  const satisfied = new Set(policy.witnesses.map(({ name }) => name).filter((name) => witnessNames.has(name)))
  // Groups refer to earlier lines only, so one pass in order settles them all.
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => satisfied.has(member)).length >= threshold) satisfied.add(name)
  }
  return satisfied.has(policy.quorum)
}
