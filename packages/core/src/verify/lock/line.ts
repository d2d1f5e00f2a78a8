/**
 * One line of `vouchsafe.lock`: the facts of one artifact, in one spelling (packages/spec/lock.md, "Lines").
 *
 * @packageDocumentation
 */
import { refusals, shown } from "../../errors.ts"
import { spellNpmPurl } from "../../purl.ts"
import { sriOfSha512 } from "../../sri.ts"
import { type ArtifactFacts, factsOf, type Flag, FLAG_WORDS, type FlagWord, type SourceIdentity } from "../artifact-facts.ts"
import { TIME_SECONDS_MAX } from "../members.ts"
import type { Observation } from "../observation.ts"
import { isRegistryId } from "../registry-id.ts"
import { NAME_LENGTH_MAX } from "../statement-text.ts"
import { hexOfBase64 } from "./hex.ts"
import { decodeText, encodeText } from "./text.ts"

/** Longest line, in characters, all of them ASCII. What is remarkable about a package fits into a fraction of it. */
export const LOCK_LINE_LENGTH_MAX = 65_536

/** What a line says. */
export interface LockLine {
  readonly facts: ArtifactFacts
  /** Directories of other packages inside the tarball, as the attester read them (THREATS A6). */
  readonly bundled: readonly string[]
}

/** Keys in the order in which they stand. Each is absent where there is nothing to say. */
const KEYS = ["registry", "at", "by", "repo", "prov", "bundled", "runs", "flags"] as const
type Key = (typeof KEYS)[number]

const RUNNERS = ["github-hosted", "self-hosted"] as const
const IDENTITY = ["repository", "repositoryId", "ownerId", "commit", "workflow", "builder", "runner"] as const satisfies readonly (keyof SourceIdentity)[]
const WORDS: ReadonlySet<string> = new Set(FLAG_WORDS)

// The last digit of each base64 has bits to spare, which are zero.
const FIXED = /^(pkg:npm\/[!-~]+) sha512-([A-Za-z0-9+/]{85}[AQgw]==) (h1:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?: (.*))?$/
const SECONDS = /^(?:0|[1-9][0-9]{0,14})$/

const refuse = /* @__PURE__ */ refusals("LOCK_MALFORMED", "lock line: ")

/** The line that an observation amounts to. */
export function lockLineOf(observation: Observation): LockLine {
  return { facts: factsOf(observation), bundled: observation.package.bundled }
}

/**
 * Writes a line, without its mark at the end and without a newline.
 *
 * @param registry - the lock's default registry, which lines leave out
 * @throws VouchsafeError LOCK_MALFORMED where facts do not fit into a line, PURL_MALFORMED, HEX_MALFORMED, SRI_MALFORMED.
 */
export function formatLockLine({ facts, bundled }: LockLine, registry: string): string {
  const values: Readonly<Record<Key, string | null>> = {
    registry: facts.registry === registry ? null : facts.registry,
    at: facts.publishedAt === null ? null : String(facts.publishedAt),
    by: facts.publisher === null ? null : encoded(facts.publisher, "by"),
    repo: facts.repository === null ? null : encoded(facts.repository, "repo"),
    prov: facts.provenance === null ? null : formatIdentity(facts.provenance),
    bundled: bundled.length === 0 ? null : bundled.map((path) => encoded(path, "bundled")).join(","),
    runs: facts.runsScripts ? "" : null,
    flags: facts.flags.length === 0 ? null : facts.flags.map(formatFlag).join(","),
  }
  let line = `${facts.purl} ${sriOfSha512(facts.sha512)} ${facts.h1}`
  for (const key of KEYS) {
    const value = values[key]
    if (value !== null) line += key === "runs" ? " runs" : ` ${key}=${value}`
  }
  // A line that does not read back as it was written would be refused by everybody else.
  parseLockLine(line, registry)
  return line
}

/**
 * Reads a line, without its mark. One spelling: `formatLockLine(parseLockLine(text))` is `text`.
 * @throws VouchsafeError LOCK_MALFORMED, saying what is wrong.
 */
export function parseLockLine(text: string, registry: string): LockLine {
  if (text.length > LOCK_LINE_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${LOCK_LINE_LENGTH_MAX}`)
  const [, purl = "", sri = "", h1 = "", rest] = FIXED.exec(text) ?? []
  if (purl === "") throw refuse(`${shown(text)} does not begin with a purl, a sha512 integrity and an h1 hash`)
  if (purl.length > NAME_LENGTH_MAX || spellNpmPurl(purl) !== purl) throw refuse(`purl ${shown(purl)} is not in its one spelling`)
  const values = readKeys(rest)
  const own = values.get("registry")
  if (own !== undefined && (!isRegistryId(own) || own === registry)) throw refuse(`registry ${shown(own)} is no registry id other than the lock's own`)
  const prov = values.get("prov")
  const flags = values.get("flags")
  return {
    facts: {
      purl, h1, sha512: hexOfBase64(sri),
      registry: own ?? registry,
      publishedAt: secondsOf(values.get("at")),
      publisher: textOf(values, "by"),
      repository: textOf(values, "repo"),
      provenance: prov === undefined ? null : parseIdentity(prov),
      runsScripts: values.has("runs"),
      flags: flags === undefined ? [] : parseFlags(flags),
    },
    bundled: listOf(values.get("bundled"), "bundled"),
  }
}

function readKeys(rest: string | undefined): ReadonlyMap<Key, string> {
  const values = new Map<Key, string>()
  if (rest === undefined) return values
  let next = 0
  for (const token of rest.split(" ")) {
    const equals = token.indexOf("=")
    const key = equals < 0 ? token : token.slice(0, equals)
    const place = (KEYS as readonly string[]).indexOf(key)
    if (place < 0 || (key === "runs") !== (equals < 0)) throw refuse(`has ${shown(token)}, expected one of ${KEYS.join(", ")}`)
    if (place < next) throw refuse(`has ${shown(key)} again or in another place, expected the order ${KEYS.join(", ")}`)
    next = place + 1
    values.set(KEYS[place] as Key, token.slice(equals + 1))
  }
  return values
}

function secondsOf(text: string | undefined): number | null {
  if (text === undefined) return null
  if (!SECONDS.test(text) || Number(text) > TIME_SECONDS_MAX) throw refuse(`at is ${shown(text)}, expected seconds in plain decimal, at most ${TIME_SECONDS_MAX}`)
  return Number(text)
}

function textOf(values: ReadonlyMap<Key, string>, key: Key): string | null {
  const value = values.get(key)
  return value === undefined ? null : decoded(value, key)
}

function listOf(value: string | undefined, key: Key): readonly string[] {
  if (value === undefined) return []
  return value.split(",").map((item) => (item === "" ? fail(`${key} has an empty item, expected none`) : decoded(item, key)))
}

/** Empty where a member is null; none of them can be an empty text. */
function formatIdentity(identity: SourceIdentity): string {
  return IDENTITY.map((member) => {
    const value = identity[member]
    if (value === "") throw refuse(`prov has an empty ${member}, expected a fact or none`)
    return value === null ? "" : encoded(value, "prov")
  }).join(",")
}

function parseIdentity(value: string): SourceIdentity {
  const items = value.split(",")
  if (items.length !== IDENTITY.length) throw refuse(`prov has ${items.length} items, expected ${IDENTITY.length}`)
  const [repository, repositoryId, ownerId, commit, workflow, builder, runner] = items.map((item) => (item === "" ? null : decoded(item, "prov"))) as [string | null, ...(string | null)[]]
  if (repository === null || commit === null || commit === undefined || builder === null || builder === undefined) throw refuse("prov lacks a repository, a commit or a builder")
  const known = RUNNERS.find((word) => word === runner) ?? null
  if (known !== (runner ?? null)) throw refuse(`prov has the runner ${shown(runner ?? "")}, expected one of ${RUNNERS.join(", ")}`)
  return { repository, repositoryId: repositoryId ?? null, ownerId: ownerId ?? null, commit, workflow: workflow ?? null, builder, runner: known }
}

function formatFlag({ word, detail }: Flag): string {
  return detail === "" ? word : `${word}:${encoded(detail, "flags")}`
}

function parseFlags(value: string): Flag[] {
  let last: string | undefined
  return value.split(",").map((item) => {
    const colon = item.indexOf(":")
    const word = colon < 0 ? item : item.slice(0, colon)
    if (!WORDS.has(word)) throw refuse(`flag ${shown(item)} is none that is known: ${FLAG_WORDS.join(", ")}`)
    const detail = colon < 0 ? "" : decoded(item.slice(colon + 1), "flags")
    if (colon >= 0 && detail === "") throw refuse(`flag ${shown(item)} has an empty detail, expected no colon then`)
    const order = `${word}:${detail}`
    if (last !== undefined && order <= last) throw refuse("flags are not in order, each once")
    last = order
    return { word: word as FlagWord, detail }
  })
}

function encoded(text: string, key: Key): string {
  return encodeText(text) ?? fail(`${key} has a lone surrogate, expected text that UTF-8 can carry`)
}

function decoded(text: string, key: Key): string {
  return decodeText(text) ?? fail(`${key} is ${shown(text)}, expected it percent-encoded in its one spelling`)
}

function fail(why: string): never {
  throw refuse(why)
}
