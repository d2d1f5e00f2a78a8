/**
 * Makes a signed proposal the state of a repository, or renews the timestamp of one.
 *
 * Order of side effects, under the folder's lock: targets, metadata of targets, snapshot, root, and at last `timestamp.json`, the point of no
 * return: followers that come before it see the old state, whole. A publish that was cut off is done again with the same proposal.
 *
 * @packageDocumentation
 */
import { type Crypto, type Signer, shown, VouchsafeError } from "@vouchsafe/core"
import { mkdirSync } from "node:fs"
import { type Chain, type Current, currentOf } from "./chain.ts"
import { type Draft, SPEC_VERSION, versionsOf } from "./draft.ts"
import { currentRosterOf } from "./follow.ts"
import { keyIdOf, sha256Hex, tufKeyOf } from "./keys.ts"
import { LIFE_MS_DEFAULT, ROOTS_MAX } from "./limits.ts"
import { checkLife, formatTime, readMetadata, type RootFacts } from "./metadata.ts"
import { DELEGATED, metadataFile, type PeoplesRole, targetFile } from "./profile.ts"
import type { Proposal } from "./proposal.ts"
import { readFiles, type Repository, verifyChain, writeRepositoryFile } from "./repository.ts"
import { bytesToSign, checkDraft, formatMetadata, type Progress, progressOf, signedBy } from "./signing.ts"
import { memorySource } from "./source.ts"
import type { CurrentRoster, WithLock } from "./store.ts"
import { verifySource } from "./verify.ts"

export interface PublishOptions {
  readonly folder: string
  /** The key of snapshots and timestamps. */
  readonly online: Signer
  readonly crypto: Crypto
  readonly nowMs: number
  readonly withLock: WithLock
  readonly timestampLifeMs?: number | undefined
}

/** What stands in the repository afterwards. */
export interface Published {
  readonly genesis: string
  readonly current: CurrentRoster
  readonly chain: Chain
}

/** A proposal that lacks signatures. */
export interface NotEnough {
  readonly progress: readonly Progress[]
}

/**
 * Publishes a proposal if enough people signed it; without that nothing is changed and the progress is given back.
 * @throws VouchsafeError ROSTER_REFUSED for a proposal that followers would refuse or that starts from another state, USAGE for a wrong online key.
 */
export async function publishProposal({ draft, signatures }: Proposal, options: PublishOptions): Promise<Published | NotEnough> {
  const { crypto, nowMs, folder } = options
  const requirements = checkDraft(crypto, draft, nowMs)
  const progress = progressOf(crypto, draft, requirements, signatures)
  if (!progress.every(({ isMet }) => isMet)) return { progress }
  const before = readFiles(folder)
  // A root that this very proposal left when its publishing was cut off does not belong to the state before.
  const newRoot = draft.genesis !== undefined && draft.staged.has("root") ? metadataFile("root", draft.staged.get("root")?.["version"] as number) : undefined
  const settled = new Map([...before].filter(([name]) => name !== newRoot))
  const repository = before.has("timestamp.json") ? await verifyChain(sha256Hex(before.get("1.root.json") ?? ""), settled, nowMs) : undefined
  requireBase(draft, repository, folder)
  const files = new Map<string, string>()
  for (const [path, text] of draft.targets) files.set(targetFile(path, sha256Hex(text)), text)
  for (const [role, signed] of draft.staged) {
    const bytes = bytesToSign(role, signed)
    const valid = new Map<string, string>()
    for (const { keys, holders } of requirements.filter((one) => one.role === role)) {
      for (const id of keys.keyids) {
        const sig = signatures.get(id)?.get(role)
        if (sig !== undefined && crypto.verifyEd25519(Buffer.from(holders[id]?.keyval.public ?? "", "hex"), bytes, Buffer.from(sig, "hex"))) valid.set(id, sig)
      }
    }
    const name = metadataFile(role, signed["version"] as number)
    files.set(name, role === "root" ? sameIfThere(before.get(name), signed, formatMetadata(signed, valid)) : formatMetadata(signed, valid))
  }
  addOnline(files, repository?.current, options)
  return await install(files, before, repository, options)
}

/** A root that a cut-off publish left may have been followed already; it stays as it is. */
function sameIfThere(there: string | undefined, signed: Readonly<Record<string, unknown>>, text: string): string {
  if (there === undefined) return text
  if (Buffer.compare(bytesToSign("root", readMetadata("root", there).signed), bytesToSign("root", signed)) === 0) return there
  throw new VouchsafeError("ROSTER_REFUSED", `the repository has another root of version ${String(signed["version"])}, which followers may have seen`, { hint: "a publish was cut off: publish its proposal again, then propose anew" })
}

function requireBase(draft: Draft, repository: Repository | undefined, folder: string): void {
  if (draft.genesis === undefined) {
    if (repository !== undefined) throw new VouchsafeError("ROSTER_REFUSED", `${folder} has a repository already, expected none for a new one`)
    return
  }
  if (repository?.genesis !== draft.genesis) throw new VouchsafeError("ROSTER_REFUSED", `the proposal is for the genesis ${draft.genesis}, and ${folder} has ${repository?.genesis ?? "no repository"}`)
  const base = currentOf(draft.base)
  const [now, based] = [versionsOf(repository.current), versionsOf(base)]
  const digestOf = ({ snapshot }: Current, role: PeoplesRole): string | undefined => snapshot.facts.files.get(`${role}.json`)?.sha256
  for (const role of new Set<PeoplesRole>(["root", "targets", ...draft.staged.keys()])) {
    if (now.get(role) === based.get(role) && digestOf(repository.current, role) === digestOf(base, role)) continue
    throw new VouchsafeError("ROSTER_REFUSED", `the proposal starts from ${role} version ${based.get(role) ?? "none"}, and the repository has ${now.get(role) ?? "none"}`, { hint: "something else was published meanwhile: propose anew" })
  }
}

/** A new snapshot of everything, and the timestamp that names it. */
function addOnline(files: Map<string, string>, current: Current | undefined, { online, nowMs, timestampLifeMs }: PublishOptions): void {
  const root = rootOf(files) ?? current?.root.facts
  const keyid = keyIdOf(tufKeyOf(online.verifier.vkey))
  if (root?.roles.timestamp.keyids.includes(keyid) !== true || !root.roles.snapshot.keyids.includes(keyid)) {
    throw new VouchsafeError("USAGE", `key ${shown(online.verifier.name)} signs no snapshots and timestamps of this repository`, { hint: "give the key that `roster init --online-key` named" })
  }
  const meta: Record<string, unknown> = {}
  for (const role of ["targets", ...DELEGATED] as const) {
    const staged = [...files].find(([name]) => name.endsWith(`.${role}.json`) && !name.startsWith("targets/"))
    const before = current?.snapshot.facts.files.get(`${role}.json`)
    if (staged !== undefined) meta[`${role}.json`] = metaFile(readMetadata(role, staged[1]).facts.version, staged[1])
    else if (before !== undefined) meta[`${role}.json`] = { version: before.version, length: before.length, hashes: { sha256: before.sha256 } }
  }
  const part = (type: "snapshot" | "timestamp", version: number, lifeMs: number, named: Record<string, unknown>) => {
    const expiresMs = nowMs + lifeMs
    checkLife(type, expiresMs, nowMs)
    return { _type: type, spec_version: SPEC_VERSION, version, expires: formatTime(expiresMs), meta: named }
  }
  const version = (current?.snapshot.facts.version ?? 0) + 1
  const snapshot = signedBy("snapshot", part("snapshot", version, LIFE_MS_DEFAULT.snapshot, meta), online)
  files.set(metadataFile("snapshot", version), snapshot)
  const next = (current?.timestamp.facts.version ?? 0) + 1
  files.set("timestamp.json", signedBy("timestamp", part("timestamp", next, timestampLifeMs ?? LIFE_MS_DEFAULT.timestamp, { "snapshot.json": metaFile(version, snapshot) }), online))
}

function rootOf(files: ReadonlyMap<string, string>): RootFacts | undefined {
  const found = [...files].find(([name]) => name.endsWith(".root.json"))
  return found === undefined ? undefined : readMetadata("root", found[1]).facts
}

function metaFile(version: number, text: string): Readonly<Record<string, unknown>> {
  return { version, length: Buffer.byteLength(text), hashes: { sha256: sha256Hex(text) } }
}

/** Follows the new state as everybody will, from the first root and from the state before; only then it is written. */
async function install(files: ReadonlyMap<string, string>, before: Chain, repository: Repository | undefined, options: PublishOptions): Promise<Published> {
  const { folder, crypto, nowMs, withLock } = options
  const after = new Map([...before, ...files])
  const genesis = sha256Hex(after.get("1.root.json") ?? "")
  const fetch = memorySource(after)
  const followed = await verifySource({ genesis, known: new Map(), fetch, nowMs, rotationsMax: ROOTS_MAX })
  const advanced = repository === undefined ? undefined : await verifySource({ genesis, known: repository.chain, fetch, nowMs })
  const refusal = followed.refusal ?? advanced?.refusal
  if (refusal !== undefined) throw new VouchsafeError(refusal.code, `what would be published is refused: ${refusal.message}`, { cause: refusal, hint: refusal.hint })
  const current = currentRosterOf(crypto, followed.chain)
  mkdirSync(folder, { recursive: true })
  await withLock(folder, () => {
    const now = readFiles(folder)
    if (now.get("timestamp.json") !== before.get("timestamp.json")) throw new VouchsafeError("ROSTER_REFUSED", `${folder} was published to meanwhile`, { hint: "try again" })
    for (const name of [...files.keys()].sort((a, b) => orderOf(a) - orderOf(b))) writeRepositoryFile(folder, name, files.get(name) as string)
  })
  return { genesis, chain: followed.chain, current }
}

const ORDER = [/^targets\//, new RegExp(`\\.(?:${DELEGATED.join("|")})\\.json$`), /\.targets\.json$/, /\.snapshot\.json$/, /\.root\.json$/, /^timestamp\.json$/]

function orderOf(name: string): number {
  const order = ORDER.findIndex((pattern) => pattern.test(name))
  if (order < 0) throw new TypeError(`file ${name} has no place in the order of side effects`)
  return order
}

/** Says once more that the repository is the newest there is: a new snapshot and timestamp over the same targets. */
export async function renewTimestamp(options: PublishOptions): Promise<Published> {
  const before = readFiles(options.folder)
  if (!before.has("timestamp.json")) throw new VouchsafeError("USAGE", `${options.folder} is no repository of rosters`, { hint: "`vouchsafe roster init` begins one" })
  const repository = await verifyChain(sha256Hex(before.get("1.root.json") ?? ""), before, options.nowMs)
  const files = new Map<string, string>()
  addOnline(files, repository.current, options)
  return await install(files, before, repository, options)
}

