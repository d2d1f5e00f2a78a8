/**
 * Which roster a node works under, and which of its nodes it is.
 *
 * @packageDocumentation
 */
import { type Crypto, formatRoster, isVouchsafeError, parseRoster, type Roster, type RosterNode, VouchsafeError } from "@vouchsafe/core"
import { existsSync, readFileSync } from "node:fs"
import { writeFileWhole } from "./folder.ts"
import type { NodeKeys } from "./keys.ts"

/** A roster as this node uses it. */
export interface OwnRoster {
  readonly path: string
  readonly text: string
  readonly roster: Roster
  readonly self: RosterNode
}

/**
 * Loads a roster that somebody composed.
 * @throws VouchsafeError ROSTER_MALFORMED, CONFIG_MALFORMED when it does not list this node's keys under `url`.
 */
export function loadRoster(crypto: Crypto, path: string, keys: NodeKeys, url: string | undefined): OwnRoster {
  const text = readRosterText(path)
  const roster = parseRoster(crypto, text)
  const self = roster.nodes.find((node) => node.log.vkey === keys.log.verifier.vkey)
  if (self === undefined) {
    throw new VouchsafeError("CONFIG_MALFORMED", `roster ${path} lists ${roster.nodes.map((node) => node.operator).join(", ")}, expected this node's log key ${keys.log.verifier.vkey}`, {
      hint: "`vouchsafe-node keys` prints the entry that belongs into the roster",
    })
  }
  for (const role of ["notices", "witness"] as const) {
    if (self[role].vkey !== keys[role].verifier.vkey) throw new VouchsafeError("CONFIG_MALFORMED", `roster ${path} gives ${self.operator} the ${role} key ${self[role].vkey}, expected ${keys[role].verifier.vkey}`)
  }
  if (url !== undefined && url !== self.url) throw new VouchsafeError("CONFIG_MALFORMED", `url is ${url}, expected ${self.url} as in roster ${path}`)
  return { path, text, roster, self }
}

function readRosterText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (cause) {
    throw new VouchsafeError("CONFIG_MALFORMED", `roster ${path} cannot be read`, { cause })
  }
}

/**
 * Makes, or brings up to date, the roster of a node that has no other: itself, alone, labelled so in every verdict.
 * A file that lists more than this node was put there by a person and is used as it is.
 */
export function ensureOwnRoster(crypto: Crypto, path: string, keys: NodeKeys, self: { readonly operator: string; readonly url: string }, registries: readonly string[]): OwnRoster {
  const known = existsSync(path) ? readFileSync(path, "utf8") : undefined
  const before = known === undefined ? undefined : parseRoster(crypto, known)
  if (before !== undefined && before.nodes.length > 1) return loadRoster(crypto, path, keys, undefined)
  const retired = before?.nodes[0]?.retired
  const node: RosterNode = { ...self, log: keys.log.verifier, notices: keys.notices.verifier, witness: keys.witness.verifier, ...(retired === undefined ? {} : { retired }) }
  const wanted = registries.length > 0 ? registries : before?.registries ?? []
  const version = before?.version ?? 1
  let text = formatRoster([node], wanted, { version })
  if (known !== undefined && text !== known) text = formatRoster([node], wanted, { version: version + 1 })
  if (text !== known) writeFileWhole(path, text, 0o644)
  return loadRoster(crypto, path, keys, self.url)
}

/** The registries that an earlier start wrote into the node's own roster. */
export function registriesOf(crypto: Crypto, path: string): readonly string[] {
  if (!existsSync(path)) return []
  try {
    return parseRoster(crypto, readFileSync(path, "utf8")).registries
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new VouchsafeError("CONFIG_MALFORMED", `${path}: ${error.message}`, { hint: "remove it, and the next start makes a new one", cause: error })
  }
}
