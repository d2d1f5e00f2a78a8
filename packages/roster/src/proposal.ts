/**
 * A proposal as a folder that people hand around (spec/roster.md, "Proposals"): what is proposed, what it starts from, and one file for each
 * person who signed, so that copies of the folder are merged by copying files.
 *
 * @packageDocumentation
 */
import { HEX_SHA256, isVouchsafeError, shapeReader, shown, VouchsafeError } from "@vouchsafe/core"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { type Chain, formatChain, newestRoot, parseChain } from "./chain.ts"
import type { Draft, Staged } from "./draft.ts"
import { CHAIN_LENGTH_MAX, KEYS_MAX, TARGET_BYTES_MAX, TARGETS_BYTES_MAX } from "./limits.ts"
import { PATH_BY_ROLE, type PeoplesRole, roleOfTarget, SIGNED_BY_PEOPLE } from "./profile.ts"
import type { Signatures } from "./signing.ts"
import { writeWhole } from "./store.ts"

const FORMAT = "vouchsafe-roster-proposal/v1"
const SIGNATURE_FORMAT = "vouchsafe-roster-signature/v1"
const SHARED_MODE = 0o644
const SIGNATURE = /^[0-9a-f]{128}$/
const PROPOSAL_LENGTH_MAX = 65_536

/** A proposal that was read. Nothing in it has been judged but its form. */
export interface Proposal {
  readonly draft: Draft
  readonly signatures: Signatures
}

/** Writes a new proposal. @throws VouchsafeError USAGE when the folder is there, DISK. */
export function writeProposal(folder: string, draft: Draft): void {
  if (existsSync(folder)) throw new VouchsafeError("USAGE", `${folder} is there already, expected a new folder`)
  for (const part of ["metadata", "targets/sigstore", "signatures"]) mkdirSync(join(folder, part), { recursive: true })
  for (const [role, signed] of draft.staged) writeWhole(join(folder, "metadata", `${role}.json`), `${JSON.stringify(signed, null, 2)}\n`, SHARED_MODE)
  for (const [path, text] of draft.targets) writeWhole(join(folder, "targets", path), text, SHARED_MODE)
  if (draft.genesis !== undefined) writeWhole(join(folder, "base.json"), formatChain(draft.genesis, draft.base), SHARED_MODE)
  const document = { format: FORMAT, genesis: draft.genesis ?? null, roles: [...draft.staged.keys()], targets: [...draft.targets.keys()] }
  writeWhole(join(folder, "proposal.json"), `${JSON.stringify(document, null, 2)}\n`, SHARED_MODE)
}

/** Adds one person's signatures. */
export function writeSignatures(folder: string, { keyid, signatures }: { readonly keyid: string; readonly signatures: ReadonlyMap<PeoplesRole, string> }): void {
  mkdirSync(join(folder, "signatures"), { recursive: true })
  writeWhole(join(folder, "signatures", `${keyid}.json`), `${JSON.stringify({ format: SIGNATURE_FORMAT, keyid, signatures: Object.fromEntries(signatures) }, null, 2)}\n`, SHARED_MODE)
}

/** Reads a proposal. @throws VouchsafeError ROSTER_REFUSED for other contents, USAGE for no proposal. */
export function readProposal(folder: string): Proposal {
  const read = shapeReader("ROSTER_REFUSED", "proposal")
  const text = readBounded(join(folder, "proposal.json"), PROPOSAL_LENGTH_MAX)
  if (text === undefined) throw new VouchsafeError("USAGE", `${folder} is no proposal`, { hint: "`vouchsafe roster propose` and `vouchsafe roster init` make them" })
  const document = read.object(read.json(text, PROPOSAL_LENGTH_MAX), "document", ["format", "genesis", "roles", "targets"])
  read.oneOf(document["format"], "format", [FORMAT])
  const genesis = document["genesis"] === null ? undefined : read.pattern(document["genesis"], "genesis", HEX_SHA256, "a SHA-256")
  const roles = read.array(document["roles"], "roles", SIGNED_BY_PEOPLE.length).map((role, i) => read.oneOf(role, `roles[${i}]`, SIGNED_BY_PEOPLE))
  const file = (bytesMax: number, ...parts: string[]): string => readBounded(join(folder, ...parts), bytesMax) ?? read.fail(parts.join("/"), "a file", undefined)
  const staged: Staged = new Map(roles.map((role) => [role, object(file(TARGETS_BYTES_MAX, "metadata", `${role}.json`))]))
  const targets = new Map(read.array(document["targets"], "targets", Object.keys(PATH_BY_ROLE).length).map((path, i) => {
    const name = read.oneOf(path, `targets[${i}]`, Object.values(PATH_BY_ROLE))
    const role = roleOfTarget(name)
    if (role === undefined || !roles.includes(role)) read.fail(`targets[${i}]`, "a target of a role that is proposed", name)
    return [name, file(TARGET_BYTES_MAX, "targets", name)] as const
  }))
  const base: Chain = genesis === undefined ? new Map() : readBase(file(CHAIN_LENGTH_MAX, "base.json"), genesis)
  return { draft: { genesis, base, staged, targets }, signatures: readSignatures(join(folder, "signatures")) }
}

function readBase(text: string, genesis: string): Chain {
  try {
    const chain = parseChain(text, genesis)
    if (newestRoot(chain) !== undefined) return chain
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw new VouchsafeError("ROSTER_REFUSED", `proposal: base.json: ${error.message}`, { cause: error })
  }
  throw new VouchsafeError("ROSTER_REFUSED", "proposal: base.json has no root")
}

function object(text: string): Readonly<Record<string, unknown>> {
  const read = shapeReader("ROSTER_REFUSED", "proposal")
  const value = read.json(text, TARGETS_BYTES_MAX)
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : read.fail("metadata", "an object", value)
}

function readSignatures(folder: string): Signatures {
  const read = shapeReader("ROSTER_REFUSED", "signature file")
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")).sort() : []
  if (names.length > KEYS_MAX) read.fail("signatures", `at most ${KEYS_MAX} files`, `${names.length} files`)
  return new Map(names.map((name) => {
    const document = read.object(read.json(readBounded(join(folder, name), PROPOSAL_LENGTH_MAX) ?? "", PROPOSAL_LENGTH_MAX), shown(name), ["format", "keyid", "signatures"])
    read.oneOf(document["format"], "format", [SIGNATURE_FORMAT])
    const keyid = read.oneOf(document["keyid"], "keyid", [name.slice(0, -".json".length)])
    const signatures = read.object(document["signatures"], "signatures", [], SIGNED_BY_PEOPLE)
    return [keyid, new Map(Object.entries(signatures).map(([role, sig]) => [role as PeoplesRole, read.pattern(sig, `signatures.${role}`, SIGNATURE, "128 hexadecimal digits")]))] as const
  }))
}

/** A file's text, refused before it is read where it is too large; undefined where there is none. */
export function readBounded(path: string, bytesMax: number): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  if (!found.isFile() || found.size > bytesMax) throw new VouchsafeError("ROSTER_REFUSED", `${path} has ${found.size} bytes, expected a file of at most ${bytesMax}`)
  return readFileSync(path, "utf8")
}
